package fakebluez

import (
	"fmt"
	"maps"
	"time"

	"github.com/godbus/dbus/v5"
)

// Cure is what makes a deaf adapter hear again.
type Cure uint8

// The cures. An adapter in good health needs none.
const (
	Healthy Cure = iota
	DiscoveryRestart
	PowerOff
	Nothing
)

// Adapter is one radio of a BlueZ.
type Adapter struct {
	z       *BlueZ
	name    string
	path    dbus.ObjectPath
	address string

	// What follows is guarded by the mutex of z.
	plugged, power, blocked, oldKernel, discoverable bool
	deaf                                             Cure
	slots                                            int
	watchesOff                                       bool
	twisted                                          map[string]Properties // what replaces properties, by interface
	filters                                          map[string]filter     // by client; they outlive discovery
	sessions                                         map[string]bool       // clients that discover
	watches                                          map[string]string     // path to client
	adverts                                          map[string]*advert    // by client and path
	devices                                          map[dbus.ObjectPath]*device
	swept                                            time.Time
}

// AddAdapter plugs in a new adapter such as "hci0", switched off.
func (z *BlueZ) AddAdapter(name string) *Adapter {
	z.mu.Lock()
	defer z.mu.Unlock()
	a := &Adapter{
		z: z, name: name, path: dbus.ObjectPath("/org/bluez/" + name), slots: 5,
		address:  fmt.Sprintf("00:1A:7D:DA:71:%02X", len(z.adapters)),
		twisted:  map[string]Properties{},
		filters:  map[string]filter{},
		sessions: map[string]bool{}, watches: map[string]string{}, adverts: map[string]*advert{}, devices: map[dbus.ObjectPath]*device{},
	}
	z.adapters[name] = a
	a.plugged = true
	z.showLocked(a)
	z.noteLocked()
	return a
}

// Name is such as "hci0".
func (a *Adapter) Name() string { return a.name }

// showLocked puts the adapter into the tree and tells so.
func (z *BlueZ) showLocked(a *Adapter) {
	var v = dbus.MakeVariant
	interfaces := map[string]Properties{
		ifaceAdapter: {
			"Address": v(a.address), "AddressType": v("public"), "Name": v("fake\x1b[31m\n" + a.name), "Alias": v("fake"), "Class": v(uint32(0)),
			"Powered": v(a.power), "Discoverable": v(a.discoverable), "DiscoverableTimeout": v(uint32(180)), "Pairable": v(false),
			"PairableTimeout": v(uint32(0)), "Discovering": v(false), "UUIDs": v([]string{}), "Modalias": v("usb:v1D6Bp0246d0542"),
			"Roles": v([]string{"central", "peripheral"}),
		},
		ifaceSlots: {
			"ActiveInstances": v(byte(0)), "SupportedInstances": v(byte(a.slots)),
			"SupportedIncludes": v([]string{"tx-power", "appearance", "local-name"}), "SupportedSecondaryChannels": v([]string{}),
		},
	}
	if !a.oldKernel {
		interfaces[ifaceAdapter]["PowerState"] = v(a.powerState())
	}
	if !a.watchesOff {
		interfaces[ifaceWatches] = Properties{"SupportedMonitorTypes": v([]string{"or_patterns"}), "SupportedFeatures": v([]string{})}
	}
	for iface, p := range a.twisted {
		if interfaces[iface] != nil {
			maps.Copy(interfaces[iface], p)
		}
	}
	z.tree[a.path] = interfaces
	z.emitLocked("/", ifaceTree+".InterfacesAdded", a.path, interfaces)
}

func (a *Adapter) powerState() string {
	switch {
	case a.power:
		return "on"
	case a.blocked:
		return "off-blocked"
	default:
		return "off"
	}
}

// Unplug takes the adapter away, and Plug brings it back, switched off.
func (a *Adapter) Unplug() {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	a.resetLocked()
	a.plugged, a.power = false, false
	delete(a.z.tree, a.path)
	a.z.emitLocked("/", ifaceTree+".InterfacesRemoved", a.path, []string{ifaceProps, ifaceAdapter, ifaceSlots, ifaceWatches})
	a.z.noteLocked()
}

// Plug brings an adapter back that was unplugged.
func (a *Adapter) Plug() {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	a.plugged = true
	a.z.showLocked(a)
	a.z.noteLocked()
}

