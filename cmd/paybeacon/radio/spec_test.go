package radio

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
)

func TestRadiosAreReadStrictly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"bluez", "bluez:hci0"},
		{"bluez:hci0", "bluez:hci0"},
		{"bluez:hci12", "bluez:hci12"},
		{"bluez:hci0,marker=hci1", "bluez:hci0,marker=hci1"},
		{"air:some/folder", "air:some/folder"},
		{"air:a:b", "air:a:b"},
		{"replay:x,marker=hci1", "replay:x,marker=hci1"}, // a file's name is its own affair
		{"", "--radio is missing"},
		{"bluez:", "is no adapter's name"},
		{"bluez:hci", "is no adapter's name"},
		{"bluez:hci01", "is no adapter's name"},
		{"bluez:hci99999", "is no adapter's name"},
		{"bluez:hci-1", "is no adapter's name"},
		{"bluez:HCI0", "is no adapter's name"},
		{"bluez: hci0", "is no adapter's name"},
		{"bluez:hci0/dev", "is no adapter's name"},
		{"bluez:hci0,", "is not known"},
		{"bluez:hci0,hci1", "is not known"},
		{"bluez:hci0,marker", "is not known"},
		{"bluez:hci0,marker=", "is no adapter's name"},
		{"bluez:hci0,marker=hci0", "its own marker"},
		{"bluez:hci0,marker=hci1,x=y", "is no adapter's name"},
		{"air", "is not known"},
		{"air:", "is not known"},
		{"replay:", "is not known"},
		{"bluetooth:hci0", "is not known"},
		{"\x1b[31mair:x", "\uFFFD[31mair:x"},
	} {
		spec, err := Parse(c.text)
		got := spec.String()
		if err != nil {
			got = err.Error()
			if pay.CodeOf(err) != pay.CodeUsage || api.Describe(err).Hint == "" {
				t.Errorf("%q: %+v", c.text, api.Describe(err))
			}
		}
		if err == nil && got != c.want || err != nil && !strings.Contains(got, c.want) {
			t.Errorf("%q: have %q, want %q", c.text, got, c.want)
		}
	}
}

func TestWhatCannotBeABeacon(t *testing.T) {
	t.Parallel()
	good := ble.Adapter{Name: "hci0", Powered: true, Monitors: true, SlotsFree: 4, SlotsUsed: 1}
	for name, c := range map[string]struct {
		change func(*ble.Adapter)
		want   string // "": it can
	}{
		"good":         {func(*ble.Adapter) {}, ""},
		"off":          {func(a *ble.Adapter) { a.Powered = false }, ""}, // it is switched on
		"blocked":      {func(a *ble.Adapter) { a.Blocked = true }, "blocked by rfkill: rfkill unblock bluetooth"},
		"discoverable": {func(a *ble.Adapter) { a.Discoverable = true }, "is discoverable: bluetoothctl discoverable off"},
		"slots full":   {func(a *ble.Adapter) { a.SlotsFree, a.SlotsUsed = 0, 5 }, "all 5 advertising slots: end another program"},
		"no slots":     {func(a *ble.Adapter) { a.SlotsFree, a.SlotsUsed = 0, 0 }, "cannot advertise: another adapter"},
	} {
		a := good
		c.change(&a)
		err := mayAdvertiseWith(a)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		what, remedy, _ := strings.Cut(c.want, ": ")
		if e := api.Describe(err); e.Code != pay.CodeRadio || e.Exit != pay.ExitRadio || !strings.Contains(e.Message, what) || !strings.Contains(e.Hint, remedy) {
			t.Errorf("%s: %+v, want %q", name, e, c.want)
		}
	}
}
