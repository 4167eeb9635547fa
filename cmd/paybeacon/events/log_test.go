package events

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/kv"
)

func TestCursorsAreReadStrictly(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0":                               "0.00000000.0",
		"12.5f0c9a3b.7":                   "12.5f0c9a3b.7",
		"12.5f0c9a3b.7.0123456789abcdef":  "12.5f0c9a3b.7.0123456789abcdef",
		"12.5f0c9a3b.7.0123456789abcde":   "E_USAGE",
		"12.5f0c9a3b.7.0123456789abcdeg":  "E_USAGE",
		"12.5f0c9a3b.7.":                  "E_USAGE",
		"0.5f0c9a3b.7.0123456789abcdef":   "E_USAGE", // before the first entry is none
		"":                                "E_USAGE",
		"12":                              "E_USAGE",
		"12.5f0c9a3b":                     "E_USAGE",
		"12.5f0c9a3b.7.8":                 "E_USAGE",
		"-1.5f0c9a3b.7":                   "E_USAGE",
		"12.5f0c.7":                       "E_USAGE",
		"12.5f0c9a3x.7":                   "E_USAGE",
		"12.5f0c9a3b.":                    "E_USAGE",
		"99999999999999999999.5f0c9a3b.0": "E_USAGE",
	} {
		c, err := ParseCursor(text)
		got := c.String()
		if err != nil {
			got = string(pay.CodeOf(err))
		}
		if got != want {
			t.Errorf("%q: have %s, want %s", text, got, want)
		}
	}
}

func radioNews(n int) api.Event { return api.NewRadioEvent(false, fmt.Sprint("news ", n), 0, 0) }

func whys(t *testing.T, l *Log, q api.EventsRequest) (list []string, cursor string) {
	t.Helper()
	a, err := l.Read(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range a.Items {
		list = append(list, e.RadioWhy)
	}
	return list, a.Cursor
}

// TestLiveEventsAreReadFromAnyPoint comes back with each event's cursor and
// wants exactly what came after it.
func TestLiveEventsAreReadFromAnyPoint(t *testing.T) {
	t.Parallel()
	l := NewLog(time.Now, Feed{})
	const all = liveEventsMax + 10
	for n := range all {
		l.Add(radioNews(n))
	}
	answer, err := l.Read(t.Context(), api.EventsRequest{Since: "0"})
	if err != nil {
		t.Fatal(err)
	}
	items := answer.Items
	if len(items) != liveEventsMax || items[0].RadioWhy != "news 10" {
		t.Fatalf("%d kept, the first is %q", len(items), items[0].RadioWhy)
	}
	for i, e := range items {
		rest, _ := whys(t, l, api.EventsRequest{Since: e.Cursor})
		if len(rest) != len(items)-i-1 || (len(rest) > 0 && rest[0] != items[i+1].RadioWhy) {
			t.Fatalf("behind %q: %d events, want %d", e.RadioWhy, len(rest), len(items)-i-1)
		}
	}
	if last, _ := whys(t, l, api.EventsRequest{Last: 2}); fmt.Sprint(last) != fmt.Sprintf("[news %d news %d]", all-2, all-1) {
		t.Errorf("the last two are %v", last)
	}
	if none, cursor := whys(t, l, api.EventsRequest{Last: 0}); len(none) != 0 || cursor != items[len(items)-1].Cursor {
		t.Errorf("the last none are %v, at %s", none, cursor)
	}
	// Another start of the daemon counts anew: all that it has is new.
	other := NewLog(time.Now, Feed{})
	other.Add(radioNews(1))
	if list, _ := whys(t, other, api.EventsRequest{Since: items[200].Cursor}); fmt.Sprint(list) != "[news 1]" {
		t.Errorf("after a restart: %v", list)
	}
}

func TestReadingWaitsForTheNextEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewLog(time.Now, Feed{})
		_, cursor := whys(t, l, api.EventsRequest{Last: 1})
		begun := time.Now()
		go func() {
			time.Sleep(3 * time.Second)
			l.Add(radioNews(1))
		}()
		list, cursor := whys(t, l, api.EventsRequest{Since: cursor, Wait: 10_000})
		if fmt.Sprint(list) != "[news 1]" || time.Since(begun) != 3*time.Second {
			t.Errorf("%v after %v", list, time.Since(begun))
		}
		if list, _ = whys(t, l, api.EventsRequest{Since: cursor, Wait: 10_000}); len(list) != 0 || time.Since(begun) != 13*time.Second {
			t.Errorf("%v after %v", list, time.Since(begun))
		}
	})
}

