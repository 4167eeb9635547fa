package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/kv"
)

// fires notes each deadline in the role's rows.
var fires = reactor(func(rows pay.WritableRows, _ pay.Time, in pay.Input) (pay.Reaction, error) {
	due, ok := in.(pay.DeadlineReached)
	if !ok {
		return pay.Reaction{}, nil
	}
	return pay.Reaction{}, count(rows, "fired "+due.Subject.Short())
})

func fired(t testing.TB, s *store.Store, p pay.PaymentID) int {
	return counted(t, s, "fired "+p.Subject().Short())
}

func wake(at pay.Time, p pay.PaymentID) func(tx *store.Tx) error {
	return func(tx *store.Tx) error { return tx.Wake(at, p.Subject()) }
}

// meets is a command that notes how many deadlines of p it finds fired.
func meets(p pay.PaymentID, got *int) func(tx *store.Tx) error {
	return func(tx *store.Tx) error {
		value, ok, err := tx.Get([]byte("fired " + p.Subject().Short()))
		*got = 0
		if ok {
			*got = int(value[1])
		}
		return err
	}
}

func TestLateCommandMeetsTheFiredDeadline(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		wake   pay.Millis // after noon
		moves  pay.Millis // of the clock, before the command
		reopen bool
		want   int
	}{
		"before the deadline":             {wake: 100, moves: 99, want: 0},
		"at the deadline":                 {wake: 100, moves: 100, want: 1},
		"after the deadline":              {wake: 100, moves: 101, want: 1},
		"deadline that has come already":  {wake: -1, moves: 0, want: 1},
		"deadline of this very moment":    {wake: 0, moves: 0, want: 1},
		"first command after a restart":   {wake: 100, moves: 5000, reopen: true, want: 1},
		"restart before the deadline":     {wake: 100, moves: 50, reopen: true, want: 0},
		"clock set back at the restart":   {wake: 0, moves: -5000, reopen: true, want: 1},
		"clock set back, deadline before": {wake: -10, moves: -5000, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newHand(noon)
			o := registryOptions()
			o.Engine = twice(o.Engine)
			o.Now, o.Reactor = clock.now, fires
			s, stop := start(t, o)
			do(t, s, wake(noon.Add(tc.wake), payment(1)))
			clock.move(tc.moves)
			if tc.reopen {
				stop()
				s, _ = start(t, o)
			}
			got := -1
			do(t, s, meets(payment(1), &got))
			if got != tc.want {
				t.Errorf("the command met %d fired deadlines, want %d", got, tc.want)
			}
		})
	}
}

// A deadline that a command sets for a moment that has come fires before the
// next command of the same batch.
func TestDeadlineFiresBetweenCommandsOfABatch(t *testing.T) {
	t.Parallel()
	o := registryOptions()
	o.Reactor = fires
	s := open(t, o)
	first, second := -1, -1
	errs := together(t, s,
		meets(payment(1), &first),
		wake(noon, payment(1)),
		meets(payment(1), &second),
	)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if first != 0 || second != 1 {
		t.Errorf("commands met %d and %d fired deadlines, want 0 and 1", first, second)
	}
}

func TestEachWakeFiresOnce(t *testing.T) {
	t.Parallel()
	clock := newHand(noon)
	o := registryOptions()
	o.Now, o.Reactor = clock.now, fires
	s, _ := start(t, o)
	for range 3 {
		do(t, s, wake(noon+5, payment(1)))
	}
	do(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.Wake(noon+5, payment(1).Subject()), tx.Wake(noon+5, payment(2).Subject()), tx.Wake(noon+6, payment(1).Subject()))
	})
	for i, want := range []struct{ one, two int }{{0, 0}, {4, 1}, {5, 1}, {5, 1}} {
		if i > 0 {
			clock.move(pay.Millis(6 - i))
		}
		do(t, s, func(*store.Tx) error { return nil })
		if one, two := fired(t, s, payment(1)), fired(t, s, payment(2)); one != want.one || two != want.two {
			t.Errorf("step %d: fired %d and %d times, want %+v", i, one, two, want)
		}
	}
	sound(t, s)
}

