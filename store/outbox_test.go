package store_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
)

func attach(t testing.TB, s *store.Store, to, f pay.Fact) (ok bool) {
	t.Helper()
	do(t, s, func(tx *store.Tx) (err error) {
		ok, err = tx.Attach(to.ID(), f)
		return err
	})
	return ok
}

func queued(t testing.TB, s *store.Store, f pay.Fact) (ok bool) {
	t.Helper()
	view(t, s, func(v *store.View) (err error) {
		ok, err = v.Queued(f.ID())
		return err
	})
	return ok
}

func opened(t testing.TB, s *store.Store) {
	t.Helper()
	if err := s.Journal().SessionOpened(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func acked(t testing.TB, s *store.Store, n uint64, refused map[uint64]pay.Reason) {
	t.Helper()
	if err := s.Journal().Acked(t.Context(), pay.Acked{Incarnation: position(t, s).Incarnation, N: n, Refused: refused}); err != nil {
		t.Fatal(err)
	}
}

func TestOutboxNumbersWhatIsPosted(t *testing.T) {
	t.Parallel()
	s, _ := start(t, nodeOptions())
	if p := position(t, s); p.Last != 0 || p.Acked != 0 || p.Incarnation == (pay.Incarnation{}) || p.Head != (pay.Head{}) {
		t.Errorf("position of a new store: %+v", p)
	}
	one, two, three := claim(t, 1), claim(t, 2), claim(t, 3)
	post(t, s, nil, one, two)
	post(t, s, nil, one, three) // one is queued already
	want := fmt.Sprintf("1: %.8s\n2: %.8s\n3: %.8s\n", one.ID(), two.ID(), three.ID())
	if got := itemsText(outbox(t, s)); got != want {
		t.Errorf("outbox:\n%swant:\n%s", got, want)
	}
	items, err := s.Journal().Outbox(t.Context(), 1, 1)
	if err != nil || len(items) != 1 || items[0].N != 2 {
		t.Errorf("Outbox(1, 1) = %v, %v", items, err)
	}
	if !queued(t, s, one) || queued(t, s, claim(t, 4)) {
		t.Error("Queued does not tell what is queued")
	}
	acked(t, s, 2, nil)
	if got := itemsText(outbox(t, s)); got != fmt.Sprintf("3: %.8s\n", three.ID()) || queued(t, s, one) {
		t.Errorf("after the acknowledgement: %s", got)
	}
	if p := position(t, s); p.Acked != 2 || p.Last != 3 {
		t.Errorf("position %+v", p)
	}
	sound(t, s)
}

func TestAcknowledgement(t *testing.T) {
	t.Parallel()
	type told struct {
		fact   pay.FactID
		reason pay.Reason
	}
	for name, tc := range map[string]struct {
		stale   bool
		n       uint64
		refused map[uint64]pay.Reason
		left    int
		told    []told
		fails   bool
	}{
		"some":                     {n: 2, left: 1},
		"all":                      {n: 3, left: 0},
		"none":                     {n: 0, left: 3},
		"another incarnation":      {stale: true, n: 3, refused: map[uint64]pay.Reason{1: pay.ReasonWrongRole}, left: 3},
		"items that do not exist":  {n: 4, left: 3, fails: true},
		"refused":                  {n: 2, refused: map[uint64]pay.Reason{2: pay.ReasonKeyUsed}, left: 1, told: []told{{claim(t, 2).ID(), pay.ReasonKeyUsed}}},
		"refused beyond the count": {n: 1, refused: map[uint64]pay.Reason{2: pay.ReasonKeyUsed}, left: 2},
		"first fact of an item":    {n: 1, refused: map[uint64]pay.Reason{1: pay.ReasonWrongRole}, left: 2, told: []told{{claim(t, 1).ID(), pay.ReasonWrongRole}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []told
			o := nodeOptions()
			o.Reactor = reactor(func(_ pay.WritableRows, _ pay.Time, in pay.Input) (pay.Reaction, error) {
				got = append(got, told{in.(pay.ClaimRefused).Fact.ID(), in.(pay.ClaimRefused).Reason})
				return pay.Reaction{}, nil
			})
			s, stop := start(t, o)
			post(t, s, nil, claim(t, 1), claim(t, 2), claim(t, 3))
			if !attach(t, s, claim(t, 1), claim(t, 11)) {
				t.Fatal("not attached")
			}
			inc := position(t, s).Incarnation
			if tc.stale {
				inc[0]++
			}
			for range 2 { // the second time changes nothing
				if err := s.Journal().Acked(t.Context(), pay.Acked{Incarnation: inc, N: tc.n, Refused: tc.refused}); (err != nil) != tc.fails || errors.Is(err, store.ErrDamaged) {
					t.Errorf("Acked = %v", err)
				}
			}
			if n := len(outbox(t, s)); n != tc.left {
				t.Errorf("%d items left, want %d", n, tc.left)
			}
			if fmt.Sprint(got) != fmt.Sprint(tc.told) {
				t.Errorf("the role was told %v, want %v", got, tc.told)
			}
			sound(t, s)
			stop()
		})
	}
}

func TestManyItemsAreAcknowledgedInSteps(t *testing.T) {
	t.Parallel()
	const items = 1000
	var refusals int
	o := nodeOptions()
	o.Reactor = reactor(func(_ pay.WritableRows, _ pay.Time, in pay.Input) (pay.Reaction, error) {
		refusals++ // and each makes the node say something more
		return postings(nil, claim(t, items+refusals)), nil
	})
	s, _ := start(t, o)
	for n := range items {
		post(t, s, nil, claim(t, n))
	}
	acked(t, s, items, map[uint64]pay.Reason{1: pay.ReasonKeyUsed, 700: pay.ReasonKeyUsed, items: pay.ReasonKeyUsed})
	if got := outbox(t, s); len(got) != 3 || got[0].N != items+1 {
		t.Errorf("outbox: %s", itemsText(got))
	}
	sound(t, s)
}

func TestAttachOnlyToWhatCannotHaveLeft(t *testing.T) {
	t.Parallel()
	request, cancel := claim(t, 1), claim(t, 2)
	type step func(t *testing.T, s *store.Store)
	store1 := func(t *testing.T, s *store.Store) { post(t, s, nil, request) }
	openSession := func(t *testing.T, s *store.Store) { opened(t, s) }
	closeSession := func(t *testing.T, s *store.Store) { s.Journal().SessionClosed() }
	ack := func(t *testing.T, s *store.Store) { acked(t, s, 1, nil) }
	full := func(t *testing.T, s *store.Store) {
		for n := range pay.ItemFactsMax - 1 {
			attach(t, s, request, claim(t, 10+n))
		}
	}
	for name, tc := range map[string]struct {
		steps []step
		want  bool
	}{
		"never connected":                  {[]step{store1}, true},
		"session closed before":            {[]step{openSession, closeSession, store1}, true},
		"session open":                     {[]step{openSession, store1}, false},
		"session opened since":             {[]step{store1, openSession}, false},
		"session opened and closed since":  {[]step{store1, openSession, closeSession}, false},
		"session open then, closed since":  {[]step{openSession, store1, closeSession}, false},
		"acknowledged":                     {[]step{store1, ack}, false},
		"unknown":                          {nil, false},
		"unknown while a session is open":  {[]step{openSession}, false},
		"session open with an empty queue": {[]step{openSession, closeSession, store1, closeSession}, true},
	} {
		for _, reopen := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, reopened %v", name, reopen), func(t *testing.T) {
				t.Parallel()
				o := nodeOptions()
				o.Engine = twice(o.Engine)
				s, stop := start(t, o)
				for _, step := range tc.steps {
					step(t, s)
				}
				if reopen {
					stop()
					s, _ = start(t, o)
				}
				before := itemsText(outbox(t, s))
				for range 2 { // attaching again is the same
					if got := attach(t, s, request, cancel); got != tc.want {
						t.Errorf("Attach = %v, want %v", got, tc.want)
					}
				}
				after := itemsText(outbox(t, s))
				want := before
				if tc.want {
					want = fmt.Sprintf("1: %.8s %.8s\n", request.ID(), cancel.ID())
				}
				if after != want || queued(t, s, cancel) != tc.want {
					t.Errorf("outbox:\n%swant:\n%s", after, want)
				}
				sound(t, s)
			})
		}
	}
	t.Run("full item", func(t *testing.T) {
		t.Parallel()
		s, _ := start(t, nodeOptions())
		store1(t, s)
		full(t, s)
		err := s.Do(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Attach(request.ID(), cancel)
			return err
		})
		if pay.CodeOf(err) != pay.CodeTooMany {
			t.Errorf("Attach = %v", err)
		}
	})
	t.Run("queued elsewhere", func(t *testing.T) {
		t.Parallel()
		s, _ := start(t, nodeOptions())
		post(t, s, nil, request, cancel)
		if attach(t, s, request, cancel) {
			t.Error("attached what stands in another item")
		}
	})
}

