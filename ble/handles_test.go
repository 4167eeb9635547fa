package ble_test

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// sameHandle returns two codes whose first handles are equal.
func sameHandle(t *testing.T) (a, b pay.Code) {
	t.Helper()
	seen := map[pay.Handle]pay.Code{}
	for n := range uint64(10_000) {
		binary.BigEndian.PutUint64(b[:], n)
		h := pay.HandleFor(b, 0)
		if a, ok := seen[h]; ok {
			return a, b
		}
		seen[h] = b
	}
	t.Fatal("no two codes with one handle")
	return a, b
}

// called returns under which words who is present is shown.
func called(tracker *ble.Tracker, at time.Duration) (out []pay.Handle) {
	for _, c := range tracker.Nearby(traceStart.Add(at)).Candidates {
		out = append(out, c.Handle)
	}
	return out
}

func TestTwoWhoShareTwoWordsAreShownWithThree(t *testing.T) {
	t.Parallel()
	a, b := sameHandle(t)
	two, longA, longB := pay.HandleFor(a, 0), pay.HandleFor(a, 1), pay.HandleFor(b, 1)
	tracker := ble.NewTracker(ble.TrackerOptions{})
	hear := func(at time.Duration, c pay.Code) {
		tracker.Observe(eidAdvert(traceStart.Add(at), c, -50, ble.PowerReference))
	}
	hear(0, a)
	hear(250*time.Millisecond, a)
	if got := called(tracker, 250*time.Millisecond); !slices.Equal(got, []pay.Handle{two}) {
		t.Fatalf("alone: %v, want %s", got, two)
	}
	hear(300*time.Millisecond, b)
	hear(500*time.Millisecond, a)
	hear(550*time.Millisecond, b)
	if got := called(tracker, 600*time.Millisecond); !slices.Equal(got, []pay.Handle{longA, longB}) {
		t.Fatalf("both: %v, want %s and %s", got, longA, longB)
	}
	if longA.Pair() != two || longB.Pair() != two || two.Pair() != two {
		t.Errorf("the three words of %s and %s do not begin with %s", longA, longB, two)
	}
	// While a cashier may remember the two words of the first, the second does not
	// get them, though it is alone.
	hear(30*time.Second, b)
	if got := called(tracker, 30*time.Second); !slices.Equal(got, []pay.Handle{longB}) {
		t.Errorf("words of one who left were given to another: %v", got)
	}
	hear(400*time.Second, b)
	if got := called(tracker, 400*time.Second); !slices.Equal(got, []pay.Handle{two}) {
		t.Errorf("forgotten words are not free: %v", got)
	}
}

// TestWordsOfTheCodeBeforeAreTaken: a cashier reads words, the device changes its
// code, and the words still mean the device for two minutes, through every further
// change.
func TestWordsOfTheCodeBeforeAreTaken(t *testing.T) {
	t.Parallel()
	old, newer := pay.HandleFor(codeNamed("A"), 0), pay.HandleFor(codeNamed("B"), 0)
	for _, c := range []struct {
		at   time.Duration
		word pay.Handle
		want ble.Presence
	}{
		{122 * time.Second, old, ble.Present}, // shown last at 3 s
		{123 * time.Second, old, ble.NeverShown},
		{182 * time.Second, newer, ble.Present}, // shown last at 63 s
		{183 * time.Second, newer, ble.NeverShown},
	} {
		tracker := playTrace(t, ble.TrackerOptions{}, `
			0s..3s A -50
			3s     ? A* clear=A
			3.2s..64s B -50
			5s     ? B* clear=B
			63s    ? B* clear=B
			64.2s..`+c.at.String()+` C -50
			66s    ? C* clear=C`)
		n := tracker.Nearby(traceStart.Add(c.at))
		listed := slices.ContainsFunc(n.Others, func(o pay.Called) bool {
			return o.Handle == c.word && o.Candidate.Code == codeNamed("C")
		})
		found, presence := tracker.Find(c.word, traceStart.Add(c.at))
		if presence != c.want || listed != (c.want == ble.Present) || listed && found.Code != codeNamed("C") {
			t.Errorf("%s at %v: presence %d of %+v, among the others: %v", c.word, c.at, presence, found, listed)
		}
	}
}

// TestWordsOfANewCodeAreTakenAtOnce: while it is open whether a code continues an
// older one, its words already mean the device that broadcasts it.
func TestWordsOfANewCodeAreTakenAtOnce(t *testing.T) {
	t.Parallel()
	tracker := playTrace(t, ble.TrackerOptions{}, `
		0s..3s A -50
		3s     ? A* clear=A
		3.2s   B -50`)
	n := tracker.Nearby(traceStart.Add(3300 * time.Millisecond))
	for draw := range 2 {
		want := pay.HandleFor(codeNamed("B"), draw)
		if !slices.ContainsFunc(n.Others, func(o pay.Called) bool {
			return o.Handle == want && o.Candidate.Handle == want && o.Candidate.Code == codeNamed("B")
		}) {
			t.Errorf("%s is not among %+v", want, n.Others)
		}
	}
}

// TestWordsOfWhoLeftAreRemembered: for two minutes somebody may still be meant by
// the words of one who is gone, unless that one is there again.
func TestWordsOfWhoLeftAreRemembered(t *testing.T) {
	t.Parallel()
	for at, want := range map[time.Duration]bool{5 * time.Second: false, 12 * time.Second: true, 122 * time.Second: true, 124 * time.Second: false} {
		for _, back := range []bool{false, true} {
			tracker := playTrace(t, ble.TrackerOptions{}, `
				0s..`+at.String()+` B -70
				0s..3s A -50
				3s     ? A* B clear=A`)
			if back {
				tracker.Observe(eidAdvert(traceStart.Add(at), codeNamed("A"), -50, ble.PowerReference))
			}
			gone := tracker.Nearby(traceStart.Add(at)).Gone
			if got := len(gone) > 0; got != (want && !back) || got && (len(gone) != 1 || gone[0].Handle != pay.HandleFor(codeNamed("A"), 0) || gone[0].Candidate.Code != codeNamed("A")) {
				t.Errorf("at %v, back: %v: gone are %+v", at, back, gone)
			}
		}
	}
}

// TestWordsThatAreUsedUp: who copies the words of another, by trying codes, does not
// make it disappear from the till.
func TestWordsThatAreUsedUp(t *testing.T) {
	t.Parallel()
	const devices = 40_000 // more than there are pairs of words
	tracker := ble.NewTracker(ble.TrackerOptions{})
	var codes []pay.Code
	want := pay.HandleFor(pay.Code{}, 0)
	for n := range uint64(devices) {
		var c pay.Code
		binary.BigEndian.PutUint64(c[:], n)
		if pay.HandleFor(c, 0) == want {
			codes = append(codes, c)
		}
	}
	for round := range 2 {
		for i, c := range codes {
			at := traceStart.Add(time.Duration(round)*time.Second + time.Duration(i)*time.Millisecond)
			tracker.Observe(eidAdvert(at, c, -50, ble.PowerReference))
			called(tracker, at.Sub(traceStart))
		}
	}
	got := called(tracker, 8*time.Second)
	slices.Sort(got)
	if len(got) < 2 || len(slices.Compact(got)) != len(codes) {
		t.Errorf("%d devices are shown as %v", len(codes), got)
	}
}
