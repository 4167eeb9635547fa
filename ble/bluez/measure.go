//go:build linux

package bluez

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/paybeacon/paybeacon/ble"
)

// Drop receives the signals of adapter's devices as Scan does, but discards them
// once godbus has decoded them, until ctx ends, and then returns nil. The cost of
// Scan is measured against it. begun is called when it starts to receive, each
// for every signal. It returns an error with pay.CodeRadio if there is no bus or
// the bus ends the connection.
func Drop(ctx context.Context, adapter string, begun, each func()) error {
	r := newRadio(Options{Adapter: adapter})
	e, err := r.listen(ctx, withDevices)
	if err != nil {
		return err
	}
	defer e.close()
	begun()
	for {
		select {
		case <-e.arrivals():
			each()
		case <-e.done():
			return busError(errBusEnded)
		case <-ctx.Done():
			return nil
		}
	}
}

// Cost is the cost of one advert.
type Cost struct {
	Nanoseconds float64
	Allocations float64
}

// CostOfReading measures the cost of reading signals about known devices and of
// passing their adverts to each: everything between godbus and the tracker.
func CostOfReading(devices, adverts int, each func(ble.Advert)) Cost {
	const path = dbus.ObjectPath(pathRoot + AdapterDefault)
	signals := make([]*dbus.Signal, devices)
	for i := range signals {
		code := binary.BigEndian.AppendUint64([]byte{0x30, 0xC5}, uint64(i))
		signals[i] = &dbus.Signal{
			Name: ifaceProps + ".PropertiesChanged",
			Path: dbus.ObjectPath(fmt.Sprintf("%s/dev_5A_00_00_00_%02X_%02X", path, i>>8&0xFF, i&0xFF)),
			Body: []any{ifaceDevice, map[string]dbus.Variant{
				"RSSI":        dbus.MakeVariant(int16(-50 - i%40)),
				"ServiceData": dbus.MakeVariant(map[string]dbus.Variant{longUUID(ble.ServiceUUID): dbus.MakeVariant(code)}),
			}, []string{}},
		}
	}
	at := time.Now()
	var a ble.Advert
	run := func(n int) {
		for i := range n {
			if readSignal(signals[i%len(signals)], path, &a) == advertHeard {
				at = at.Add(100 * time.Microsecond) // 10,000 a second
				a.At = at
				each(a)
			}
		}
	}
	run(10 * devices) // until each is known
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := time.Now()
	run(adverts)
	took := time.Since(begin)
	runtime.ReadMemStats(&after)
	return Cost{
		Nanoseconds: float64(took.Nanoseconds()) / float64(adverts),
		Allocations: float64(after.Mallocs-before.Mallocs) / float64(adverts),
	}
}
