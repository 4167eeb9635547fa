//go:build linux

package bluez_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/bluez"
	"github.com/paybeacon/paybeacon/ble/bluez/fakebluez"
	"github.com/paybeacon/paybeacon/pay"
)

// sender is a radio that broadcasts.
type sender struct {
	t     testing.TB
	radio *bluez.Radio
	log   *journal
}

func newSender(t testing.TB, a *fakebluez.Adapter) *sender {
	t.Helper()
	s := &sender{t: t, log: &journal{}}
	r, err := bluez.Open(t.Context(), bluez.Options{Adapter: a.Name(), Log: slog.New(slog.NewTextHandler(s.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	r.Quicken()
	s.radio = r
	return s
}

func payloadOf(n byte) []byte {
	return ble.AppendEID(nil, pay.Code{n, 2, 3, 4, 5, 6, 7, 8}, ble.PowerReference)
}

// begin broadcasts until the returned function is called.
func (s *sender) begin(payload []byte) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.radio.Advertise(ctx, payload, 250*time.Millisecond) }()
	return func() {
		s.t.Helper()
		cancel()
		select {
		case err := <-done:
			if err != nil {
				s.t.Errorf("the broadcast ended with %v", err)
			}
		case <-time.After(patience):
			s.t.Error("the broadcast does not end")
		}
	}
}

// onAir waits until exactly the payload numbered n is on the air.
func onAir(t testing.TB, a *fakebluez.Adapter, n byte) fakebluez.Report {
	t.Helper()
	var r fakebluez.Report
	until(t, fmt.Sprintf("%s broadcasts %d", a.Name(), n), func() bool {
		all := a.OnAir()
		if len(all) == 1 {
			r = all[0]
		}
		return len(all) == 1 && len(r.Services[ble.ServiceUUID]) > 2 && r.Services[ble.ServiceUUID][2] == n
	})
	return r
}

func TestCodeAndAddressChangeTogether(t *testing.T) {
	t.Parallel()
	a, box := plugIn(t), plugIn(t)
	daemon.SetStrength(a.Name(), box.Name(), -47)
	listener := scan(t, bluez.Options{Adapter: box.Name()})
	ready(t, box)
	s := newSender(t, a)
	seen := map[[6]byte]bool{}
	for n := range byte(20) {
		stop := s.begin(payloadOf(n))
		r := onAir(t, a, n)
		if seen[r.Address] || r.Address[0]&0xC0 != 0 || len(r.Manufacturer) != 0 || r.Name != "" {
			t.Errorf("broadcast %d: %+v is not fresh, private and alone", n, r)
		}
		seen[r.Address] = true
		heard := listener.next()
		for heard.Address != ble.Address(r.Address) {
			heard = listener.next()
		}
		if f, err := ble.ParseFrame(heard.Sections[0]); err != nil || f.Code[0] != n || heard.RSSI != -47 {
			t.Errorf("broadcast %d was heard as %+v", n, heard)
		}
		stop()
		if left := a.OnAir(); len(left) != 0 {
			t.Fatalf("broadcast %d: %v is on the air after the end", n, left)
		}
	}
}

func TestAdvertiseSaysWhyItIsRefused(t *testing.T) {
	t.Parallel()
	wrong := func(name string) func(*fakebluez.Adapter) {
		return func(a *fakebluez.Adapter) { refuse(a, "RegisterAdvertisement", "org.bluez.Error."+name) }
	}
	for name, c := range map[string]struct {
		prepare        func(*fakebluez.Adapter)
		sentence, hint string
	}{
		"discoverable":   {func(a *fakebluez.Adapter) { a.SetDiscoverable(true) }, "public address", "discoverable off"},
		"slots full":     {func(a *fakebluez.Adapter) { a.SetSlots(0) }, "every advertising slot", "another program"},
		"exists already": {wrong("AlreadyExists"), "has this already", "other advertisement"},
		"too long":       {wrong("InvalidLength"), "too long", "31 bytes"},
		"not ready":      {wrong("NotReady"), "switched off", "power on"},
		"failed":         {wrong("Failed"), "Failed", "journalctl"},
		"blocked":        {func(a *fakebluez.Adapter) { a.Block(true, false) }, "rfkill", "rfkill unblock"},
		"unplugged":      {(*fakebluez.Adapter).Unplug, "no such adapter", "bluetoothctl list"},
	} {
		a := plugIn(t)
		s := newSender(t, a)
		c.prepare(a)
		wantRadioError(t, name, s.radio.Advertise(t.Context(), payloadOf(1), time.Second), c.sentence, c.hint)
		if left := a.OnAir(); len(left) != 0 {
			t.Errorf("%s: %v is on the air", name, left)
		}
	}
	s := newSender(t, plugIn(t))
	wantRadioError(t, "no payload", s.radio.Advertise(t.Context(), nil, time.Second), "holds no service", "one frame")
	long := append([]byte{31, 0xFF, 0xFF, 0xFF}, bytes.Repeat([]byte{1}, 28)...)
	wantRadioError(t, "payload too long", s.radio.Advertise(t.Context(), long, time.Second), "31 bytes", "one frame")
	full := append([]byte{27, 0xFF, 0xFF, 0xFF}, bytes.Repeat([]byte{1}, 24)...)
	if err := s.radio.Advertise(ended(t), full, time.Second); err != nil {
		t.Errorf("what fits beside the flags: %v", err)
	}
	tight := append([]byte{29, 0xFF, 0xFF, 0xFF}, bytes.Repeat([]byte{1}, 26)...)
	wantRadioError(t, "no room for the flags", newSender(t, plugIn(t)).radio.Advertise(t.Context(), tight, time.Second), "too long", "31 bytes")
}

// ended is a context that ends once something was broadcast for a moment.
func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestBroadcastHeals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		disturb func(*fakebluez.Adapter)
		silent  bool // nothing may be on the air before it is repaired
		mend    func(*fakebluez.Adapter)
	}{
		"unplugged and back":      {(*fakebluez.Adapter).Unplug, true, (*fakebluez.Adapter).Plug},
		"switched off":            {func(a *fakebluez.Adapter) { a.SetPower(false) }, false, func(*fakebluez.Adapter) {}},
		"blocked by rfkill":       {func(a *fakebluez.Adapter) { a.Block(true, false) }, true, func(a *fakebluez.Adapter) { a.Block(false, false) }},
		"released":                {(*fakebluez.Adapter).ReleaseAll, false, func(*fakebluez.Adapter) {}},
		"released, slots taken":   {func(a *fakebluez.Adapter) { a.SetSlots(0); a.ReleaseAll() }, true, func(a *fakebluez.Adapter) { a.SetSlots(2) }},
		"discoverable for a time": {func(a *fakebluez.Adapter) { a.SetDiscoverable(true) }, true, func(a *fakebluez.Adapter) { a.SetDiscoverable(false) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := plugIn(t)
			s := newSender(t, a)
			stop := s.begin(payloadOf(7))
			before := onAir(t, a, 7)
			for range 3 {
				c.disturb(a)
				if c.silent {
					until(t, "nothing is on the air", func() bool { return len(a.OnAir()) == 0 })
				} else {
					until(t, "it is another registration", func() bool {
						all := a.OnAir()
						return len(all) == 1 && all[0].Address != before.Address
					})
				}
				c.mend(a)
				after := onAir(t, a, 7)
				if after.Address == before.Address {
					t.Error("the same address again")
				}
				before = after
			}
			stop()
			if len(a.OnAir()) != 0 {
				t.Error("it is on the air after the end")
			}
			if n := s.log.count("nothing is broadcast"); n > 3 {
				t.Errorf("said %d times in three episodes:\n%s", n, s.log)
			}
		})
	}
}

