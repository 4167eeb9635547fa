package ble_test

import (
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// rows writes the rows of Watch in the form of the traces, with "!" for clear
// and "?" for pending.
func rows(tracker *ble.Tracker, at time.Duration) string {
	var words []string
	for _, r := range tracker.Watch(traceStart.Add(at)) {
		word := nameOf(r.Code)
		if r.Near {
			word += "*"
		}
		if r.Clear {
			word += "!"
		}
		if r.Pending {
			word += "?"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func TestWatch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		trace string
		at    time.Duration
		want  string
	}{
		"one":                      {"0s..3s A -50", 3 * time.Second, "A*!"},
		"strongest first":          {"0s..3s A -60\n0.1s..3s B -50", 3 * time.Second, "B*! A*"},
		"too close":                {"0s..3s A -50\n0.1s..3s B -52", 3 * time.Second, "A* B*"},
		"a code that may be next":  {"0s..3s A -50\n3.2s A2 -50", 3300 * time.Millisecond, "A*! A2?"},
		"it was":                   {"0s..3s A -50\n3.2s..6s A2 -50", 6 * time.Second, "A2*!"},
		"nobody":                   {"0s..3s A -50", 20 * time.Second, ""},
		"silent, still remembered": {"0s..3s A -50", 7 * time.Second, "A*"},
	} {
		tracker := playTrace(t, ble.TrackerOptions{}, c.trace)
		before := tracker.Nearby(traceStart.Add(c.at))
		if got := rows(tracker, c.at); got != c.want {
			t.Errorf("%s:\n have %s\n want %s", name, got, c.want)
		}
		after := tracker.Nearby(traceStart.Add(c.at))
		if len(before.Candidates) != len(after.Candidates) || before.Clear != after.Clear {
			t.Errorf("%s: watching changed %+v into %+v", name, before, after)
		}
	}
	tracker := playTrace(t, ble.TrackerOptions{}, "0s..3s A -50")
	tracker.SetDeaf(true)
	if got := rows(tracker, 3*time.Second); got != "A*" {
		t.Errorf("deaf: have %s, want nobody clear", got)
	}
}

// TestWatchedThroughARotation calls Watch after every advert, also while codes
// are pending, so that it finds a handle that is given too early.
func TestWatchedThroughARotation(t *testing.T) {
	t.Parallel()
	tracker := ble.NewTracker(ble.TrackerOptions{})
	var last []ble.Row
	for n := range 200 {
		at := traceStart.Add(time.Duration(n) * 100 * time.Millisecond)
		code := codeNamed(string(rune('A' + n/40)))
		tracker.Observe(eidAdvert(at, code, -50, ble.PowerReference))
		last = tracker.Watch(at)
		for _, r := range last {
			if (r.Handle == "") != r.Pending {
				t.Fatalf("after %d adverts: %+v", n, r)
			}
		}
	}
	now := pay.HandleFor(codeNamed("E"), 0)
	if len(last) != 1 || last[0].Handle != now || last[0].Interval != 100*time.Millisecond {
		t.Fatalf("have %+v, want the one under the handle %s", last, now)
	}
	for i, s := range last[0].Trail {
		if s != -50 {
			t.Errorf("slot %d of the trail: %d, want -50 through every rotation", i, s)
		}
	}
}

func TestTrail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		trace string
		at    time.Duration
		want  string // of the last eight slots, "." for unheard
	}{
		"young":                      {"0s..0.9s A -50/100ms", 900 * time.Millisecond, ". . . . . . -50 -50"},
		"the strongest of each slot": {"0s A -70\n0.1s A -60\n0.2s A -90", 400 * time.Millisecond, ". . . . . . . -60"},
		"silence is a gap":           {"0s A -50\n2s A -40", 3 * time.Second, ". -50 . . . -40 . ."},
		"a rotation leaves no gap":   {"0s..1.9s A -50/100ms\n2s..3.9s A2 -52/100ms", 3900 * time.Millisecond, "-50 -50 -50 -50 -52 -52 -52 -52"},
	} {
		tracker := playTrace(t, ble.TrackerOptions{}, c.trace)
		table := tracker.Watch(traceStart.Add(c.at))
		if len(table) != 1 {
			t.Fatalf("%s: %+v", name, table)
		}
		if got := plot(table[0].Trail); got != c.want {
			t.Errorf("%s:\n have %s\n want %s", name, got, c.want)
		}
	}
}

func TestTrailIsNormalisedAndForgets(t *testing.T) {
	t.Parallel()
	tracker := ble.NewTracker(ble.TrackerOptions{})
	for _, at := range []int{0, 7, 14, 20} { // seconds; a trail holds 16
		tracker.Observe(eidAdvert(traceStart.Add(time.Duration(at)*time.Second), codeNamed("A"), -70, -69))
	}
	heard := map[int]pay.RSSI{}
	for i, s := range tracker.Watch(traceStart.Add(20 * time.Second))[0].Trail {
		if s != ble.Unheard {
			heard[i] = s
		}
	}
	if want := (map[int]pay.RSSI{5: -60, 19: -60, 31: -60}); !maps.Equal(heard, want) {
		t.Errorf("have %v, want %v", heard, want)
	}
}

func plot(trail ble.Trail) string {
	var words []string
	for _, s := range trail[ble.TrailSlots-8:] {
		if s == ble.Unheard {
			words = append(words, ".")
			continue
		}
		words = append(words, strconv.Itoa(int(s)))
	}
	return strings.Join(words, " ")
}
