package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/kv"
)

var errSick = errors.New("this payment makes no sense")

// ward is a role that counts deadlines as fires does, and fails on those of the
// payments that are sick, after it has written what must not stay.
type ward struct {
	mu   sync.Mutex
	sick map[pay.PaymentID]func() error
}

func newWard(sick ...int) *ward {
	w := &ward{sick: map[pay.PaymentID]func() error{}}
	for _, n := range sick {
		w.sick[payment(n)] = func() error { return errSick }
	}
	return w
}

func (w *ward) heal(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.sick, payment(n))
}

func (w *ward) fails(n int, how func() error) *ward {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sick[payment(n)] = how
	return w
}

func (w *ward) ill(p pay.PaymentID) func() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sick[p]
}

// React implements store.Reactor.
func (w *ward) React(rows pay.WritableRows, now pay.Time, in pay.Input) (pay.Reaction, error) {
	var subject pay.Subject
	switch in := in.(type) {
	case pay.DeadlineReached:
		subject = in.Subject
	case pay.EffectDone:
		subject = in.Effect.Subject
	default:
		return pay.Reaction{}, nil
	}
	err := count(rows, "fired "+subject.Short())
	fail := w.ill(pay.PaymentID(subject.ID))
	if fail == nil {
		return pay.Reaction{}, err
	}
	err = errors.Join(err, rows.Wake(now, payment(99).Subject()), rows.Put([]byte("trace"), nil), fail())
	return pay.Reaction{}, err
}

// asides returns all that is set aside.
func asides(t testing.TB, s *store.Store) (list []store.Aside) {
	t.Helper()
	view(t, s, func(v *store.View) error {
		return v.Aside(func(a store.Aside) error {
			list = append(list, a)
			return nil
		})
	})
	return list
}

func isAside(t testing.TB, s *store.Store, n int) (aside bool) {
	t.Helper()
	view(t, s, func(v *store.View) (err error) {
		aside, err = v.SetAside(payment(n).Subject())
		return err
	})
	return aside
}

func hasRow(t testing.TB, s *store.Store, name string) (ok bool) {
	t.Helper()
	view(t, s, func(v *store.View) (err error) {
		_, ok, err = v.Get([]byte(name))
		return err
	})
	return ok
}

// A deadline whose rule fails because of its payment concerns that payment
// alone: all other deadlines fire, and commands go on.
func TestDeadlineThatFailsIsSetAside(t *testing.T) {
	t.Parallel()
	var none []int
	failing := map[string]func() error{
		"error":         func() error { return errSick },
		"damaged row":   func() error { return store.ErrDamaged },
		"panic":         func() error { panic("no such state") },
		"runtime panic": func() error { return fmt.Errorf("entry %d", none[len(none)]) },
	}
	for name, how := range failing {
		for _, atOnce := range []int{1, 2, 64} {
			t.Run(fmt.Sprint(name, " with ", atOnce, " at once"), func(t *testing.T) {
				t.Parallel()
				const deadlines = 9
				clock := newHand(noon)
				role := newWard().fails(4, how).fails(5, how)
				o := registryOptions()
				o.Engine = twice(o.Engine)
				o.Now, o.Reactor, o.Limits.BatchDue = clock.now, role, atOnce
				s, _ := start(t, o)
				for n := range deadlines {
					do(t, s, wake(noon+10, payment(n)))
				}
				clock.move(20)
				for n := range 3 {
					do(t, s, func(tx *store.Tx) error { return count(tx, fmt.Sprint("unrelated ", n)) })
				}
				for n := range deadlines {
					want := 1
					if n == 4 || n == 5 {
						want = 0
					}
					if got := fired(t, s, payment(n)); got != want {
						t.Errorf("deadline of payment %d fired %d times, want %d", n, got, want)
					}
					if got := isAside(t, s, n); got != (want == 0) {
						t.Errorf("payment %d set aside: %v", n, got)
					}
				}
				if hasRow(t, s, "trace") || fired(t, s, payment(99)) != 0 {
					t.Error("a rule that failed has left something behind")
				}
				list := asides(t, s)
				if len(list) != 2 || list[0].Subject != payment(4).Subject() || list[1].Subject != payment(5).Subject() {
					t.Fatalf("set aside: %+v", list)
				}
				for _, a := range list {
					if a.Due != noon+10 || a.Tries != 1 || a.Waiting != 1 || a.Err == "" {
						t.Errorf("set aside: %+v", a)
					}
				}
				sound(t, s)
			})
		}
	}
}

