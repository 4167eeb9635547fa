package ble_test

import (
	"encoding/binary"
	"encoding/hex"
	"runtime"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// onAir is one advert of the named vector.
func onAir(t testing.TB, name string, at time.Duration, from byte, rssi int) ble.Advert {
	t.Helper()
	for _, v := range vectors(t) {
		if v.name != name {
			continue
		}
		a := ble.Advert{At: traceStart.Add(at), Address: ble.Address{from}}
		a.SetRSSI(rssi)
		var err error
		if a.Sections, err = ble.ParsePayload(nil, v.payload); err != nil {
			t.Fatal(err)
		}
		return a
	}
	t.Fatalf("no vector %q", name)
	return ble.Advert{}
}

func TestSightingsTellApartByFormatAndIdentity(t *testing.T) {
	t.Parallel()
	l := ble.NewSightings()
	for i, name := range []string{"ibeacon", "altbeacon", "uid", "uid-reserved", "tlm", "eid", "eid-short", "other-service", "altbeacon-flags"} {
		l.Observe(onAir(t, name, time.Duration(i)*time.Second, byte(i), -60-i))
	}
	l.Observe(onAir(t, "tlm", 9*time.Second, 99, -50))
	type line struct {
		kind  ble.FrameKind
		from  byte
		rssi  pay.RSSI
		count uint64
		id    int
	}
	want := []line{
		{ble.IBeacon, 0, -60, 1, 20}, {ble.AltBeacon, 8, -68, 2, 20}, {ble.UID, 3, -63, 2, 16}, {ble.TLM, 4, -64, 1, 0},
		{ble.TLM, 99, -50, 1, 0}, // no identity, so another address is another line
	}
	all := l.All(traceStart.Add(9 * time.Second))
	if len(all) != len(want) {
		t.Fatalf("have %d sightings, want %d: %+v", len(all), len(want), all)
	}
	for i, s := range all {
		if got := (line{s.Kind, s.Address[0], s.RSSI, s.Count, len(s.ID)}); got != want[i] {
			t.Errorf("line %d: have %+v, want %+v", i, got, want[i])
		}
	}
	if s := all[1]; s.Power != -59 || !s.First.Equal(traceStart.Add(time.Second)) || !s.Last.Equal(traceStart.Add(8*time.Second)) {
		t.Errorf("AltBeacon: %+v", s)
	}
	if s := all[3]; s.Telemetry.Millivolts != 3040 {
		t.Errorf("telemetry: %+v", s)
	}
}

func TestSightingRateFallsWhenItFallsSilent(t *testing.T) {
	t.Parallel()
	l := ble.NewSightings()
	for n := range 50 {
		l.Observe(onAir(t, "ibeacon", time.Duration(n)*100*time.Millisecond, 1, 127))
	}
	heard := l.All(traceStart.Add(4900 * time.Millisecond))[0]
	if heard.Rate < 9.9 || heard.Rate > 10.1 || heard.HasRSSI || heard.Count != 50 {
		t.Errorf("ten a second without a strength: %+v", heard)
	}
	if s := l.All(traceStart.Add(14900 * time.Millisecond))[0]; s.Rate > 0.1 {
		t.Errorf("silent for ten seconds, yet %v a second", s.Rate)
	}
	if all := l.All(traceStart.Add(4900*time.Millisecond + pay.SightingMemory.Std())); len(all) != 0 {
		t.Errorf("listed for ever: %+v", all)
	}
}

func TestSightingsForgetTheLongestUnheard(t *testing.T) {
	t.Parallel()
	l := ble.NewSightings()
	a := onAir(t, "ibeacon", 0, 1, -60)
	id := a.Sections[0].Data[2:]
	hear := func(n int) {
		binary.BigEndian.PutUint32(id, uint32(n))
		a.At = a.At.Add(time.Millisecond)
		l.Observe(a)
	}
	for n := range pay.SightingsMax {
		hear(n)
	}
	hear(0) // so 1 is the longest unheard
	hear(pay.SightingsMax)
	listed := map[uint32]bool{}
	for _, s := range l.All(a.At) {
		listed[binary.BigEndian.Uint32(s.ID)] = true
	}
	if len(listed) != pay.SightingsMax || !listed[0] || listed[1] || !listed[2] || !listed[pay.SightingsMax] {
		t.Errorf("%d listed; 0 %v, 1 %v, 2 %v", len(listed), listed[0], listed[1], listed[2])
	}
}

// TestStaticFramesNeverBecomeCandidates gives every vector to a Tracker and to
// Sightings and checks which of them lists it.
func TestStaticFramesNeverBecomeCandidates(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		sections, err := ble.ParsePayload(nil, v.payload)
		if err != nil {
			continue
		}
		codes, statics := 0, 0
		for _, s := range sections {
			f, err := ble.ParseFrame(s)
			switch {
			case err != nil:
			case f.Kind == ble.EID:
				codes++
			default:
				statics++
			}
		}
		tracker, list := ble.NewTracker(ble.TrackerOptions{}), ble.NewSightings()
		at := traceStart
		for range 30 {
			at = at.Add(100 * time.Millisecond)
			a := ble.Advert{At: at, Sections: sections}
			a.SetRSSI(-40)
			tracker.Observe(a)
			list.Observe(a)
		}
		if c := tracker.Nearby(at).Candidates; len(c) != codes {
			t.Errorf("%s: candidates %+v", v.name, c)
		}
		if s := list.All(at); len(s) != statics {
			t.Errorf("%s: sightings %+v", v.name, s)
		}
	}
}

