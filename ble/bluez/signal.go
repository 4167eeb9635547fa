//go:build linux

package bluez

import (
	"encoding/hex"
	"strings"

	"github.com/godbus/dbus/v5"

	"github.com/paybeacon/paybeacon/ble"
)

// event is what a signal means to a scan.
type event uint8

const (
	nothing event = iota
	advertHeard
	radioLost // begin anew, after a moment
)

// read turns a signal into what it means. If it is an advert, it is written to
// a, whose sections are reused. A signal of unexpected shape means nothing.
func read(s *dbus.Signal, adapter dbus.ObjectPath, a *ble.Advert) event {
	switch s.Name {
	case ifaceProps + ".PropertiesChanged":
		if len(s.Body) < 2 {
			return nothing
		}
		iface, _ := s.Body[0].(string)
		changed, _ := s.Body[1].(map[string]dbus.Variant)
		switch {
		case iface == ifaceDevice:
			return readDevice(s.Path, changed, adapter, a)
		case iface == ifaceAdapter && s.Path == adapter:
			if on, ok := changed["Discovering"].Value().(bool); ok && !on {
				return radioLost
			}
		}
	case ifaceTree + ".InterfacesAdded":
		if len(s.Body) < 2 {
			return nothing
		}
		path, _ := s.Body[0].(dbus.ObjectPath)
		added, _ := s.Body[1].(map[string]map[string]dbus.Variant)
		if device, ok := added[ifaceDevice]; ok {
			return readDevice(path, device, adapter, a)
		}
		if _, ok := added[ifaceAdapter]; ok && path == adapter {
			return radioLost
		}
	case ifaceBus + ".NameOwnerChanged":
		if len(s.Body) < 3 {
			return nothing
		}
		name, _ := s.Body[0].(string)
		owner, _ := s.Body[2].(string)
		if name == service && owner != "" {
			return radioLost
		}
	}
	return nothing
}

// readDevice takes an advert out of the properties of a device. Properties that
// say nothing about what was heard, such as Connected, make no advert.
func readDevice(path dbus.ObjectPath, p map[string]dbus.Variant, adapter dbus.ObjectPath, a *ble.Advert) event {
	address, ok := addressOf(path, adapter)
	if !ok {
		return nothing
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
	if !a.HasRSSI && len(a.Sections) == 0 {
		return nothing
	}
	return advertHeard
}

func addSection(a *ble.Advert, kind ble.SectionKind, id uint16, v dbus.Variant) {
	data, ok := v.Value().([]byte)
	if ok && len(a.Sections) < ble.SectionsMax && len(data) < ble.PayloadBytesMax {
		a.Sections = append(a.Sections, ble.Section{Kind: kind, ID: id, Data: data})
	}
}

// addressOf reads the address out of /org/bluez/hci0/dev_AA_BB_CC_DD_EE_FF.
func addressOf(path, adapter dbus.ObjectPath) (ble.Address, bool) {
	const separator = "/dev_"
	rest, ok := strings.CutPrefix(string(path), string(adapter)+separator)
	if !ok || len(rest) != len("AA_BB_CC_DD_EE_FF") {
		return ble.Address{}, false
	}
	var address ble.Address
	for i := range address {
		pair := rest[3*i : 3*i+2]
		if i > 0 && rest[3*i-1] != '_' {
			return ble.Address{}, false
		}
		if _, err := hex.Decode(address[i:i+1], []byte(pair)); err != nil {
			return ble.Address{}, false
		}
	}
	return address, true
}

// shortUUID returns the 16-bit number in a UUID that is built on the Bluetooth
// base UUID.
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