// Whatever else comes due for a subject that is set aside waits behind what
// failed, ties included, and all of it fires once, in its order, when the rule
// works again.
func TestDeadlinesOfASetAsideSubjectWaitWithIt(t *testing.T) {
	t.Parallel()
	clock := newHand(noon)
	role := newWard(1)
	o := registryOptions()
	o.Engine = twice(o.Engine)
	o.Now, o.Reactor = clock.now, role
	s, _ := start(t, o)
	do(t, s, func(tx *store.Tx) error {
		p := payment(1).Subject()
		return errors.Join(tx.Wake(noon+10, p), tx.Wake(noon+10, p), tx.Wake(noon+10, p), tx.Wake(noon+20, p), tx.Wake(noon+500, p))
	})
	clock.move(10)
	do(t, s, func(*store.Tx) error { return nil })
	role.heal(1)
	clock.move(90)
	do(t, s, wake(noon, payment(1))) // has come already
	do(t, s, func(*store.Tx) error { return nil })
	if a := asides(t, s); fired(t, s, payment(1)) != 0 || len(a) != 1 || a[0].Waiting != 5 {
		t.Errorf("fired %d, set aside %+v", fired(t, s, payment(1)), a)
	}
	sound(t, s)
	done, err := s.Retry(t.Context(), payment(1).Subject())
	if err != nil || len(done.Cleared) != 1 || len(done.Left) != 0 {
		t.Errorf("Retry = %+v, %v", done, err)
	}
	if n := fired(t, s, payment(1)); n != 5 || isAside(t, s, 1) {
		t.Errorf("fired %d times, set aside %v", n, isAside(t, s, 1))
	}
	clock.move(1000)
	do(t, s, func(*store.Tx) error { return nil })
	if n := fired(t, s, payment(1)); n != 6 {
		t.Errorf("fired %d times in the end, want 6", n)
	}
	sound(t, s)
}

func TestRetry(t *testing.T) {
	t.Parallel()
	subjects := func(ns ...int) (list []pay.Subject) {
		for _, n := range ns {
			list = append(list, payment(n).Subject())
		}
		return list
	}
	for name, tc := range map[string]struct {
		heal    []int
		retry   []pay.Subject
		cleared []pay.Subject
		left    []pay.Subject
		tries   []int // of payments 0 to 2 afterwards, 0 when not set aside
	}{
		"all, one healed":       {heal: []int{1}, cleared: subjects(1), left: subjects(0, 2), tries: []int{2, 0, 2}},
		"all, none healed":      {left: subjects(0, 1, 2), tries: []int{2, 2, 2}},
		"all, all healed":       {heal: []int{0, 1, 2}, cleared: subjects(0, 1, 2), tries: []int{0, 0, 0}},
		"one by name":           {heal: []int{0, 1, 2}, retry: subjects(1), cleared: subjects(1), tries: []int{1, 0, 1}},
		"one that is not aside": {retry: subjects(7), tries: []int{1, 1, 1}},
		"one twice":             {heal: []int{1}, retry: subjects(1, 1), cleared: subjects(1), tries: []int{1, 0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			role := newWard(0, 1, 2)
			o := registryOptions()
			o.Engine = twice(o.Engine)
			o.Reactor = role
			s, _ := start(t, o)
			for n := range 3 {
				do(t, s, wake(noon, payment(n)))
			}
			do(t, s, func(*store.Tx) error { return nil })
			for _, n := range tc.heal {
				role.heal(n)
			}
			done, err := s.Retry(t.Context(), tc.retry...)
			if err != nil || !slices.Equal(done.Cleared, tc.cleared) {
				t.Errorf("Retry cleared %v, %v, want %v", done.Cleared, err, tc.cleared)
			}
			var left []pay.Subject
			for _, a := range done.Left {
				left = append(left, a.Subject)
			}
			if !slices.Equal(left, tc.left) {
				t.Errorf("Retry left %v, want %v", left, tc.left)
			}
			tries := make([]int, 3)
			for _, a := range asides(t, s) {
				for n := range tries {
					if a.Subject == payment(n).Subject() {
						tries[n] = a.Tries
					}
				}
			}
			if !slices.Equal(tries, tc.tries) {
				t.Errorf("tries are %v, want %v", tries, tc.tries)
			}
			sound(t, s)
		})
	}
}

