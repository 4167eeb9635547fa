package fakebluez

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	service             = "org.bluez"
	ifaceProps          = "org.freedesktop.DBus.Properties"
	ifaceTree           = "org.freedesktop.DBus.ObjectManager"
	ifaceAdapter        = "org.bluez.Adapter1"
	ifaceDevice         = "org.bluez.Device1"
	ifaceSlots          = "org.bluez.LEAdvertisingManager1"
	ifaceAdvert         = "org.bluez.LEAdvertisement1"
	ifaceMonitorManager = "org.bluez.AdvertisementMonitorManager1"
	ifaceMonitor        = "org.bluez.AdvertisementMonitor1"
)

// Properties are the properties of one interface, by name.
type Properties = map[string]dbus.Variant

// Options configure a BlueZ. Zero means the default below.
type Options struct {
	// Interval is how often an advertisement is sent that states no interval.
	Interval time.Duration
	// DuplicateWindow is how often a device is reported while the controller's
	// duplicate filter is on.
	DuplicateWindow time.Duration
	// DeviceTimeout is how long a device without adverts is kept.
	DeviceTimeout time.Duration
	// Apart makes adapters hear one another only after SetStrength.
	Apart bool
}

// The options of a BlueZ that are zero take these values.
const (
	// IntervalDefault is for Options.Interval. Chosen: tests need not wait long
	// for an advert.
	IntervalDefault = 100 * time.Millisecond
	// DuplicateWindowDefault is for Options.DuplicateWindow. Measured: BlueZ 5.66
	// with virtual controllers in a virtual machine.
	DuplicateWindowDefault = 10 * time.Second
	// DeviceTimeoutDefault is for Options.DeviceTimeout. Measured: BlueZ 5.66 with
	// virtual controllers in a virtual machine.
	DeviceTimeoutDefault = 30 * time.Second
)

// BlueZ imitates a bluetoothd. Its methods may be called at the same time.
type BlueZ struct {
	bus     *Bus
	options Options

	mu         sync.Mutex
	conn       *dbus.Conn // nil while it does not run
	wire       *wire
	adapters   map[string]*Adapter
	tree       map[dbus.ObjectPath]map[string]Properties
	refused    map[string]*dbus.Error // by member, or "adapter.member"
	calls      map[string]int         // answered, by "adapter.member"
	strength   map[[2]string]int16
	changed    chan struct{} // closed at each change, then renewed
	hung       chan struct{} // closed when it no longer hangs; nil when it does not hang
	goroutines sync.WaitGroup
}

// Run starts a BlueZ without adapters on the bus. The caller closes it before
// the bus. Its errors are those of Start.
func Run(b *Bus, o Options) (*BlueZ, error) {
	pick := func(d *time.Duration, zero time.Duration) {
		if *d == 0 {
			*d = zero
		}
	}
	pick(&o.Interval, IntervalDefault)
	pick(&o.DuplicateWindow, DuplicateWindowDefault)
	pick(&o.DeviceTimeout, DeviceTimeoutDefault)
	z := &BlueZ{
		bus: b, options: o, adapters: map[string]*Adapter{}, tree: map[dbus.ObjectPath]map[string]Properties{},
		refused: map[string]*dbus.Error{}, calls: map[string]int{}, strength: map[[2]string]int16{}, changed: make(chan struct{}),
	}
	return z, z.Start()
}

// Start starts it again after Stop. Its adapters are there at once and, as after
// a boot, switched off. It fails if the bus cannot be reached or the name
// org.bluez is taken; the errors match no sentinel.
func (z *BlueZ) Start() error {
	conn, w, err := z.bus.connect(dbus.WithHandler(handler{z}), dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	if err != nil {
		return fmt.Errorf("start bluez: %w", err)
	}
	signals := make(chan *dbus.Signal, 64)
	conn.Signal(signals)
	err = conn.AddMatchSignal(dbus.WithMatchSender("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"))
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	z.goroutines.Go(func() { z.watchClients(signals) })
	z.mu.Lock()
	z.conn, z.wire = conn, w
	z.mu.Unlock()
	reply, err := conn.RequestName(service, dbus.NameFlagDoNotQueue)
	if err == nil && reply != dbus.RequestNameReplyPrimaryOwner {
		err = errors.New("org.bluez is taken on this bus")
	}
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	for _, a := range z.adapters {
		if a.plugged {
			z.showLocked(a)
		}
	}
	z.notifyLocked()
	return nil
}

// Stop ends it as a crash would: no client is notified, and everything that
// clients had registered is gone.
func (z *BlueZ) Stop() {
	z.mu.Lock()
	conn := z.conn
	z.conn = nil
	for _, a := range z.adapters {
		a.resetLocked()
		a.power = false
	}
	clear(z.tree)
	z.notifyLocked()
	z.mu.Unlock()
	if conn != nil {
		_ = conn.Close()
	}
	z.Hang(false)
}

// Close ends it for good and waits for its goroutines.
func (z *BlueZ) Close() {
	z.Stop()
	z.goroutines.Wait()
}

// Hang makes it receive calls without answering them, or, with false, answer
// again.
func (z *BlueZ) Hang(on bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.hung != nil && !on {
		close(z.hung)
		z.hung = nil
	}
	if on && z.hung == nil {
		z.hung = make(chan struct{})
	}
}

// Refuse makes it answer every call of a method with the error name and text,
// such as "org.freedesktop.DBus.Error.AccessDenied". member is a method such as
// "StartDiscovery", for all adapters, or "hci0.StartDiscovery", for one.
func (z *BlueZ) Refuse(member, name, text string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.refused[member] = dbus.NewError(name, []any{text})
}

// Allow ends the effect of Refuse for member.
func (z *BlueZ) Allow(member string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	delete(z.refused, member)
}

// SetStrength sets how strongly adapter to hears what adapter from advertises, in
// dBm; the default is -60.
func (z *BlueZ) SetStrength(from, to string, dBm int16) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.strength[[2]string{from, to}] = dBm
}