func TestSightingsDoNotAllocate(t *testing.T) {
	l := ble.NewSightings()
	a, b := onAir(t, "ibeacon", 0, 1, -60), onAir(t, "tlm", 0, 2, -60)
	at := traceStart
	hear := func() {
		at = at.Add(time.Millisecond)
		a.At, b.At = at, at
		l.Observe(a)
		l.Observe(b)
	}
	hear()
	if n := testing.AllocsPerRun(100, hear); n != 0 {
		t.Errorf("%v allocations for beacons already known", n)
	}
}

// TestFloodsStayFlat hears 100,000 new codes and as many new static beacons
// each second for some seconds: what is kept does not grow with what is heard.
func TestFloodsStayFlat(t *testing.T) {
	tracker, list := ble.NewTracker(ble.TrackerOptions{}), ble.NewSightings()
	eid, beacon := eidAdvert(traceStart, pay.Code{}, -60, ble.PowerReference), onAir(t, "ibeacon", 0, 1, -60)
	code, id := eid.Sections[0].Data[2:], beacon.Sections[0].Data[2:]
	n := uint64(0)
	flood := func(adverts int) uint64 {
		for range adverts {
			n++
			binary.BigEndian.PutUint64(code, n*0x9E3779B97F4A7C15)
			binary.BigEndian.PutUint64(id, n*0x9E3779B97F4A7C15)
			eid.At = eid.At.Add(10 * time.Microsecond)
			beacon.At = eid.At
			tracker.Observe(eid)
			list.Observe(beacon)
			if n%50_000 == 0 {
				tracker.Nearby(eid.At) // a cashier looks on
			}
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := flood(100_000)
	after := flood(300_000)
	const slack = 1 << 20
	if after > before+slack {
		t.Errorf("heap %d KiB after one second, %d KiB after four", before>>10, after>>10)
	}
	if c, s := len(tracker.Nearby(eid.At).Candidates), len(list.All(eid.At)); c > pay.CandidatesMax || s > pay.SightingsMax {
		t.Errorf("%d candidates, %d sightings", c, s)
	}
	t.Logf("heap %d KiB after one second, %d KiB after four", before>>10, after>>10)
	runtime.KeepAlive(tracker)
	runtime.KeepAlive(list)
}

// TestSightingsOfOneEar: what the second ear hears is not counted again.
func TestSightingsOfOneEar(t *testing.T) {
	t.Parallel()
	payload, err := hex.DecodeString("1aff4c000215e2c56db5dffb48d2b060d0f5a71096e000010002c5")
	if err != nil {
		t.Fatal(err)
	}
	a := ble.Advert{At: traceStart}
	if a.Sections, err = ble.ParsePayload(nil, payload); err != nil {
		t.Fatal(err)
	}
	seen := ble.NewSightings()
	for _, ear := range []ble.Ear{ble.FirstEar, ble.SecondEar} {
		a.Ear = ear
		seen.Observe(a)
	}
	if l := seen.All(traceStart); len(l) != 1 || l[0].Count != 1 {
		t.Errorf("%+v", l)
	}
}
