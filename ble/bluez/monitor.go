//go:build linux

package bluez

import (
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
	monitors "github.com/muka/go-bluetooth/bluez/profile/advertisement_monitor"

	"github.com/paybeacon/paybeacon/ble"
)

// monitor is an advertisement monitor for our service. Its only purpose is that
// the controller's duplicate filter goes off while it is registered; the
// adverts themselves come from the discovery.
type monitor struct {
	radio      *Radio
	root       dbus.ObjectPath
	conn       *dbus.Conn
	properties map[string]dbus.Variant
	warned     bool
	activated  chan struct{} // BlueZ uses the monitor
}

// activateTime is how long BlueZ may take to use a monitor that it accepted.
const activateTime = time.Second

// pattern is one entry of the property Patterns, a(yyay).
type pattern struct {
	Start   uint8
	Type    uint8
	Content []byte
}

// begin registers the monitor, again if need be, and waits until BlueZ uses it.
// A BlueZ that has none is told of once.
func (m *monitor) begin() {
	err := m.register()
	if err == nil {
		limit := time.NewTimer(activateTime)
		defer limit.Stop()
		select {
		case <-m.activated:
		case <-limit.C: // the discovery works without, only slower
		}
		return
	}
	if isNamed(err, "org.bluez.Error.AlreadyExists") || m.warned {
		return
	}
	m.warned = true
	m.radio.log.Warn("no advertisement monitor: a beacon is heard about once in ten seconds; "+
		"set Experimental = true in /etc/bluetooth/main.conf and restart bluetooth", "adapter", m.radio.adapter, "error", err)
}

func (m *monitor) register() error {
	if m.conn == nil {
		if err := m.export(); err != nil {
			return fmt.Errorf("export monitor: %w", err)
		}
	}
	manager, err := monitors.NewAdvertisementMonitorManager1(m.radio.path)
	if err != nil {
		return fmt.Errorf("find monitor manager: %w", err)
	}
	defer manager.Close()
	return manager.RegisterMonitor(m.root)
}

// export shows the objects that BlueZ reads: a root with the tree below it and
// the monitor itself.
func (m *monitor) export() error {
	conn, err := dbus.SystemBus()
	if err != nil {
		return err
	}
	m.root = dbus.ObjectPath(fmt.Sprintf("%s/%s/monitor%d", objectRoot, m.radio.adapter, m.radio.objects.Add(1)))
	patterns := []pattern{{Start: 0, Type: uint8(ble.ServiceData), Content: []byte{byte(ble.ServiceUUID & 0xFF), byte(ble.ServiceUUID >> 8)}}}
	m.properties = map[string]dbus.Variant{
		"Type":     dbus.MakeVariant("or_patterns"),
		"Patterns": dbus.MakeVariant(patterns),
	}
	exported := map[string]*prop.Prop{"Type": {Value: "or_patterns"}, "Patterns": {Value: patterns}}
	if err := conn.Export(monitorTree{m}, m.root, ifaceTree); err != nil {
		return err
	}
	m.activated = make(chan struct{}, 1)
	if err := conn.Export(monitorCalls{m.activated}, m.path(), monitors.AdvertisementMonitor1Interface); err != nil {
		return err
	}
	if _, err := prop.Export(conn, m.path(), prop.Map{monitors.AdvertisementMonitor1Interface: exported}); err != nil {
		return err
	}
	m.conn = conn
	return nil
}

func (m *monitor) path() dbus.ObjectPath { return m.root + "/beacon" }

// end takes the monitor back. BlueZ forgets it by itself if this fails.
func (m *monitor) end() {
	if m.conn == nil {
		return
	}
	manager, err := monitors.NewAdvertisementMonitorManager1(m.radio.path)
	if err == nil {
		defer manager.Close()
		err = manager.UnregisterMonitor(m.root)
	}
	if err != nil {
		m.radio.log.Debug("unregister monitor", "adapter", m.radio.adapter, "error", err)
	}
	withdraw(m.conn, m.root, ifaceTree)
	withdraw(m.conn, m.path(), monitors.AdvertisementMonitor1Interface)
	withdraw(m.conn, m.path(), ifaceProps)
}

// withdraw takes an object off the bus, which fails only for a bad path.
func withdraw(conn *dbus.Conn, path dbus.ObjectPath, iface string) { _ = conn.Export(nil, path, iface) }

// monitorTree answers BlueZ's question for the objects below the root.
type monitorTree struct{ m *monitor }

// GetManagedObjects lists the one monitor with its properties.
func (t monitorTree) GetManagedObjects() (map[dbus.ObjectPath]map[string]map[string]dbus.Variant, *dbus.Error) {
	return map[dbus.ObjectPath]map[string]map[string]dbus.Variant{
		t.m.path(): {monitors.AdvertisementMonitor1Interface: t.m.properties},
	}, nil
}

// monitorCalls is what BlueZ may call on the monitor. All of it is told by the
// discovery as well.
type monitorCalls struct{ activated chan<- struct{} }

// Activate says that BlueZ uses the monitor.
func (c monitorCalls) Activate() *dbus.Error {
	select {
	case c.activated <- struct{}{}:
	default: // nobody waits for it
	}
	return nil
}

// Release says that BlueZ let go of the monitor.
func (monitorCalls) Release() *dbus.Error { return nil }

// DeviceFound says that a device matches.
func (monitorCalls) DeviceFound(dbus.ObjectPath) *dbus.Error { return nil }

// DeviceLost says that a device no longer matches.
func (monitorCalls) DeviceLost(dbus.ObjectPath) *dbus.Error { return nil }