func TestSessionIsSeenInTheSameBatch(t *testing.T) {
	t.Parallel()
	s := open(t, nodeOptions())
	var before, after bool
	ctx := t.Context()
	done := make(chan error, 1)
	go func() {
		done <- s.Do(ctx, func(tx *store.Tx) error {
			before = tx.SessionOpen()
			return tx.Publish(postings(nil, claim(t, 1)))
		})
	}()
	store.AwaitWaiting(s, 1)
	go func() { done <- s.Journal().SessionOpened(ctx) }()
	store.AwaitWaiting(s, 2)
	go func() {
		done <- s.Do(ctx, func(tx *store.Tx) error {
			after = tx.SessionOpen()
			return tx.Publish(postings(nil, claim(t, 2)))
		})
	}()
	store.AwaitWaiting(s, 3)
	run(t, s)
	if err := errors.Join(<-done, <-done, <-done); err != nil {
		t.Fatal(err)
	}
	if before || !after {
		t.Errorf("the session was open before %v, after %v", before, after)
	}
	s.Journal().SessionClosed()
	for n := range 2 {
		if attach(t, s, claim(t, n+1), claim(t, 9)) {
			t.Errorf("item %d counts as unsent", n+1)
		}
	}
}

func TestOutboxIsBounded(t *testing.T) {
	t.Parallel()
	s, _ := start(t, nodeOptions())
	store.QueueMany(t, s, pay.OutboxItemsMax-1)
	post(t, s, nil, claim(t, 1))
	err := s.Do(t.Context(), func(tx *store.Tx) error { return tx.Publish(postings(nil, claim(t, 2))) })
	var shown *pay.Error
	if !errors.As(err, &shown) || shown.Code != pay.CodeTooMany || shown.Hint == "" {
		t.Errorf("Post to a full outbox = %v", err)
	}
	if queued(t, s, claim(t, 2)) {
		t.Error("the claim was queued all the same")
	}
}

