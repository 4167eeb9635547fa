package vhci_test

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/bluez/vhci"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// host is the host of a controller, in place of the kernel.
type host struct {
	name     string
	commands chan []byte
	closed   chan struct{}
	once     sync.Once

	mu     sync.Mutex
	events [][]byte
	broken bool
}

func newHost(name string) *host {
	return &host{name: name, commands: make(chan []byte), closed: make(chan struct{})}
}

func (h *host) Name() string { return h.name }

func (h *host) Read(p []byte) (int, error) {
	select {
	case c := <-h.commands:
		return copy(p, c), nil
	case <-h.closed:
		return 0, io.EOF
	}
}

func (h *host) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.broken {
		return 0, errors.New("full")
	}
	h.events = append(h.events, append([]byte(nil), p...))
	return len(p), nil
}

func (h *host) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// say sends commands, written in hexadecimal, and waits until each is answered.
func (h *host) say(commands ...string) {
	for _, c := range commands {
		raw, err := hex.DecodeString(strings.ReplaceAll(c, " ", ""))
		if err != nil {
			panic(err)
		}
		h.commands <- raw
		synctest.Wait()
	}
}

// take returns the reports since its last call, and removes them.
func (h *host) take() [][]byte {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	var reports [][]byte
	for _, e := range h.events {
		if e[1] == 0x3e {
			reports = append(reports, e)
		}
	}
	h.events = nil
	return reports
}

const (
	reset      = "01 030c 00"
	scanParams = "01 0b20 07 01 1200 1200 01 00"
	scanOn     = "01 0c20 02 01 00"
	scanFilter = "01 0c20 02 01 01"
	scanOff    = "01 0c20 02 00 00"
	setRandom1 = "01 0520 06 010000000040"
	setRandom2 = "01 0520 06 020000000040"
	advParams  = "01 0620 0f a000 a000 03 01 00 000000000000 07 00" // each 100 ms
	advOn      = "01 0a20 01 01"
	advOff     = "01 0a20 01 00"
)

var advData = "01 0820 20 03 020106" + strings.Repeat("00", 28)

// inAir runs a test with a sender and a listener in a bubble of virtual time.
func inAir(t *testing.T, o vhci.Options, story func(air *vhci.Air, sender, listener *host, from, to *vhci.Controller)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		air := vhci.NewAir(o)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- air.Run(ctx) }()
		sender, listener := newHost("hci1"), newHost("hci0")
		from := air.Plug(sender, vhci.Model{Address: ble.Address{1}})
		to := air.Plug(listener, vhci.Model{Address: ble.Address{2}})
		sender.say(reset, setRandom1, advParams, advData)
		listener.say(reset, scanParams)
		story(air, sender, listener, from, to)
		for _, c := range []*vhci.Controller{from, to} {
			if err := c.Unplug(); err != nil {
				t.Error(err)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAnAdvertIsRepeated(t *testing.T) {
	t.Parallel()
	inAir(t, vhci.Options{Seed: 1}, func(air *vhci.Air, sender, listener *host, from, to *vhci.Controller) {
		air.SetStrength(from, to, -42)
		listener.say(scanOn)
		sender.say(advOn)
		time.Sleep(10 * time.Second)
		reports := listener.take()
		if n := len(reports); n < 90 || n > 100 { // each 100 to 110 ms
			t.Errorf("%d reports in 10 s", n)
		}
		if got := hex.EncodeToString(reports[0]); got != "043e0f0201030101000000004003020106d6" {
			t.Errorf("report %s", got)
		}
		sender.say(advOff)
		listener.take()
		time.Sleep(time.Second)
		if n := len(listener.take()); n != 0 || len(from.OnAir()) != 0 {
			t.Errorf("%d reports of a silent sender", n)
		}
	})
}

func TestAddressesAreTakenFromTheHost(t *testing.T) {
	t.Parallel()
	inAir(t, vhci.Options{Seed: 2}, func(_ *vhci.Air, sender, _ *host, from, _ *vhci.Controller) {
		for _, c := range []struct {
			command string
			want    ble.Address
		}{{setRandom1, ble.Address{0x40, 0, 0, 0, 0, 1}}, {setRandom2, ble.Address{0x40, 0, 0, 0, 0, 2}}} {
			sender.say(advOff, c.command, advOn)
			if on := from.OnAir(); len(on) != 1 || on[0].Address != c.want || !on[0].Random || on[0].Kind != vhci.NonConnectable || on[0].Interval != 100*time.Millisecond {
				t.Errorf("on the air: %+v, want %v", on, c.want)
			}
		}
	})
}

func TestTheDuplicateFilterKnowsSenders(t *testing.T) {
	t.Parallel()
	inAir(t, vhci.Options{Seed: 3}, func(_ *vhci.Air, sender, listener *host, _, to *vhci.Controller) {
		listener.say(scanFilter)
		sender.say(advOn)
		time.Sleep(time.Second)
		if n := len(listener.take()); n != 1 || to.Counts().Duplicate < 8 {
			t.Errorf("%d reports, %+v", n, to.Counts())
		}
		sender.say(advOff, setRandom2, advOn)
		time.Sleep(time.Second)
		if n := len(listener.take()); n != 1 {
			t.Errorf("%d reports of a new address", n)
		}
		listener.say(scanOff, scanFilter)
		time.Sleep(time.Second)
		if n := len(listener.take()); n != 1 {
			t.Errorf("%d reports after the scan began anew", n)
		}
		if on, filtered := to.Listening(); !on || !filtered {
			t.Errorf("listening %v, filtered %v", on, filtered)
		}
	})
}

func TestOnlyAScanHears(t *testing.T) {
	t.Parallel()
	var told int
	o := vhci.Options{Seed: 4, Heard: func(*vhci.Controller, vhci.Report, time.Time) { told++ }}
	inAir(t, o, func(_ *vhci.Air, sender, listener *host, _, to *vhci.Controller) {
		sender.say(advOn)
		time.Sleep(time.Second)
		if n := len(listener.take()); n != 0 || to.Counts().Closed < 9 {
			t.Errorf("%d reports without a scan, %+v", n, to.Counts())
		}
		// A window of half the interval hears about half.
		listener.say("01 0b20 07 00 2000 1000 01 00", scanOn)
		time.Sleep(100 * time.Second)
		if n := len(listener.take()); n < 400 || n > 560 {
			t.Errorf("%d of about 950 reports in half of the time", n)
		}
		if to.Counts().Told != told {
			t.Errorf("told of %d, counted %d", told, to.Counts().Told)
		}
	})
}

func TestDeafnessIsCured(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		until  vhci.Cure
		after  []string
		hears  bool
		resets int
	}{
		{"not at all", vhci.CureScan, nil, false, 1},
		{"by a scan", vhci.CureScan, []string{scanOff, scanOn}, true, 1},
		{"not by a scan", vhci.CureReset, []string{scanOff, scanOn}, false, 1},
		{"by a reset", vhci.CureReset, []string{reset, scanOn}, true, 2},
		{"never", vhci.CureNever, []string{reset, scanOn}, false, 2},
		{"by a word", vhci.Hears, nil, true, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inAir(t, vhci.Options{Seed: 5}, func(_ *vhci.Air, sender, listener *host, _, to *vhci.Controller) {
				listener.say(scanOn)
				sender.say(advOn)
				to.Deafen(c.until)
				listener.say(c.after...)
				listener.take()
				time.Sleep(time.Second)
				if n := len(listener.take()); n > 0 != c.hears || to.Counts().Resets != c.resets {
					t.Errorf("%d reports, %+v", n, to.Counts())
				}
			})
		})
	}
}

