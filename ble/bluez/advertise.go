//go:build linux

package bluez

import (
	"context"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
	"github.com/muka/go-bluetooth/bluez/profile/adapter"
	"github.com/muka/go-bluetooth/bluez/profile/advertising"

	"github.com/paybeacon/paybeacon/ble"
)

// Advertise broadcasts payload, not connectable, from a fresh random address,
// until ctx ends, and then returns nil. When it has returned, nothing of it is
// sent any more, so that the next code may begin. BlueZ heeds the interval from
// version 5.77 on, before that only with its experimental interfaces. BlueZ
// writes flags and service list by itself: of payload it gets the service and
// manufacturer data.
//
// When bluetoothd restarts meanwhile, the broadcast is gone until the next call,
// which for a device comes with its next code.
func (r *Radio) Advertise(ctx context.Context, payload []byte, interval time.Duration) error {
	properties, err := advertisement(payload, interval)
	if err != nil {
		return radioError("advertise", err)
	}
	if err := r.prepare(); err != nil {
		return err
	}
	conn, err := dbus.SystemBus()
	if err != nil {
		return busError(err)
	}
	path := dbus.ObjectPath(fmt.Sprintf("%s/%s/advertisement%d", objectRoot, r.adapter, r.objects.Add(1)))
	released := make(chan struct{}, 1)
	if err := conn.Export(advertisementCalls{released}, path, advertising.LEAdvertisement1Interface); err != nil {
		return radioError("export advertisement", err)
	}
	defer withdraw(conn, path, advertising.LEAdvertisement1Interface)
	if _, err := prop.Export(conn, path, prop.Map{advertising.LEAdvertisement1Interface: properties}); err != nil {
		return radioError("export advertisement", err)
	}
	defer withdraw(conn, path, ifaceProps)
	return r.broadcast(ctx, path, released)
}

// broadcast registers the object at path until ctx ends or BlueZ lets go of it.
func (r *Radio) broadcast(ctx context.Context, path dbus.ObjectPath, released <-chan struct{}) error {
	manager, err := advertising.NewLEAdvertisingManager1(r.path)
	if err != nil {
		return radioError("find advertising manager", err)
	}
	defer manager.Close()
	if err := manager.RegisterAdvertisement(path, map[string]any{}); err != nil {
		return radioError("register advertisement", err)
	}
	select {
	case <-released:
		return radioError("advertise", errReleased)
	case <-ctx.Done():
	}
	if err := manager.UnregisterAdvertisement(path); err != nil {
		// A bluetoothd that restarted knows it no longer: it is silent already.
		if isNamed(err, "org.bluez.Error.DoesNotExist") || isNamed(err, "org.freedesktop.DBus.Error.ServiceUnknown") {
			return nil
		}
		return radioError("unregister advertisement", err)
	}
	return nil
}

// prepare switches the adapter on and refuses one that is discoverable.
func (r *Radio) prepare() error {
	a, err := adapter.NewAdapter1FromAdapterID(r.adapter)
	if err != nil {
		return radioError("open adapter "+r.adapter, err)
	}
	defer a.Close()
	if err := powerOn(a); err != nil {
		return radioError("switch on adapter "+r.adapter, err)
	}
	v, err := a.GetProperty("Discoverable")
	if err != nil {
		return radioError("read Discoverable", err)
	}
	if on, ok := v.Value().(bool); !ok || on {
		return radioError("advertise", errDiscoverable)
	}
	return nil
}

// advertisement makes the properties of an advertisement object. Only what is
// set may stand there: BlueZ takes an empty name or a power of 0 at its word.
func advertisement(payload []byte, interval time.Duration) (map[string]*prop.Prop, error) {
	sections, err := ble.ParsePayload(nil, payload)
	if err != nil {
		return nil, err
	}
	if len(sections) == 0 || len(payload) > ble.LegacyBytesMax {
		return nil, errPayload
	}
	services, companies := map[string]dbus.Variant{}, map[uint16]dbus.Variant{}
	var uuids []string
	for _, s := range sections {
		if s.Kind == ble.ManufacturerData {
			companies[s.ID] = dbus.MakeVariant(s.Data)
			continue
		}
		uuid := longUUID(s.ID)
		if _, twice := services[uuid]; twice {
			return nil, errPayload // BlueZ would send only one of them
		}
		uuids = append(uuids, uuid)
		services[uuid] = dbus.MakeVariant(s.Data)
	}
	p := map[string]*prop.Prop{"Type": {Value: "broadcast"}}
	if len(services) > 0 {
		p["ServiceUUIDs"] = &prop.Prop{Value: uuids}
		p["ServiceData"] = &prop.Prop{Value: services}
	}
	if len(companies) > 0 {
		p["ManufacturerData"] = &prop.Prop{Value: companies}
	}
	if ms := interval.Milliseconds(); ms > 0 {
		p["MinInterval"] = &prop.Prop{Value: uint32(min(ms, intervalMsMax))}
		p["MaxInterval"] = &prop.Prop{Value: uint32(min(ms, intervalMsMax))}
	}
	return p, nil
}

// intervalMsMax is the longest interval that a controller knows.
const intervalMsMax = 10_485_000

func longUUID(id uint16) string { return fmt.Sprintf("0000%04x-0000-1000-8000-00805f9b34fb", id) }

// advertisementCalls is what BlueZ may call on the advertisement.
type advertisementCalls struct{ released chan<- struct{} }

// Release is BlueZ's word that the advertisement has ended.
func (c advertisementCalls) Release() *dbus.Error {
	select {
	case c.released <- struct{}{}:
	default: // told already
	}
	return nil
}
