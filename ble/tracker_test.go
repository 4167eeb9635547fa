package ble_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

func TestCandidateTimes(t *testing.T) {
	t.Parallel()
	tracker := playTrace(t, ble.TrackerOptions{Lane: "till-1"}, `
		0s..3s A -50`)
	c := tracker.Nearby(traceStart.Add(3500 * time.Millisecond)).Candidates[0]
	want := pay.Candidate{
		Handle: pay.HandleFor(codeNamed("A"), 0), Code: codeNamed("A"), RSSI: -50, Lane: "till-1", Near: true, Excess: pay.ExcessOf(-2),
		Heard: pay.TimeOf(traceStart.Add(3 * time.Second)), Since: pay.TimeOf(traceStart.Add(time.Second)),
	}
	if c != want {
		t.Errorf("have %+v\nwant %+v", c, want)
	}
}

func TestTimeNeverGoesBack(t *testing.T) {
	t.Parallel()
	tracker := playTrace(t, ble.TrackerOptions{}, `
		0s..3s A -50`)
	tracker.Observe(eidAdvert(traceStart.Add(-time.Hour), codeNamed("A"), -50, ble.PowerReference))
	for _, at := range []time.Duration{-time.Hour, 3 * time.Second} {
		if n := tracker.Nearby(traceStart.Add(at)); len(n.Candidates) != 1 || n.Clear == "" {
			t.Errorf("at %v: a clock that went back changed who is near: %+v", at, n)
		}
	}
}

func TestRotationCarriesTheFilter(t *testing.T) {
	t.Parallel()
	tracker := playTrace(t, ble.TrackerOptions{}, `
		0s..3s A -50
		3.2s..4.45s A2 -56`)
	c := tracker.Nearby(traceStart.Add(4600 * time.Millisecond)).Candidates
	if len(c) != 1 || c[0].Code != codeNamed("A2") || c[0].RSSI != -56 {
		t.Errorf("have %+v, want one candidate at the strength of the new code", c)
	}
}

func TestNothingIsTiedTogetherInACrowd(t *testing.T) {
	t.Parallel()
	for _, others := range []int{5, 50} {
		tracker := playTrace(t, ble.TrackerOptions{}, `
			0s..3s A -50`)
		tracker.Nearby(traceStart.Add(3 * time.Second))
		at := traceStart.Add(3200 * time.Millisecond)
		tracker.Observe(eidAdvert(at, codeNamed("A2"), -50, ble.PowerReference))
		for i := range others { // all at once, none of them as strong
			tracker.Observe(eidAdvert(at, pay.Code{0xFF, byte(i)}, -90, ble.PowerReference))
		}
		c, presence := tracker.Find(pay.HandleFor(codeNamed("A"), 0), traceStart.Add(5*time.Second))
		if presence != ble.Present {
			t.Fatalf("beside %d others: presence %d", others, presence)
		}
		if carried := c.Code == codeNamed("A2"); carried != (others < 10) {
			t.Errorf("beside %d others: carried over %v", others, carried)
		}
	}
}

func TestStatedPower(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ rssi, power, want pay.RSSI }{
		"reference":               {-60, -59, -60},
		"weak device":             {-70, -69, -60},
		"strong device":           {-50, -49, -60},
		"clamped below":           {-90, -120, -74},
		"clamped above":           {-50, 20, -64},
		"the weakest stays known": {-127, -45, -128},
		"the strongest too":       {20, -75, 36},
	} {
		if got := ble.Normalise(c.rssi, c.power); got != c.want {
			t.Errorf("%s: have %d, want %d", name, got, c.want)
		}
	}
	tracker := ble.NewTracker(ble.TrackerOptions{})
	tracker.Observe(eidAdvert(traceStart, codeNamed("A"), -70, -69))
	if got := tracker.Nearby(traceStart).Candidates[0].RSSI; got != -60 {
		t.Errorf("tracker shows %d, want the normalised -60", got)
	}
}

