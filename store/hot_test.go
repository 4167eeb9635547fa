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

// walked is an engine that counts the walks of its transactions through the role's rows.
type walked struct {
	undecided
	walks int
}

type walkedTx struct {
	kv.Tx
	engine *walked
}

func (w *walked) Update(ctx context.Context, fn func(kv.Tx) error) error {
	return w.undecided.Update(ctx, func(tx kv.Tx) error { return fn(walkedTx{tx, w}) })
}

func (t walkedTx) Scan(from, to []byte, limit int, fn func(key, value []byte) bool) error {
	if from[0] == spaceRole {
		t.engine.walks++
	}
	return t.Tx.Scan(from, to, limit, fn)
}

// TestEmptyTablesAreNotWalked: that no row stands in a table is known until one is
// written, committed or not.
func TestEmptyTablesAreNotWalked(t *testing.T) {
	t.Parallel()
	engine := &walked{undecided: undecided{Engine: kv.NewMemory()}}
	s, err := Open(t.Context(), Options{Engine: engine, Own: "m/shop", Random: constant{}})
	if err != nil {
		t.Fatal(err)
	}
	step := func(fn Command) { _, _ = s.Step(t.Context(), time.Now(), []Command{fn}) }
	expect := func(what string, rows, walks int) {
		t.Helper()
		before, got := engine.walks, 0
		step(func(tx *Tx) error {
			return tx.Scan([]byte("hx"), []byte("hy"), 0, func(_, _ []byte) bool { got++; return true })
		})
		if got != rows || engine.walks-before != walks {
			t.Errorf("%s: %d rows and %d walks, want %d and %d", what, got, engine.walks-before, rows, walks)
		}
	}
	row := func(key string) Command { return func(tx *Tx) error { return tx.Put([]byte(key), nil) } }
	expect("at first", 0, 1)
	expect("again", 0, 0)
	step(row("hw~"))
	step(row("hy"))
	expect("rows beside it", 0, 0)
	engine.fails = kv.ErrNoSpace
	step(row("hx2"))
	engine.fails = nil
	expect("a row that was not committed", 0, 1)
	step(row("hx1"))
	expect("a row", 1, 1)
	expect("a row is walked to each time", 1, 1)
	engine.fails = kv.ErrNoSpace
	step(func(tx *Tx) error { return tx.Delete([]byte("hx1")) })
	engine.fails = nil
	expect("a removal that was not committed", 1, 1)
	step(func(tx *Tx) error {
		return errors.Join(tx.Delete([]byte("hx1")), tx.Scan([]byte("hx"), []byte("hy"), 0, func(_, _ []byte) bool { return true }), errors.New("no"))
	})
	expect("a removal that was taken back", 1, 1)
	step(func(tx *Tx) error { return tx.Delete([]byte("hx1")) })
	expect("after the removal", 0, 1)
	expect("and again", 0, 0)
}

type constant struct{}

func (constant) Read(p []byte) (int, error) { return len(p), nil }
