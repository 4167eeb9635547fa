package store_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/kv"
)

func TestCommandsShareTransactions(t *testing.T) {
	t.Parallel()
	const writers, commands = 64, 10_000
	var updates atomic.Int64
	inner := kv.NewMemory()
	o := registryOptions()
	o.Engine = &engine{inner, func(ctx context.Context, fn func(kv.Tx) error) error {
		updates.Add(1)
		err := inner.Update(ctx, fn)
		for range 4 * writers { // a flush takes its time, and the others use it
			runtime.Gosched()
		}
		return err
	}}
	s, _ := start(t, o)
	updates.Store(0)

	var left atomic.Int64
	left.Store(commands)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				err := s.Do(t.Context(), func(tx *store.Tx) error { return count(tx, fmt.Sprint(w)) })
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := updates.Load(); n > commands/4 {
		t.Errorf("%d commands took %d transactions, want at most %d", commands, n, commands/4)
	}
	total := 0
	view(t, s, func(v *store.View) error {
		return v.Scan(nil, nil, 0, func(_, value []byte) bool {
			total += int(value[0])<<8 | int(value[1])
			return true
		})
	})
	if total != commands {
		t.Errorf("%d commands left their mark, want %d", total, commands)
	}
}

// count adds one to the row with that name.
func count(tx pay.WritableRows, name string) error {
	value, ok, err := tx.Get([]byte(name))
	if err != nil {
		return err
	}
	n := 1
	if ok {
		n += int(value[0])<<8 | int(value[1])
	}
	return tx.Put([]byte(name), []byte{byte(n >> 8), byte(n)})
}

func counted(t testing.TB, s *store.Store, name string) (n int) {
	t.Helper()
	view(t, s, func(v *store.View) error {
		value, ok, err := v.Get([]byte(name))
		if ok {
			n = int(value[0])<<8 | int(value[1])
		}
		return err
	})
	return n
}

// together runs commands in one batch: they line up before anybody runs.
func together(t testing.TB, s *store.Store, fns ...func(tx *store.Tx) error) []error {
	t.Helper()
	errs := make([]error, len(fns))
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() { errs[i] = s.Do(t.Context(), fn) })
		store.AwaitWaiting(s, i+1) // keeps the order
	}
	run(t, s)
	wg.Wait()
	return errs
}

func TestFailingCommandUndoesNobodyElse(t *testing.T) {
	t.Parallel()
	errNo := errors.New("no")
	o := registryOptions()
	var updates atomic.Int64
	inner := o.Engine
	o.Engine = &engine{inner, func(ctx context.Context, fn func(kv.Tx) error) error {
		updates.Add(1)
		return twice(inner).Update(ctx, fn)
	}}
	s := open(t, o)
	updates.Store(0)
	all := []pay.Scope{"m/a", "w/b"}
	errs := together(t, s,
		func(tx *store.Tx) error {
			return errors.Join(count(tx, "x"), tx.Publish(postings(all, claim(t, 1))), tx.Wake(noon+5, payment(1).Subject()))
		},
		func(tx *store.Tx) error {
			return errors.Join(count(tx, "x"), tx.Delete([]byte("x")), tx.Publish(postings(all, claim(t, 2))), tx.Wake(noon-5, payment(2).Subject()), errNo)
		},
		func(tx *store.Tx) error {
			return errors.Join(count(tx, "x"), tx.Publish(postings(all, claim(t, 3), claim(t, 1))))
		},
	)
	if errs[0] != nil || !errors.Is(errs[1], errNo) || errs[2] != nil {
		t.Fatalf("commands returned %v", errs)
	}
	if n := updates.Load(); n != 1 {
		t.Errorf("%d transactions, want 1", n)
	}
	if n := counted(t, s, "x"); n != 2 {
		t.Errorf("row counts %d commands, want 2", n)
	}
	want := []pay.FactID{claim(t, 1).ID(), claim(t, 3).ID()}
	for _, scope := range all {
		if got := feed(t, s, scope); !slices.Equal(got, want) {
			t.Errorf("feed %s = %v, want %v", scope, got, want)
		}
	}
	view(t, s, func(v *store.View) error {
		if _, ok, err := v.Fact(claim(t, 2).ID()); ok || err != nil {
			t.Errorf("the failed command's fact is stored: %v, %v", ok, err)
		}
		return nil
	})
	sound(t, s)
}

