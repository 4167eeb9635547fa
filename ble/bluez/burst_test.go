//go:build linux

package bluez_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/bluez"
	"github.com/paybeacon/paybeacon/ble/bluez/fakebluez"
	"github.com/paybeacon/paybeacon/pay"
)

const heapGrowthMax = 8 << 20

func heapNow() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// numbered makes n reports of so many devices, each with its number in it.
func numbered(n, devices int) []fakebluez.Report {
	reports := make([]fakebluez.Report, n)
	for i := range reports {
		code := binary.BigEndian.AppendUint64([]byte{0x30, 0xC5}, uint64(i))
		reports[i] = fakebluez.Report{Address: [6]byte{1, 2, 3, 4, byte(i % devices >> 8), byte(i % devices)}, RSSI: -60, Services: map[uint16][]byte{ble.ServiceUUID: code}}
	}
	return reports
}

func burst(t testing.TB, a *fakebluez.Adapter, reports []fakebluez.Report) *fakebluez.Burst {
	t.Helper()
	b, err := a.Burst(reports)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBurstArrivesCompleteAndInOrder(t *testing.T) {
	if !alone(t) {
		return
	}
	const adverts = 100_000
	a := plugIn(t)
	b := burst(t, a, numbered(adverts, 300))
	r, err := bluez.Open(t.Context(), bluez.Options{Adapter: a.Name()})
	if err != nil {
		t.Fatal(err)
	}
	tracker := ble.NewTracker(ble.TrackerOptions{})
	next, most := 0, 0
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- r.Scan(ctx, func(ad ble.Advert) {
			tracker.Observe(ad)
			if got := binary.BigEndian.Uint64(ad.Sections[0].Data[2:]); got != uint64(next) {
				t.Errorf("advert %d came in place %d", got, next)
				cancel()
			}
			if next++; next%1000 == 0 {
				most = max(most, runtime.NumGoroutine())
			}
			if next == adverts {
				close(done)
			}
		})
	}()
	ready(t, a)
	before, goroutines := heapNow(), runtime.NumGoroutine()
	if err := b.Send(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
	after := heapNow()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	runtime.KeepAlive(tracker)
	runtime.KeepAlive(b)
	t.Logf("%d of %d adverts in order, %d dropped; heap %d KiB, before %d KiB; at most %d goroutines, before %d", next, adverts, r.Lost(), after>>10, before>>10, most, goroutines)
	if next != adverts || after > before+heapGrowthMax || most > goroutines+20 {
		t.Error("the burst was not taken as it should be")
	}
}

// TestWhatIsLostIsCounted stops the reader until adverts have to be dropped: each
// of them is counted, and the others come in order.
func TestWhatIsLostIsCounted(t *testing.T) {
	t.Parallel()
	const adverts = 3 * bluez.ArrivalsQueued
	a := plugIn(t)
	b := burst(t, a, numbered(adverts, 300))
	var heard atomic.Int64
	last, stalled := int64(-1), make(chan struct{})
	begun := make(chan struct{}, 1)
	health := make(chan ble.Health, 1)
	beats := make(chan time.Time)
	r, err := bluez.Open(t.Context(), bluez.Options{Adapter: a.Name(), Health: func(h ble.Health) { health <- h }})
	if err != nil {
		t.Fatal(err)
	}
	r.SetPatience(time.Millisecond)
	r.Drive(beats)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- r.Scan(ctx, func(ad ble.Advert) {
			n := int64(binary.BigEndian.Uint64(ad.Sections[0].Data[2:]))
			if n <= last {
				t.Errorf("advert %d came after %d", n, last)
			}
			last = n
			if heard.Add(1) == 1 {
				begun <- struct{}{}
				<-stalled
			}
		})
	}()
	ready(t, a)
	if err := b.Send(); err != nil {
		t.Fatal(err)
	}
	<-begun
	// The reader waits until the connection has dropped all signals that the queue
	// cannot take.
	for r.Lost() < adverts-bluez.ArrivalsQueued-1 {
		runtime.Gosched()
	}
	close(stalled)
	var h ble.Health
	for int64(h.Lost)+heard.Load() < adverts {
		beats <- time.Now()
		h = <-health
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	t.Logf("%d heard and %d lost of %d", heard.Load(), h.Lost, adverts)
	if h.Lost == 0 || int64(h.Lost)+heard.Load() != adverts {
		t.Errorf("%d heard and %d lost of %d", heard.Load(), h.Lost, adverts)
	}
}

// TestFloodsDoNotGrow reads adverts of one address, and of a million, as they
// come from the bus.
func TestFloodsDoNotGrow(t *testing.T) {
	if !alone(t) {
		return
	}
	const path = dbus.ObjectPath("/org/bluez/hci0")
	const adverts = 1_000_000
	for name, addresses := range map[string]int{"one address": 1, "a million addresses": adverts} {
		tracker := ble.NewTracker(ble.TrackerOptions{})
		var a ble.Advert
		at := time.Now()
		flood := func(n int) {
			for i := range n {
				code := binary.BigEndian.AppendUint64([]byte{0x30, 0xC5}, uint64(i%addresses))
				s := &dbus.Signal{
					Name: "org.freedesktop.DBus.Properties.PropertiesChanged",
					Path: path + dbus.ObjectPath(fmt.Sprintf("/dev_00_01_%02X_%02X_%02X_%02X", i%addresses>>24&0xFF, i%addresses>>16&0xFF, i%addresses>>8&0xFF, i%addresses&0xFF)),
					Body: []any{"org.bluez.Device1", map[string]dbus.Variant{
						"RSSI":        dbus.MakeVariant(int16(-50)),
						"ServiceData": dbus.MakeVariant(map[string]dbus.Variant{"0000feaa-0000-1000-8000-00805f9b34fb": dbus.MakeVariant(code)}),
					}},
				}
				if !bluez.ReadAdvert(s, path, &a) {
					t.Fatalf("%s: %v is no advert", name, s)
				}
				at = at.Add(10 * time.Microsecond)
				a.At = at
				tracker.Observe(a)
			}
		}
		flood(pay.CandidatesMax * 4) // until what may grow has grown
		before := heapNow()
		flood(adverts)
		after := heapNow()
		runtime.KeepAlive(tracker)
		t.Logf("%s: heap %d KiB, before %d KiB", name, after>>10, before>>10)
		if after > before+heapGrowthMax {
			t.Errorf("%s: the heap grew from %d to %d", name, before, after)
		}
	}
}

func TestKnownAdvertsCostNoAllocation(t *testing.T) {
	if !alone(t) {
		return
	}
	tracker := ble.NewTracker(ble.TrackerOptions{})
	c := bluez.CostOfReading(200, 100_000, tracker.Observe)
	t.Logf("%.0f ns and %.4f allocations an advert", c.Nanoseconds, c.Allocations)
	if c.Allocations > 0.001 { // the runtime's own now and then
		t.Errorf("%v allocations an advert", c.Allocations)
	}
}
