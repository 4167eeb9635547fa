package ble_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// TestClearAsDelivered plays traces on a lane with the defaults: who is at the box,
// who leads, who tapped.
func TestClearAsDelivered(t *testing.T) {
	t.Parallel()
	for name, trace := range map[string]string{
		"only at the box": `
			0s..3s A -53
			3s     ? A* clear=A
			3.1s..9s A -54
			9s     ? A* clear=-`,
		"the best of three channels": `
			0s..6s A -50/300ms
			0.1s..6s A -60/300ms
			0.2s..6s A -62/300ms
			6s     ? A* clear=A`,
		"one strong advert is no level": `
			0s..6s A -55/100ms
			5.95s  A -45
			6s     ? A* clear=-`,
		"others are taken at their best": `
			0s..6s A -52/300ms
			0s..6s B -54/300ms
			0.1s..6s B -62/300ms
			0.2s..6s B -62/300ms
			6s     ? A* B* clear=-`,
		"whoever leads only at the best is not named": `
			0s..6s A -48/300ms
			0.1s..6s A -60/300ms
			0.2s..6s A -60/300ms
			0s..6s B -57/300ms
			6s     ? B* A* clear=-`,
		"a slow device counts with one advert": `
			0s..4s A -50
			2.9s   B -57
			3.1s   ? A* B clear=-`,
		"and less when more is heard": `
			0s..5s A -50
			0.9s..5s B -57
			1s     ? A* B clear=-
			5s     ? A* B* clear=A`,
		"tapped at once": `
			0s     A -38
			0.2s   A -38
			0.39s  ? A clear=-
			0.4s   A -38
			0.4s   ? A* clear=A
			4.5s   ? A* clear=-`,
		"a slow device is tapped as well": `
			0s..2.6s A -37/1.28s
			2.56s  ? A* clear=A`,
		"one advert told thrice is no tap": `
			0s..0.1s A -37/10ms
			0.1s   ? A clear=-`,
		"almost a tap": `
			0s..0.5s A -39/100ms
			0.5s   ? A clear=-`,
		"tapped and taken away": `
			0s..9s B -48
			6s..7s A -35
			7.1s..9s A -60
			6.5s   ? A* B* clear=A
			9s     ? A* B* clear=A`,
		"two tapped": `
			0s..3s A -35
			0.1s..3s B -37
			3s     ? A* B* clear=-`,
		"one tapped and one came as near": `
			0s..3s A -35
			2.9s   B -37
			3s     ? A* B clear=-`,
		"at the box over a rotation": `
			0s..3s A -36
			3.2s..3.5s A2 -36
			4.8s   ? A2* clear=A2`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			playTrace(t, ble.TrackerOptions{}, trace)
		})
	}
}

func TestTapOptions(t *testing.T) {
	t.Parallel()
	playTrace(t, ble.TrackerOptions{Tap: ble.TapOff}, `
		0s..0.5s A -20/100ms
		0.5s ? A clear=-`)
	playTrace(t, ble.TrackerOptions{Tap: -50}, `
		0s..0.5s A -50/200ms
		0.4s ? A* clear=A`)
	playTrace(t, ble.TrackerOptions{Clear: -45}, `
		0s..3s A -46
		3s ? A* clear=-`)
}

// TestEvidence: how somebody was found is told, and whether that is enough to
// charge without a person.
func TestEvidence(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options ble.TrackerOptions
		trace   string
		how     pay.Evidence
		certain bool
	}{
		"nobody":                  {ble.TrackerOptions{}, "0s..3s A -60", "", false},
		"clear":                   {ble.TrackerOptions{}, "0s..3s A -50", pay.EvidenceClear, false},
		"tapped":                  {ble.TrackerOptions{}, "0s..3s A -38", pay.EvidenceTap, true},
		"as strong, without taps": {ble.TrackerOptions{Tap: ble.TapOff}, "0s..3s A -38", pay.EvidenceClear, true},
		"on few adverts":          {ble.TrackerOptions{Tap: ble.TapOff}, "0s..3s A -38/1s", pay.EvidenceClear, false},
		"with another lane's tap": {ble.TrackerOptions{Tap: -45}, "0s..3s A -44", pay.EvidenceTap, true},
	} {
		n := playTrace(t, c.options, c.trace).Nearby(traceStart.Add(3 * time.Second))
		if n.Evidence != c.how || n.Certain != c.certain || (n.Clear != "") != (c.how != "") {
			t.Errorf("%s: %+v, want %q, certain %v", name, n, c.how, c.certain)
		}
	}
}

