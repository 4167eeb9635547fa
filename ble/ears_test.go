package ble_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// stand is a device that stands still, as two ears hear it; 0 is not at all.
type stand struct {
	name          string
	first, second int
	power         pay.RSSI // 0 for the reference
	every         time.Duration
}

// playEars plays devices for span to a tracker, the second ear 3 ms after the first
// and its clock off by skew, and returns what is near at the end.
func playEars(t *testing.T, tracker *ble.Tracker, from, span, skew time.Duration, stands ...stand) pay.Nearby {
	t.Helper()
	end := traceStart.Add(from + span)
	for at := traceStart.Add(from); at.Before(end); at = at.Add(10 * time.Millisecond) {
		for n, s := range stands {
			every := max(s.every, 100*time.Millisecond)
			if (at.Sub(traceStart)+time.Duration(n)*10*time.Millisecond)%every != 0 {
				continue
			}
			power := s.power
			if power == 0 {
				power = ble.PowerReference
			}
			if s.first != 0 {
				tracker.Observe(eidAdvert(at, codeNamed(s.name), s.first, power))
			}
			if s.second != 0 {
				a := eidAdvert(at.Add(3*time.Millisecond+skew), codeNamed(s.name), s.second, power)
				a.Ear = ble.SecondEar
				tracker.Observe(a)
			}
		}
	}
	return tracker.Nearby(end)
}

// clearName is the name of the stand that is clear, or "".
func clearName(n pay.Nearby, stands []stand) string {
	for _, c := range n.Candidates {
		for _, s := range stands {
			if c.Handle == n.Clear && c.Code == codeNamed(s.name) {
				return s.name
			}
		}
	}
	return ""
}

// TestTwoEars: half of what the second ear hears is taken off when devices are
// compared, in the order and in the lead, and never off a level.
func TestTwoEars(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stands       []stand
		first, clear string
	}{
		"a phone that is stronger everywhere": {[]stand{{name: "A", first: -50, second: -66}, {name: "B", first: -46, second: -46}}, "A", "A"},
		"with one ear it would be first":      {[]stand{{name: "A", first: -50}, {name: "B", first: -46}}, "B", ""},
		"a lead of 5 dB":                      {[]stand{{name: "A", first: -50, second: -70}, {name: "B", first: -55, second: -70}}, "A", ""},
		"a lead of 4 and half of 4":           {[]stand{{name: "A", first: -50, second: -70}, {name: "B", first: -54, second: -66}}, "A", "A"},
		"a lead of 4 and half of 3":           {[]stand{{name: "A", first: -50, second: -70}, {name: "B", first: -54, second: -67}}, "A", ""},
		"a lead of 8 less half of 5":          {[]stand{{name: "A", first: -50, second: -65}, {name: "B", first: -58, second: -70}}, "A", ""},
		"levels are the first ear's":          {[]stand{{name: "A", first: -54, second: -90}, {name: "B", first: -70, second: -50}}, "A", ""},
		"one ear hears the other one only":    {[]stand{{name: "A", first: -50, second: -60}, {name: "B", first: -57}}, "A", "A"},
		"and that one is too near":            {[]stand{{name: "A", first: -50, second: -90}, {name: "B", first: -55}}, "A", ""},
		"only the second ear hears it":        {[]stand{{name: "A", first: -50, second: -60}, {name: "B", second: -30}}, "A", "A"},
		"power is taken off at both":          {[]stand{{name: "A", first: -50, second: -66}, {name: "B", first: -60, second: -60, power: -73}}, "A", "A"},
		"a slow device":                       {[]stand{{name: "A", first: -50, second: -66, every: 1280 * time.Millisecond}, {name: "B", first: -46, second: -46}}, "A", "A"},
	} {
		n := playEars(t, ble.NewTracker(ble.TrackerOptions{}), 0, 9*time.Second, 0, c.stands...)
		if got := clearName(n, c.stands); got != c.clear || n.Candidates[0].Code != codeNamed(c.first) {
			t.Errorf("%s: clear %q, want %q; %+v", name, got, c.clear, n)
		}
	}
}