func TestAnybodyCanBeInjected(t *testing.T) {
	t.Parallel()
	inAir(t, vhci.Options{Seed: 6}, func(_ *vhci.Air, _, listener *host, _, to *vhci.Controller) {
		r := vhci.Report{Kind: vhci.NonConnectable, Address: ble.Address{9}, Data: []byte{2, 1, 6}, RSSI: 127}
		if to.Inject(r) {
			t.Error("heard without a scan")
		}
		listener.say(scanOn)
		for range 1000 {
			if !to.Inject(r) {
				t.Fatal("not heard")
			}
		}
		r.Extended = true
		if to.Inject(r) {
			t.Error("an old controller hears an extended packet")
		}
		if n := len(listener.take()); n != 1000 {
			t.Errorf("%d reports", n)
		}
		listener.broken = true
		r.Extended = false
		to.Inject(r)
		if to.Counts().Lost != 1 {
			t.Errorf("%+v", to.Counts())
		}
	})
}

func TestScanResponses(t *testing.T) {
	t.Parallel()
	inAir(t, vhci.Options{Seed: 7}, func(_ *vhci.Air, sender, listener *host, _, _ *vhci.Controller) {
		response := "01 0920 20 02 01ff" + strings.Repeat("00", 29)
		sender.say("01 0620 0f a000 a000 02 01 00 000000000000 07 00", response)
		listener.say(scanOn)
		sender.say(advOn)
		if got := listener.take(); len(got) != 2 || got[1][5] != 4 {
			t.Errorf("asked: % x", got)
		}
		sender.say(advOff)
		listener.say(scanOff, "01 0b20 07 00 1200 1200 01 00", scanOn)
		sender.say(advOn)
		if got := listener.take(); len(got) != 1 {
			t.Errorf("not asked: % x", got)
		}
	})
}

func TestAnUnpluggedControllerIsSilent(t *testing.T) {
	t.Parallel()
	inAir(t, vhci.Options{Seed: 8}, func(air *vhci.Air, sender, listener *host, from, to *vhci.Controller) {
		air.SetStrength(from, to, -42)
		listener.say(scanOn)
		sender.say(advOn)
		changed := from.Changed()
		if err := from.Unplug(); err != nil {
			t.Error(err)
		}
		listener.take()
		time.Sleep(time.Second)
		if n := len(listener.take()); n != 0 {
			t.Errorf("%d reports", n)
		}
		again := newHost("hci1")
		c := air.Plug(again, vhci.Model{Address: from.Address(), Extended: true})
		again.say(reset, "01 3620 19 01 1000 a00000 a00000 07 01 00 000000000000 00 7f 01 00 01 00 00",
			"01 3520 07 01 030000000040", "01 3720 07 01 03 01 03 020106", "01 3920 06 01 01 01 0000 00")
		if got := listener.take(); len(got) != 1 || got[0][7] != 3 || int8(got[0][len(got[0])-1]) != -50 {
			t.Errorf("plugged in again: % x", got)
		}
		select {
		case <-changed:
			t.Error("the old one was given a command")
		default:
		}
		if err := c.Unplug(); err != nil {
			t.Error(err)
		}
	})
}
