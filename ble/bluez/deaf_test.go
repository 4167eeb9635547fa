//go:build linux

package bluez_test

import (
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/bluez"
	"github.com/paybeacon/paybeacon/ble/bluez/fakebluez"
)

// TestDeafRadioIsMended makes an adapter deaf, lets the watchdog detect it and
// counts the remedies until the adapter hears again.
func TestDeafRadioIsMended(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cure     fakebluez.Cure
		restarts int // of the discovery, one of them within the power cycle
		cycles   int
		log      []string
	}{
		"until the discovery is restarted": {fakebluez.DiscoveryRestart, 1, 0, []string{"restarting the discovery"}},
		"until the power is cycled":        {fakebluez.PowerOff, 2, 1, []string{"restarting the discovery", "switching the adapter off and on"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := plugIn(t)
			s := scan(t, bluez.Options{Adapter: a.Name()})
			ready(t, a)
			s.hears(a, 1)
			s.tick(time.Second)
			starts, powers := a.Calls("StopDiscovery"), a.Calls("SetPowered")
			a.Deafen(c.cure)
			for n := range c.restarts {
				for range 11 {
					a.Hear(fakebluez.Report{Address: [6]byte{2}, Services: eid(2)})
					s.tick(time.Second)
				}
				until(t, "a remedy was tried", func() bool { return a.Calls("StopDiscovery")-starts > n })
			}
			until(t, "the power was cycled", func() bool { return a.Calls("SetPowered")-powers == 2*c.cycles })
			ready(t, a)
			s.feels("deaf", func(h ble.Health) bool { return h.Deaf && h.Rate == 0 && strings.Contains(h.Why, "restarted") })
			settled(t, a)
			for len(s.heard) > 0 {
				<-s.heard
			}
			s.hears(a, 3)
			s.tick(time.Second)
			s.feels("well again", func(h ble.Health) bool { return !h.Deaf && h.Why == "" })
			s.stop() // which also takes the discovery back
			if n := a.Calls("StopDiscovery") - starts - 1; n != c.restarts {
				t.Errorf("%d restarts, want %d", n, c.restarts)
			}
			if n := a.Calls("SetPowered") - powers; n != 2*c.cycles {
				t.Errorf("the power was switched %d times, want %d", n, 2*c.cycles)
			}
			for _, line := range append(c.log, "hearing again") {
				if s.log.count(line) != 1 {
					t.Errorf("%q is not said once:\n%s", line, s.log)
				}
			}
		})
	}
}

func TestWhatCannotBeMendedIsSaidOnce(t *testing.T) {
	t.Parallel()
	a := plugIn(t)
	a.Deafen(fakebluez.Nothing)
	s := scan(t, bluez.Options{Adapter: a.Name()})
	ready(t, a)
	for range 1000 {
		s.tick(time.Second)
	}
	ready(t, a)
	for _, line := range []string{"restarting the discovery", "switching the adapter off and on"} {
		if s.log.count(line) != 1 {
			t.Errorf("%q is not said once:\n%s", line, s.log)
		}
	}
	if n := a.Calls("SetPowered"); n > 12 {
		t.Errorf("in 1000 s the power was switched %d times", n)
	}
}

// settled waits until the scan has handled all earlier signals of a: it makes an
// attempt when the adapter reports a change.
func settled(t *testing.T, a *fakebluez.Adapter) {
	t.Helper()
	before := a.Calls("SetDiscoveryFilter")
	a.SetDiscoverable(false)
	until(t, "the scan has seen to its adapter", func() bool { return a.Calls("SetDiscoveryFilter") > before })
}

func TestAnyAdvertProvesHearing(t *testing.T) {
	t.Parallel()
	a := plugIn(t)
	s := scan(t, bluez.Options{Adapter: a.Name()})
	ready(t, a)
	for n := range byte(40) {
		a.Hear(fakebluez.Report{Address: [6]byte{n}, RSSI: -80}) // a strength and nothing else
		if n%2 == 0 {
			a.Hear(fakebluez.Report{Address: [6]byte{n}, NoRSSI: true, Name: "only a name"})
		}
		settled(t, a)
		s.tick(time.Second)
	}
	if h := s.feels("heard", func(h ble.Health) bool { return h.Rate > 1 }); h.Deaf || len(s.heard) > 0 {
		t.Errorf("health %+v, %d told", h, len(s.heard))
	}
	if a.Calls("StopDiscovery") != 0 {
		t.Error("the discovery was restarted")
	}
}

func TestMarkerProvesHearing(t *testing.T) {
	t.Parallel()
	a, other := plugIn(t), plugIn(t)
	s := scan(t, bluez.Options{Adapter: a.Name(), Marker: other.Name()})
	ready(t, a)
	until(t, "the marker is on the air", func() bool { return len(other.OnAir()) == 1 })
	marker := other.OnAir()[0]
	content := marker.Manufacturer[0xFFFF]
	if len(content) != 12 || len(marker.Services) != 0 {
		t.Fatalf("marker %+v", marker)
	}
	daemon.SetStrength(other.Name(), a.Name(), -20)
	for range 100 { // a minute and a half without anybody
		a.Hear(fakebluez.Report{Address: marker.Address, RSSI: -20, Manufacturer: marker.Manufacturer})
		settled(t, a)
		s.tick(time.Second)
	}
	if len(s.heard) != 0 || a.Calls("StopDiscovery") != 0 {
		t.Errorf("%d markers were told as adverts, the discovery was restarted %d times", len(s.heard), a.Calls("StopDiscovery"))
	}
	a.Deafen(fakebluez.DiscoveryRestart)
	for range 4 { // which is sooner than without a marker
		s.tick(time.Second)
	}
	s.feels("deaf", func(h ble.Health) bool { return h.Deaf })
	s.stop()
	if len(other.OnAir()) != 0 {
		t.Error("the marker is on the air after the scan")
	}
	again := scan(t, bluez.Options{Adapter: a.Name(), Marker: other.Name()})
	until(t, "the marker is on the air again", func() bool { return len(other.OnAir()) == 1 })
	if second := other.OnAir()[0]; string(second.Manufacturer[0xFFFF]) == string(content) || second.Address == marker.Address {
		t.Error("the next start sends the same marker")
	}
	again.stop()
}

func TestMarkerThatCannotBeIsSaidOnce(t *testing.T) {
	t.Parallel()
	full, shown := plugIn(t), plugIn(t)
	full.SetSlots(0)
	shown.SetDiscoverable(true)
	own := plugIn(t)
	for name, want := range map[string]string{
		full.Name(): "slot", shown.Name(): "public address", "hci998": "no such adapter", own.Name(): "cannot mark itself",
	} {
		a := own
		if name != own.Name() {
			a = plugIn(t)
		}
		s := scan(t, bluez.Options{Adapter: a.Name(), Marker: name})
		ready(t, a)
		s.hears(a, 1)
		if name != own.Name() && name != "hci998" {
			until(t, "it was tried again", func() bool {
				return daemon.Calls(name, "RegisterAdvertisement")+daemon.Calls(name, "GetAll") > 4
			})
		}
		for s.log.count("no marker") == 0 {
			s.tick(time.Second)
			s.hears(a, 2)
		}
		s.stop()
		if s.log.count("no marker") != 1 || s.log.count(want) != 1 {
			t.Errorf("marker %s: want once %q:\n%s", name, want, s.log)
		}
	}
}
