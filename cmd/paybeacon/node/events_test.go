package node

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
)

func TestCursorsAreReadStrictly(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0":                               "0.00000000.0",
		"12.5f0c9a3b.7":                   "12.5f0c9a3b.7",
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

func whys(t *testing.T, l *eventLog, q api.EventsRequest) (list []string, cursor string) {
	t.Helper()
	a, err := l.read(t.Context(), q)
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
	l := newEventLog(time.Now, eventFeed{})
	const all = liveEventsMax + 10
	for n := range all {
		l.add(radioNews(n))
	}
	answer, err := l.read(t.Context(), api.EventsRequest{Since: "0"})
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
	other := newEventLog(time.Now, eventFeed{})
	other.add(radioNews(1))
	if list, _ := whys(t, other, api.EventsRequest{Since: items[200].Cursor}); fmt.Sprint(list) != "[news 1]" {
		t.Errorf("after a restart: %v", list)
	}
}

func TestReadingWaitsForTheNextEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newEventLog(time.Now, eventFeed{})
		_, cursor := whys(t, l, api.EventsRequest{Last: 1})
		begun := time.Now()
		go func() {
			time.Sleep(3 * time.Second)
			l.add(radioNews(1))
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
