//go:build linux

package bluez_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/bluez"
	"github.com/paybeacon/paybeacon/ble/bluez/fakebluez"
)

func refuse(a *fakebluez.Adapter, member, name string) {
	daemon.Refuse(a.Name()+"."+member, name, "Failed \x1b[31m")
}

func allow(a *fakebluez.Adapter, member string) { daemon.Allow(a.Name() + "." + member) }

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestScanHeals disturbs the adapter, checks the radio's health, repairs the
// adapter and checks that the radio hears again.
func TestScanHeals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		disturb func(*fakebluez.Adapter)
		why     string // Health.Why; empty where the radio recovers at once
		mend    func(*fakebluez.Adapter)
	}{
		"unplugged and back":   {(*fakebluez.Adapter).Unplug, "is gone; waiting", (*fakebluez.Adapter).Plug},
		"switched off":         {func(a *fakebluez.Adapter) { a.SetPower(false) }, "", nil},
		"switched off and on":  {func(a *fakebluez.Adapter) { a.SetPower(false); a.SetPower(true) }, "", nil},
		"blocked by rfkill":    {func(a *fakebluez.Adapter) { a.Block(true, false) }, "kept off by rfkill", func(a *fakebluez.Adapter) { a.Block(false, false) }},
		"blocked, old kernel":  {func(a *fakebluez.Adapter) { a.Block(true, true) }, "switch on adapter", func(a *fakebluez.Adapter) { a.Block(false, true) }},
		"permission withdrawn": {denyPower, "does not let this user", func(a *fakebluez.Adapter) { allow(a, "GetAll") }},
		"discovery fails": {func(a *fakebluez.Adapter) {
			refuse(a, "StartDiscovery", "org.bluez.Error.Failed")
			a.SetPower(false)
		}, "start discovery", func(a *fakebluez.Adapter) { allow(a, "StartDiscovery") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := plugIn(t)
			s := scan(t, bluez.Options{Adapter: a.Name()})
			ready(t, a)
			for round := range byte(3) {
				s.hears(a, 10*round)
				c.disturb(a)
				if c.why != "" {
					s.feels("down: "+c.why, func(h ble.Health) bool { return h.Deaf && strings.Contains(h.Why, c.why) })
					c.mend(a)
					s.feels("well again", func(h ble.Health) bool { return !h.Deaf && h.Why == "" })
				}
				until(t, "it listens again", func() bool { return a.Discovering() > 0 && a.Monitors() > 0 })
				s.hears(a, 10*round+1)
			}
			s.stop()
			if said := s.log.count(c.why); c.why != "" && said != 3 {
				t.Errorf("said %d times in three episodes:\n%s", said, s.log)
			}
			if s.log.count("scanning anew") > 1 {
				t.Errorf("one interference after the other is said:\n%s", s.log)
			}
			if strings.Contains(s.log.String(), "\x1b") {
				t.Errorf("a foreign text is in the log: %q", s.log)
			}
		})
	}
}

func denyPower(a *fakebluez.Adapter) {
	refuse(a, "GetAll", "org.freedesktop.DBus.Error.AccessDenied")
	a.SetPower(false)
}

func TestMonitorThatIsReleasedIsRegisteredAgain(t *testing.T) {
	t.Parallel()
	a := plugIn(t)
	s := scan(t, bluez.Options{Adapter: a.Name()})
	for round := range byte(3) {
		ready(t, a)
		s.hears(a, round)
		a.ReleaseMonitors()
		for a.Monitors() == 0 && !t.Failed() {
			s.tick(time.Second)
			s.hears(a, 100+round) // a device not heard lately passes the filter
			a.Forget()
		}
	}
}

func TestScanHealsWhenBluetoothdRestarts(t *testing.T) {
	if !alone(t) {
		return
	}
	a := plugIn(t)
	s := scan(t, bluez.Options{Adapter: a.Name()})
	ready(t, a)
	for round := range byte(5) {
		s.hears(a, 10*round)
		daemon.Stop()
		s.feels("down", func(h ble.Health) bool { return h.Deaf && strings.Contains(h.Why, "BlueZ has ended") })
		if err := daemon.Start(); err != nil {
			t.Fatal(err)
		}
		ready(t, a)
		s.feels("well again", func(h ble.Health) bool { return !h.Deaf })
		s.hears(a, 10*round+1)
	}
	s.stop()
	if n := s.log.count("BlueZ has ended"); n != 5 {
		t.Errorf("said %d times in five episodes:\n%s", n, s.log)
	}
}

// TestScanGetsTheMonitorOfANewBlueZ switches the experimental interfaces on, as
// a person does after the log message.
func TestScanGetsTheMonitorOfANewBlueZ(t *testing.T) {
	if !alone(t) {
		return
	}
	a := plugIn(t)
	a.SetMonitors(false)
	s := scan(t, bluez.Options{Adapter: a.Name()})
	until(t, "it discovers", func() bool { return a.Discovering() > 0 })
	s.tick(time.Second)
	s.feels("slow", func(h ble.Health) bool { return strings.Contains(h.Why, "Experimental") })
	daemon.Stop()
	a.SetMonitors(true)
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	ready(t, a)
	s.tick(time.Second)
	s.feels("well", func(h ble.Health) bool { return h.Why == "" })
}

