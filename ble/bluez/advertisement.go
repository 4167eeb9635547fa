//go:build linux

package bluez

import (
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"

	"github.com/paybeacon/paybeacon/ble"
)

// intervalMsMax is the longest advertising interval that is requested, in
// milliseconds. Published: BlueZ, org.bluez.LEAdvertisement1: MinInterval and
// MaxInterval are 20 ms to 10,485 s.
const intervalMsMax = 10_485_000

// advertisement makes the properties of an advertisement object. It holds only
// properties that are set, because BlueZ would apply an empty name or a power of
// 0. It returns errPayload, or the error of ble.ParsePayload.
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

func longUUID(id uint16) string { return fmt.Sprintf("0000%04x-0000-1000-8000-00805f9b34fb", id) }

// advertisementCalls is what BlueZ may call on the advertisement.
type advertisementCalls struct{ released chan<- struct{} }

// Release is called by BlueZ when it has ended the advertisement. It never fails.
func (c advertisementCalls) Release() *dbus.Error {
	select {
	case c.released <- struct{}{}:
	default: // Release was called before
	}
	return nil
}
