//go:build linux

package bluez_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/bluez"
	"github.com/paybeacon/paybeacon/ble/bluez/fakebluez"
	"github.com/paybeacon/paybeacon/pay"
)

func eid(n byte) map[uint16][]byte {
	return map[uint16][]byte{ble.ServiceUUID: {0x30, 0xEE, n, 2, 3, 4, 5, 6, 7, 8}}
}

func TestScanHearsFirstSightAndChanges(t *testing.T) {
	t.Parallel()
	a, other := plugIn(t), plugIn(t)
	s := scan(t, bluez.Options{Adapter: a.Name()})
	ready(t, a)
	from := [6]byte{0x5A, 1, 2, 3, 4, 5}
	other.Hear(fakebluez.Report{Address: from, RSSI: -1, Services: eid(9)}) // nobody listens there
	for i, c := range []struct {
		report fakebluez.Report
		known  bool
		rssi   pay.RSSI
		kind   ble.SectionKind
		data   byte
	}{
		{fakebluez.Report{RSSI: -58, Services: eid(1), Name: "\x1b[31m\n"}, true, -58, ble.ServiceData, 1}, // first sight
		{fakebluez.Report{RSSI: -58, Services: eid(1)}, true, -58, ble.ServiceData, 1},                     // and the same again
		{fakebluez.Report{RSSI: -61, Services: eid(2)}, true, -61, ble.ServiceData, 2},
		{fakebluez.Report{RSSI: 127, Services: eid(3)}, false, 0, ble.ServiceData, 3},
		{fakebluez.Report{NoRSSI: true, Services: eid(4)}, false, 0, ble.ServiceData, 4},
		{fakebluez.Report{RSSI: -70, Manufacturer: map[uint16][]byte{0x4C: {0, 0, 5}}}, true, -70, ble.ManufacturerData, 5},
	} {
		c.report.Address = from
		a.Hear(fakebluez.Report{Address: from, RSSI: -60, Name: "without data"}) // counted, not delivered
		a.Hear(c.report)
		got := s.next()
		if got.Address != ble.Address(from) || got.HasRSSI != c.known || got.RSSI != c.rssi || !got.At.Equal(s.now()) {
			t.Errorf("report %d: %+v", i, got)
		}
		if len(got.Sections) != 1 || got.Sections[0].Kind != c.kind || got.Sections[0].Data[2] != c.data {
			t.Errorf("report %d: %+v", i, got.Sections)
		}
		a.Forget() // it was silent for long; its next advert is a first sight
		if i == 0 {
			a.Hear(c.report)
			s.next()
		}
	}
	s.tick(time.Second)
	h := s.feels("well", func(h ble.Health) bool { return true })
	if h.Deaf || h.Why != "" {
		t.Errorf("health %+v", h)
	}
	if strings.Contains(s.log.String(), "\x1b") {
		t.Errorf("a foreign name is in the log: %q", s.log)
	}
}

func TestScanOfOneAdapterIgnoresOthers(t *testing.T) {
	t.Parallel()
	a, b := plugIn(t), plugIn(t)
	first, second := scan(t, bluez.Options{Adapter: a.Name()}), scan(t, bluez.Options{Adapter: b.Name()})
	ready(t, a)
	ready(t, b)
	for n := range byte(50) {
		first.hears(a, 2*n)
		second.hears(b, 2*n+1)
	}
	if len(first.heard)+len(second.heard) > 0 {
		t.Error("an adapter's adverts were heard by another's listener")
	}
}

func TestScanLeavesNothing(t *testing.T) {
	t.Parallel()
	a := plugIn(t)
	for range 3 {
		s := scan(t, bluez.Options{Adapter: a.Name()})
		ready(t, a)
		s.stop()
		if a.Discovering() != 0 || a.Monitors() != 0 {
			t.Fatalf("%d discover and %d monitor after the scan", a.Discovering(), a.Monitors())
		}
	}
	if a.Calls("SetDiscoveryFilter") != 3 {
		t.Errorf("the filter was set %d times in three scans; it must be sent each time", a.Calls("SetDiscoveryFilter"))
	}
}

