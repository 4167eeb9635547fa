//go:build linux

package bluez

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
	"github.com/muka/go-bluetooth/bluez/profile/adapter"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

const (
	hci0   = dbus.ObjectPath("/org/bluez/hci0")
	device = hci0 + "/dev_5A_01_C2_33_44_FF"
	feaa   = "0000feaa-0000-1000-8000-00805f9b34fb"
)

type properties = map[string]dbus.Variant

func v(value any) dbus.Variant { return dbus.MakeVariant(value) }

func changed(path dbus.ObjectPath, iface any, p any) *dbus.Signal {
	return &dbus.Signal{Name: ifaceProps + ".PropertiesChanged", Path: path, Body: []any{iface, p, []string{}}}
}

func added(path any, interfaces any) *dbus.Signal {
	return &dbus.Signal{Name: ifaceTree + ".InterfacesAdded", Path: "/", Body: []any{path, interfaces}}
}

func removed(path any, interfaces any) *dbus.Signal {
	return &dbus.Signal{Name: ifaceTree + ".InterfacesRemoved", Path: "/", Body: []any{path, interfaces}}
}

func describe(e event, a ble.Advert) string {
	switch e {
	case noEvent:
		return "nothing"
	case adapterChanged:
		return "adapter changed"
	case adapterRemoved:
		return "adapter gone"
	case adapterAdded:
		return "adapter came"
	case daemonStopped:
		return "daemon gone"
	case daemonStarted:
		return "daemon came"
	case otherHeard:
		return "life"
	case advertHeard:
	}
	var words []string
	for _, s := range a.Sections {
		words = append(words, fmt.Sprintf("%02x:%04x=%x", uint8(s.Kind), s.ID, s.Data))
	}
	slices.Sort(words)
	rssi := "unknown"
	if a.HasRSSI {
		rssi = fmt.Sprint(a.RSSI)
	}
	return strings.Join(append([]string{a.Address.String(), rssi}, words...), " ")
}

