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
//
// Writes are text, "key=value" to put and "-key" to delete, and so is what a key is
// expected to be: "key=value", or "-key" if there is none.
package kvtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	for name, run := range contract() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, s)
		})
	}
}

// contract returns the promises of package kv and the tests of them.
func contract() map[string]func(*testing.T, suite) {
	return map[string]func(*testing.T, suite){
		"any bytes are a key and a value":                         testBytes,
		"a scan keeps to its range and merges own writes":         testScan,
		"what was read may be kept":                               testReadsMayBeKept,
		"a transaction sees its own writes, and the last counts":  testOwnWrites,
		"a scan's function may write":                             testWriteDuringScan,
		"the engine copies what it is given":                      testWritesAreCopies,
		"an error undoes everything":                              testError,
		"a panic undoes everything":                               testPanic,
		"many writes are one transaction":                         testManyWrites,
		"a view sees neither an unfinished update nor later ones": testViewIsSnapshot,
		"updates do not lose one another, nor are seen by halves": testTransfers,
		"a transaction whose context has ended does not begin":    testEndedContext,
		"a transaction is of no use after its function":           testUseAfterEnd,
		"a closed engine refuses":                                 testClosed,
		"close waits for running transactions":                    testCloseWaits,
		"what update returned for is there after reopening":       testReopen,
		"behaves like a sorted map":                               testModel,
	}
}

type suite struct {
	open   func(t *testing.T) kv.Engine
	reopen func(t *testing.T, e kv.Engine) kv.Engine
}

// filled opens an engine with the given writes, which is closed when the test ends.
func (s suite) filled(t *testing.T, writes ...string) kv.Engine {
	t.Helper()
	e := s.open(t)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	write(t, e, writes...)
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

// write commits writes.
func write(t *testing.T, e kv.Engine, writes ...string) {
	t.Helper()
	update(t, e, func(tx kv.Tx) error { return apply(tx, writes...) })
}

// parse returns the parts of a write or of what is expected.
func parse(text string) (key, value string, there bool) {
	if gone, ok := strings.CutPrefix(text, "-"); ok {
		return gone, "", false
	}
	return strings.Cut(text, "=")
}

// apply performs writes until one fails.
func apply(tx kv.Tx, writes ...string) error {
	for _, text := range writes {
		key, value, there := parse(text)
		var err error
		if there {
			err = tx.Put([]byte(key), []byte(value))
		} else {
			err = tx.Delete([]byte(key))
		}
		if err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
	}
	return nil
}

// get returns an error unless each key is as expected.
func get(r kv.Reader, want ...string) error {
	for _, text := range want {
		key, value, there := parse(text)
		got, ok, err := r.Get([]byte(key))
		if err == nil && (ok != there || string(got) != value || ok == (got == nil)) {
			err = fmt.Errorf("get %q = %q, %t, want %q", key, got, ok, text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// scan returns the pairs that a Scan passes to its function, as "key=value", which
// stops it after so many unless stop is 0. The function reads, too: Get must have what
// it was called with, and a Scan must begin with it.
func scan(r kv.Reader, from, to []byte, limit, stop int) (pairs []string, err error) {
	var inner error
	err = r.Scan(from, to, limit, func(key, value []byte) bool {
		pair := string(key) + "=" + string(value)
		pairs = append(pairs, pair)
		first := ""
		inner = errors.Join(inner, r.Scan(key, nil, 0, func(key, value []byte) bool {
			first = string(key) + "=" + string(value)
			return false
		}))
		got, ok, err := r.Get(key)
		if inner = errors.Join(inner, err); !ok || string(got) != string(value) || first != pair {
			inner = errors.Join(inner, fmt.Errorf("a scan is at %q, in it another is at %q, and get = %q, %t", pair, first, got, ok))
		}
		return len(pairs) != stop
	})
	return pairs, errors.Join(err, inner)
}

// wantAll fails unless the engine holds exactly the given pairs, in order.
func wantAll(t *testing.T, e kv.Engine, want ...string) {
	t.Helper()
	view(t, e, func(r kv.Reader) error {
		got, err := scan(r, nil, nil, 0, 0)
		if !slices.Equal(got, want) {
			t.Errorf("engine holds %q, want %q", got, want)
		}
		return err
	})
}