func TestTransactionThatFailsFailsAllItsCommands(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err  error
		code pay.ErrorCode
	}{
		"unknown outcome": {kv.ErrUnknown, pay.CodeUnknown},
		"no space":        {kv.ErrNoSpace, pay.CodeNoSpace},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := registryOptions()
			inner, broken := o.Engine, atomic.Bool{}
			o.Engine = &engine{inner, func(ctx context.Context, fn func(kv.Tx) error) error {
				if !broken.Load() {
					return inner.Update(ctx, fn)
				}
				return inner.Update(ctx, func(tx kv.Tx) error { return errors.Join(fn(tx), tc.err) })
			}}
			s := open(t, o)
			broken.Store(true)
			put := func(tx *store.Tx) error { return count(tx, "x") }
			for i, err := range together(t, s, put, put) {
				if !errors.Is(err, tc.err) || pay.CodeOf(err) != tc.code {
					t.Errorf("command %d returned %v (%s)", i, err, pay.CodeOf(err))
				}
			}
			broken.Store(false)
			do(t, s, put)
			if n := counted(t, s, "x"); n != 1 {
				t.Errorf("row counts %d commands, want 1", n)
			}
		})
	}
}

func TestBatchThatIsTooBigIsSplit(t *testing.T) {
	t.Parallel()
	const most = 6 // rows in one transaction
	o := registryOptions()
	inner := o.Engine
	o.Engine = &engine{inner, func(ctx context.Context, fn func(kv.Tx) error) error {
		return inner.Update(ctx, func(tx kv.Tx) error {
			few := &fewRows{Tx: tx, left: most}
			if err := fn(few); err != nil {
				return err
			}
			if few.left < 0 {
				return kv.ErrTooBig
			}
			return nil
		})
	}}
	s := open(t, o)
	var fns []func(tx *store.Tx) error
	for i := range 20 {
		fns = append(fns, func(tx *store.Tx) error { return count(tx, fmt.Sprint(i)) })
	}
	fns[7] = func(tx *store.Tx) error {
		for i := range most {
			if err := count(tx, fmt.Sprint("big", i)); err != nil {
				return err
			}
		}
		return nil
	}
	for i, err := range together(t, s, fns...) {
		if want := i == 7; errors.Is(err, kv.ErrTooBig) != want {
			t.Errorf("command %d returned %v", i, err)
		}
	}
	for i := range fns {
		want := 1
		if i == 7 {
			want = 0
		}
		if n := counted(t, s, fmt.Sprint(i)); n != want {
			t.Errorf("row %d counts %d, want %d", i, n, want)
		}
	}
}

type fewRows struct {
	kv.Tx
	left int
}

func (f *fewRows) Put(key, value []byte) error {
	if f.left--; f.left < 0 {
		return kv.ErrTooBig
	}
	return f.Tx.Put(key, value)
}

func TestBatchesAreBounded(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		limits store.Limits
		want   int64
	}{
		"defaults":     {store.Limits{}, 1},
		"commands":     {store.Limits{BatchCommands: 3}, 4},
		"bytes":        {store.Limits{BatchBytes: 1}, 10},
		"more than it": {store.Limits{BatchCommands: 10}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var updates atomic.Int64
			o := registryOptions()
			inner := o.Engine
			o.Engine = &engine{inner, func(ctx context.Context, fn func(kv.Tx) error) error {
				updates.Add(1)
				return inner.Update(ctx, fn)
			}}
			o.Limits = tc.limits
			s := open(t, o)
			updates.Store(0)
			var order []int
			var fns []func(tx *store.Tx) error
			for i := range 10 {
				fns = append(fns, func(tx *store.Tx) error {
					order = append(order, i)
					return count(tx, fmt.Sprint(i))
				})
			}
			for i, err := range together(t, s, fns...) {
				if err != nil {
					t.Errorf("command %d: %v", i, err)
				}
			}
			if n := updates.Load(); n != tc.want {
				t.Errorf("%d transactions, want %d", n, tc.want)
			}
			if !slices.IsSorted(order) || len(order) != 10 {
				t.Errorf("commands ran in the order %v", order)
			}
		})
	}
}