func TestSignals(t *testing.T) {
	t.Parallel()
	eid := map[string]dbus.Variant{feaa: v([]byte{0x30, 1})}
	many := map[uint16]dbus.Variant{}
	for n := range uint16(ble.SectionsMax + 1) {
		many[n] = v([]byte{1})
	}
	for name, c := range map[string]struct {
		signal *dbus.Signal
		want   string
	}{
		"first sight": {added(device, map[string]properties{ifaceDevice: {
			"RSSI": v(int16(-58)), "ServiceData": v(eid), "ManufacturerData": v(map[uint16]dbus.Variant{0xFFFF: v([]byte{7})}),
		}}), "5A:01:C2:33:44:FF -58 16:feaa=3001 ff:ffff=07"},
		"again":            {changed(device, ifaceDevice, properties{"RSSI": v(int16(-60)), "ServiceData": v(eid)}), "5A:01:C2:33:44:FF -60 16:feaa=3001"},
		"strength alone":   {changed(device, ifaceDevice, properties{"RSSI": v(int16(-60))}), "life"},
		"name alone":       {changed(device, ifaceDevice, properties{"Name": v("\x1b[31m\n")}), "life"},
		"strength unknown": {changed(device, ifaceDevice, properties{"RSSI": v(int16(127)), "ServiceData": v(eid)}), "5A:01:C2:33:44:FF unknown 16:feaa=3001"},
		"strength absurd":  {changed(device, ifaceDevice, properties{"RSSI": v(int16(-3000)), "ServiceData": v(eid)}), "5A:01:C2:33:44:FF unknown 16:feaa=3001"},
		"strength of another type": {changed(device, ifaceDevice, properties{"RSSI": v("near"), "ServiceData": v(eid)}),
			"5A:01:C2:33:44:FF unknown 16:feaa=3001"},
		"data of another type":  {changed(device, ifaceDevice, properties{"RSSI": v(int16(-60)), "ServiceData": v([]string{"x"})}), "life"},
		"entry of another type": {changed(device, ifaceDevice, properties{"ServiceData": v(map[string]dbus.Variant{feaa: v("text")})}), "life"},
		"other base UUID":       {changed(device, ifaceDevice, properties{"ServiceData": v(map[string]dbus.Variant{"12345678" + feaa[8:]: v([]byte{1})})}), "life"},
		"not a UUID":            {changed(device, ifaceDevice, properties{"ServiceData": v(map[string]dbus.Variant{"feaa": v([]byte{1})})}), "life"},
		"data too long":         {changed(device, ifaceDevice, properties{"ServiceData": v(map[string]dbus.Variant{feaa: v(make([]byte, 255))})}), "life"},
		"odd entries beside a code": {changed(device, ifaceDevice, properties{"RSSI": v("near"), "ManufacturerData": v("none"), "ServiceData": v(map[string]dbus.Variant{
			feaa: v([]byte{0x30, 1}), "0000180f" + feaa[8:]: v(make([]byte, ble.SectionBytesMax+1)), "feaa": v([]byte{1}), "0000180a" + feaa[8:]: v("text"),
		})}), "5A:01:C2:33:44:FF unknown 16:feaa=3001"},
		"nothing heard":            {changed(device, ifaceDevice, properties{"Connected": v(true)}), "nothing"},
		"other adapter":            {changed("/org/bluez/hci1/dev_5A_01_C2_33_44_FF", ifaceDevice, properties{"RSSI": v(int16(-60))}), "nothing"},
		"adapter of similar name":  {changed("/org/bluez/hci01/dev_5A_01_C2_33_44_FF", ifaceDevice, properties{"RSSI": v(int16(-60))}), "nothing"},
		"below a device":           {changed(device+"/service0001", ifaceDevice, properties{"RSSI": v(int16(-60))}), "nothing"},
		"bad address":              {changed(hci0+"/dev_5A_01_C2_33_44_GG", ifaceDevice, properties{"RSSI": v(int16(-60))}), "nothing"},
		"bad separators":           {changed(hci0+"/dev_5A001C2_33_44_FF", ifaceDevice, properties{"RSSI": v(int16(-60))}), "nothing"},
		"interface of other type":  {changed(device, 7, properties{"RSSI": v(int16(-60))}), "nothing"},
		"properties of other type": {changed(device, ifaceDevice, "x"), "nothing"},
		"path of other type":       {added("x", map[string]properties{ifaceDevice: {"RSSI": v(int16(-58))}}), "nothing"},
		"tree of other type":       {added(device, "x"), "nothing"},
		"no body":                  {&dbus.Signal{Name: ifaceProps + ".PropertiesChanged", Path: device}, "nothing"},
		"no body, added":           {&dbus.Signal{Name: ifaceTree + ".InterfacesAdded"}, "nothing"},
		"unknown signal":           {&dbus.Signal{Name: "org.example.Other", Body: []any{1, 2, 3}}, "nothing"},
		"discovery ended":          {changed(hci0, adapter.Adapter1Interface, properties{"Discovering": v(false)}), "adapter changed"},
		"discovery began":          {changed(hci0, adapter.Adapter1Interface, properties{"Discovering": v(true)}), "nothing"},
		"discovery of other type":  {changed(hci0, adapter.Adapter1Interface, properties{"Discovering": v("no")}), "nothing"},
		"adapter came back":        {added(hci0, map[string]properties{adapter.Adapter1Interface: {}}), "adapter came"},
		"adapter went":             {removed(hci0, []string{ifaceProps, adapter.Adapter1Interface}), "adapter gone"},
		"device went":              {removed(device, []string{ifaceDevice}), "nothing"},
		"other adapter went":       {removed(dbus.ObjectPath("/org/bluez/hci1"), []string{adapter.Adapter1Interface}), "nothing"},
		"removal of other type":    {removed(hci0, 5), "nothing"},
		"switched off":             {changed(hci0, adapter.Adapter1Interface, properties{"Powered": v(false)}), "adapter changed"},
		"blocked":                  {changed(hci0, adapter.Adapter1Interface, properties{"PowerState": v("off-blocked")}), "adapter changed"},
		"shows itself":             {changed(hci0, adapter.Adapter1Interface, properties{"Discoverable": v(true)}), "adapter changed"},
		"renamed":                  {changed(hci0, adapter.Adapter1Interface, properties{"Alias": v("x")}), "nothing"},
		"other adapter came":       {added(dbus.ObjectPath("/org/bluez/hci1"), map[string]properties{adapter.Adapter1Interface: {}}), "nothing"},
		"bluetoothd came back":     {&dbus.Signal{Name: ifaceBus + ".NameOwnerChanged", Body: []any{service, "", ":1.7"}}, "daemon came"},
		"bluetoothd went":          {&dbus.Signal{Name: ifaceBus + ".NameOwnerChanged", Body: []any{service, ":1.6", ""}}, "daemon gone"},
		"somebody else came":       {&dbus.Signal{Name: ifaceBus + ".NameOwnerChanged", Body: []any{"org.example", "", ":1.7"}}, "nothing"},
		"owner of other type":      {&dbus.Signal{Name: ifaceBus + ".NameOwnerChanged", Body: []any{service, 1, 2}}, "nothing"},
	} {
		// Values of an earlier advert must not remain.
		a := ble.Advert{RSSI: -1, HasRSSI: true, Sections: []ble.Section{{Kind: ble.ServiceData, ID: 1}}}
		e := readSignal(c.signal, hci0, &a)
		if got := describe(e, a); got != c.want {
			t.Errorf("%s:\nhave %s\nwant %s", name, got, c.want)
		}
	}
	var a ble.Advert
	readSignal(changed(device, ifaceDevice, properties{"ManufacturerData": v(many)}), hci0, &a)
	if len(a.Sections) != ble.SectionsMax {
		t.Errorf("%d sections, want no more than %d", len(a.Sections), ble.SectionsMax)
	}
}

