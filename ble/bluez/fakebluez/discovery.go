package fakebluez

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// filter is the discovery filter of a client.
type filter struct {
	given, duplicates bool
}

// Report is one advert as a controller hears it.
type Report struct {
	Address      [6]byte
	RSSI         int16
	NoRSSI       bool
	Name         string
	Services     map[uint16][]byte
	Manufacturer map[uint16][]byte
}

// device is a device that BlueZ keeps.
type device struct {
	seen, reported time.Time
	rssi           int16
	data           [2]map[uint16][]byte
}

// control answers the calls of Adapter1.
func (a *Adapter) control(r request) *dbus.Error {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	if !a.power {
		return errNotReady
	}
	switch r.member {
	case "SetDiscoveryFilter":
		given, _ := argument[map[string]dbus.Variant](r, 0)
		f, err := readFilter(given)
		if err != nil {
			return err
		}
		a.filters[r.sender] = f
	case "StartDiscovery":
		if a.sessions[r.sender] {
			return failure("InProgress", "Operation already in progress")
		}
		a.sessions[r.sender] = true
		a.discoveringLocked()
	case "StopDiscovery":
		if !a.sessions[r.sender] {
			return failure("Failed", "No discovery started")
		}
		delete(a.sessions, r.sender)
		if a.deaf == DiscoveryRestart && len(a.sessions) == 0 {
			a.deaf = Healthy
		}
		a.discoveringLocked()
	default:
		return busFailure("UnknownMethod", "no such method")
	}
	a.z.notifyLocked()
	return nil
}

func readFilter(given map[string]dbus.Variant) (filter, *dbus.Error) {
	f := filter{given: len(given) > 0}
	for key, v := range given {
		ok := false
		switch key {
		case "Transport":
			var t string
			t, ok = v.Value().(string)
			ok = ok && (t == "auto" || t == "le" || t == "bredr")
		case "DuplicateData":
			f.duplicates, ok = v.Value().(bool)
		}
		if !ok {
			return f, errArguments
		}
	}
	return f, nil
}

// Path returns the path of the device with that address.
func (a *Adapter) Path(address [6]byte) dbus.ObjectPath {
	var b strings.Builder
	b.WriteString(string(a.path) + "/dev")
	for _, c := range address {
		fmt.Fprintf(&b, "_%02X", c)
	}
	return dbus.ObjectPath(b.String())
}

// Hear makes the adapter hear an advert. Clients get it only while one of them
// discovers, and by the rules of discovery.
func (a *Adapter) Hear(r Report) {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	a.hearLocked(r, time.Now())
}

func (a *Adapter) hearLocked(r Report, now time.Time) {
	if !a.power || a.deaf != Healthy || len(a.sessions) == 0 || a.z.conn == nil {
		return
	}
	a.sweepLocked(now)
	path := a.Path(r.Address)
	d, known := a.devices[path]
	if !known {
		d = &device{}
		a.devices[path] = d
	}
	d.seen = now
	if known && len(a.monitors) == 0 && now.Sub(d.reported) < a.z.options.DuplicateWindow {
		return
	}
	d.reported = now
	if !known {
		d.rssi, d.data = r.RSSI, [2]map[uint16][]byte{r.Services, r.Manufacturer}
		p := r.properties()
		p["Address"] = dbus.MakeVariant(addressText(r.Address))
		p["Adapter"] = dbus.MakeVariant(a.path)
		p["Connected"] = dbus.MakeVariant(false)
		a.z.tree[path] = map[string]Properties{ifaceDevice: p}
		a.z.emitLocked("/", ifaceTree+".InterfacesAdded", path, map[string]Properties{ifaceDevice: p})
		return
	}
	if p := a.changesLocked(d, r); len(p) > 0 {
		a.z.emitLocked(path, ifaceProps+".PropertiesChanged", ifaceDevice, p, []string{})
	}
}

// changesLocked returns the properties in a report that the rules of discovery
// send for a known device.
func (a *Adapter) changesLocked(d *device, r Report) Properties {
	var given, duplicates bool
	for client := range a.sessions {
		f := a.filters[client]
		given, duplicates = given || f.given, duplicates || f.duplicates
	}
	p := r.properties()
	if delta := int(r.RSSI) - int(d.rssi); !given && delta > -8 && delta < 8 {
		delete(p, "RSSI")
	} else {
		d.rssi = r.RSSI
	}
	data := [2]map[uint16][]byte{r.Services, r.Manufacturer}
	if !duplicates {
		if reflect.DeepEqual(data[0], d.data[0]) {
			delete(p, "ServiceData")
		}
		if reflect.DeepEqual(data[1], d.data[1]) {
			delete(p, "ManufacturerData")
		}
	}
	d.data = data
	return p
}

func (r Report) properties() Properties {
	p := Properties{}
	if !r.NoRSSI {
		p["RSSI"] = dbus.MakeVariant(r.RSSI)
	}
	if r.Name != "" {
		p["Name"] = dbus.MakeVariant(r.Name)
	}
	if len(r.Services) > 0 {
		data := map[string]dbus.Variant{}
		for id, b := range r.Services {
			data[fmt.Sprintf("%08x%s", id, baseUUID)] = dbus.MakeVariant(b)
		}
		p["ServiceData"] = dbus.MakeVariant(data)
	}
	if len(r.Manufacturer) > 0 {
		data := map[uint16]dbus.Variant{}
		for id, b := range r.Manufacturer {
			data[id] = dbus.MakeVariant(b)
		}
		p["ManufacturerData"] = dbus.MakeVariant(data)
	}
	return p
}

const baseUUID = "-0000-1000-8000-00805f9b34fb"

func addressText(a [6]byte) string {
	return fmt.Sprintf("%02X:%02X:%02X:%02X:%02X:%02X", a[0], a[1], a[2], a[3], a[4], a[5])
}

// Forget removes every device, as BlueZ does after DeviceTimeout.
func (a *Adapter) Forget() {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	for path := range a.devices {
		a.removeLocked(path)
	}
}

func (a *Adapter) removeLocked(path dbus.ObjectPath) {
	delete(a.devices, path)
	delete(a.z.tree, path)
	a.z.emitLocked("/", ifaceTree+".InterfacesRemoved", path, []string{ifaceProps, ifaceDevice})
}

// sweepLocked removes the devices without an advert for DeviceTimeout, at most
// once a second.
func (a *Adapter) sweepLocked(now time.Time) {
	if now.Sub(a.swept) < time.Second {
		return
	}
	a.swept = now
	for path, d := range a.devices {
		if now.Sub(d.seen) > a.z.options.DeviceTimeout {
			a.removeLocked(path)
		}
	}
}

// Tell sends PropertiesChanged of a device with p unchanged, whatever the types.
func (a *Adapter) Tell(address [6]byte, p Properties) {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	a.z.emitLocked(a.Path(address), ifaceProps+".PropertiesChanged", ifaceDevice, p, []string{})
}