// TestTheSecondEarDoesNotMoveTime: whatever its clock says, what is near stays.
func TestTheSecondEarDoesNotMoveTime(t *testing.T) {
	t.Parallel()
	stands := []stand{{name: "A", first: -50, second: -66}, {name: "B", first: -46, second: -46}}
	want := fmt.Sprintf("%+v", playEars(t, ble.NewTracker(ble.TrackerOptions{}), 0, 6*time.Second, 0, stands...))
	for _, skew := range []time.Duration{-time.Hour, -30 * time.Millisecond, 50 * time.Millisecond, time.Minute, 1000 * time.Hour} {
		if got := fmt.Sprintf("%+v", playEars(t, ble.NewTracker(ble.TrackerOptions{}), 0, 6*time.Second, skew, stands...)); got != want {
			t.Errorf("off by %v:\n%s\nwant\n%s", skew, got, want)
		}
	}
}

// TestAnEarGoesDeaf: without the second ear the first one decides alone, at once.
// Without the first one the second lists who is there and nobody is clear, and
// what it heard counts for nothing when the first one hears again.
func TestAnEarGoesDeaf(t *testing.T) {
	t.Parallel()
	stands := []stand{{name: "A", first: -50, second: -66}, {name: "B", first: -46, second: -46}}
	tracker := ble.NewTracker(ble.TrackerOptions{})
	playEars(t, tracker, 0, 5*time.Second, 0, stands...)
	tracker.SetSecondDeaf(true)
	if n := tracker.Nearby(traceStart.Add(5 * time.Second)); n.Clear != "" || n.Deaf || n.Candidates[0].Code != codeNamed("B") {
		t.Errorf("second deaf: %+v", n)
	}
	tracker.SetSecondDeaf(false)
	n := playEars(t, tracker, 5*time.Second, 5*time.Second, 0, stands...)
	if clearName(n, stands) != "A" {
		t.Errorf("second back: %+v", n)
	}
	handle := n.Candidates[0].Handle

	tracker.SetDeaf(true)
	deafened := []stand{{name: "A", second: -40}, {name: "B", second: -46}, {name: "C", second: -30}}
	n = playEars(t, tracker, 10*time.Second, 20*time.Second, 0, deafened...)
	if n.Clear != "" || !n.Deaf || len(n.Candidates) != 3 {
		t.Errorf("first deaf: %+v", n)
	}
	if c, p := tracker.Find(handle, traceStart.Add(30*time.Second)); p != ble.Present || c.Code != codeNamed("A") {
		t.Errorf("first deaf: %q is %v, %+v", handle, p, c)
	}
	tracker.SetDeaf(false)
	for k := range 40 {
		at := 30*time.Second + time.Duration(k)*100*time.Millisecond
		n = playEars(t, tracker, at, 100*time.Millisecond, 0, stands...)
		for _, c := range n.Candidates {
			if c.Code == codeNamed("C") && (c.Near || c.Tapped) || k == 0 && (c.Near || n.Clear != "") {
				t.Fatalf("first back after %d adverts: %+v", k, n)
			}
		}
	}
	n = playEars(t, tracker, 34*time.Second, 8*time.Second, 0, stands...)
	if clearName(n, stands) != "A" {
		t.Errorf("first back: %+v", n)
	}
}

// TestOneEarAsBefore: adverts of one ear are decided upon as before there were two,
// whatever is set for a second one, and so are recordings of them.
func TestOneEarAsBefore(t *testing.T) {
	t.Parallel()
	const seed = 11
	r := rand.New(rand.NewPCG(seed, 0))
	one, odd := ble.NewTracker(ble.TrackerOptions{}), ble.NewTracker(ble.TrackerOptions{SecondShare: 100})
	odd.SetSecondDeaf(true)
	for n := range 6000 {
		at := traceStart.Add(time.Duration(n) * 20 * time.Millisecond)
		who := r.IntN(9)
		a := eidAdvert(at, codeNamed(fmt.Sprint("p", who, n/800)), -44-4*who-r.IntN(9), -65+pay.RSSI(r.IntN(3)))
		one.Observe(a)
		odd.Observe(a)
		a.Ear, a.HasRSSI = ble.SecondEar, who > 2
		odd.Observe(a)
		if n%5 > 0 {
			continue
		}
		x, y := one.Nearby(at), odd.Nearby(at)
		if !reflect.DeepEqual(x, y) {
			t.Fatalf("seed %d, advert %d: with one ear %+v\nwith a deaf second one %+v", seed, n, x, y)
		}
		for i := 1; i < len(x.Candidates); i++ {
			if a, b := x.Candidates[i-1], x.Candidates[i]; a.Tapped == b.Tapped && a.RSSI < b.RSSI {
				t.Fatalf("seed %d, advert %d: not by strength: %+v", seed, n, x)
			}
		}
	}
}