// Until waits until holds returns true, and calls it again after each change. It
// returns the error of ctx if ctx ends first.
func (z *BlueZ) Until(ctx context.Context, holds func() bool) error {
	for {
		z.mu.Lock()
		changed := z.changed
		z.mu.Unlock()
		if holds() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// notifyLocked wakes the callers that wait in Until.
func (z *BlueZ) notifyLocked() {
	close(z.changed)
	z.changed = make(chan struct{})
}

// watchClients drops what a client had registered when it leaves the bus.
func (z *BlueZ) watchClients(signals <-chan *dbus.Signal) {
	for s := range signals {
		if len(s.Body) < 3 || s.Body[2] != "" {
			continue
		}
		client, _ := s.Body[0].(string)
		z.mu.Lock()
		for _, a := range z.adapters {
			a.dropLocked(client)
		}
		z.notifyLocked()
		z.mu.Unlock()
	}
}

// emitLocked sends a signal, if this BlueZ runs.
func (z *BlueZ) emitLocked(path dbus.ObjectPath, name string, values ...any) {
	if z.conn != nil {
		_ = z.conn.Emit(path, name, values...)
	}
}

// setLocked changes properties and sends PropertiesChanged.
func (z *BlueZ) setLocked(path dbus.ObjectPath, iface string, p Properties) {
	have := z.tree[path][iface]
	if have == nil {
		return
	}
	maps.Copy(have, p)
	z.emitLocked(path, ifaceProps+".PropertiesChanged", iface, p, []string{})
	z.notifyLocked()
}

// answer answers one call, after a hang is over. Its errors are *dbus.Error.
func (z *BlueZ) answer(r request) ([]any, error) {
	z.mu.Lock()
	hung := z.hung
	z.mu.Unlock()
	if hung != nil {
		<-hung
	}
	out, err := z.dispatch(r)
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (z *BlueZ) dispatch(r request) ([]any, *dbus.Error) {
	a, err := z.admit(r)
	if err != nil {
		return nil, err
	}
	switch r.iface {
	case ifaceProps:
		return z.property(a, r)
	case ifaceTree:
		if r.path == "/" && r.member == "GetManagedObjects" {
			return z.objects()
		}
	case ifaceAdapter:
		if a != nil {
			return nil, a.control(r)
		}
	case ifaceSlots:
		if a != nil {
			return nil, a.slot(r)
		}
	case ifaceMonitorManager:
		if a != nil && a.hasMonitors() {
			return nil, a.monitorCall(r)
		}
	}
	return nil, busFailure("UnknownMethod", fmt.Sprintf("Method %q with interface %q doesn't exist", r.member, r.iface))
}

// admit returns the adapter that a call is for, or nil, and counts the call. It
// returns the error that Refuse has set for it.
func (z *BlueZ) admit(r request) (*Adapter, *dbus.Error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	var a *Adapter
	member := r.member
	if r.iface == ifaceProps && r.member == "Set" {
		name, _ := argument[string](r, 1)
		member = "Set" + name
	}
	for _, one := range z.adapters {
		if one.path == r.path && one.plugged {
			a = one
			z.calls[one.name+"."+member]++
		}
	}
	z.notifyLocked()
	if err := z.refused[member]; err != nil {
		return nil, err
	}
	if a != nil {
		if err := z.refused[a.name+"."+member]; err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (z *BlueZ) objects() ([]any, *dbus.Error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	all := map[dbus.ObjectPath]map[string]Properties{}
	for path, interfaces := range z.tree {
		all[path] = map[string]Properties{}
		for iface, p := range interfaces {
			all[path][iface] = maps.Clone(p)
		}
	}
	return []any{all}, nil
}

func (z *BlueZ) property(a *Adapter, r request) ([]any, *dbus.Error) {
	iface, _ := argument[string](r, 0)
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.tree[r.path] == nil {
		return nil, busFailure("UnknownObject", "Method \"Get\" doesn't exist")
	}
	p := z.tree[r.path][iface]
	if p == nil {
		return nil, busFailure("InvalidArgs", "No such interface '"+iface+"'")
	}
	if r.member == "GetAll" {
		return []any{maps.Clone(p)}, nil
	}
	name, _ := argument[string](r, 1)
	v, ok := p[name]
	if !ok {
		return nil, busFailure("InvalidArgs", "No such property '"+name+"'")
	}
	switch r.member {
	case "Get":
		return []any{v}, nil
	case "Set":
		value, ok := argument[dbus.Variant](r, 2)
		if !ok || a == nil || iface != ifaceAdapter {
			return nil, busFailure("PropertyReadOnly", "Property '"+name+"' is not writable")
		}
		return nil, a.assignLocked(name, value)
	}
	return nil, busFailure("UnknownMethod", "no such method")
}