func TestMonitorSwitchesTheDuplicateFilterOff(t *testing.T) {
	t.Parallel()
	a := plugIn(t)
	s := scan(t, bluez.Options{Adapter: a.Name()})
	ready(t, a)
	for range 100 {
		s.hears(a, 7)
	}
}

func TestWithoutMonitorsItWorksSlowlyAndSaysSo(t *testing.T) {
	t.Parallel()
	a := plugIn(t)
	a.SetMonitors(false)
	s := scan(t, bluez.Options{Adapter: a.Name()})
	until(t, "it discovers", func() bool { return a.Discovering() > 0 })
	for n := range byte(20) {
		a.Hear(fakebluez.Report{Address: [6]byte{1}, RSSI: -50, Services: eid(n)})
	}
	s.hears2(a)
	if got := len(s.heard); got != 0 {
		t.Errorf("%d more adverts came through the duplicate filter", got)
	}
	s.tick(time.Second)
	h := s.feels("slow", func(h ble.Health) bool { return h.Why != "" })
	if h.Deaf || !strings.Contains(h.Why, "Experimental = true") {
		t.Errorf("health %+v", h)
	}
	a.SetPower(false) // the scan begins anew and does not log it again
	until(t, "it discovers again", func() bool { return a.Discovering() > 0 })
	s.tick(time.Second)
	s.stop()
	if n := s.log.count("Experimental = true"); n != 1 {
		t.Errorf("said %d times:\n%s", n, s.log)
	}
}

// hears2 expects the one advert that passed the duplicate filter, and then that
// of a device that was not heard before.
func (s *station) hears2(a *fakebluez.Adapter) {
	s.t.Helper()
	if got := s.next(); got.Address != (ble.Address{1}) {
		s.t.Fatalf("heard %+v", got)
	}
	s.hears(a, 200)
}

func TestAnotherClientWithoutAFilterDoesNotHinder(t *testing.T) {
	t.Parallel()
	a := plugIn(t)
	s := scan(t, bluez.Options{Adapter: a.Name()})
	ready(t, a)
	conn, err := dbus.Connect(bus.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	object := conn.Object("org.bluez", dbus.ObjectPath("/org/bluez/"+a.Name()))
	for _, method := range []string{"StartDiscovery", "StopDiscovery"} {
		if err := object.Call("org.bluez.Adapter1."+method, 0).Err; err != nil {
			t.Fatal(err)
		}
		for range 5 {
			s.hears(a, 1)
		}
	}
}

func TestPropertiesOfAnyTypeDoNoHarm(t *testing.T) {
	t.Parallel()
	a := plugIn(t)
	for _, iface := range []string{"org.bluez.Adapter1", "org.bluez.LEAdvertisingManager1", "org.bluez.AdvertisementMonitorManager1"} {
		odd := fakebluez.Properties{}
		for i, name := range []string{"Address", "Name", "Class", "UUIDs", "Roles", "PowerState", "Discovering",
			"SupportedInstances", "ActiveInstances", "SupportedIncludes", "SupportedMonitorTypes", "SupportedFeatures"} {
			odd[name] = dbus.MakeVariant([]any{uint64(1), "x\x1b", map[string]dbus.Variant{"a": dbus.MakeVariant(true)}, []byte{1}, 1.5}[i%5])
		}
		a.Twist(iface, odd)
	}
	list, err := bluez.Adapters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range list {
		if one.Name == a.Name() && (one.Address != ble.Address{} || one.SlotsFree+one.SlotsUsed != 0) {
			t.Errorf("read out of nonsense: %+v", one)
		}
	}
	s := scan(t, bluez.Options{Adapter: a.Name()})
	ready(t, a)
	values := []any{byte(1), true, int16(-5), uint16(7), int32(1), uint64(9), 1.5, "x\x00\x1b", dbus.ObjectPath("/x"), []string{"a"}, []byte{1, 2},
		map[string]dbus.Variant{"x": dbus.MakeVariant(1)}, map[uint16]dbus.Variant{1: dbus.MakeVariant("text")},
		map[string]string{"a": "b"}, map[uint16]uint16{1: 1}, []dbus.Variant{dbus.MakeVariant(1)}, struct{ A, B string }{"a", "b"}, dbus.MakeVariant(dbus.MakeVariant(1))}
	for _, name := range []string{"RSSI", "ServiceData", "ManufacturerData", "Name", "TxPower", "Address", "UUIDs", "AdvertisingData", "Connected"} {
		for _, value := range values {
			a.Tell([6]byte{9}, fakebluez.Properties{name: dbus.MakeVariant(value)})
		}
	}
	s.hears(a, 3)
}

func TestScanThatCannotBeginFailsWithOneSentence(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(*fakebluez.Adapter)
		want    string
		hint    string
	}{
		"blocked":      {func(a *fakebluez.Adapter) { a.Block(true, false) }, "rfkill", "rfkill unblock"},
		"no filter":    {func(a *fakebluez.Adapter) { refuse(a, "SetDiscoveryFilter", "org.bluez.Error.NotReady") }, "switched off", "power on"},
		"no discovery": {func(a *fakebluez.Adapter) { refuse(a, "StartDiscovery", "org.bluez.Error.Failed") }, "start discovery", "journalctl"},
		"no power":     {func(a *fakebluez.Adapter) { refuse(a, "SetPowered", "org.freedesktop.DBus.Error.AccessDenied") }, "does not let this user", "dbus-1"},
		"failing":      {func(a *fakebluez.Adapter) { refuse(a, "SetPowered", "org.bluez.Error.Failed") }, "switch on adapter", "journalctl"},
	} {
		a := plugIn(t)
		c.prepare(a)
		r, err := bluez.Open(t.Context(), bluez.Options{Adapter: a.Name()})
		if err != nil {
			t.Fatal(err)
		}
		err = r.Scan(t.Context(), func(ble.Advert) {})
		wantRadioError(t, name, err, c.want, c.hint)
	}
}