func TestScanOutlivesABluetoothdThatHangs(t *testing.T) {
	if !alone(t) {
		return
	}
	a := plugIn(t)
	s := scan(t, bluez.Options{Adapter: a.Name()}, func(r *bluez.Radio) { r.SetAnswer(50 * time.Millisecond) })
	ready(t, a)
	daemon.Hang(true)
	a.SetPower(false)
	s.feels("down", func(h ble.Health) bool { return h.Deaf && strings.Contains(h.Why, "does not answer") })
	daemon.Hang(false)
	s.feels("well again", func(h ble.Health) bool { return !h.Deaf })
	ready(t, a)
	s.hears(a, 1)
	daemon.Hang(true)
	s.stop() // it ends although bluetoothd does not answer
	daemon.Hang(false)
}

func TestScanOutlivesTheBus(t *testing.T) {
	if !alone(t) {
		return
	}
	a := plugIn(t)
	s := scan(t, bluez.Options{Adapter: a.Name()})
	ready(t, a)
	s.hears(a, 1)
	// The library's connection breaks; discovery and monitor are gone with it,
	// and the radio learns of it when another program switches the power off.
	if err := bluez.EndBus(); err != nil {
		t.Fatal(err)
	}
	until(t, "the session is gone", func() bool { return a.Discovering() == 0 })
	ready(t, a)
	s.hears(a, 2)

	dir, err := os.MkdirTemp("", "pb")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	daemon.Close()
	bus.Close()
	s.feels("down", func(h ble.Health) bool { return h.Deaf && strings.Contains(h.Why, "system bus") })
	if err := startWorld(dir); err != nil {
		t.Fatal(err)
	}
	back := daemon.AddAdapter(a.Name())
	ready(t, back)
	s.feels("well again", func(h ble.Health) bool { return !h.Deaf })
	s.hears(back, 3)
}

func TestWithoutBlueZAndWithoutABus(t *testing.T) {
	if !alone(t) {
		return
	}
	a := plugIn(t)
	both := func(t *testing.T, name, sentence, hint string) {
		t.Helper()
		_, err := bluez.Open(t.Context(), bluez.Options{Adapter: a.Name()})
		wantRadioError(t, name+", open", err, sentence, hint)
		_, err = bluez.Adapters(t.Context())
		wantRadioError(t, name+", list", err, sentence, hint)
	}
	daemon.Refuse("GetAll", "org.freedesktop.DBus.Error.AccessDenied", "Rejected send message")
	daemon.Refuse("GetManagedObjects", "org.freedesktop.DBus.Error.AccessDenied", "Rejected send message")
	both(t, "no permission", "does not let this user talk to BlueZ", "/etc/dbus-1")
	daemon.Stop()
	both(t, "no BlueZ", "BlueZ does not run", "systemctl start bluetooth")
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "none"))
	if err := bluez.CloseLibrary(); err != nil {
		t.Fatal(err)
	}
	both(t, "no bus", "connect to the system bus", "--radio air:DIR")
}

// TestAdaptersAreListed checks every field of an adapter.
func TestAdaptersAreListed(t *testing.T) {
	if !alone(t) {
		return
	}
	if list, err := bluez.Adapters(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("without an adapter: %v, %v", list, err)
	}
	daemon.AddAdapter("hci10").SetMonitors(false)
	off, blocked, busy := daemon.AddAdapter("hci2"), daemon.AddAdapter("hci0"), daemon.AddAdapter("hci1")
	off.SetSlots(3)
	off.SetDiscoverable(true)
	blocked.Block(true, false)
	busy.SetPower(true)
	s := scan(t, bluez.Options{Adapter: "hci1"})
	ready(t, busy)
	r, err := bluez.Open(t.Context(), bluez.Options{Adapter: "hci1"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- r.Advertise(ctx, ble.AppendEID(nil, [8]byte{1}, ble.PowerReference), time.Second)
	}()
	until(t, "it advertises", func() bool { return len(busy.OnAir()) == 1 })
	list, err := bluez.Adapters(t.Context())
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, a := range list {
		have = append(have, fmt.Sprintf("%+v", a))
	}
	want := `{Name:hci0 Address:00:1A:7D:DA:71:02 Powered:false Blocked:true Discoverable:false Discovering:false Monitors:true SlotsFree:5 SlotsUsed:0}
{Name:hci1 Address:00:1A:7D:DA:71:03 Powered:true Blocked:false Discoverable:false Discovering:true Monitors:true SlotsFree:4 SlotsUsed:1}
{Name:hci2 Address:00:1A:7D:DA:71:01 Powered:false Blocked:false Discoverable:true Discovering:false Monitors:true SlotsFree:3 SlotsUsed:0}
{Name:hci10 Address:00:1A:7D:DA:71:00 Powered:false Blocked:false Discoverable:false Discovering:false Monitors:false SlotsFree:5 SlotsUsed:0}`
	if got := strings.Join(have, "\n"); got != want {
		t.Errorf("have\n%s\nwant\n%s", got, want)
	}
	s.stop()
}