// Many subjects, and many deadlines of one, are tried again in bounded parts.
func TestManyAreRetried(t *testing.T) {
	t.Parallel()
	const many = 300
	role := newWard()
	o := registryOptions()
	o.Reactor = role
	s, _ := start(t, o)
	for n := range many {
		role.fails(n, func() error { return errSick })
	}
	do(t, s, func(tx *store.Tx) (err error) {
		for n := range many {
			err = errors.Join(err, tx.Wake(noon, payment(n).Subject()), tx.Wake(noon, payment(0).Subject()))
		}
		return err
	})
	do(t, s, func(*store.Tx) error { return nil })
	if list := asides(t, s); len(list) != many || list[0].Waiting != many+1 {
		t.Fatalf("%d set aside", len(list))
	}
	sound(t, s)
	for n := range many {
		role.heal(n)
	}
	done, err := s.Retry(t.Context())
	if err != nil || len(done.Cleared) != many || len(done.Left) != 0 {
		t.Errorf("cleared %d, left %d, %v", len(done.Cleared), len(done.Left), err)
	}
	if n := fired(t, s, payment(0)); n != many+1 || len(asides(t, s)) != 0 {
		t.Errorf("fired %d times, %d set aside", n, len(asides(t, s)))
	}
	sound(t, s)
}

// A start tries again what was set aside, before any command.
func TestStartRetriesWhatWasSetAside(t *testing.T) {
	t.Parallel()
	role := newWard(1, 2)
	o := registryOptions()
	o.Reactor = role
	s, stop := start(t, o)
	do(t, s, wake(noon, payment(1)))
	do(t, s, wake(noon, payment(2)))
	do(t, s, func(*store.Tx) error { return nil })
	stop()
	role.heal(1)
	s, _ = start(t, o)
	do(t, s, func(tx *store.Tx) error {
		for n, want := range map[int]bool{1: false, 2: true} {
			if aside, err := tx.SetAside(payment(n).Subject()); err != nil || aside != want {
				t.Errorf("payment %d set aside: %v, %v", n, aside, err)
			}
		}
		return nil
	})
	if list := asides(t, s); fired(t, s, payment(1)) != 1 || len(list) != 1 || list[0].Tries != 2 {
		t.Errorf("fired %d times, set aside %+v", fired(t, s, payment(1)), list)
	}
	sound(t, s)
}

// A start that cannot try again goes on: what is set aside stays so.
func TestStartGoesOnWhenNothingCanBeSigned(t *testing.T) {
	t.Parallel()
	role := newWard(1, 2)
	o := registryOptions()
	o.Reactor = role
	s, stop := start(t, o)
	do(t, s, wake(noon, payment(1)))
	do(t, s, wake(noon, payment(2)))
	do(t, s, func(*store.Tx) error { return nil })
	stop()
	for n := range 3 {
		role.fails(n, func() error { return fmt.Errorf("sign: %w", pay.ErrCannotSign) })
	}
	log := new(lines)
	o.Log = slog.New(slog.NewTextHandler(log, nil))
	s, _ = start(t, o)
	do(t, s, func(tx *store.Tx) error { return count(tx, "x") })
	if list := asides(t, s); len(list) != 2 || list[0].Tries != 1 || counted(t, s, "x") != 1 {
		t.Errorf("set aside: %+v", list)
	}
	if got := log.take(); len(got) != 1 || !strings.Contains(got[0], "could not try again") {
		t.Errorf("log: %q", got)
	}
	sound(t, s)
}

