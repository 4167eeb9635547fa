// Package kvtest is the contract of package kv as tests. Every engine runs it,
// and an engine that passes can be used by the store.
//
// The suite tests everything that kv promises and nothing else. A function
// given to Update may run more than once, so no test here counts its runs.
// Nothing waits for time to pass, so a slow engine or machine passes as well. If
// an engine promises more, its own tests check that.
//
// Besides the single cases, a random sequence of transactions is compared with a
// sorted map. Its seed is printed when it fails and repeats the failure.
package kvtest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/paybeacon/paybeacon/store/kv"
)

// Options describes the engine under test.
type Options struct {
	// Reopen closes e and opens the same data again. It is nil for an engine
	// without durable data, which skips the tests of durability.
	Reopen func(t *testing.T, e kv.Engine) kv.Engine
}

// Run tests the engines that open returns, each of them empty and independent
// of the others. The tests run in parallel and close every engine they open.
func Run(t *testing.T, open func(t *testing.T) kv.Engine, o Options) {
	t.Helper()
	s := suite{open: open, reopen: o.Reopen}
	for _, group := range [][]contract{reads(), writes(), isolation(), lifecycle()} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.run(t, s)
			})
		}
	}
	t.Run("behaves like a sorted map", func(t *testing.T) {
		t.Parallel()
		testModel(t, s)
	})
}

// contract is one promise of package kv and the test of it.
type contract struct {
	name string
	run  func(t *testing.T, s suite)
}

type suite struct {
	open   func(t *testing.T) kv.Engine
	reopen func(t *testing.T, e kv.Engine) kv.Engine
}

// engine opens an empty engine that is closed when the test ends.
func (s suite) engine(t *testing.T) kv.Engine {
	t.Helper()
	e := s.open(t)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return e
}

// filled opens an engine with the given pairs, written as "key=value".
func (s suite) filled(t *testing.T, pairs ...string) kv.Engine {
	t.Helper()
	e := s.engine(t)
	update(t, e, func(tx kv.Tx) error { return apply(tx, pairs...) })
	return e
}

func view(t *testing.T, e kv.Engine, fn func(kv.Reader) error) {
	t.Helper()
	if err := e.View(context.Background(), fn); err != nil {
		t.Fatalf("view: %v", err)
	}
}

func update(t *testing.T, e kv.Engine, fn func(kv.Tx) error) {
	t.Helper()
	if err := e.Update(context.Background(), fn); err != nil {
		t.Fatalf("update: %v", err)
	}
}

// apply performs operations written as text: "key=value" puts and "-key"
// deletes.
func apply(tx kv.Tx, ops ...string) error {
	for _, op := range ops {
		if err := applyOne(tx, op); err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
	}
	return nil
}

func applyOne(tx kv.Tx, op string) error {
	if op[0] == '-' {
		return tx.Delete([]byte(op[1:]))
	}
	i := slices.Index([]byte(op), '=')
	return tx.Put([]byte(op[:i]), []byte(op[i+1:]))
}

// scan returns the pairs that a Scan passes to its function, as "key=value".
func scan(r kv.Reader, from, to []byte, limit int) ([]string, error) {
	pairs := []string{}
	err := r.Scan(from, to, limit, func(key, value []byte) bool {
		pairs = append(pairs, string(key)+"="+string(value))
		return true
	})
	return pairs, err
}

// wantAll fails unless the engine holds exactly the given pairs, in order.
func wantAll(t *testing.T, e kv.Engine, want ...string) {
	t.Helper()
	view(t, e, func(r kv.Reader) error {
		got, err := scan(r, nil, nil, 0)
		if !slices.Equal(got, want) {
			t.Errorf("engine holds %q, want %q", got, want)
		}
		return err
	})
}

// wantGet fails unless key has the given value, where nil means none.
func wantGet(t *testing.T, r kv.Reader, key string, want []byte) {
	t.Helper()
	got, ok, err := r.Get([]byte(key))
	switch {
	case err != nil:
		t.Errorf("get %q: %v", key, err)
	case ok != (want != nil) || string(got) != string(want):
		t.Errorf("get %q = %q, %t, want %q, %t", key, got, ok, want, want != nil)
	case ok && got == nil:
		t.Errorf("get %q returned a nil value that exists", key)
	}
}
