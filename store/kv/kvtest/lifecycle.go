package kvtest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/paybeacon/paybeacon/store/kv"
)

func lifecycle() []contract {
	return []contract{
		{"a transaction whose context has ended does not begin", testEndedContext},
		{"a transaction is of no use after its function", testUseAfterEnd},
		{"a closed engine refuses", testClosed},
		{"close waits for running transactions", testCloseWaits},
		{"what update returned for is there after reopening", testReopen},
	}
}

func testEndedContext(t *testing.T, s suite) {
	e := s.filled(t, "a=1")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := e.View(ctx, func(kv.Reader) error { t.Error("view ran"); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("view: got %v, want context.Canceled", err)
	}
	err = e.Update(ctx, func(tx kv.Tx) error { t.Error("update ran"); return apply(tx, "a=2") })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("update: got %v, want context.Canceled", err)
	}
	wantAll(t, e, "a=1")
}

func testUseAfterEnd(t *testing.T, s suite) {
	e := s.filled(t, "a=1")
	var r kv.Reader
	view(t, e, func(in kv.Reader) error { r = in; return nil })
	wantEnded(t, "view", r)

	var tx kv.Tx
	update(t, e, func(in kv.Tx) error { tx = in; return apply(tx, "b=2") })
	wantEnded(t, "update", tx)
	if err := tx.Put([]byte("c"), nil); !errors.Is(err, kv.ErrEnded) {
		t.Errorf("put after the update: got %v, want kv.ErrEnded", err)
	}
	if err := tx.Delete([]byte("a")); !errors.Is(err, kv.ErrEnded) {
		t.Errorf("delete after the update: got %v, want kv.ErrEnded", err)
	}
	wantAll(t, e, "a=1", "b=2")
}

func wantEnded(t *testing.T, where string, r kv.Reader) {
	t.Helper()
	if _, _, err := r.Get([]byte("a")); !errors.Is(err, kv.ErrEnded) {
		t.Errorf("get after the %s: got %v, want kv.ErrEnded", where, err)
	}
	if _, err := scan(r, nil, nil, 0); !errors.Is(err, kv.ErrEnded) {
		t.Errorf("scan after the %s: got %v, want kv.ErrEnded", where, err)
	}
}

func testClosed(t *testing.T, s suite) {
	e := s.filled(t, "a=1")
	for range 2 {
		if err := e.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	wantClosed(context.Background(), t, e)

	ended, cancel := context.WithCancel(context.Background())
	cancel()
	wantClosed(ended, t, e)
}

func wantClosed(ctx context.Context, t *testing.T, e kv.Engine) {
	t.Helper()
	err := e.View(ctx, func(kv.Reader) error { t.Error("view of a closed engine ran"); return nil })
	if !errors.Is(err, kv.ErrClosed) {
		t.Errorf("view of a closed engine: got %v, want kv.ErrClosed", err)
	}
	err = e.Update(ctx, func(kv.Tx) error { t.Error("update of a closed engine ran"); return nil })
	if !errors.Is(err, kv.ErrClosed) {
		t.Errorf("update of a closed engine: got %v, want kv.ErrClosed", err)
	}
}

func testCloseWaits(t *testing.T, s suite) {
	e := s.filled(t, "a=1")
	ctx := context.Background()
	var inside, done atomic.Int32
	release := make(chan struct{})
	finished := make(chan error, 3)
	hold := func(read func() error) error {
		inside.Add(1)
		<-release
		err := read()
		done.Add(1)
		return err
	}
	go func() {
		finished <- e.View(ctx, func(r kv.Reader) error {
			return hold(func() error { wantGet(t, r, "a", []byte("1")); return nil })
		})
	}()
	go func() {
		finished <- e.Update(ctx, func(tx kv.Tx) error {
			return hold(func() error { return apply(tx, "a=2") })
		})
	}()
	await(func() bool { return inside.Load() == 2 })

	go func() {
		err := e.Close()
		if n := done.Load(); n < 2 {
			err = errors.Join(err, fmt.Errorf("close returned when %d of 2 transactions had ended", n))
		}
		finished <- err
	}()
	await(func() bool {
		err := e.View(ctx, func(kv.Reader) error { return nil })
		return errors.Is(err, kv.ErrClosed)
	})
	close(release)
	for range 3 {
		if err := <-finished; err != nil {
			t.Error(err)
		}
	}
}

// await lets other goroutines run until cond holds.
func await(cond func() bool) {
	for !cond() {
		runtime.Gosched()
	}
}

func testReopen(t *testing.T, s suite) {
	if s.reopen == nil {
		t.Skip("the engine keeps nothing")
	}
	e := s.filled(t, "a=1", "b=1", "empty=")
	update(t, e, func(tx kv.Tx) error { return apply(tx, "a=2", "-b", "c=3") })
	_ = e.Update(context.Background(), func(tx kv.Tx) error {
		return errors.Join(apply(tx, "a=9", "d=9"), errors.New("boom"))
	})
	for range 3 {
		e = s.reopen(t, e)
		t.Cleanup(func() { _ = e.Close() })
		wantAll(t, e, "a=2", "c=3", "empty=")
	}
	update(t, e, func(tx kv.Tx) error { return apply(tx, "a=4") })
	e = s.reopen(t, e)
	wantAll(t, e, "a=4", "c=3", "empty=")
}