// TestPowerStatedAtRandom: a device that states another power with each advert is
// never clear and never tapped, and one that changed it once is clear later.
func TestPowerStatedAtRandom(t *testing.T) {
	t.Parallel()
	const seed = 7
	r := rand.New(rand.NewPCG(seed, 0))
	tracker := ble.NewTracker(ble.TrackerOptions{})
	clear := 0
	for n := range 4000 {
		at := traceStart.Add(time.Duration(n) * 100 * time.Millisecond)
		tracker.Observe(eidAdvert(at, codeNamed("liar"), -45-r.IntN(20), pay.RSSI(-75+r.IntN(31))))
		if tracker.Nearby(at).Clear != "" {
			clear++
		}
	}
	if clear > 0 {
		t.Errorf("seed %d: clear at %d of 4000 looks", seed, clear)
	}
	tracker = ble.NewTracker(ble.TrackerOptions{})
	for n := range 100 {
		at := traceStart.Add(time.Duration(n) * 100 * time.Millisecond)
		power := pay.RSSI(-59)
		if n >= 30 {
			power = -65
		}
		tracker.Observe(eidAdvert(at, codeNamed("A"), -56, power))
		if got, want := tracker.Nearby(at).Clear != "", n > 70; got != want {
			t.Fatalf("advert %d: clear %v", n, got)
		}
	}
}

// TestNoWrongClearOnOddTraces: gaps, single adverts and unknown strengths name
// nobody.
func TestNoWrongClearOnOddTraces(t *testing.T) {
	t.Parallel()
	for name, trace := range map[string]string{
		"one advert":             "0s A -40",
		"an advert each 6 s":     "0s..60s A -40/6s",
		"unknown strengths":      "0s..5s A 127",
		"one known of many":      "0s..5s A 127\n3s A -40",
		"a gap and one advert":   "0s..5s A -40\n12s A -40",
		"a gap and two adverts":  "0s..5s A -40\n12s..12.25s A -40",
		"everybody is as strong": "0s..5s A -45\n0.1s..5s B -45\n0.2s..5s C -45",
	} {
		tracker := playTrace(t, ble.TrackerOptions{}, trace)
		last := 5 * time.Second
		if strings.Contains(trace, "12s") {
			last = 12300 * time.Millisecond
		}
		if strings.Contains(trace, "60s") {
			last = time.Minute
		}
		if n := tracker.Nearby(traceStart.Add(last)); n.Clear != "" {
			t.Errorf("%s: %+v", name, n)
		}
	}
}

// TestWhatPaysAloneWasHeardOfTheCodeThatIsCharged: one device falls silent and another
// begins, which may be the same one with its next code or somebody else's. It keeps the
// place in the list, and neither the tap nor the strengths of the one before let a
// payer's rule answer.
func TestWhatPaysAloneWasHeardOfTheCodeThatIsCharged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options ble.TrackerOptions
		trace   string
		at      time.Duration
		how     pay.Evidence
		certain bool
	}{
		"the tap of the one before":       {ble.TrackerOptions{}, "0s..3s A -36\n3.2s..4.8s B -43", 4800 * time.Millisecond, pay.EvidenceClear, false},
		"its own tap":                     {ble.TrackerOptions{}, "0s..3s A -36\n3.2s..4.8s B -37", 4800 * time.Millisecond, pay.EvidenceTap, true},
		"the strengths of the one before": {ble.TrackerOptions{Tap: ble.TapOff}, "0s..3s A -36/100ms\n3.2s..4.8s B -43", 4800 * time.Millisecond, pay.EvidenceClear, false},
		"its own strengths":               {ble.TrackerOptions{Tap: ble.TapOff}, "0s..3s A -36/100ms\n3.2s..10s B -37", 10 * time.Second, pay.EvidenceClear, true},
	} {
		n := playTrace(t, c.options, c.trace).Nearby(traceStart.Add(c.at))
		if n.Evidence != c.how || n.Certain != c.certain || len(n.Candidates) != 1 || n.Candidates[0].Code != codeNamed("B") {
			t.Errorf("%s: %+v, want %q, certain %v", name, n, c.how, c.certain)
		}
	}
}