// TestNoWrongClearWithTwoEars: odd devices, as the second ear hears them, name
// nobody that one ear would not name.
func TestNoWrongClearWithTwoEars(t *testing.T) {
	t.Parallel()
	const seed = 13
	r := rand.New(rand.NewPCG(seed, 0))
	tracker := ble.NewTracker(ble.TrackerOptions{})
	for n := range 4000 { // power stated at random, with a second ear that hears little
		at := traceStart.Add(time.Duration(n) * 100 * time.Millisecond)
		power := pay.RSSI(-75 + r.IntN(31))
		a := eidAdvert(at, codeNamed("liar"), -45-r.IntN(20), power)
		tracker.Observe(a)
		a.Ear = ble.SecondEar
		a.SetRSSI([]int{-90, 127, -20}[r.IntN(3)])
		tracker.Observe(a)
		if c := tracker.Nearby(at).Clear; c != "" {
			t.Fatalf("seed %d, advert %d: %s is clear", seed, n, c)
		}
	}
	for name, stands := range map[string][]stand{
		"little at the second ear": {{name: "A", first: -50, second: -50}, {name: "B", first: -52, second: -95, every: 3 * time.Second}},
		"nothing at the first":     {{name: "B", second: -30}},
		"alike at both":            {{name: "A", first: -45, second: -60}, {name: "B", first: -45, second: -60}},
	} {
		if n := playEars(t, ble.NewTracker(ble.TrackerOptions{}), 0, 9*time.Second, 0, stands...); n.Clear != "" {
			t.Errorf("%s: %+v", name, n)
		}
	}
}

// TestSecondEarInACrowd: what the second ear hears of more devices than there is
// room for makes no candidate and costs no memory.
func TestSecondEarInACrowd(t *testing.T) { // alone: it counts allocations
	tracker := ble.NewTracker(ble.TrackerOptions{})
	known := eidAdvert(traceStart, codeNamed("A"), -50, ble.PowerReference)
	tracker.Observe(known)
	a := eidAdvert(traceStart, pay.Code{}, -30, ble.PowerReference)
	a.Ear = ble.SecondEar
	code := a.Sections[0].Data[2:]
	n := 0
	if per := testing.AllocsPerRun(10_000, func() {
		n++
		code[0], code[1] = byte(n), byte(n>>8)
		tracker.Observe(a)
		known.At = known.At.Add(time.Millisecond)
		known.Ear = ble.Ear(n % 2)
		tracker.Observe(known)
	}); per > 0 {
		t.Errorf("%v allocations an advert", per)
	}
	if got := tracker.Nearby(known.At); len(got.Candidates) != 1 {
		t.Errorf("%d candidates", len(got.Candidates))
	}
}

// TestOneEarOnRecordings plays the recorded captures with one ear and holds what is
// decided to what was decided before there could be a second one.
func TestOneEarOnRecordings(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"two-devices.jsonl":  "c2178b66e053753b",
		"too-close.jsonl":    "f82a42b5216c25c7",
		"two-steps.jsonl":    "fc48760fed190bda",
		"vm-two-steps.jsonl": "dd0ef86d0cf58b67",
	} {
		if got := decided(t, filepath.Join("..", "testdata", "capture", file)); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}

// decided plays a capture and returns a digest of what is near after each advert.
func decided(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	h, tracker := sha256.New(), ble.NewTracker(ble.TrackerOptions{})
	for line := range bytes.Lines(raw) {
		var l struct {
			T    float64 `json:"t"` // milliseconds
			RSSI int     `json:"rssi"`
			Adv  string  `json:"adv"`
		}
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		payload, err := hex.DecodeString(l.Adv)
		if err != nil {
			t.Fatal(err)
		}
		a := ble.Advert{At: traceStart.Add(time.Duration(l.T * float64(time.Millisecond)))}
		a.SetRSSI(l.RSSI)
		if a.Sections, err = ble.ParsePayload(nil, payload); err != nil {
			t.Fatal(err)
		}
		tracker.Observe(a)
		n := tracker.Nearby(a.At)
		for _, c := range n.Candidates {
			_, _ = fmt.Fprintln(h, c.Code, c.Heard, c.RSSI, c.Since, c.Near, c.Tapped, c.Handle == n.Clear)
		}
		_, _ = fmt.Fprintln(h, n.Clear != "", n.Evidence, n.Certain, n.Deaf)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
