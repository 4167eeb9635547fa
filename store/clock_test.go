package store_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
)

// machine is a computer whose wall clock can be set, and that can be restarted.
type machine struct {
	mu   sync.Mutex
	wall pay.Time
	boot pay.Boot
}

const hour pay.Millis = 3_600_000

func newMachine() *machine {
	return &machine{wall: noon, boot: pay.Boot{ID: "one", Up: 10_000_000}}
}

func (m *machine) shows() pay.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.wall
}

func (m *machine) now() time.Time { return m.shows().Std() }

func (m *machine) uptime() pay.Boot {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.boot
}

// set sets the wall clock.
func (m *machine) set(by pay.Millis) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wall = m.wall.Add(by)
}

// pass lets time pass: the machine runs, or sleeps.
func (m *machine) pass(d pay.Millis) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wall, m.boot.Up = m.wall.Add(d), m.boot.Up+d
}

// restart switches the machine off for a while.
func (m *machine) restart(off pay.Millis) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wall, m.boot = m.wall.Add(off), pay.Boot{ID: m.boot.ID + "+", Up: 20_000}
}

func (m *machine) options(o store.Options) store.Options {
	o.Now, o.Boot = m.now, m.uptime
	return o
}

func tick(*store.Tx) error { return nil }

// What the store makes of its clock, after it was used at noon and ten seconds
// of the machine's own time have passed.
func TestClockIsChecked(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * hour
	for name, tc := range map[string]struct {
		happens func(m *machine)
		restart bool // the store is opened anew after it
		doubt   bool
		off     pay.Millis // of the store's time from noon and ten seconds
		loose   bool
		node    pay.Millis // the same of a node's, unless 0
	}{
		"nothing":                            {happens: func(*machine) {}},
		"opened anew":                        {happens: func(*machine) {}, restart: true},
		"asleep":                             {happens: func(m *machine) { m.pass(8 * hour) }, off: 8 * hour},
		"corrected by two seconds":           {happens: func(m *machine) { m.set(2_000) }, off: 2_000},
		"corrected back by two seconds":      {happens: func(m *machine) { m.set(-2_000) }, off: -2_000},
		"two hours ahead":                    {happens: func(m *machine) { m.set(2 * hour) }, doubt: true},
		"two hours ahead, opened anew":       {happens: func(m *machine) { m.set(2 * hour) }, restart: true, doubt: true},
		"two hours behind":                   {happens: func(m *machine) { m.set(-2 * hour) }, doubt: true},
		"two hours behind, opened anew":      {happens: func(m *machine) { m.set(-2 * hour) }, restart: true, doubt: true},
		"twenty years ahead":                 {happens: func(m *machine) { m.set(20 * year) }, doubt: true},
		"twenty years ahead, opened anew":    {happens: func(m *machine) { m.set(20 * year) }, restart: true, doubt: true},
		"1970, opened anew":                  {happens: func(m *machine) { m.set(-pay.Millis(noon)) }, restart: true, doubt: true},
		"another boot":                       {happens: func(m *machine) { m.restart(hour) }, restart: true, off: hour},
		"another boot, 300 days later":       {happens: func(m *machine) { m.restart(300 * 24 * hour) }, restart: true, off: 300 * 24 * hour},
		"another boot, two hours behind":     {happens: func(m *machine) { m.restart(-2 * hour) }, restart: true, doubt: true, loose: true, node: -2 * hour},
		"another boot, twenty years ahead":   {happens: func(m *machine) { m.restart(20 * year) }, restart: true, doubt: true, loose: true, node: 20 * year},
		"another boot, 1970":                 {happens: func(m *machine) { m.restart(-pay.Millis(noon)) }, restart: true, doubt: true, loose: true, node: -pay.Millis(noon)},
		"another boot, behind by one second": {happens: func(m *machine) { m.restart(-1_000) }, restart: true, off: -1_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, node := range []bool{false, true} {
				m, o := newMachine(), registryOptions()
				if node {
					o = nodeOptions()
				}
				o = m.options(o)
				s, stop := start(t, o)
				m.pass(10_000)
				do(t, s, func(tx *store.Tx) error { return count(tx, "x") })
				before := m.shows()
				tc.happens(m)
				if tc.restart {
					stop()
					s, _ = start(t, o)
				}
				m.pass(6_000) // what was corrected back is made up for by then
				state := s.Clock()
				doubt, off := tc.doubt, tc.off
				if node && tc.node != 0 {
					doubt, off = false, tc.node
				}
				if state.Doubt != doubt || (doubt && state.Loose != tc.loose) {
					t.Errorf("node %v: %+v", node, state)
				}
				if got := state.Now.Sub(before) - 6_000; got != off {
					t.Errorf("node %v: the time is %d ms on, want %d", node, got, off)
				}
				if s.Now() != state.Now {
					t.Errorf("node %v: Now %d, Clock %d", node, s.Now(), state.Now)
				}
			}
		})
	}
}