// A deadline whose row could not be read would hold up all others.
func TestDeadlineNeedsASubject(t *testing.T) {
	t.Parallel()
	o := registryOptions()
	o.Reactor = fires
	s, _ := start(t, o)
	for _, bad := range []pay.Subject{{}, {Kind: 'P'}, {Kind: 0xff}} {
		if err := s.Do(t.Context(), func(tx *store.Tx) error { return tx.Wake(noon, bad) }); err == nil {
			t.Errorf("a deadline was set of %q", byte(bad.Kind))
		}
	}
	do(t, s, wake(noon, payment(1)))
	do(t, s, func(*store.Tx) error { return nil })
	if fired(t, s, payment(1)) != 1 {
		t.Error("the deadline did not fire")
	}
	sound(t, s)
}

// More deadlines than fit a transaction still all come before the command.
func TestManyDeadlinesComeBeforeTheCommand(t *testing.T) {
	t.Parallel()
	const deadlines = 50
	for _, atOnce := range []int{1, 7, 49, 50, 51} {
		t.Run(fmt.Sprint(atOnce), func(t *testing.T) {
			t.Parallel()
			clock := newHand(noon)
			var order []pay.PaymentID
			o := registryOptions()
			o.Now, o.Limits.BatchDue = clock.now, atOnce
			o.Reactor = reactor(func(rows pay.WritableRows, now pay.Time, in pay.Input) (pay.Reaction, error) {
				order = append(order, pay.PaymentID(in.(pay.DeadlineReached).Subject.ID))
				return pay.Reaction{}, nil
			})
			s, _ := start(t, o)
			var want []pay.PaymentID
			for n := range deadlines {
				do(t, s, wake(noon+10+pay.Time(n), payment(n)))
				want = append(want, payment(n))
			}
			clock.move(1000)
			do(t, s, func(*store.Tx) error {
				if !slices.Equal(order, want) {
					t.Errorf("%d deadlines fired before the command, want all %d in their order", len(order), deadlines)
				}
				return nil
			})
		})
	}
}

// A deadline's reaction may set another one that has come as well.
func TestDeadlineThatFollowsADeadline(t *testing.T) {
	t.Parallel()
	clock := newHand(noon)
	o := registryOptions()
	o.Now = clock.now
	o.Reactor = reactor(func(rows pay.WritableRows, now pay.Time, in pay.Input) (pay.Reaction, error) {
		_, err := fires(rows, now, in)
		if in.(pay.DeadlineReached).Subject == payment(1).Subject() {
			return pay.Reaction{}, errors.Join(err, rows.Wake(noon+2, payment(2).Subject()))
		}
		return pay.Reaction{}, err
	})
	s, _ := start(t, o)
	do(t, s, wake(noon+1, payment(1)))
	clock.move(2)
	got := -1
	do(t, s, meets(payment(2), &got))
	if got != 1 {
		t.Errorf("the command met %d fired deadlines, want 1", got)
	}
}

func TestTimerFiresDeadlinesWithoutACommand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := registryOptions()
		o.Now, o.Reactor = nil, fires
		s, stop := start(t, o)
		began := s.Now()
		changed, unwatch := s.WatchAll()
		defer unwatch()
		do(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.Wake(tx.Now()+300_000, payment(2).Subject()), tx.Wake(tx.Now()+1500, payment(1).Subject()))
		})
		<-changed
		for i, want := range []pay.Time{1500, 300_000} {
			<-changed
			if got := s.Now() - began; got != want {
				t.Errorf("deadline %d fired after %d ms, want %d", i, got, want)
			}
		}
		if fired(t, s, payment(1)) != 1 || fired(t, s, payment(2)) != 1 {
			t.Error("a deadline did not fire once")
		}
		stop()
	})
}

func TestTimerFiresDeadlinesThatCameWhileNobodyRan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := registryOptions()
		o.Now, o.Reactor = nil, fires
		s, stop := start(t, o)
		do(t, s, wake(s.Now()+50, payment(1)))
		stop()
		time.Sleep(time.Hour)
		s = open(t, o)
		changed, unwatch := s.WatchAll()
		defer unwatch()
		stop = run(t, s)
		<-changed
		if fired(t, s, payment(1)) != 1 {
			t.Error("the deadline did not fire")
		}
		stop()
	})
}