func TestAgeGoesOnThroughARestart(t *testing.T) {
	t.Parallel()
	clock := newHand(noon)
	o := nodeOptions()
	o.Now = clock.now
	s, stop := start(t, o)
	post(t, s, nil, claim(t, 1))
	age := func(want pay.Millis) {
		t.Helper()
		if got := outbox(t, s)[0].Age; got != want {
			t.Errorf("age %d, want %d", got, want)
		}
	}
	restart := func() {
		t.Helper()
		stop()
		s, stop = start(t, o)
	}
	age(0)
	clock.move(500)
	age(500)
	restart()
	age(500)
	clock.move(1000)
	restart()
	age(1500)
	clock.move(-10_000) // the clock is set back while the program is off
	restart()
	age(1500)
	clock.move(250)
	age(1750)
	clock.move(-100_000) // and while it is on
	age(1750)
	clock.move(-100_000)
	opened(t, s) // what was pushed with an age keeps it
	restart()
	age(1750)
}

// The age is counted by the monotonic clock where there is one.
func TestAgeIsMonotonic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := nodeOptions()
		o.Now = nil
		s, stop := start(t, o)
		post(t, s, nil, claim(t, 1))
		time.Sleep(1234 * time.Millisecond)
		post(t, s, nil, claim(t, 2))
		time.Sleep(time.Second)
		items := outbox(t, s)
		if items[0].Age != 2234 || items[1].Age != 1000 {
			t.Errorf("ages %d and %d, want 2234 and 1000", items[0].Age, items[1].Age)
		}
		stop()
	})
}
