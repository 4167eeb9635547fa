//go:build linux

package bluez

import (
	"encoding/hex"
	"strings"

	"github.com/godbus/dbus/v5"
	"github.com/muka/go-bluetooth/bluez/profile/adapter"

	"github.com/paybeacon/paybeacon/ble"
)

// event is the meaning of a signal for a radio.
type event uint8

const (
	noEvent        event = iota
	advertHeard          // with data of a service or a manufacturer
	otherHeard           // an advert without such data
	adapterChanged       // its power, discovery or discoverability
	adapterRemoved
	adapterAdded
	daemonStopped
	daemonStarted
)

// readSignal returns the meaning of a signal of the adapter at path. An advert is
// written to a, whose sections are reused. A signal of unexpected shape is
// noEvent.
func readSignal(s *dbus.Signal, path dbus.ObjectPath, a *ble.Advert) event {
	if len(s.Body) < 2 {
		return noEvent
	}
	switch s.Name {
	case ifaceProps + ".PropertiesChanged":
		iface, _ := s.Body[0].(string)
		changed, _ := s.Body[1].(map[string]dbus.Variant)
		switch {
		case iface == ifaceDevice:
			return readDevice(s.Path, changed, path, a)
		case iface == adapter.Adapter1Interface && s.Path == path:
			return readAdapter(changed)
		}
	case ifaceTree + ".InterfacesAdded":
		at, _ := s.Body[0].(dbus.ObjectPath)
		added, _ := s.Body[1].(map[string]map[string]dbus.Variant)
		if device, ok := added[ifaceDevice]; ok {
			return readDevice(at, device, path, a)
		}
		if _, ok := added[adapter.Adapter1Interface]; ok && at == path {
			return adapterAdded
		}
	case ifaceTree + ".InterfacesRemoved":
		at, _ := s.Body[0].(dbus.ObjectPath)
		removed, _ := s.Body[1].([]string)
		if at == path {
			for _, iface := range removed {
				if iface == adapter.Adapter1Interface {
					return adapterRemoved
				}
			}
		}
	case ifaceBus + ".NameOwnerChanged":
		return readOwner(s.Body)
	}
	return noEvent
}

// readAdapter returns adapterChanged for changes that may have ended a discovery
// or an advertisement, and noEvent for others, such as that of the alias.
func readAdapter(p map[string]dbus.Variant) event {
	if on, ok := p["Discovering"].Value().(bool); ok && !on {
		return adapterChanged
	}
	for _, name := range []string{"Powered", "PowerState", "Discoverable"} {
		if _, ok := p[name]; ok {
			return adapterChanged
		}
	}
	return noEvent
}

func readOwner(body []any) event {
	if len(body) < 3 {
		return noEvent
	}
	name, _ := body[0].(string)
	owner, ok := body[2].(string)
	switch {
	case name != service || !ok:
		return noEvent
	case owner == "":
		return daemonStopped
	default:
		return daemonStarted
	}
}

// readDevice reads an advert from the changed properties of a device. Without a
// property that comes from an advert (Connected does not), it returns noEvent.
func readDevice(at dbus.ObjectPath, p map[string]dbus.Variant, path dbus.ObjectPath, a *ble.Advert) event {
	address, ok := addressOf(at, path)
	if !ok {
		return noEvent
	}
	a.Address = address
	a.RSSI, a.HasRSSI = 0, false
	if dBm, ok := p["RSSI"].Value().(int16); ok {
		a.SetRSSI(int(dBm))
	}
	a.Sections = a.Sections[:0]
	services, _ := p["ServiceData"].Value().(map[string]dbus.Variant)
	for uuid, v := range services {
		if id, ok := shortUUID(uuid); ok {
			addSection(a, ble.ServiceData, id, v)
		}
	}
	companies, _ := p["ManufacturerData"].Value().(map[uint16]dbus.Variant)
	for id, v := range companies {
		addSection(a, ble.ManufacturerData, id, v)
	}
	if len(a.Sections) > 0 {
		return advertHeard
	}
	for _, name := range []string{"RSSI", "ServiceData", "ManufacturerData", "Name", "TxPower", "AdvertisingData", "AdvertisingFlags"} {
		if _, ok := p[name]; ok {
			return otherHeard
		}
	}
	return noEvent
}

func addSection(a *ble.Advert, kind ble.SectionKind, id uint16, v dbus.Variant) {
	data, ok := v.Value().([]byte)
	if ok && len(a.Sections) < ble.SectionsMax && len(data) <= ble.SectionBytesMax {
		a.Sections = append(a.Sections, ble.Section{Kind: kind, ID: id, Data: data})
	}
}

// addressOf reads the address in a path such as
// /org/bluez/hci0/dev_AA_BB_CC_DD_EE_FF.
func addressOf(at, path dbus.ObjectPath) (ble.Address, bool) {
	const separator = "/dev_"
	rest, ok := strings.CutPrefix(string(at), string(path))
	if !ok {
		return ble.Address{}, false
	}
	rest, ok = strings.CutPrefix(rest, separator)
	if !ok || len(rest) != len("AA_BB_CC_DD_EE_FF") {
		return ble.Address{}, false
	}
	var address ble.Address
	for i := range address {
		if i > 0 && rest[3*i-1] != '_' {
			return ble.Address{}, false
		}
		high, low := digit(rest[3*i]), digit(rest[3*i+1])
		if high > 15 || low > 15 {
			return ble.Address{}, false
		}
		address[i] = high<<4 | low
	}
	return address, true
}

// digit returns the value of a hexadecimal digit, more than 15 for anything
// else.
func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xFF
}

// shortUUID returns the 16-bit number in a UUID that is derived from the
// Bluetooth base UUID, and whether it is one.
func shortUUID(uuid string) (uint16, bool) {
	const head, tail = "0000", "-0000-1000-8000-00805f9b34fb"
	if len(uuid) != 36 || uuid[:4] != head || !strings.EqualFold(uuid[8:], tail) {
		return 0, false
	}
	var n [2]byte
	if _, err := hex.Decode(n[:], []byte(uuid[4:8])); err != nil {
		return 0, false
	}
	return uint16(n[0])<<8 | uint16(n[1]), true
}