// A clock that is set forward brings deadlines nearer; the executor finds out
// within a minute.
func TestTimerLooksAgainWhenTheClockIsSetForward(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ahead atomic.Int64
		o := registryOptions()
		o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		o.Reactor = fires
		s, stop := start(t, o)
		do(t, s, wake(s.Now()+86_400_000, payment(1)))
		changed, unwatch := s.WatchAll()
		defer unwatch()
		synctest.Wait()
		began := time.Now()
		ahead.Store(int64(25 * time.Hour))
		<-changed
		if late := time.Since(began); late > time.Minute {
			t.Errorf("the deadline fired %v after the clock was set", late)
		}
		stop()
	})
}

// A deadline that cannot fire for a reason that all share holds everybody up
// rather than let a late command win, and is tried again by itself.
func TestNothingPassesADeadlineThatCannotBeSigned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		errSick := fmt.Errorf("sick: %w", pay.ErrCannotSign)
		var sick atomic.Bool
		sick.Store(true)
		o := registryOptions()
		o.Now = nil
		o.Reactor = reactor(func(rows pay.WritableRows, now pay.Time, in pay.Input) (pay.Reaction, error) {
			if sick.Load() {
				return pay.Reaction{}, errSick
			}
			return fires(rows, now, in)
		})
		s, stop := start(t, o)
		do(t, s, wake(s.Now()+5, payment(1)))
		time.Sleep(10 * time.Millisecond)
		ran := false
		if err := s.Do(t.Context(), func(*store.Tx) error { ran = true; return nil }); !errors.Is(err, errSick) || ran {
			t.Errorf("a command passed a deadline that could not fire: %v, %v", ran, err)
		}
		sick.Store(false)
		changed, unwatch := s.WatchAll()
		defer unwatch()
		<-changed
		if fired(t, s, payment(1)) != 1 {
			t.Error("the deadline was not tried again")
		}
		stop()
	})
}

// Deadlines of a batch that failed are not lost.
func TestDeadlineSurvivesAFailedBatch(t *testing.T) {
	t.Parallel()
	clock := newHand(noon)
	var broken atomic.Bool
	o := registryOptions()
	inner := o.Engine
	o.Now, o.Reactor = clock.now, fires
	o.Engine = &engine{inner, func(ctx context.Context, fn func(kv.Tx) error) error {
		if !broken.Load() {
			return inner.Update(ctx, fn)
		}
		return inner.Update(ctx, func(tx kv.Tx) error { return errors.Join(fn(tx), kv.ErrNoSpace) })
	}}
	s, _ := start(t, o)
	do(t, s, wake(noon+5, payment(1)))
	clock.move(10)
	broken.Store(true)
	if err := s.Do(t.Context(), func(*store.Tx) error { return nil }); !errors.Is(err, kv.ErrNoSpace) {
		t.Fatal(err)
	}
	broken.Store(false)
	got := -1
	do(t, s, meets(payment(1), &got))
	if got != 1 {
		t.Errorf("the command met %d fired deadlines, want 1", got)
	}
}

// A commit of unknown outcome may have set deadlines. They fire all the same.
func TestDeadlineOfAnUnknownCommitFires(t *testing.T) {
	t.Parallel()
	clock := newHand(noon)
	var broken atomic.Bool
	o := registryOptions()
	inner := o.Engine
	o.Now, o.Reactor = clock.now, fires
	o.Engine = &engine{inner, func(ctx context.Context, fn func(kv.Tx) error) error {
		err := inner.Update(ctx, fn)
		if broken.Load() {
			return errors.Join(err, kv.ErrUnknown)
		}
		return err
	}}
	s, _ := start(t, o)
	do(t, s, wake(noon+1000, payment(2)))
	broken.Store(true)
	if err := s.Do(t.Context(), wake(noon+5, payment(1))); !errors.Is(err, kv.ErrUnknown) {
		t.Fatal(err)
	}
	broken.Store(false)
	clock.move(10)
	got := -1
	do(t, s, meets(payment(1), &got))
	if got != 1 {
		t.Errorf("the command met %d fired deadlines, want 1", got)
	}
}
