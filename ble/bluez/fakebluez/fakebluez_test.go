package fakebluez_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"go.uber.org/goleak"

	"github.com/paybeacon/paybeacon/ble/bluez/fakebluez"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client is connected to a BlueZ of its own.
type client struct {
	t       *testing.T
	adapter *fakebluez.Adapter
	conn    *dbus.Conn
	signals chan *dbus.Signal
}

func begin(t *testing.T) *client {
	t.Helper()
	dir, err := os.MkdirTemp("", "pb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	bus, err := fakebluez.StartBus(dir)
	if errors.Is(err, fakebluez.ErrNoDaemon) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	z, err := fakebluez.Run(bus, fakebluez.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(z.Close)
	c := &client{t: t, adapter: z.AddAdapter("hci0"), signals: make(chan *dbus.Signal, 100)}
	c.adapter.SetPower(true)
	if c.conn, err = dbus.Connect(bus.Address, dbus.WithSignalHandler(dbus.NewSequentialSignalHandler())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.conn.Close() })
	if err := c.conn.AddMatchSignal(dbus.WithMatchSender("org.bluez")); err != nil {
		t.Fatal(err)
	}
	c.conn.Signal(c.signals)
	return c
}

// call calls a method of the adapter and returns the last part of the name of
// the error, if there is one.
func (c *client) call(method string, args ...any) string {
	err := c.conn.Object("org.bluez", "/org/bluez/hci0").Call("org.bluez."+method, 0, args...).Err
	var e dbus.Error
	if errors.As(err, &e) {
		return e.Name[strings.LastIndexByte(e.Name, '.')+1:]
	}
	if err != nil {
		c.t.Error(err)
	}
	return ""
}

// next describes the next signal about a device.
func (c *client) next() string {
	for {
		select {
		case s := <-c.signals:
			member := s.Name[strings.LastIndexByte(s.Name, '.')+1:]
			switch iface, _ := s.Body[0].(string); {
			case member == "InterfacesAdded", member == "InterfacesRemoved":
				return member
			case iface == "org.bluez.Device1":
				var names []string
				for _, name := range []string{"RSSI", "ServiceData", "ManufacturerData"} {
					if _, ok := s.Body[1].(map[string]dbus.Variant)[name]; ok {
						names = append(names, name)
					}
				}
				return strings.Join(names, "+")
			}
		case <-time.After(20 * time.Second):
			c.t.Fatal("no signal")
		}
	}
}

func (c *client) expect(what string, want ...string) {
	c.t.Helper()
	for _, w := range want {
		if got := c.next(); got != w {
			c.t.Errorf("%s: have %q, want %q", what, got, w)
		}
	}
}

// TestRulesOfDiscovery checks the rules that a client observes in a real BlueZ.
func TestRulesOfDiscovery(t *testing.T) {
	t.Parallel()
	c := begin(t)
	data := map[uint16][]byte{0xFEAA: {1}}
	hear := func(rssi ...int16) {
		for _, dBm := range rssi {
			c.adapter.Hear(fakebluez.Report{Address: [6]byte{1}, RSSI: dBm, Services: data})
		}
	}
	hear(-50) // nobody discovers
	if got := c.call("Adapter1.StopDiscovery"); got != "Failed" {
		t.Errorf("stopping what was not begun: %q", got)
	}
	if got := c.call("Adapter1.StartDiscovery") + c.call("Adapter1.StartDiscovery"); got != "InProgress" {
		t.Errorf("starting twice: %q", got)
	}
	hear(-50)
	c.expect("first sight", "InterfacesAdded")
	hear(-60, -70) // the controller's filter holds these back
	c.adapter.Forget()
	c.expect("it was silent for long", "InterfacesRemoved")
	if got := c.call("Adapter1.SetDiscoveryFilter", map[string]dbus.Variant{"Transport": dbus.MakeVariant("smoke")}); got != "InvalidArguments" {
		t.Errorf("a filter that cannot be: %q", got)
	}
	if got := c.call("Adapter1.SetDiscoveryFilter", map[string]dbus.Variant{"Transport": dbus.MakeVariant("le"), "DuplicateData": dbus.MakeVariant(true)}); got != "" {
		t.Errorf("a filter: %q", got)
	}
	c.call("Adapter1.StopDiscovery")
	c.call("Adapter1.StartDiscovery") // the filter is still there
	hear(-50)
	c.expect("first sight", "InterfacesAdded")
	hear(-51) // and the controller's filter, too
	c.adapter.Forget()
	c.expect("again", "InterfacesRemoved")
}

// patterns exports a monitor as a client does.
type patterns struct{}

func (patterns) GetManagedObjects() (map[dbus.ObjectPath]map[string]map[string]dbus.Variant, *dbus.Error) {
	type pattern struct {
		Start, Type uint8
		Content     []byte
	}
	return map[dbus.ObjectPath]map[string]map[string]dbus.Variant{"/m/one": {"org.bluez.AdvertisementMonitor1": {
		"Type": dbus.MakeVariant("or_patterns"), "Patterns": dbus.MakeVariant([]pattern{{0, 0x16, []byte{0xAA, 0xFE}}}),
	}}}, nil
}

func (patterns) Activate() *dbus.Error { return nil }

func TestStrengthBelow8dBIsNotToldWithoutAFilter(t *testing.T) {
	t.Parallel()
	c := begin(t)
	if err := errors.Join(c.conn.Export(patterns{}, "/m", "org.freedesktop.DBus.ObjectManager"), c.conn.Export(patterns{}, "/m/one", "org.bluez.AdvertisementMonitor1")); err != nil {
		t.Fatal(err)
	}
	if got := c.call("AdvertisementMonitorManager1.RegisterMonitor", dbus.ObjectPath("/m")); got != "" {
		t.Fatalf("monitor: %q", got)
	}
	if got := c.call("AdvertisementMonitorManager1.RegisterMonitor", dbus.ObjectPath("/m")); got != "AlreadyExists" {
		t.Errorf("the same again: %q", got)
	}
	if got := c.call("AdvertisementMonitorManager1.RegisterMonitor", dbus.ObjectPath("/none")); got != "Failed" {
		t.Errorf("one that cannot be read: %q", got)
	}
	c.call("Adapter1.StartDiscovery")
	for _, r := range []fakebluez.Report{
		{RSSI: -50, Services: map[uint16][]byte{0xFEAA: {1}}},
		{RSSI: -57, Services: map[uint16][]byte{0xFEAA: {1}}}, // less than 8 dB
		{RSSI: -58, Services: map[uint16][]byte{0xFEAA: {1}}},
		{RSSI: -58, Services: map[uint16][]byte{0xFEAA: {2}}},
		{RSSI: -80, Manufacturer: map[uint16][]byte{1: {2}}},
	} {
		c.adapter.Hear(r)
	}
	c.expect("without a filter", "InterfacesAdded", "RSSI", "ServiceData", "RSSI+ManufacturerData")
	c.call("Adapter1.SetDiscoveryFilter", map[string]dbus.Variant{"DuplicateData": dbus.MakeVariant(true)})
	for range 2 {
		c.adapter.Hear(fakebluez.Report{RSSI: -80, Manufacturer: map[uint16][]byte{1: {2}}})
	}
	c.expect("with one", "RSSI+ManufacturerData", "RSSI+ManufacturerData")
	c.adapter.SetPower(false)
	if got := c.call("Adapter1.StartDiscovery"); got != "NotReady" {
		t.Errorf("switched off: %q", got)
	}
	if got := c.call("LEAdvertisingManager1.RegisterAdvertisement", dbus.ObjectPath("/a"), map[string]dbus.Variant{}); got != "NotReady" {
		t.Errorf("advertising while switched off: %q", got)
	}
}
