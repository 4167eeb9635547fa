package store_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
)

// The log names each fact that is published once, in the order of publication,
// whatever feeds it stands in.
func TestLogNamesEachFactOnce(t *testing.T) {
	t.Parallel()
	o := registryOptions()
	o.Engine, o.Authority = twice(o.Engine), authority(t)
	s, stop := start(t, o)
	told, unwatch := s.WatchLog()
	publish := func(token bool, scopes []pay.Scope, facts ...pay.Fact) {
		t.Helper()
		post(t, s, scopes, facts...)
		if given(told) != token || given(told) {
			t.Errorf("watchers of the log got a token: %v, want %v", !token, token)
		}
	}
	both := []pay.Scope{"m/a", "w/b"}
	publish(true, both, claim(t, 1))
	publish(true, both, claim(t, 3), claim(t, 2))
	publish(false, both, claim(t, 1))                     // stands there
	publish(false, []pay.Scope{"s"}, claim(t, 1))         // stands elsewhere
	publish(false, nil, claim(t, 4))                      // is stored and published nowhere
	publish(false, []pay.Scope{"m/c"}, o.Authority)       // began all feeds
	publish(true, []pay.Scope{"m/c", "m/c"}, claim(t, 4)) // is published now
	if _, err := s.Feeds().Apply(t.Context(), pay.NodeID{1}, pay.Incarnation{1}, []pay.Item{{N: 1, Facts: []pay.Fact{claim(t, 5)}}}); err != nil {
		t.Fatal(err)
	}
	if given(told) {
		t.Error("a claim that arrived is in the log")
	}
	publish(true, []pay.Scope{"m/a"}, claim(t, 5))
	errNo := errors.New("no")
	err := s.Do(t.Context(), func(tx *store.Tx) error { return errors.Join(tx.Publish(postings(both, claim(t, 6))), errNo) })
	if !errors.Is(err, errNo) || given(told) {
		t.Errorf("a command that failed gave a token: %v", err)
	}
	unwatch()
	unwatch()
	stop()
	s, _ = start(t, o)
	post(t, s, both, claim(t, 7))
	want := ids(o.Authority, claim(t, 1), claim(t, 3), claim(t, 2), claim(t, 4), claim(t, 5), claim(t, 7))
	if got := logOf(t, s, 0); !slices.Equal(got, want) {
		t.Errorf("log %v, want %v", got, want)
	}
	if got := logOf(t, s, 5); !slices.Equal(got, want[5:]) {
		t.Errorf("log after 5: %v, want %v", got, want[5:])
	}
	view(t, s, func(v *store.View) error {
		epoch, seq, err := v.LogEnd()
		if seq != uint64(len(want)) || epoch != head(t, s, "m/a").Cursor.Epoch || err != nil {
			t.Errorf("LogEnd = %x, %d, %v", epoch, seq, err)
		}
		n := 0
		count := func(uint64, pay.Fact) error { n++; return nil }
		if err := errors.Join(v.Log(2, 3, count), v.Log(^uint64(0), 0, count), v.Log(99, 0, count)); err != nil || n != 3 {
			t.Errorf("%d rows, %v", n, err)
		}
		if err := v.Log(0, 0, func(uint64, pay.Fact) error { return errNo }); !errors.Is(err, errNo) {
			t.Errorf("Log = %v", err)
		}
		return nil
	})
	sound(t, s)
}

// A node publishes nothing in feeds, so it has no log.
func TestNodeHasNoLog(t *testing.T) {
	t.Parallel()
	s, _ := start(t, nodeOptions())
	post(t, s, nil, claim(t, 1))
	if _, err := s.Journal().Mirror(t.Context(), pay.Cursor{Epoch: pay.Epoch{1}}, []pay.Fact{claim(t, 2)}, pay.Acked{}); err != nil {
		t.Fatal(err)
	}
	if got := logOf(t, s, 0); len(got) != 0 {
		t.Errorf("log %v", got)
	}
	sound(t, s)
}
