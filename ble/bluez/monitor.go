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

// slowMessage describes a radio without a monitor.
const slowMessage = "a beacon is heard only about once a second, because BlueZ offers no advertisement monitors: " +
	"set Experimental = true in /etc/bluetooth/main.conf and restart bluetooth"

// monitor is an advertisement monitor for our service. Its only purpose is to
// keep the controller's duplicate filter off while it is registered; the adverts
// themselves come from the discovery.
type monitor struct {
	radio      *Radio
	root       dbus.ObjectPath
	conn       *dbus.Conn // on which it is exported; nil when it is not
	properties map[string]dbus.Variant
	slow       string      // slowMessage if it is not registered, else empty
	warned     bool        // slow was logged
	released   atomic.Bool // BlueZ released it and does not use it any more
	activated  chan struct{}
}

// pattern is one entry of the property Patterns, a(yyay).
type pattern struct {
	Start   uint8
	Type    uint8
	Content []byte
}

// start registers the monitor, again if BlueZ has released it, and waits until
// BlueZ uses it. If BlueZ offers no monitors, the log says so once.
func (m *monitor) start(ctx context.Context) {
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
	m.slow = slowMessage
	if !m.warned {
		m.warned = true
		m.radio.log.Warn(slowMessage, "adapter", m.radio.adapter, "error", printable(err.Error()))
	}
}

func (m *monitor) register(ctx context.Context) error {
	if m.released.Swap(false) {
		m.stop(ctx)
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

// await waits until BlueZ calls Activate, which it does some time after it has
// accepted the monitor, or until settleDelay is over. A discovery that begins
// earlier works as well, but the duplicate filter stays on for longer.
func (m *monitor) await(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, m.radio.limits.settleDelay)
	defer cancel()
	select {
	case <-m.activated:
	case <-ctx.Done():
	}
}

// export exports the objects that BlueZ reads: a root that lists the objects
// below it, and the monitor itself.
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

// stop unregisters the monitor. If that fails, BlueZ drops it when the connection
// ends.
func (m *monitor) stop(ctx context.Context) {
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

// monitorTree answers BlueZ's query for the objects below the root.
type monitorTree struct {
	path       dbus.ObjectPath
	properties map[string]dbus.Variant
}

// GetManagedObjects returns the one monitor with its properties. It never fails.
func (t monitorTree) GetManagedObjects() (map[dbus.ObjectPath]map[string]map[string]dbus.Variant, *dbus.Error) {
	return map[dbus.ObjectPath]map[string]map[string]dbus.Variant{
		t.path: {monitors.AdvertisementMonitor1Interface: t.properties},
	}, nil
}

// monitorCalls is what BlueZ may call on the monitor. Devices that it finds are
// reported by the discovery as well, so those calls are ignored.
type monitorCalls struct {
	released  *atomic.Bool
	activated chan<- struct{}
}

// Activate is called when BlueZ begins to use the monitor. It never fails.
func (c monitorCalls) Activate() *dbus.Error {
	select {
	case c.activated <- struct{}{}:
	default: // an earlier call is still unread
	}
	return nil
}

// Release is called when BlueZ no longer uses the monitor. It never fails.
func (c monitorCalls) Release() *dbus.Error {
	c.released.Store(true)
	return nil
}

// DeviceFound is called for a device that matches. It does nothing.
func (monitorCalls) DeviceFound(dbus.ObjectPath) *dbus.Error { return nil }

// DeviceLost is called for a device that no longer matches. It does nothing.
func (monitorCalls) DeviceLost(dbus.ObjectPath) *dbus.Error { return nil }