func TestAdvertisement(t *testing.T) {
	t.Parallel()
	code := pay.Code{1, 2, 3, 4, 5, 6, 7, 8}
	p, err := advertisement(ble.AppendEID(nil, code, ble.PowerReference), 250*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	value := func(name string) any { return p[name].Value }
	data, _ := value("ServiceData").(map[string]dbus.Variant)
	if got := fmt.Sprintf("%x", data[feaa].Value()); got != "30ee0102030405060708" || len(data) != 1 {
		t.Errorf("service data %v", data)
	}
	if value("Type") != "broadcast" || fmt.Sprint(value("ServiceUUIDs")) != "["+feaa+"]" ||
		value("MinInterval") != uint32(250) || value("MaxInterval") != uint32(250) {
		t.Errorf("properties %v", p)
	}
	if _, ok := p["ManufacturerData"]; ok || len(p) != 5 {
		t.Errorf("more than was set: %v", p)
	}
	for name, payload := range map[string][]byte{
		"empty":      nil,
		"flags only": {2, 1, 6},
		"cut":        {9, 0x16, 0xAA},
		"twice":      {3, 0x16, 0xAA, 0xFE, 3, 0x16, 0xAA, 0xFE},
		"too long":   append([]byte{32, 0xFF}, make([]byte, 31)...),
	} {
		if p, err := advertisement(payload, time.Second); err == nil {
			t.Errorf("%s: accepted as %v", name, p)
		}
	}
	if p, err := advertisement([]byte{4, 0xFF, 0xFF, 0xFF, 1}, 0); err != nil || len(p) != 2 {
		t.Errorf("manufacturer data without an interval: %v, %v", p, err)
	}
}

// TestPropertiesHaveTheirSignatures checks the D-Bus types that BlueZ expects.
func TestPropertiesHaveTheirSignatures(t *testing.T) {
	t.Parallel()
	eid := ble.AppendEID(nil, pay.Code{}, 0)
	p, err := advertisement(append(eid, 4, 0xFF, 0xFF, 0xFF, 1), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	p["Patterns"] = &prop.Prop{Value: []pattern{{}}}
	for name, want := range map[string]string{
		"Type": "s", "ServiceUUIDs": "as", "ServiceData": "a{sv}", "ManufacturerData": "a{qv}",
		"MinInterval": "u", "MaxInterval": "u", "Patterns": "a(yyay)",
	} {
		if got := dbus.SignatureOf(p[name].Value).String(); got != want {
			t.Errorf("%s has signature %s, want %s", name, got, want)
		}
	}
}
