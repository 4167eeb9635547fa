package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/store/kv"
)

func TestHotRowsStayBounded(t *testing.T) {
	t.Parallel()
	h := newHotRows(4_000)
	for n := range 1_000 {
		h.put(fmt.Sprintf("r%05d", n), make([]byte, 94))
		if _, ok := h.get([]byte("r00000")); !ok {
			t.Fatalf("what is used all the time was forgotten after %d rows", n)
		}
		if kept := len(h.young) + len(h.old); kept > 42 {
			t.Fatalf("%d rows of 100 bytes are kept", kept)
		}
	}
	if _, ok := h.get([]byte("r00500")); ok {
		t.Error("a row that was not used for long is kept")
	}
	h.put("r-big", make([]byte, hotRowBytesMax+1))
	if _, ok := h.get([]byte("r-big")); ok {
		t.Error("a large row is kept")
	}
}

// undecided is an engine whose commits fail as the test says, after or before they
// are carried out.
type undecided struct {
	kv.Engine
	fails error
	after bool
}

func (u *undecided) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if u.fails == nil || u.after {
		return errors.Join(u.Engine.Update(ctx, fn), u.fails)
	}
	return u.Engine.Update(ctx, func(tx kv.Tx) error { return errors.Join(fn(tx), u.fails) })
}

// TestHotRowsAreWhatTheEngineHolds checks that a row which was not committed, or of
// which nobody knows whether it was, is read from the engine.
func TestHotRowsAreWhatTheEngineHolds(t *testing.T) {
	t.Parallel()
	engine := &undecided{Engine: kv.NewMemory()}
	s, err := Open(t.Context(), Options{Engine: engine, Own: "m/shop", Random: constant{}})
	if err != nil {
		t.Fatal(err)
	}
	key := []byte("row")
	step := func(fn Command) { // its error is the engine's, and the test's own doing
		_, _ = s.Step(t.Context(), time.Now(), []Command{fn})
	}
	put := func(value string) Command {
		return func(tx *Tx) error { return tx.Put(key, []byte(value)) }
	}
	expect := func(what, want string) {
		t.Helper()
		got := "nothing"
		step(func(tx *Tx) error {
			if v, ok, err := tx.Get(key); err != nil || ok {
				got = string(v)
			}
			return nil
		})
		if got != want {
			t.Errorf("%s: the row is %q, want %q", what, got, want)
		}
	}
	step(put("one"))
	expect("committed", "one")
	step(func(tx *Tx) error { return errors.Join(put("two")(tx), errors.New("no")) })
	expect("a command that failed", "one")
	engine.fails = kv.ErrNoSpace
	step(put("three"))
	engine.fails = nil
	expect("a commit that failed", "one")
	engine.fails, engine.after = kv.ErrUnknown, true
	step(put("four"))
	engine.fails = nil
	expect("a commit of which nobody knew", "four")
	step(func(tx *Tx) error { return tx.Delete(key) })
	expect("removed", "nothing")
}

type constant struct{}

func (constant) Read(p []byte) (int, error) { return len(p), nil }