func TestNextCodeIsBroadcastAfterARefusal(t *testing.T) {
	t.Parallel()
	a := plugIn(t)
	s := newSender(t, a)
	stop := s.begin(payloadOf(1))
	onAir(t, a, 1)
	stop()
	a.SetSlots(0)
	for n := byte(2); n < 5; n++ {
		stop := s.begin(payloadOf(n))
		tries := a.Calls("RegisterAdvertisement")
		until(t, "it was tried some times", func() bool { return a.Calls("RegisterAdvertisement") > tries+3 })
		stop()
	}
	a.SetSlots(1)
	stop = s.begin(payloadOf(9))
	onAir(t, a, 9)
	stop()
	if n := s.log.count("every advertising slot"); n != 3 {
		t.Errorf("said %d times in three codes:\n%s", n, s.log)
	}
}

func TestBroadcastOutlivesBluetoothd(t *testing.T) {
	if !alone(t) {
		return
	}
	a := plugIn(t)
	s := newSender(t, a)
	stop := s.begin(payloadOf(1))
	onAir(t, a, 1)
	for range 5 {
		daemon.Stop()
		if err := daemon.Start(); err != nil {
			t.Fatal(err)
		}
		onAir(t, a, 1)
	}
	// Ending without a bluetoothd is no error.
	daemon.Stop()
	stop()
	stop = s.begin(payloadOf(2))
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	onAir(t, a, 2)
	if err := bluez.EndBus(); err != nil {
		t.Fatal(err)
	}
	until(t, "it went with the connection", func() bool { return len(a.OnAir()) == 0 })
	a.SetDiscoverable(false) // a change that makes the broadcast check the adapter
	stop()

	// An advertisement whose registration is answered too late must not stay on
	// the air.
	stop = s.begin(payloadOf(3))
	onAir(t, a, 3)
	stop()
	s.radio.SetAnswer(50 * time.Millisecond)
	daemon.Hang(true)
	stop = s.begin(payloadOf(4))
	stop()
	daemon.Hang(false)
	stop = s.begin(payloadOf(5))
	onAir(t, a, 5)
	stop()
}

// TestRotationsLeakNothing counts goroutines and objects after thousands of codes.
func TestRotationsLeakNothing(t *testing.T) {
	if !alone(t) {
		return
	}
	const rotations = 2000
	a := plugIn(t)
	s := newSender(t, a)
	rotate := func(n int) {
		stop := s.begin(payloadOf(byte(n)))
		onAir(t, a, byte(n))
		stop()
	}
	names := func() int {
		conn, err := bluez.Connection()
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		if err := conn.BusObject().Call("org.freedesktop.DBus.ListNames", 0).Store(&all); err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	for n := range 50 {
		rotate(n)
	}
	count := func() (goroutines, connections int, heap uint64) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return runtime.NumGoroutine(), names(), m.HeapAlloc
	}
	goroutines, connections, heap := count()
	for n := range rotations {
		rotate(n)
	}
	stop := s.begin(payloadOf(1))
	onAir(t, a, 1)
	shown, err := a.Shown(t.Context(), "/org/paybeacon")
	stop()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(shown, "<node name="); n != 1 {
		t.Errorf("%d objects are shown while one code is on the air: %s", n, shown)
	}
	g, c, h := count()
	t.Logf("after %d rotations: goroutines %d, before %d; connections %d, before %d; heap %d KiB, before %d KiB", rotations, g, goroutines, c, connections, h>>10, heap>>10)
	if g > goroutines+5 || c > connections || h > heap+(2<<20) {
		t.Error("rotations leave something behind")
	}
}