func TestOnlyRotatingCodesWithStrengthCount(t *testing.T) {
	t.Parallel()
	tracker := ble.NewTracker(ble.TrackerOptions{})
	unknown := eidAdvert(traceStart, codeNamed("A"), 127, ble.PowerReference)
	if unknown.HasRSSI || unknown.RSSI != 0 {
		t.Error("127 became a strength")
	}
	tracker.Observe(unknown)
	static := ble.Advert{At: traceStart, Sections: []ble.Section{
		{Kind: ble.ServiceData, ID: ble.ServiceUUID, Data: make([]byte, 18)},
		{Kind: ble.ManufacturerData, ID: 0x4C, Data: append([]byte{2, 0x15}, make([]byte, 21)...)},
	}}
	static.SetRSSI(-40)
	tracker.Observe(static)
	if n := tracker.Nearby(traceStart); len(n.Candidates) != 0 {
		t.Errorf("candidates out of nothing: %+v", n)
	}
}

func TestDeaf(t *testing.T) {
	t.Parallel()
	tracker := playTrace(t, ble.TrackerOptions{}, `
		0s..3s A -50`)
	at := traceStart.Add(3 * time.Second)
	tracker.SetDeaf(true)
	if n := tracker.Nearby(at); !n.Deaf || n.Clear != "" || len(n.Candidates) != 1 {
		t.Errorf("deaf: %+v", n)
	}
	tracker.SetDeaf(false)
	if n := tracker.Nearby(at); n.Deaf || n.Clear == "" {
		t.Errorf("hearing again: %+v", n)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	const present, left, never = ble.Present, ble.Left, ble.NeverShown
	for name, c := range map[string]struct {
		trace string
		at    time.Duration
		want  ble.Presence
	}{
		"present":                      {"0s..3s A -50\n3s ? A* clear=A", 4 * time.Second, present},
		"present though never shown":   {"0s..3s A -50\n3s..3.1s B -90\n3.1s ? A* B clear=A", 4 * time.Second, present},
		"left":                         {"0s..3s A -50\n3s ? A* clear=A", 12 * time.Second, left},
		"left, nearly forgotten":       {"0s..3s A -50\n3s ? A* clear=A", 122900 * time.Millisecond, left},
		"forgotten":                    {"0s..3s A -50\n3s ? A* clear=A", 123 * time.Second, never},
		"gone before anybody was told": {"0s..3s A -50", 12 * time.Second, never},
		"never there":                  {"0s..3s B -50\n3s ? B* clear=B", 4 * time.Second, never},
		"back with the same code":      {"0s..3s A -50\n3s ? A* clear=A\n20s A -50\n20s ? A clear=-", 20 * time.Second, present},
		"under its next code": {"0s..3s A -50\n3s ? A* clear=A\n3.2s..6s A2 -50\n6s ? A2* clear=A2",
			6 * time.Second, present},
		"the handle of a wrong tie is nobody's": {"0s..3s A -50\n3.2s..6s B -50\n5s ? B* clear=B\n5.6s A -50\n6s ? A B clear=-",
			6 * time.Second, present},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tracker := playTrace(t, ble.TrackerOptions{}, c.trace)
			h := pay.HandleFor(codeNamed("A"), 0)
			got, presence := tracker.Find(h, traceStart.Add(c.at))
			if presence != c.want {
				t.Errorf("presence %d, want %d", presence, c.want)
			}
			if (presence == present) != (got.Handle == pay.HandleFor(got.Code, 0)) {
				t.Errorf("candidate %+v", got)
			}
		})
	}
}

func TestObserveDoesNotAllocate(t *testing.T) {
	const devices = 200
	adverts := make([]ble.Advert, devices)
	for i := range adverts {
		var c pay.Code
		binary.BigEndian.PutUint64(c[:], uint64(i))
		adverts[i] = eidAdvert(traceStart, c, -90+i%50, ble.PowerReference)
	}
	tracker := ble.NewTracker(ble.TrackerOptions{})
	at := traceStart
	round := func() {
		for _, a := range adverts {
			at = at.Add(time.Millisecond)
			a.At = at
			tracker.Observe(a)
		}
	}
	for range 20 { // until no code is pending
		round()
	}
	if n := testing.AllocsPerRun(50, round); n != 0 {
		t.Errorf("%v allocations for %d adverts already known", n, devices)
	}
}