// SetPower switches the adapter as another program would.
func (a *Adapter) SetPower(on bool) {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	a.powerLocked(on)
}

// Block has rfkill keep the adapter off, or lets it go. A kernel that is old
// does not say why it is off.
func (a *Adapter) Block(on, old bool) {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	a.blocked, a.oldKernel = on, old
	if p := a.z.tree[a.path][ifaceAdapter]; old {
		delete(p, "PowerState")
	}
	a.powerLocked(false)
}

// SetDiscoverable makes the adapter show itself to everybody.
func (a *Adapter) SetDiscoverable(on bool) {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	a.discoverable = on
	a.z.setLocked(a.path, ifaceAdapter, Properties{"Discoverable": dbus.MakeVariant(on)})
}

// Deafen lets the adapter hear nothing until it is cured.
func (a *Adapter) Deafen(until Cure) {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	a.deaf = until
}

// SetSlots says how many advertisements fit.
func (a *Adapter) SetSlots(n int) {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	a.slots = n
	a.slotsLocked()
}

// SetMonitors says whether there are advertisement monitors, which need
// BlueZ's experimental interfaces. It is told when BlueZ starts.
func (a *Adapter) SetMonitors(on bool) {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	a.watchesOff = !on
	clear(a.watches)
	if p := a.z.tree[a.path]; p != nil {
		delete(p, ifaceWatches)
		if on {
			p[ifaceWatches] = Properties{"SupportedMonitorTypes": dbus.MakeVariant([]string{"or_patterns"})}
		}
	}
}

// Twist gives properties values of any type, and tells so.
func (a *Adapter) Twist(iface string, p Properties) {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	a.twisted[iface] = p
	a.z.setLocked(a.path, iface, p)
}

// Calls counts the calls of a method on this adapter, such as
// "StartDiscovery" or "SetPowered".
func (a *Adapter) Calls(member string) int {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	return a.z.calls[a.name+"."+member]
}

// Calls counts the calls of a method on an adapter, known or not.
func (z *BlueZ) Calls(adapter, member string) int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.calls[adapter+"."+member]
}

// Discovering says how many clients discover.
func (a *Adapter) Discovering() int {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	return len(a.sessions)
}

// Monitors says how many advertisement monitors are registered.
func (a *Adapter) Monitors() int {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	return len(a.watches)
}

// resetLocked ends whatever the adapter does.
func (a *Adapter) resetLocked() {
	clear(a.sessions)
	clear(a.filters)
	clear(a.watches)
	clear(a.devices)
	a.silenceLocked()
}

// dropLocked ends what a client had of the adapter.
func (a *Adapter) dropLocked(client string) {
	delete(a.filters, client)
	if a.sessions[client] {
		delete(a.sessions, client)
		a.discoveringLocked()
	}
	for path, owner := range a.watches {
		if owner == client {
			delete(a.watches, path)
		}
	}
	for key, ad := range a.adverts {
		if ad.client == client {
			a.endLocked(key)
		}
	}
}

func (a *Adapter) powerLocked(on bool) {
	if !on {
		clear(a.sessions)
		a.silenceLocked()
		if a.deaf == PowerOff {
			a.deaf = Healthy
		}
		a.discoveringLocked()
	}
	a.power = on
	have := a.z.tree[a.path][ifaceAdapter]
	if have["Powered"].Value() == on && (a.oldKernel || have["PowerState"].Value() == a.powerState()) {
		return
	}
	p := Properties{"Powered": dbus.MakeVariant(on)}
	if !a.oldKernel {
		p["PowerState"] = dbus.MakeVariant(a.powerState())
	}
	a.z.setLocked(a.path, ifaceAdapter, p)
}

// assignLocked is a client's Set of an adapter's property.
func (a *Adapter) assignLocked(name string, value dbus.Variant) *dbus.Error {
	on, ok := value.Value().(bool)
	if name != "Powered" || !ok {
		return errArguments
	}
	if on && a.blocked {
		if a.oldKernel {
			return failure("Failed", "Failed")
		}
		return failure("Blocked", "Blocked through rfkill")
	}
	a.powerLocked(on)
	return nil
}

func (a *Adapter) discoveringLocked() {
	on := len(a.sessions) > 0
	if p := a.z.tree[a.path][ifaceAdapter]; p != nil && p["Discovering"].Value() != on {
		a.z.setLocked(a.path, ifaceAdapter, Properties{"Discovering": dbus.MakeVariant(on)})
	}
}
