package ble_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// BenchmarkObserve hears a full tracker's worth of known devices in turn.
func BenchmarkObserve(b *testing.B) {
	adverts := make([]ble.Advert, pay.CandidatesMax)
	for i := range adverts {
		var c pay.Code
		binary.BigEndian.PutUint64(c[:], uint64(i))
		adverts[i] = eidAdvert(traceStart, c, -90+i%50, ble.PowerReference)
	}
	tracker := ble.NewTracker(ble.TrackerOptions{})
	at := traceStart
	hear := func(i int) {
		at = at.Add(100 * time.Microsecond) // 10,000 a second
		a := adverts[i%len(adverts)]
		a.At = at
		tracker.Observe(a)
	}
	for i := range 5 * len(adverts) {
		hear(i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		hear(i)
	}
}

// BenchmarkObserveFlood hears a new code with every advert.
func BenchmarkObserveFlood(b *testing.B) {
	tracker := ble.NewTracker(ble.TrackerOptions{})
	a := eidAdvert(traceStart, pay.Code{}, -60, ble.PowerReference)
	code := a.Sections[0].Data[2:] // shared with the advert
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		binary.BigEndian.PutUint64(code, uint64(i))
		a.At = a.At.Add(10 * time.Microsecond) // 100,000 a second
		tracker.Observe(a)
	}
}