// A doubt ends by itself when the clock agrees again: exactly on the same boot,
// and on another one when it has caught up with what the store has seen.
func TestDoubtEndsByItself(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		wrong, right func(m *machine)
		end          store.ClockEnd
		off          pay.Millis // by how much the time moved then
	}{
		"set and set back":    {func(m *machine) { m.set(2 * hour) }, func(m *machine) { m.set(-2 * hour) }, store.EndAgreed, 0},
		"nearly set back":     {func(m *machine) { m.set(-2 * hour) }, func(m *machine) { m.set(2*hour + 900) }, store.EndAgreed, 900},
		"booted without time": {func(m *machine) { m.restart(-pay.Millis(noon)) }, func(m *machine) { m.set(pay.Millis(noon) + hour) }, store.EndAgreed, hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine()
			o := m.options(registryOptions())
			_, stop := start(t, o)
			stop()
			tc.wrong(m)
			s, stop := start(t, o)
			m.pass(1_000)
			if !s.Clock().Doubt {
				t.Fatal("no doubt")
			}
			stop()
			s, _ = start(t, o)
			tc.right(m)
			m.pass(1_000)
			state := s.Clock()
			if state.Doubt || state.Past.End != tc.end || state.Past.Off != tc.off || state.Now != m.shows() {
				t.Errorf("%+v", state)
			}
		})
	}
}

// While a registry is in doubt, deadlines and claims that rest on the time wait;
// everything else goes on, by the time that was right.
func TestDoubtHoldsDecisions(t *testing.T) {
	t.Parallel()
	m := newMachine()
	o := m.options(registryOptions())
	o.Reactor = fires
	s, _ := start(t, o)
	do(t, s, wake(noon+5_000, payment(1)))
	m.set(2 * hour)
	m.pass(6_000)
	do(t, s, func(tx *store.Tx) error {
		if tx.Now() != noon+6_000 {
			t.Errorf("a command saw %d", tx.Now())
		}
		return count(tx, "x")
	})
	if n := fired(t, s, payment(1)); n != 0 {
		t.Errorf("the deadline fired %d times", n)
	}
	apply := func() error {
		return s.Do(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Apply(pay.NodeID{1}, pay.Incarnation{1}, []pay.Item{{N: 1, Facts: []pay.Fact{claim(t, 1)}}})
			return err
		})
	}
	if err := apply(); !errors.Is(err, store.ErrClockDoubt) {
		t.Errorf("a claim on a payment: %v", err)
	}
	m.set(-2 * hour)
	do(t, s, tick)
	if n := fired(t, s, payment(1)); n != 1 {
		t.Errorf("right again, the deadline fired %d times", n)
	}
	if err := apply(); err != nil {
		t.Errorf("right again: %v", err)
	}
}

// Claims of a session wait until the clock is right, and are older then.
func TestSessionsWaitForTheClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		o := m.options(registryOptions())
		var age pay.Millis
		o.Reactor = reactor(func(_ pay.WritableRows, _ pay.Time, in pay.Input) (pay.Reaction, error) {
			age = in.(pay.ClaimArrived).Age
			return pay.Reaction{}, nil
		})
		ctx, stop := context.WithCancel(t.Context())
		s, err := store.Open(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		ran := make(chan error, 1)
		go func() { ran <- s.Run(ctx) }()
		m.set(2 * hour)
		done := make(chan error, 1)
		go func() {
			_, err := s.Feeds().Apply(ctx, pay.NodeID{1}, pay.Incarnation{1}, []pay.Item{{N: 1, Age: 500, Facts: []pay.Fact{claim(t, 1)}}})
			done <- err
		}()
		time.Sleep(3 * time.Second)
		select {
		case err := <-done:
			t.Fatalf("applied in doubt: %v", err)
		default:
		}
		m.pass(30_000)
		m.set(-2 * hour)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if age != 30_500 {
			t.Errorf("the claim is %d ms old, want 30,500", age)
		}
		stop()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
}

