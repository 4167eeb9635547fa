package store_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
)

func TestWatchersAreToldOnceForMany(t *testing.T) {
	t.Parallel()
	s, _ := start(t, registryOptions())
	a, stopA := s.Watch("m/a")
	a2, stopA2 := s.Watch("m/a")
	b, stopB := s.Watch("m/b")
	all, stopAll := s.WatchAll()
	defer stopA2()
	defer stopB()

	tell := func(fn func(tx *store.Tx) error, err error) {
		t.Helper()
		if got := s.Do(t.Context(), fn); !errors.Is(got, err) {
			t.Fatal(got)
		}
	}
	expect := func(what string, wantA, wantA2, wantB, wantAll bool) {
		t.Helper()
		for _, c := range []struct {
			name string
			got  func() bool
			want bool
		}{{"a", got(a), wantA}, {"a again", got(a2), wantA2}, {"b", got(b), wantB}, {"all", got(all), wantAll}} {
			if got := c.got(); got != c.want {
				t.Errorf("%s: watcher of %s was told %v, want %v", what, c.name, got, c.want)
			}
			if c.got() {
				t.Errorf("%s: watcher of %s has a second token", what, c.name)
			}
		}
	}
	postA := func(n int) func(tx *store.Tx) error {
		return func(tx *store.Tx) error { return tx.Publish(postings([]pay.Scope{"m/a"}, claim(t, n))) }
	}
	errNo := errors.New("no")

	tell(postA(1), nil)
	expect("one entry", true, true, false, true)
	tell(postA(2), nil)
	tell(postA(3), nil)
	expect("two entries", true, true, false, true)
	tell(postA(3), nil)
	expect("an entry that stands there", false, false, false, false)
	tell(func(tx *store.Tx) error { return errors.Join(postA(4)(tx), errNo) }, errNo)
	expect("a failed command", false, false, false, false)
	tell(func(tx *store.Tx) error { return count(tx, "x") }, nil)
	expect("a row", false, false, false, true)
	tell(func(tx *store.Tx) error { return nil }, nil)
	expect("nothing", false, false, false, false)
	stopA()
	stopA()
	stopAll()
	tell(postA(5), nil)
	expect("after stop", false, true, false, false)
}

func TestChangedTellsOfTheOutbox(t *testing.T) {
	t.Parallel()
	s, _ := start(t, nodeOptions())
	own, stop := s.Watch(boxScope)
	defer stop()
	do(t, s, func(tx *store.Tx) error { return count(tx, "x") })
	if given(s.Journal().Changed()) {
		t.Error("told of a row")
	}
	post(t, s, nil, claim(t, 1))
	post(t, s, nil, claim(t, 2))
	if !given(s.Journal().Changed()) || given(s.Journal().Changed()) {
		t.Error("not told once of two items")
	}
	attach(t, s, claim(t, 1), claim(t, 3))
	if !given(s.Journal().Changed()) {
		t.Error("not told of a fact that was attached")
	}
	acked(t, s, 2, nil)
	if given(s.Journal().Changed()) {
		t.Error("told of an acknowledgement")
	}
	if given(own) {
		t.Error("told of entries that are not there")
	}
	c := pay.Cursor{Epoch: pay.Epoch{1}}
	if _, err := s.Journal().Mirror(t.Context(), c, []pay.Fact{claim(t, 1)}, pay.Acked{}); err != nil {
		t.Fatal(err)
	}
	if !given(own) {
		t.Error("not told of a mirrored entry")
	}
}

func got[T any](ch <-chan T) func() bool { return func() bool { return given(ch) } }

func TestWatchGivesTheNewestNumber(t *testing.T) {
	t.Parallel()
	s, _ := start(t, registryOptions())
	grown, stop := s.Watch("m/a")
	defer stop()
	for n := range 3 {
		if err := s.Do(t.Context(), func(tx *store.Tx) error { return tx.Publish(postings([]pay.Scope{"m/a"}, claim(t, n+1))) }); err != nil {
			t.Fatal(err)
		}
	}
	if n := <-grown; n != 3 || given(grown) {
		t.Errorf("got %d, want the number of the newest of three entries alone", n)
	}
}

// TestWatchedRows checks that who waits for one payment is woken by what concerns
// it, and by nothing else.
func TestWatchedRows(t *testing.T) {
	t.Parallel()
	s, _ := start(t, nodeOptions())
	one, two := claim(t, 1), claim(t, 2)
	first, stopFirst := s.WatchIDs(one.ID())
	both, stopBoth := s.WatchIDs(one.ID(), two.ID())
	space, stopSpace := s.WatchSpace('q')
	expect := func(what string, fn func(tx *store.Tx) error, wantFirst, wantBoth, wantSpace bool) {
		t.Helper()
		if err := s.Do(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
		if a, b, c := given(first), given(both), given(space); a != wantFirst || b != wantBoth || c != wantSpace {
			t.Errorf("%s: woken %v, %v, %v, want %v, %v, %v", what, a, b, c, wantFirst, wantBoth, wantSpace)
		}
	}
	row := func(prefix string, f pay.Fact) []byte { id := f.ID(); return append([]byte(prefix), id[:]...) }
	expect("the outbox", func(tx *store.Tx) error { return tx.Publish(postings(nil, one)) }, true, true, false)
	expect("a row of the one", func(tx *store.Tx) error { return tx.Put(row("hp", one), nil) }, true, true, false)
	expect("a row of the other", func(tx *store.Tx) error { return tx.Put(row("hp", two), nil) }, false, true, false)
	expect("a row of that space", func(tx *store.Tx) error { return tx.Put(row("q", two), nil) }, false, true, true)
	expect("its removal", func(tx *store.Tx) error { return tx.Delete(row("q", two)) }, false, true, true)
	expect("a row of neither", func(tx *store.Tx) error { return tx.Put([]byte("qx"), nil) }, false, false, false)
	stopFirst()
	stopBoth()
	stopSpace()
	expect("after the end", func(tx *store.Tx) error { return tx.Put(row("q", one), nil) }, false, false, false)
}

// Whoever waits in a receive takes a token as it is given: a commit that writes several
// rows of a payment still wakes it once.
func TestOneTokenForACommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := start(t, nodeOptions())
		one := claim(t, 1).ID()
		byID, stopID := s.WatchIDs(one)
		defer stopID()
		bySpace, stopSpace := s.WatchSpace('h')
		defer stopSpace()
		ended, end := context.WithCancel(t.Context())
		defer end()
		var woken [2]atomic.Int32
		for i, ch := range []<-chan struct{}{byID, bySpace} {
			go func() {
				for ended.Err() == nil {
					select {
					case <-ch:
						woken[i].Add(1)
					case <-ended.Done():
					}
				}
			}()
		}
		synctest.Wait()
		if err := s.Do(t.Context(), func(tx *store.Tx) error {
			return errors.Join(tx.Put(append([]byte("hp"), one[:]...), nil), tx.Put(append([]byte("hx"), one[:]...), nil))
		}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if a, b := woken[0].Load(), woken[1].Load(); a != 1 || b != 1 {
			t.Errorf("woken %d and %d times", a, b)
		}
	})
}