// toldStore is a registry's store in memory with a top-up for each key in its log.
func toldStore(t *testing.T, keys ...pay.IdempotencyKey) (*store.Store, kv.Engine) {
	t.Helper()
	engine := kv.NewMemory()
	s, err := store.Open(t.Context(), store.Options{Engine: engine, Own: pay.ScopeRegistry, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	publishTopUps(t, s, keys...)
	return s, engine
}

func publishTopUps(t *testing.T, s *store.Store, keys ...pay.IdempotencyKey) {
	t.Helper()
	signer, err := pay.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		f, err := pay.Sign(signer, pay.TopUp{Wallet: "w/ada", Amount: 1, Currency: "EUR", Key: key, At: pay.TimeOf(time.Unix(1_800_000_000, 0))})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Step(t.Context(), time.Now(), []store.Command{func(tx *store.Tx) error {
			return tx.Publish(pay.Reaction{Publications: []pay.Publication{{Fact: f, Scopes: []pay.Scope{"w/ada"}}}})
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestCursorOfAnotherHistoryIsRefused: a cursor holds at the node that printed it, and
// nowhere else, also where there are more entries than it counts: not at another
// node, and not at one that was put back to a copy and went on from there.
func TestCursorOfAnotherHistoryIsRefused(t *testing.T) {
	t.Parallel()
	eventsOf := func(s *store.Store) *Log { return NewLog(time.Now, FeedOf(s, pay.ScopeRegistry)) }
	s, _ := toldStore(t, "a", "b")
	l := eventsOf(s)
	early, err := l.Read(t.Context(), api.EventsRequest{Since: "0"})
	if err != nil || len(early.Items) != 2 {
		t.Fatalf("%+v, %v", early, err)
	}
	publishTopUps(t, s, "c")
	late, err := l.Read(t.Context(), api.EventsRequest{Last: 1})
	if err != nil || len(late.Items) != 1 || late.Items[0].Cursor != late.Cursor {
		t.Fatalf("%+v, %v", late, err)
	}

	other, _ := toldStore(t, "a", "b", "c", "d")
	for name, tc := range map[string]struct {
		at     *Log
		cursor string
		want   int // events; -1: refused
	}{
		"where it was printed":              {l, early.Cursor, 1},
		"of an event":                       {l, early.Items[0].Cursor, 2},
		"after a restart":                   {eventsOf(s), early.Cursor, 1},
		"at the end":                        {l, late.Cursor, 0},
		"at another node":                   {eventsOf(other), early.Cursor, -1},
		"at another node, further on":       {eventsOf(other), late.Cursor, -1},
		"the beginning, at another node":    {eventsOf(other), "0", 4},
		"one of old, where it was printed":  {l, early.Cursor[:strings.LastIndex(early.Cursor, ".")], 1},
		"one of old that is behind the end": {l, "9.00000000.0", -1},
	} {
		got, err := tc.at.Read(t.Context(), api.EventsRequest{Since: tc.cursor})
		switch {
		case tc.want < 0 && pay.CodeOf(err) != pay.CodeConflict:
			t.Errorf("%s: %q gives %d events, %v", name, tc.cursor, len(got.Items), err)
		case tc.want >= 0 && (err != nil || len(got.Items) != tc.want):
			t.Errorf("%s: %q gives %d events, want %d, %v", name, tc.cursor, len(got.Items), tc.want, err)
		}
	}

	// The same beginning, and then something else.
	back, engine := toldStore(t, "a", "b")
	cursor, err := eventsOf(back).Read(t.Context(), api.EventsRequest{Last: 0})
	if err != nil {
		t.Fatal(err)
	}
	copied := copyOf(t, engine)
	publishTopUps(t, back, "lost")
	lost, err := eventsOf(back).Read(t.Context(), api.EventsRequest{Last: 0})
	if err != nil {
		t.Fatal(err)
	}
	put, err := store.Open(t.Context(), store.Options{Engine: copied, Own: pay.ScopeRegistry, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	publishTopUps(t, put, "c", "d", "e")
	if got, err := eventsOf(put).Read(t.Context(), api.EventsRequest{Since: cursor.Cursor}); err != nil || len(got.Items) != 3 {
		t.Errorf("from before the copy: %d events, %v", len(got.Items), err)
	}
	if got, err := eventsOf(put).Read(t.Context(), api.EventsRequest{Since: lost.Cursor}); pay.CodeOf(err) != pay.CodeConflict {
		t.Errorf("from what was lost: %d events, %v", len(got.Items), err)
	}
}

// copyOf returns an engine with the same rows.
func copyOf(t *testing.T, from kv.Engine) kv.Engine {
	t.Helper()
	to := kv.NewMemory()
	err := to.Update(t.Context(), func(tx kv.Tx) error {
		return from.View(t.Context(), func(r kv.Reader) error {
			var failed error
			err := r.Scan(nil, nil, 0, func(key, value []byte) bool {
				failed = tx.Put(key, value)
				return failed == nil
			})
			return errors.Join(failed, err)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}