// lines is a log that a test reads.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.buf.String()
	l.buf.Reset()
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// Each subject that is set aside leaves one line in the log, although the
// transaction runs twice; that of a panic shows where it came from.
func TestSettingAsideIsLoggedOnce(t *testing.T) {
	t.Parallel()
	log := new(lines)
	role := newWard().fails(1, func() error { panic("no such state") })
	o := registryOptions()
	o.Engine, o.Reactor = twice(o.Engine), role
	o.Log = slog.New(slog.NewTextHandler(log, nil))
	s, _ := start(t, o)
	do(t, s, wake(noon, payment(1)))
	do(t, s, func(*store.Tx) error { return nil })
	one := log.take()
	if len(one) != 1 {
		t.Fatalf("log: %q", one)
	}
	for _, part := range []string{"level=ERROR", payment(1).Subject().String(), "no such state", "aside_test.go"} {
		if !strings.Contains(one[0], part) {
			t.Errorf("log does not show %q: %s", part, one[0])
		}
	}
	if list := asides(t, s); len(list) != 1 || strings.Contains(list[0].Err, "goroutine") {
		t.Errorf("set aside: %+v", list)
	}
	role.fails(1, func() error { return errors.New(strings.Repeat("ä", 500)) })
	if _, err := s.Retry(t.Context()); err != nil {
		t.Fatal(err)
	}
	if one = log.take(); len(one) != 1 || !strings.Contains(one[0], "level=ERROR") {
		t.Errorf("log: %q", one)
	}
	if list := asides(t, s); len(list) != 1 || list[0].Err != "react: "+strings.Repeat("ä", 196) {
		t.Errorf("set aside: %+v", list)
	}
	role.heal(1)
	if _, err := s.Retry(t.Context()); err != nil {
		t.Fatal(err)
	}
	if one = log.take(); len(one) != 1 || !strings.Contains(one[0], "level=INFO") {
		t.Errorf("log: %q", one)
	}
}

// breaks is a kv.Tx whose reads of the role's rows fail.
type breaks struct {
	kv.Tx
	err error
}

func (b *breaks) Get(key []byte) ([]byte, bool, error) {
	if len(key) > 0 && key[0] == 'r' {
		return nil, false, b.err
	}
	return b.Tx.Get(key)
}

