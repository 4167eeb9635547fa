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

// wantRefused fails unless the engine refuses a View and an Update with this error.
func wantRefused(ctx context.Context, t *testing.T, e kv.Engine, want error) {
	t.Helper()
	viewed := e.View(ctx, func(kv.Reader) error { t.Error("view ran"); return nil })
	updated := e.Update(ctx, func(tx kv.Tx) error { t.Error("update ran"); return apply(tx, "a=2") })
	if !errors.Is(viewed, want) || !errors.Is(updated, want) {
		t.Errorf("view: %v, update: %v, want %v", viewed, updated, want)
	}
}

func testEndedContext(t *testing.T, s suite) {
	e := s.filled(t, "a=1")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	wantRefused(ctx, t, e, context.Canceled)
	wantAll(t, e, "a=1")
	if err := e.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	wantRefused(ctx, t, e, kv.ErrClosed)
}

func testClosed(t *testing.T, s suite) {
	e := s.filled(t, "a=1")
	for range 2 {
		if err := e.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	wantRefused(context.Background(), t, e, kv.ErrClosed)
}

func testUseAfterEnd(t *testing.T, s suite) {
	e := s.filled(t, "a=1")
	var r kv.Reader
	var tx kv.Tx
	view(t, e, func(in kv.Reader) error { r = in; return nil })
	update(t, e, func(in kv.Tx) error { tx = in; return apply(tx, "b=2") })
	for what, use := range map[string]func() error{
		"get in a view":     func() error { return get(r, "a=1") },
		"scan in a view":    func() error { _, err := scan(r, nil, nil, 0, 0); return err },
		"get in an update":  func() error { return get(tx, "a=1") },
		"scan in an update": func() error { _, err := scan(tx, nil, nil, 0, 0); return err },
		"put":               func() error { return apply(tx, "c=") },
		"delete":            func() error { return apply(tx, "-a") },
	} {
		if err := use(); !errors.Is(err, kv.ErrEnded) {
			t.Errorf("%s after its end: %v, want kv.ErrEnded", what, err)
		}
	}
	wantAll(t, e, "a=1", "b=2")
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
			return hold(func() error { return get(r, "a=1") })
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
	write(t, e, "a=2", "-b", "c=3")
	_ = e.Update(context.Background(), func(tx kv.Tx) error {
		return errors.Join(apply(tx, "a=9", "d=9"), errors.New("boom"))
	})
	for range 3 {
		e = s.reopen(t, e)
		t.Cleanup(func() { _ = e.Close() })
		wantAll(t, e, "a=2", "c=3", "empty=")
	}
	write(t, e, "a=4")
	e = s.reopen(t, e)
	wantAll(t, e, "a=4", "c=3", "empty=")
}
