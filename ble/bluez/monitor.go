//go:build linux

package bluez

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
	monitors "github.com/muka/go-bluetooth/bluez/profile/advertisement_monitor"

	"github.com/paybeacon/paybeacon/ble"
)

// slowly is what is said of a radio without a monitor.
const slowly = "a beacon is heard only about once a second, because BlueZ offers no advertisement monitors: " +
	"set Experimental = true in /etc/bluetooth/main.conf and restart bluetooth"

// monitor is an advertisement monitor for our service. Its only purpose is that
// the controller's duplicate filter goes off while it is registered; the
// adverts themselves come from the discovery.
type monitor struct {
	radio      *Radio
	root       dbus.ObjectPath
	conn       *dbus.Conn // on which it is shown; nil when it is not
	properties map[string]dbus.Variant
	slow       string      // what is wrong without it, if it is not registered
	warned     bool        // and that this was said
	released   atomic.Bool // by BlueZ, which then does not use it any more
	activated  chan struct{}
}

// pattern is one entry of the property Patterns, a(yyay).
type pattern struct {
	Start   uint8
	Type    uint8
	Content []byte
}

// begin registers the monitor, again if need be, and waits until BlueZ uses it.
// A BlueZ that has none is told of once.
func (m *monitor) begin(ctx context.Context) {
	err := m.register(ctx)
	if err == nil {
		m.await(ctx)
	}
	if err == nil || isNamed(err, "org.bluez.Error.AlreadyExists") {
		m.slow, m.warned = "", false
		return
	}
	if ctx.Err() != nil {
		return
	}
	m.slow = slowly
	if !m.warned {
		m.warned = true
		m.radio.log.Warn(slowly, "adapter", m.radio.adapter, "error", printable(err.Error()))
	}
}

func (m *monitor) register(ctx context.Context) error {
	if m.released.Swap(false) {
		m.end(ctx)
	}
	conn, err := connection()
	if err != nil {
		return err
	}
	if m.conn != conn {
		if err := m.export(conn); err != nil {
			return fmt.Errorf("export monitor: %w", err)
		}
	}
	return m.radio.call(ctx, m.radio.path, monitors.AdvertisementMonitorManager1Interface, "RegisterMonitor", m.root)
}

// await waits until BlueZ says that it uses the monitor, which it does after it
// has accepted it. Without that word a discovery works all the same, only the
// duplicate filter stays on for longer.
func (m *monitor) await(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, m.radio.limits.settle)
	defer cancel()
	select {
	case <-m.activated:
	case <-ctx.Done():
	}
}

// export shows the objects that BlueZ reads: a root with the tree below it and
// the monitor itself.
func (m *monitor) export(conn *dbus.Conn) error {
	m.root = dbus.ObjectPath(fmt.Sprintf("%s/monitor%d", objectRoot, objects.Add(1)))
	patterns := []pattern{{Start: 0, Type: uint8(ble.ServiceData), Content: []byte{byte(ble.ServiceUUID & 0xFF), byte(ble.ServiceUUID >> 8)}}}
	m.properties = map[string]dbus.Variant{
		"Type":     dbus.MakeVariant("or_patterns"),
		"Patterns": dbus.MakeVariant(patterns),
	}
	exported := map[string]*prop.Prop{"Type": {Value: "or_patterns"}, "Patterns": {Value: patterns}}
	m.conn = conn
	m.activated = make(chan struct{}, 1)
	return errors.Join(
		export(conn, monitorTree{m.path(), m.properties}, m.root, ifaceTree),
		export(conn, monitorCalls{&m.released, m.activated}, m.path(), monitors.AdvertisementMonitor1Interface),
		exportProperties(conn, m.path(), prop.Map{monitors.AdvertisementMonitor1Interface: exported}))
}

func (m *monitor) path() dbus.ObjectPath { return m.root + "/beacon" }

// end takes the monitor back. BlueZ forgets it by itself if this fails.
func (m *monitor) end(ctx context.Context) {
	if m.conn == nil {
		return
	}
	if err := m.radio.call(ctx, m.radio.path, monitors.AdvertisementMonitorManager1Interface, "UnregisterMonitor", m.root); err != nil {
		m.radio.log.Debug("unregister monitor", "adapter", m.radio.adapter, "error", err)
	}
	withdraw(m.conn, m.root, ifaceTree)
	withdraw(m.conn, m.path(), monitors.AdvertisementMonitor1Interface)
	withdraw(m.conn, m.path(), ifaceProps)
	m.conn = nil
}

// monitorTree answers BlueZ's question for the objects below the root.
type monitorTree struct {
	path       dbus.ObjectPath
	properties map[string]dbus.Variant
}

// GetManagedObjects lists the one monitor with its properties.
func (t monitorTree) GetManagedObjects() (map[dbus.ObjectPath]map[string]map[string]dbus.Variant, *dbus.Error) {
	return map[dbus.ObjectPath]map[string]map[string]dbus.Variant{
		t.path: {monitors.AdvertisementMonitor1Interface: t.properties},
	}, nil
}

// monitorCalls is what BlueZ may call on the monitor. All but Release is told by
// the discovery as well.
type monitorCalls struct {
	released  *atomic.Bool
	activated chan<- struct{}
}

// Activate says that BlueZ uses the monitor.
func (c monitorCalls) Activate() *dbus.Error {
	select {
	case c.activated <- struct{}{}:
	default: // nobody waits for it
	}
	return nil
}

// Release says that BlueZ let go of the monitor.
func (c monitorCalls) Release() *dbus.Error {
	c.released.Store(true)
	return nil
}

// DeviceFound says that a device matches.
func (monitorCalls) DeviceFound(dbus.ObjectPath) *dbus.Error { return nil }

// DeviceLost says that a device no longer matches.
func (monitorCalls) DeviceLost(dbus.ObjectPath) *dbus.Error { return nil }