// What all subjects have in common sets none aside: nothing is committed, and
// deadlines fire when it is over.
func TestWhatIsCommonSetsNothingAside(t *testing.T) {
	t.Parallel()
	errDisk := errors.New("the disk is gone")
	for name, tc := range map[string]struct {
		rule   func() error // fails the rule
		engine error        // fails its reads
		hides  bool         // the rule shows another error than the engine's
		damage func(e kv.Engine) (undo func())
		is     error
	}{
		"lapsed authority":      {rule: func() error { return fmt.Errorf("sign: %w", pay.ErrCannotSign) }, is: pay.ErrCannotSign},
		"engine":                {engine: errDisk, is: errDisk},
		"engine, hidden":        {engine: errDisk, hides: true, is: errSick},
		"no space":              {engine: kv.ErrNoSpace, is: kv.ErrNoSpace},
		"no space, by the rule": {rule: func() error { return kv.ErrNoSpace }, is: kv.ErrNoSpace},
		"unknown, by the rule":  {rule: func() error { return kv.ErrUnknown }, is: kv.ErrUnknown},
		"the store's own rows":  {damage: func(e kv.Engine) func() { return damageRow(t, e, "mn") }, is: store.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var healthy bool
			var mu sync.Mutex
			well := func() bool { mu.Lock(); defer mu.Unlock(); return healthy }
			o := registryOptions()
			inner := o.Engine
			o.Engine = &engine{inner, func(ctx context.Context, fn func(kv.Tx) error) error {
				if tc.engine == nil || well() {
					return inner.Update(ctx, fn)
				}
				return inner.Update(ctx, func(tx kv.Tx) error { return fn(&breaks{tx, tc.engine}) })
			}}
			o.Reactor = reactor(func(rows pay.WritableRows, now pay.Time, in pay.Input) (pay.Reaction, error) {
				if _, ok := in.(pay.DeadlineReached); !ok {
					return pay.Reaction{}, nil
				}
				_, err := fires(rows, now, in)
				switch {
				case well():
					return pay.Reaction{}, err
				case tc.rule != nil:
					return pay.Reaction{}, tc.rule()
				case tc.hides:
					return pay.Reaction{}, errSick
				}
				// Publishing needs the numbers.
				return postings([]pay.Scope{"m/a"}, claim(t, 1)), err
			})
			s := open(t, o)
			undo := func() {}
			step(t, s, wake(noon, payment(1)))
			if tc.damage != nil {
				undo = tc.damage(inner)
			}
			for range 2 {
				ran := false
				got, err := s.Step(t.Context(), newHand(noon).now(), []store.Command{func(*store.Tx) error { ran = true; return nil }})
				if !errors.Is(err, tc.is) || ran || len(got.Errs) != 1 || !errors.Is(got.Errs[0], tc.is) || got.Next > noon {
					t.Errorf("Step = %+v, %v, ran %v", got, err, ran)
				}
			}
			undo()
			if list := asides(t, s); len(list) != 0 {
				t.Errorf("set aside: %+v", list)
			}
			mu.Lock()
			healthy = true
			mu.Unlock()
			step(t, s, func(*store.Tx) error { return nil })
			if n := fired(t, s, payment(1)); n != 1 {
				t.Errorf("fired %d times", n)
			}
			sound(t, s)
		})
	}
}

// damageRow flips a bit of a row until undo is called.
func damageRow(t testing.TB, e kv.Engine, key string) (undo func()) {
	t.Helper()
	value := rowsOf(t, e)[key]
	bad := []byte(value)
	bad[0] ^= 1
	write(t, e, func(tx kv.Tx) error { return tx.Put([]byte(key), bad) })
	return func() { write(t, e, func(tx kv.Tx) error { return tx.Put([]byte(key), []byte(value)) }) }
}

// step runs one command without Run, in as many steps as it takes.
func step(t testing.TB, s *store.Store, fn store.Command) {
	t.Helper()
	for {
		done, err := s.Step(t.Context(), s.Now().Std(), []store.Command{fn})
		if err != nil {
			t.Fatal(err)
		}
		if len(done.Errs) == 1 {
			if done.Errs[0] != nil {
				t.Fatal(done.Errs[0])
			}
			return
		}
	}
}

// A batch that was made smaller, until only its deadlines were left, and then
// fails for another reason: the commands learn of it, and are not run again and
// again meanwhile.
func TestCommandsLearnWhyDeadlinesFail(t *testing.T) {
	t.Parallel()
	o := registryOptions()
	inner, runs, full := o.Engine, 0, false
	o.Engine = &engine{inner, func(ctx context.Context, fn func(kv.Tx) error) error {
		runs++
		if !full {
			return inner.Update(ctx, fn)
		}
		return inner.Update(ctx, func(tx kv.Tx) error {
			if err := fn(tx); err != nil {
				return err
			}
			return []error{kv.ErrTooBig, kv.ErrNoSpace}[min(runs, 2)-1]
		})
	}}
	o.Reactor = newWard()
	s := open(t, o)
	step(t, s, wake(noon, payment(1)))
	step(t, s, wake(noon, payment(2)))
	runs, full = 0, true
	got, err := s.Step(t.Context(), newHand(noon).now(), []store.Command{func(*store.Tx) error { return nil }})
	if !errors.Is(err, kv.ErrNoSpace) || len(got.Errs) != 1 || !errors.Is(got.Errs[0], kv.ErrNoSpace) {
		t.Errorf("Step = %+v, %v", got, err)
	}
	full = false
	step(t, s, func(*store.Tx) error { return nil })
	if fired(t, s, payment(1)) != 1 || fired(t, s, payment(2)) != 1 {
		t.Error("the deadlines did not fire once")
	}
	sound(t, s)
}

