package main

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/ble"
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
		spec, err := parseRadio(c.text)
		got := spec.String()
		if err != nil {
			got = err.Error()
			if pay.CodeOf(err) != pay.CodeUsage || describe(err).Hint == "" {
				t.Errorf("%q: %+v", c.text, describe(err))
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
		if e := describe(err); e.Code != pay.CodeRadio || e.Exit != pay.ExitRadio || !strings.Contains(e.Message, what) || !strings.Contains(e.Hint, remedy) {
			t.Errorf("%s: %+v, want %q", name, e, c.want)
		}
	}
}

// TestWhatDoctorSaysOfAnAdapter reads the findings as one line each: level,
// name, and whether there is advice.
func TestWhatDoctorSaysOfAnAdapter(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		adapter ble.Adapter
		want    string
	}{
		"all is well": {
			ble.Adapter{Name: "hci0", Powered: true, Monitors: true, SlotsFree: 4},
			"ok hci0 power; ok hci0 monitors; ok hci0 slots",
		},
		"experimental interfaces off": {
			ble.Adapter{Name: "hci0", Powered: true, SlotsFree: 4},
			"ok hci0 power; warn! hci0 monitors; ok hci0 slots",
		},
		"off and discoverable": {
			ble.Adapter{Name: "hci1", Monitors: true, Discoverable: true, SlotsUsed: 3},
			"warn! hci1 power; ok hci1 monitors; warn! hci1 discoverable; warn! hci1 slots",
		},
		"blocked": {
			ble.Adapter{Name: "hci0", Blocked: true, Monitors: true},
			"bad! hci0 power; ok hci0 monitors; warn! hci0 slots",
		},
	} {
		var words []string
		for _, f := range adapterFindings(c.adapter) {
			word := string(f.level)
			if f.hint != "" {
				word += "!"
			}
			words = append(words, word+" "+f.name)
		}
		if got := strings.Join(words, "; "); got != c.want {
			t.Errorf("%s:\nhave %s\nwant %s", name, got, c.want)
		}
	}
}

func TestWhatDoctorSaysOfTheRate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		health ble.Health
		want   level
	}{
		"quiet":       {ble.Health{}, levelWarn},
		"some":        {ble.Health{Rate: 12}, levelOK},
		"too many":    {ble.Health{Rate: 900}, levelWarn},
		"deaf":        {ble.Health{Deaf: true, Why: "nothing since 10 s"}, levelBad},
		"hears badly": {ble.Health{Rate: 1, Why: "no monitors"}, levelWarn},
	} {
		f := rateFinding(c.health, "it hears")
		if f.level != c.want || (f.level != levelOK && f.hint == "") || !strings.Contains(f.message, c.health.Why) {
			t.Errorf("%s: %+v, want %s", name, f, c.want)
		}
	}
}

func TestVersionsOfBlueZ(t *testing.T) {
	t.Parallel()
	for out, want := range map[string]string{
		"bluetoothctl: 5.66\n": "5.66", "5.77\n": "5.77", "": "", "usage: ...": "", "5.66; rm": "", "v5": "",
	} {
		if got := blueZVersion(out); got != want {
			t.Errorf("%q: have %q, want %q", out, got, want)
		}
	}
}

func TestWhoHoldsALock(t *testing.T) {
	t.Parallel()
	const locks = `1: POSIX  ADVISORY  WRITE 11 fd:00:77 0 EOF
2: FLOCK  ADVISORY  WRITE 22 fd:00:777 0 EOF
3: FLOCK  ADVISORY  WRITE 33 fd:00:77 0 EOF
3: -> FLOCK  ADVISORY  WRITE 44 fd:00:77 0 EOF
short
`
	for file, want := range map[string]int{"fd:00:77": 33, "fd:00:777": 22, "fd:00:7": 0, "": 0} {
		if got := flockHolder(locks, file); got != want {
			t.Errorf("%s: have %d, want %d", file, got, want)
		}
	}
}