func TestOldKernelsSayThroughSysfsThatTheyBlock(t *testing.T) {
	t.Parallel()
	a := plugIn(t)
	a.Block(true, true)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "rfkill0", "name"), "phy0\n")
	writeFile(t, filepath.Join(dir, "rfkill3", "name"), a.Name()+"\n")
	writeFile(t, filepath.Join(dir, "rfkill3", "soft"), "0\n")
	writeFile(t, filepath.Join(dir, "rfkill3", "hard"), "1\n")
	r, err := bluez.Open(t.Context(), bluez.Options{Adapter: a.Name()})
	if err != nil {
		t.Fatal(err)
	}
	wantRadioError(t, "without the folder", r.Scan(t.Context(), func(ble.Advert) {}), "Failed", "journalctl")
	r.SetRfkill(dir)
	wantRadioError(t, "with the folder", r.Scan(t.Context(), func(ble.Advert) {}), "kept off by rfkill", "rfkill unblock")
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	needBus(t)
	for name, c := range map[string]struct {
		o    bluez.Options
		want string
		hint string
	}{
		"a name that cannot be":   {bluez.Options{Adapter: "hci 0\x1b"}, "cannot be the name", "--radio bluez:hci0"},
		"a path":                  {bluez.Options{Adapter: "hci0/dev_1"}, "cannot be the name", "--radio bluez:hci0"},
		"a marker that cannot be": {bluez.Options{Marker: "-"}, "cannot be the name", "--radio bluez:hci0"},
		"no such adapter":         {bluez.Options{Adapter: "hci999"}, "no such adapter", "bluetoothctl list"},
	} {
		_, err := bluez.Open(t.Context(), c.o)
		wantRadioError(t, name, err, c.want, c.hint)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := bluez.Open(ctx, bluez.Options{Adapter: plugIn(t).Name()}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

// wantRadioError checks an error that a person will see.
func wantRadioError(t testing.TB, name string, err error, sentence, hint string) {
	t.Helper()
	var pe *pay.Error
	if !errors.As(err, &pe) || pe.Code != pay.CodeRadio {
		t.Errorf("%s: have %v, want one of the radio", name, err)
		return
	}
	if !strings.Contains(err.Error(), sentence) || !strings.Contains(pe.Hint, hint) || bytes.ContainsAny([]byte(err.Error()), "\n\x1b") {
		t.Errorf("%s: have %q with hint %q", name, err, pe.Hint)
	}
}