// A lapsed authority stops retrying as well: nothing is tried in vain.
func TestRetryStopsAtWhatIsCommon(t *testing.T) {
	t.Parallel()
	role := newWard(1, 2)
	o := registryOptions()
	o.Reactor = role
	s, _ := start(t, o)
	do(t, s, wake(noon, payment(1)))
	do(t, s, wake(noon, payment(2)))
	do(t, s, func(*store.Tx) error { return nil })
	role.fails(1, func() error { return fmt.Errorf("sign: %w", pay.ErrCannotSign) })
	if _, err := s.Retry(t.Context()); !errors.Is(err, pay.ErrCannotSign) {
		t.Errorf("Retry = %v", err)
	}
	if list := asides(t, s); len(list) != 2 || list[0].Tries != 1 {
		t.Errorf("set aside: %+v", list)
	}
	do(t, s, func(*store.Tx) error { return nil })
	sound(t, s)
}

// Deadlines that together are too big for the engine fire in smaller batches;
// one that is too big by itself is set aside.
func TestDeadlineThatIsTooBigIsSetAside(t *testing.T) {
	t.Parallel()
	const most = 12 // rows in one transaction
	clock := newHand(noon)
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
	o.Now = clock.now
	o.Reactor = reactor(func(rows pay.WritableRows, now pay.Time, in pay.Input) (pay.Reaction, error) {
		_, err := fires(rows, now, in)
		if in.(pay.DeadlineReached).Subject == payment(3).Subject() {
			for n := range most {
				err = errors.Join(err, rows.Put([]byte(fmt.Sprint(n)), nil))
			}
		}
		return pay.Reaction{}, err
	})
	s, _ := start(t, o)
	for n := range 8 {
		do(t, s, func(tx *store.Tx) error {
			p := payment(n).Subject()
			return errors.Join(tx.Wake(noon+10, p), tx.Wake(noon+11, p), tx.Wake(noon+12, p))
		})
	}
	clock.move(50)
	do(t, s, func(tx *store.Tx) error { return count(tx, "x") })
	for n := range 8 {
		if got := fired(t, s, payment(n)); n == 3 && got != 0 || n != 3 && got != 3 {
			t.Errorf("payment %d fired %d times", n, got)
		}
	}
	if list := asides(t, s); len(list) != 1 || list[0].Subject != payment(3).Subject() || list[0].Waiting != 3 {
		t.Errorf("set aside: %+v", list)
	}
	done, err := s.Retry(t.Context())
	if err != nil || len(done.Left) != 1 || done.Left[0].Subject != payment(3).Subject() || !strings.Contains(done.Left[0].Err, kv.ErrTooBig.Error()) {
		t.Errorf("Retry = %+v, %v", done, err)
	}
	sound(t, s)
}

// The timer goes on past a deadline that failed.
func TestTimerPassesADeadlineThatWasSetAside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := registryOptions()
		o.Now, o.Reactor = nil, newWard(1)
		s, stop := start(t, o)
		do(t, s, wake(s.Now()+5, payment(1)))
		do(t, s, wake(s.Now()+10, payment(2)))
		time.Sleep(time.Second)
		if fired(t, s, payment(2)) != 1 || !isAside(t, s, 1) {
			t.Error("the other deadline did not fire")
		}
		stop()
	})
}