// What the operator accepts is the time from then on, in the next process too; a
// crash leaves all of it or nothing. All deadlines come back once.
func TestAcceptedClock(t *testing.T) {
	t.Parallel()
	boom := errors.New("no")
	for _, crash := range []string{"", "before", "after"} {
		m := newMachine()
		m.set(2 * hour) // the first start is wrong
		o := m.options(registryOptions())
		o.Reactor = fires
		s, stop := start(t, o)
		for n := range 600 {
			do(t, s, wake(m.shows().Add(pay.Millis(60_000+n)), payment(n)))
		}
		m.set(-2 * hour)
		m.pass(1_000)
		if _, err := s.AcceptClock(t.Context(), func(*store.Tx, store.ClockState) error { return boom }); !errors.Is(err, boom) || !s.Clock().Doubt {
			t.Fatalf("an acceptance that cannot be signed: %v", err)
		}
		if crash == "before" {
			stop()
			s, stop = start(t, o)
		}
		var seen store.ClockState
		state, err := s.AcceptClock(t.Context(), func(tx *store.Tx, c store.ClockState) error {
			seen = c
			return count(tx, "accepted")
		})
		if err != nil || state.Doubt || state.Now != m.shows() || seen.Off() != -2*hour || seen.Began == 0 {
			t.Fatalf("accepted %+v of %+v: %v", state, seen, err)
		}
		if crash == "after" {
			stop()
			s, stop = start(t, o)
		}
		m.pass(1_000)
		var now pay.Time
		do(t, s, func(tx *store.Tx) error { now = tx.Now(); return nil })
		if s.Clock().Doubt || now != m.shows() || s.Clock().Past.End != store.EndAccepted {
			t.Errorf("crash %q: %d, want %d, %+v", crash, now, m.shows(), s.Clock())
		}
		for range 20 {
			do(t, s, tick)
		}
		for _, n := range []int{0, 299, 599} {
			if got := fired(t, s, payment(n)); got != 1 {
				t.Errorf("crash %q: deadline %d fired %d times", crash, n, got)
			}
		}
		if again, err := s.AcceptClock(t.Context(), func(*store.Tx, store.ClockState) error { return boom }); err != nil || again.Doubt {
			t.Errorf("accepting a clock in no doubt: %+v, %v", again, err)
		}
		sound(t, s)
		stop()
	}
}

// A store of a program that kept no boot, and whose time is ahead of the clock, is
// in doubt until the clock has caught up or was accepted.
func TestStoreOfOldThatIsAhead(t *testing.T) {
	t.Parallel()
	clock := newHand(noon.Add(2 * hour))
	o := registryOptions()
	o.Now = clock.now
	s, stop := start(t, o)
	do(t, s, func(tx *store.Tx) error { return count(tx, "x") })
	stop()
	m := newMachine()
	o = m.options(o)
	s, stop = start(t, o)
	if c := s.Clock(); !c.Doubt || !c.Loose {
		t.Fatalf("%+v", c)
	}
	if _, err := s.AcceptClock(t.Context(), func(*store.Tx, store.ClockState) error { return nil }); err != nil {
		t.Fatal(err)
	}
	stop()
	m.restart(60_000)
	s, _ = start(t, o)
	if c := s.Clock(); c.Doubt || c.Now != m.shows() {
		t.Errorf("after the next boot %+v", c)
	}
}

// A node in doubt takes its clock when the registry's agrees with it.
func TestNodeTakesTheClockThatTheRegistryConfirms(t *testing.T) {
	t.Parallel()
	m := newMachine()
	m.set(2 * hour) // its first start
	o := m.options(nodeOptions())
	s, stop := start(t, o)
	m.set(-2 * hour)
	if c := s.Clock(); !c.Doubt {
		t.Fatalf("%+v", c)
	}
	s.ConfirmClock(m.shows().Add(2 * hour))
	if c := s.Clock(); !c.Doubt {
		t.Errorf("a registry that does not agree: %+v", c)
	}
	s.ConfirmClock(m.shows().Add(-900))
	if c := s.Clock(); c.Doubt || c.Now != m.shows() || c.Past.End != store.EndConfirmed {
		t.Errorf("%+v", c)
	}
	do(t, s, func(tx *store.Tx) error { return count(tx, "x") })
	stop()
	s, _ = start(t, o)
	if c := s.Clock(); c.Doubt || c.Now != m.shows() {
		t.Errorf("opened anew: %+v", c)
	}
}

// Ages of what is queued count the time that really passed.
func TestAgesInDoubt(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		happens func(m *machine)
		restart bool
		want    pay.Millis
	}{
		"two hours ahead":              {func(m *machine) { m.set(2 * hour) }, false, 1_000},
		"two hours ahead, opened anew": {func(m *machine) { m.set(2 * hour) }, true, 1_000},
		"two hours behind":             {func(m *machine) { m.set(-2 * hour); m.pass(4_000) }, true, 5_000},
		"asleep":                       {func(m *machine) { m.pass(hour) }, false, hour + 1_000},
		"another boot":                 {func(m *machine) { m.restart(hour) }, true, hour + 1_000},
		"another boot, behind":         {func(m *machine) { m.restart(-hour) }, true, 1_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine()
			o := m.options(nodeOptions())
			s, stop := start(t, o)
			post(t, s, nil, claim(t, 1))
			tc.happens(m)
			if tc.restart {
				stop()
				s, _ = start(t, o)
			}
			m.pass(1_000)
			items, err := s.Journal().Outbox(t.Context(), 0, 10)
			if err != nil || len(items) != 1 || items[0].Age != tc.want {
				t.Errorf("%+v, %v, want age %d", items, err, tc.want)
			}
		})
	}
}
