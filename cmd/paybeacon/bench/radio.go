//go:build linux

package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/bluez"
	"github.com/paybeacon/paybeacon/ble/bluez/fakebluez"
)

const (
	benchAdverts    = 100_000
	benchBeacons    = 200
	benchRadioMin   = 10_000 // adverts a second on one core
	benchGrowthMax  = 8      // MiB
	benchBusEnv     = "DBUS_SYSTEM_BUS_ADDRESS"
	benchReadings   = 1_000_000
	benchAllocsMax  = 0.001 // the runtime's own now and then
	benchRadioWaits = time.Minute
)

// radioRun is what taking a burst cost.
type radioRun struct {
	core  float64 // adverts a second of processor time of this process
	clock float64 // adverts a second
	grown float64 // MiB of heap, after it
	lost  uint64
}

// benchRadio takes a burst of adverts of known devices the box's whole way: from
// a bus of its own through bluez to a tracker. The yardstick takes the same
// signals from the same bus and drops them once they are decoded. The bus itself
// is another process and does not count.
func benchRadio(ctx context.Context, _ string) (figures []figure, err error) {
	what := "adverts handled on one core"
	dir, err := os.MkdirTemp("", "pb") // a socket's path must be short
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bus, err := fakebluez.StartBus(dir)
	if errors.Is(err, fakebluez.ErrNoDaemon) {
		return []figure{{What: what, Unmeasured: err.Error()}}, nil
	}
	if err != nil {
		return nil, err
	}
	defer bus.Close()
	before, had := os.LookupEnv(benchBusEnv)
	if err := os.Setenv(benchBusEnv, bus.Address); err != nil {
		return nil, err
	}
	defer func() {
		if err = errors.Join(err, os.Unsetenv(benchBusEnv)); had {
			err = errors.Join(err, os.Setenv(benchBusEnv, before))
		}
	}()
	z, err := fakebluez.Run(bus, fakebluez.Options{})
	if err != nil {
		return nil, err
	}
	defer z.Close()
	a := z.AddAdapter("hci0")
	burst, err := a.Burst(benchReports())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, benchRadioWaits)
	defer cancel()
	ours, err := benchScan(ctx, z, a, burst)
	if err != nil {
		return nil, err
	}
	yard, err := benchDrop(ctx, a, burst)
	if err != nil {
		return nil, err
	}
	tracker := ble.NewTracker(ble.TrackerOptions{})
	cost := bluez.CostOfReading(benchBeacons, benchReadings, tracker.Observe)
	fast, small, clean := ours.core >= benchRadioMin, ours.grown <= benchGrowthMax, cost.Allocations <= benchAllocsMax
	return []figure{
		{What: what, Value: ours.core, Unit: "/s", Yardstick: yard.core, Against: "decoded by godbus and dropped", Ratio: ours.core / yard.core, Target: fmt.Sprintf(">= %d/s", benchRadioMin), Met: &fast},
		{What: "the same by the clock", Value: ours.clock, Unit: "/s", Yardstick: yard.clock, Against: "decoded by godbus and dropped", Ratio: ours.clock / yard.clock},
		{What: fmt.Sprintf("lost of %d", benchAdverts), Value: float64(ours.lost)},
		{What: "our part of it, for a known device", Value: cost.Nanoseconds, Unit: "ns"},
		{What: "allocations in our part", Value: cost.Allocations, Target: "none", Met: &clean},
		{What: "memory grown by the burst", Value: ours.grown, Unit: "MiB", Target: fmt.Sprintf("<= %d MiB", benchGrowthMax), Met: &small},
	}, nil
}

// benchReports are adverts of a few devices, again and again.
func benchReports() []fakebluez.Report {
	reports := make([]fakebluez.Report, benchAdverts)
	for i := range reports {
		n := i % benchBeacons
		code := binary.BigEndian.AppendUint64([]byte{0x30, 0xC5}, uint64(n))
		reports[i] = fakebluez.Report{
			Address: [6]byte{0x2A, 0, 0, 0, byte(n >> 8), byte(n)}, RSSI: int16(-50 - i%40),
			Services: map[uint16][]byte{ble.ServiceUUID: code},
		}
	}
	return reports
}

// benchScan takes the burst twice, so that its devices are known the second
// time, which counts.
func benchScan(ctx context.Context, z *fakebluez.BlueZ, a *fakebluez.Adapter, burst *fakebluez.Burst) (radioRun, error) {
	var heard, lost atomic.Uint64
	taken := make(chan struct{}, 1)
	count := func() {
		if (heard.Load()+lost.Load())%benchAdverts == 0 {
			select {
			case taken <- struct{}{}:
			default: // told already
			}
		}
	}
	radio, err := bluez.Open(ctx, bluez.Options{Adapter: a.Name(), Health: func(h ble.Health) {
		if lost.Swap(h.Lost) != h.Lost {
			count()
		}
	}})
	if err != nil {
		return radioRun{}, err
	}
	tracker := ble.NewTracker(ble.TrackerOptions{})
	scanning, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		done <- radio.Scan(scanning, func(ad ble.Advert) {
			tracker.Observe(ad)
			heard.Add(1)
			count()
		})
	}()
	if err = z.Until(ctx, func() bool { return a.Discovering() > 0 && a.Monitors() > 0 }); err == nil {
		if _, err = benchBurst(ctx, burst, taken); err == nil {
			var run radioRun
			run, err = benchBurst(ctx, burst, taken)
			run.lost = lost.Load()
			stop()
			return run, errors.Join(err, <-done)
		}
	}
	stop()
	return radioRun{}, errors.Join(err, <-done)
}

func benchDrop(ctx context.Context, a *fakebluez.Adapter, burst *fakebluez.Burst) (radioRun, error) {
	begun, taken := make(chan struct{}), make(chan struct{}, 1)
	dropping, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	n := 0
	go func() {
		done <- bluez.Drop(dropping, a.Name(), func() { close(begun) }, func() {
			if n++; n%benchAdverts == 0 {
				taken <- struct{}{}
			}
		})
	}()
	select {
	case <-begun:
	case <-ctx.Done():
	}
	run, err := benchBurst(ctx, burst, taken)
	if err == nil {
		run, err = benchBurst(ctx, burst, taken) // as with Scan, the second counts
	}
	stop()
	return run, errors.Join(err, <-done)
}

// benchBurst sends the burst and waits until it is taken.
func benchBurst(ctx context.Context, burst *fakebluez.Burst, taken <-chan struct{}) (radioRun, error) {
	heap := benchHeap()
	busy, err := benchBusy() // without what the collection cost
	if err != nil {
		return radioRun{}, err
	}
	begin := time.Now()
	if err := burst.Send(); err != nil {
		return radioRun{}, err
	}
	select {
	case <-taken:
	case <-ctx.Done():
		return radioRun{}, fmt.Errorf("the burst does not arrive: %w", ctx.Err())
	}
	took := time.Since(begin)
	after, err := benchBusy()
	if err != nil {
		return radioRun{}, err
	}
	return radioRun{
		core: benchAdverts / (after - busy).Seconds(), clock: benchAdverts / took.Seconds(),
		grown: max(0, (benchHeap()-heap)/(1<<20)),
	}, nil
}

// benchBusy is the processor time of this process so far.
func benchBusy() (time.Duration, error) {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return 0, fmt.Errorf("read the processor time: %w", err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), nil
}

// benchHeap is what is alive on the heap, in bytes.
func benchHeap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