func TestDoWaitsForRun(t *testing.T) {
	t.Parallel()
	o := registryOptions()
	o.Limits.Waiting = 1
	s := open(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 { // one in line, one without a place
		wg.Go(func() {
			err := s.Do(ctx, func(*store.Tx) error { close(ran); return nil })
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Do = %v, want canceled", err)
			}
		})
	}
	store.AwaitWaiting(s, 1)
	cancel()
	wg.Wait()
	stop := run(t, s)
	do(t, s, func(tx *store.Tx) error { return count(tx, "x") })
	select {
	case <-ran:
		t.Error("a command ran although its context had ended")
	default:
	}
	stop()
	if err := s.Do(t.Context(), func(*store.Tx) error { return nil }); !errors.Is(err, store.ErrEnded) {
		t.Errorf("Do after Run = %v", err)
	}
	if err := s.Run(t.Context()); err == nil {
		t.Error("Run ran a second time")
	}
}

func TestCommandThatBeganIsFinished(t *testing.T) {
	t.Parallel()
	o := registryOptions()
	inner := o.Engine
	o.Engine = &engine{inner, func(ctx context.Context, fn func(kv.Tx) error) error {
		return inner.Update(ctx, func(tx kv.Tx) error { return errors.Join(fn(tx), ctx.Err()) })
	}}
	s := open(t, o)
	runCtx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(runCtx) }()
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Do(ctx, func(tx *store.Tx) error {
		cancel()
		stop()
		return count(tx, "x")
	})
	if err != nil {
		t.Errorf("Do = %v", err)
	}
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
	if n := counted(t, s, "x"); n != 1 {
		t.Errorf("row counts %d, want 1", n)
	}
}

func TestRunEndsWhenTheEngineIsClosed(t *testing.T) {
	t.Parallel()
	o := registryOptions()
	s := open(t, o)
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context()) }()
	do(t, s, func(*store.Tx) error { return nil })
	if err := o.Engine.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Do(t.Context(), func(*store.Tx) error { return nil }); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("Do = %v", err)
	}
	if err := <-done; !errors.Is(err, kv.ErrClosed) {
		t.Errorf("Run = %v", err)
	}
}

func TestCrashPointsFrameTheCommit(t *testing.T) {
	t.Parallel()
	var points []string
	o := registryOptions()
	inner := o.Engine
	o.Engine = &engine{inner, func(ctx context.Context, fn func(kv.Tx) error) error {
		err := inner.Update(ctx, fn)
		points = append(points, "committed")
		return err
	}}
	o.At = func(point string) { points = append(points, point) }
	s := open(t, o)
	points = nil
	together(t, s, func(tx *store.Tx) error { return count(tx, "x") })
	names := store.CrashPoints()
	want := []string{names[0], "committed", names[1]}
	if !slices.Equal(points, want) {
		t.Errorf("points %q, want %q", points, want)
	}
}

func TestTxIsUselessAfterItsCommand(t *testing.T) {
	t.Parallel()
	s, _ := start(t, registryOptions())
	var kept *store.Tx
	do(t, s, func(tx *store.Tx) error {
		kept = tx
		return nil
	})
	if err := kept.Put([]byte("x"), nil); !errors.Is(err, kv.ErrEnded) {
		t.Errorf("Put = %v", err)
	}
	if err := kept.Delete([]byte("x")); !errors.Is(err, kv.ErrEnded) {
		t.Errorf("Delete = %v", err)
	}
}

func TestNowIsOneMomentPerBatchAndNeverGoesBack(t *testing.T) {
	t.Parallel()
	clock := newHand(noon)
	o := registryOptions()
	o.Now = clock.now
	s := open(t, o)
	var seen []pay.Time
	look := func(tx *store.Tx) error {
		seen = append(seen, tx.Now())
		clock.move(10)
		return count(tx, "x")
	}
	together(t, s, look, look)
	clock.move(-1000)
	do(t, s, look)
	if want := []pay.Time{noon, noon, noon}; !slices.Equal(seen[:2], want[:2]) || seen[2] < noon {
		t.Errorf("commands saw %v", seen)
	}
	if s.Now() < noon {
		t.Errorf("Now went back to %v", s.Now())
	}
	clock.move(-100_000)
	again, _ := start(t, o)
	do(t, again, look)
	if seen[3] < seen[2] || again.Now() < seen[2] {
		t.Errorf("after a restart commands saw %v, before %v", seen[3], seen[2])
	}
}
