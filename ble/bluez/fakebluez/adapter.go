package fakebluez

import (
	"fmt"
	"maps"
	"time"

	"github.com/godbus/dbus/v5"
)

// Cure is the action after which a deaf adapter hears again.
type Cure uint8

// The cures. Healthy means that the adapter is not deaf, Nothing that it stays
// deaf.
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

	// The fields below are guarded by the mutex of z.
	plugged, power, blocked, oldKernel, discoverable bool
	deaf                                             Cure
	slots                                            int
	monitorsOff                                      bool
	overrides                                        map[string]Properties // values that replace properties, by interface
	filters                                          map[string]filter     // by client; they outlive discovery
	sessions                                         map[string]bool       // clients that discover
	monitors                                         map[string]string     // path to client
	adverts                                          map[string]*advert    // by client and path
	devices                                          map[dbus.ObjectPath]*device
	swept                                            time.Time
}

// AddAdapter plugs in a new adapter with a name such as "hci0", switched off.
func (z *BlueZ) AddAdapter(name string) *Adapter {
	z.mu.Lock()
	defer z.mu.Unlock()
	a := &Adapter{
		z: z, name: name, path: dbus.ObjectPath("/org/bluez/" + name), slots: 5,
		address:   fmt.Sprintf("00:1A:7D:DA:71:%02X", len(z.adapters)),
		overrides: map[string]Properties{},
		filters:   map[string]filter{},
		sessions:  map[string]bool{}, monitors: map[string]string{}, adverts: map[string]*advert{}, devices: map[dbus.ObjectPath]*device{},
	}
	z.adapters[name] = a
	a.plugged = true
	z.showLocked(a)
	z.notifyLocked()
	return a
}

// Name returns the adapter's name, such as "hci0".
func (a *Adapter) Name() string { return a.name }

// showLocked adds the adapter to the tree and sends InterfacesAdded.
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
	if !a.monitorsOff {
		interfaces[ifaceMonitorManager] = Properties{"SupportedMonitorTypes": v([]string{"or_patterns"}), "SupportedFeatures": v([]string{})}
	}
	for iface, p := range a.overrides {
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

// Unplug removes the adapter from the machine.
func (a *Adapter) Unplug() {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	a.resetLocked()
	a.plugged, a.power = false, false
	delete(a.z.tree, a.path)
	a.z.emitLocked("/", ifaceTree+".InterfacesRemoved", a.path, []string{ifaceProps, ifaceAdapter, ifaceSlots, ifaceMonitorManager})
	a.z.notifyLocked()
}

// Plug adds an unplugged adapter again, switched off.
func (a *Adapter) Plug() {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	a.plugged = true
	a.z.showLocked(a)
	a.z.notifyLocked()
}

// SetPower switches the adapter on or off, as another program would.
func (a *Adapter) SetPower(on bool) {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	a.powerLocked(on)
}

// Block makes rfkill keep the adapter off, or, with on false, no longer. With old
// the adapter has no PowerState, as on an old kernel, which does not report why
// it is off.
func (a *Adapter) Block(on, old bool) {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	a.blocked, a.oldKernel = on, old
	if p := a.z.tree[a.path][ifaceAdapter]; old {
		delete(p, "PowerState")
	}
	a.powerLocked(false)
}

// SetDiscoverable sets whether the adapter is discoverable.
func (a *Adapter) SetDiscoverable(on bool) {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	a.discoverable = on
	a.z.setLocked(a.path, ifaceAdapter, Properties{"Discoverable": dbus.MakeVariant(on)})
}

// Deafen makes the adapter hear nothing until the given cure happens.
func (a *Adapter) Deafen(until Cure) {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	a.deaf = until
}

// SetSlots sets how many advertisements the adapter can have.
func (a *Adapter) SetSlots(n int) {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	a.slots = n
	a.slotsLocked()
}

// SetMonitors sets whether there are advertisement monitors, which need BlueZ's
// experimental interfaces. Clients see it when BlueZ starts.
func (a *Adapter) SetMonitors(on bool) {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	a.monitorsOff = !on
	clear(a.monitors)
	if p := a.z.tree[a.path]; p != nil {
		delete(p, ifaceMonitorManager)
		if on {
			p[ifaceMonitorManager] = Properties{"SupportedMonitorTypes": dbus.MakeVariant([]string{"or_patterns"})}
		}
	}
}

// Twist gives properties values of any type, and sends PropertiesChanged.
func (a *Adapter) Twist(iface string, p Properties) {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	a.overrides[iface] = p
	a.z.setLocked(a.path, iface, p)
}

// Calls returns how often a method of this adapter was called, such as
// "StartDiscovery" or "SetPowered".
func (a *Adapter) Calls(member string) int {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	return a.z.calls[a.name+"."+member]
}

// Calls returns how often a method of an adapter was called. The adapter may be
// unknown; then it is 0.
func (z *BlueZ) Calls(adapter, member string) int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.calls[adapter+"."+member]
}

// Discovering returns how many clients have a discovery.
func (a *Adapter) Discovering() int {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	return len(a.sessions)
}

// Monitors returns how many advertisement monitors are registered.
func (a *Adapter) Monitors() int {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	return len(a.monitors)
}

// resetLocked ends everything that the adapter does.
func (a *Adapter) resetLocked() {
	clear(a.sessions)
	clear(a.filters)
	clear(a.monitors)
	clear(a.devices)
	a.endAllLocked()
}

// dropLocked ends everything that a client has registered with the adapter.
func (a *Adapter) dropLocked(client string) {
	delete(a.filters, client)
	if a.sessions[client] {
		delete(a.sessions, client)
		a.discoveringLocked()
	}
	for path, owner := range a.monitors {
		if owner == client {
			delete(a.monitors, path)
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
		a.endAllLocked()
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

// assignLocked carries out a client's Set of a property of the adapter.
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
