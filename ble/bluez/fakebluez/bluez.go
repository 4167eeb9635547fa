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
	service      = "org.bluez"
	ifaceProps   = "org.freedesktop.DBus.Properties"
	ifaceTree    = "org.freedesktop.DBus.ObjectManager"
	ifaceAdapter = "org.bluez.Adapter1"
	ifaceDevice  = "org.bluez.Device1"
	ifaceSlots   = "org.bluez.LEAdvertisingManager1"
	ifaceAdvert  = "org.bluez.LEAdvertisement1"
	ifaceWatches = "org.bluez.AdvertisementMonitorManager1"
	ifaceWatch   = "org.bluez.AdvertisementMonitor1"
)

// Properties are those of one interface.
type Properties = map[string]dbus.Variant

// Options say how a BlueZ behaves. Zero values are what real ones do.
type Options struct {
	// Interval is how often an advertisement is sent that does not say.
	Interval time.Duration
	// DuplicateWindow is how often a device is reported while the controller's
	// duplicate filter is on.
	DuplicateWindow time.Duration
	// DeviceTimeout is how long a silent device is remembered.
	DeviceTimeout time.Duration
	// Apart has adapters hear one another only where SetStrength said how.
	Apart bool
}

// What Options mean where they are zero.
const (
	IntervalDefault        = 100 * time.Millisecond
	DuplicateWindowDefault = 10 * time.Second
	DeviceTimeoutDefault   = 30 * time.Second
)

// BlueZ is a bluetoothd. Its methods may be called at the same time.
type BlueZ struct {
	bus     *Bus
	options Options

	mu       sync.Mutex
	conn     *dbus.Conn // nil while it does not run
	wire     *wire
	adapters map[string]*Adapter
	tree     map[dbus.ObjectPath]map[string]Properties
	refused  map[string]*dbus.Error // by member, or "adapter.member"
	calls    map[string]int         // answered, by "adapter.member"
	strength map[[2]string]int16
	changed  chan struct{} // closed at each change, then renewed
	hung     chan struct{} // closed when a hung one goes on; nil when it does not hang
	parts    sync.WaitGroup
}

// Run starts a BlueZ without adapters on the bus. The caller closes it before
// the bus.
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

// Start lets it run again after Stop. Its adapters are there at once and, as
// after a boot, switched off.
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
	z.parts.Go(func() { z.watch(signals) })
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
	z.noteLocked()
	return nil
}

// Stop ends it as a crash would: without a word to anybody. What clients had of
// it is gone.
func (z *BlueZ) Stop() {
	z.mu.Lock()
	conn := z.conn
	z.conn = nil
	for _, a := range z.adapters {
		a.resetLocked()
		a.power = false
	}
	clear(z.tree)
	z.noteLocked()
	z.mu.Unlock()
	if conn != nil {
		_ = conn.Close()
	}
	z.Hang(false)
}

// Close ends it for good and waits for its parts.
func (z *BlueZ) Close() {
	z.Stop()
	z.parts.Wait()
}

// Hang lets it take calls without answering, or lets it go on.
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

// Refuse lets it answer every call of a method with an error, such as
// "org.freedesktop.DBus.Error.AccessDenied". member is such as
// "StartDiscovery", for all adapters, or "hci0.StartDiscovery".
func (z *BlueZ) Refuse(member, name, text string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.refused[member] = dbus.NewError(name, []any{text})
}

// Allow takes Refuse back.
func (z *BlueZ) Allow(member string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	delete(z.refused, member)
}

// SetStrength says how strongly one adapter hears what another advertises; -60
// is what it is otherwise.
func (z *BlueZ) SetStrength(from, to string, dBm int16) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.strength[[2]string{from, to}] = dBm
}

// Until waits until holds is true, which is asked again after each change.
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

// noteLocked wakes whoever waits in Until.
func (z *BlueZ) noteLocked() {
	close(z.changed)
	z.changed = make(chan struct{})
}

// watch forgets what a client had when it leaves the bus.
func (z *BlueZ) watch(signals <-chan *dbus.Signal) {
	for s := range signals {
		if len(s.Body) < 3 || s.Body[2] != "" {
			continue
		}
		client, _ := s.Body[0].(string)
		z.mu.Lock()
		for _, a := range z.adapters {
			a.dropLocked(client)
		}
		z.noteLocked()
		z.mu.Unlock()
	}
}

// emitLocked sends a signal. Nobody hears those of a BlueZ that does not run.
func (z *BlueZ) emitLocked(path dbus.ObjectPath, name string, values ...any) {
	if z.conn != nil {
		_ = z.conn.Emit(path, name, values...)
	}
}

// setLocked changes properties and tells so.
func (z *BlueZ) setLocked(path dbus.ObjectPath, iface string, p Properties) {
	have := z.tree[path][iface]
	if have == nil {
		return
	}
	maps.Copy(have, p)
	z.emitLocked(path, ifaceProps+".PropertiesChanged", iface, p, []string{})
	z.noteLocked()
}

// answer answers one call.
func (z *BlueZ) answer(r request) ([]any, error) {
	z.mu.Lock()
	hung := z.hung
	z.mu.Unlock()
	if hung != nil {
		<-hung
	}
	out, err := z.decide(r)
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (z *BlueZ) decide(r request) ([]any, *dbus.Error) {
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
	case ifaceWatches:
		if a != nil && a.hasWatches() {
			return nil, a.watchCall(r)
		}
	}
	return nil, busFailure("UnknownMethod", fmt.Sprintf("Method %q with interface %q doesn't exist", r.member, r.iface))
}

// admit finds the adapter that a call is for, counts the call, and refuses it if
// that was asked for.
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
	z.noteLocked()
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
