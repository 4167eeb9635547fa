//go:build vm && linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/bluez"
	"github.com/paybeacon/paybeacon/ble/bluez/vhci"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/pay"
)

// guestNoAdapter: every command that needs a radio says in one sentence that
// there is none.
func guestNoAdapter(t *testing.T, g *guest) {
	w := g.shop(t)
	said := map[string]string{}
	for _, bluetoothd := range []bool{false, true} {
		if bluetoothd {
			g.newRadio(t)
			eventually(t, "bluetoothd answers", func() bool {
				var owner string
				return g.conn.BusObject().Call("org.freedesktop.DBus.GetNameOwner", 0, "org.bluez").Store(&owner) == nil
			})
		}
		for _, args := range [][]string{
			{"scan", "--radio", "bluez:hci0", "--data", w.Data("box")},
			{"beacon", "run", "--radio", "bluez:hci0", "--data", w.Data("nobody")},
		} {
			err := w.Ask(nil, args...)
			var e *stage.ExitError
			if !errors.As(err, &e) || e.Exit != 11 || e.Message == "" || e.Hint == "" || strings.Contains(e.Message, "\n") {
				t.Errorf("bluetoothd %v, %v: %v", bluetoothd, args[:2], err)
				continue
			}
			said[fmt.Sprintf("%s; %s", e.Message, e.Hint)] = fmt.Sprintf("exit %d", e.Exit)
		}
	}
	for sentence, exit := range said {
		measured(t, "%s: %s", exit, sentence)
	}
}

// guestPayment makes a whole payment over the air, with the rights of somebody
// who is nobody in particular.
func guestPayment(t *testing.T, g *guest) {
	w := g.shop(t)
	r := g.newRadio(t, "-E")
	box, tag := r.plug(extended), r.plug(another)
	began := w.near(t, r, box, tag)
	measured(t, "near %.1f s after the tag began", time.Since(began).Seconds())
	w.take(t)
	for _, name := range []string{"box", "ada-tag"} {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.Procs[name].Cmd.Process.Pid))
		if err != nil || !strings.Contains(string(status), "\nUid:\t1000\t1000\t1000\t1000\n") {
			t.Errorf("%s does not run as user 1000: %v\n%s", name, err, status)
		}
	}
	w.audit()
	on, filtered := box.Listening()
	if !on || filtered {
		t.Errorf("the box's controller listens: %v, with its duplicate filter: %v", on, filtered)
	}
	if unknown := append(box.Unknown(), tag.Unknown()...); len(unknown) > 0 {
		t.Errorf("the kernel used commands that the virtual controllers do not know: %x", unknown)
	}
}

// guestLegacy does the same with controllers from before Bluetooth 5.
func guestLegacy(t *testing.T, g *guest) {
	w := g.shop(t)
	r := g.newRadio(t, "-E")
	other := legacy
	other.Address[5] = 9
	box, tag := r.plug(legacy), r.plug(other)
	began := w.near(t, r, box, tag)
	measured(t, "near %.1f s after the tag began; it is sent each %v", time.Since(began).Seconds(), sent(t, tag).Interval)
	w.take(t)
}

// near starts the box and Ada's tag, paired, and waits until the box has it
// near. It returns when the tag's broadcast began.
func (w *world) near(t *testing.T, r *guestRadio, box, tag *vhci.Controller) time.Time {
	t.Helper()
	r.air.SetStrength(tag, box, -48)
	w.daemonFor(t, "box", "scan", "--radio", "bluez:"+box.Name(), "--lane", "till-1", "--leave", "1s")
	w.startTag(t, "ada", tag.Name(), "2")
	sent(t, tag)
	began := time.Now()
	w.nearAgain(t)
	return began
}

// sent waits until c sends and returns what. Between two codes nothing is on the
// air.
func sent(t *testing.T, c *vhci.Controller) (on vhci.OnAir) {
	t.Helper()
	eventually(t, c.Name()+" is on the air", func() bool {
		all := c.OnAir()
		if len(all) > 0 {
			on = all[0]
		}
		return len(all) > 0
	})
	return on
}

func (w *world) nearAgain(t *testing.T) {
	t.Helper()
	w.must(w.Ask(nil, "wait", "--for", "near", "--data", w.Data("box"), "--timeout", "60s"))
}

// gone waits until the box has lost everybody.
func (w *world) gone(t *testing.T) {
	t.Helper()
	eventually(t, "nobody is near", func() bool {
		var n api.Nearby
		w.must(w.Ask(&n, "till", "nearby", "--data", w.Data("box")))
		return len(n.Candidates) == 0
	})
}

// startTag starts a wallet's tag, whose code lives 2^k seconds, and pairs it when
// it is new.
func (w *world) startTag(t *testing.T, who, adapter, k string) {
	t.Helper()
	tag := who + "-tag"
	ready := w.daemonFor(t, tag, "beacon", "run", "--radio", "bluez:"+adapter, "--k", k, "--interval", "200ms", "--link", "127.0.0.1:0")
	if ready.Paired != nil && *ready.Paired {
		return
	}
	p, err := w.Pairing(tag)
	w.must(err)
	w.must(w.Ask(nil, "wallet", "pair", "--data", w.Data(who), "--link", p.Link, "--pin", p.PIN))
}

// guestSteps shows that what the tag sends in two steps differs in code and
// address, and that both pay from the same wallet. What the controllers put on
// the air is kept as a capture.
func guestSteps(t *testing.T, g *guest) {
	w := g.shop(t)
	r := g.newRadio(t, "-E")
	box, tag := r.plug(extended), r.plug(another)
	log := &airLog{}
	r.listen(log.note)
	w.near(t, r, box, tag)
	paid := map[ble.Address]string{}
	for range 2 {
		before := log.last()
		eventually(t, "another code", func() bool { return log.last() != before })
		w.nearAgain(t)
		from := sent(t, tag).Address
		paid[from] = w.take(t).ID
	}
	if len(paid) != 2 {
		t.Errorf("payments by address: %v; want two", paid)
	}
	codes, addresses, err := log.pairs()
	if err != nil {
		t.Error(err)
	}
	measured(t, "%d codes from %d addresses, never one of them without the other; both payments from the same wallet", codes, addresses)
	if err := log.write("vm-two-steps.jsonl"); err != nil {
		t.Error(err)
	}
}

// airLog keeps what one controller's host was told.
type airLog struct {
	mu      sync.Mutex
	reports []vhci.Report
	at      []time.Time
}

func (l *airLog) note(_ *vhci.Controller, r vhci.Report, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Data = slices.Clone(r.Data)
	l.reports, l.at = append(l.reports, r), append(l.at, at)
}

// last is the address heard last.
func (l *airLog) last() ble.Address {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.reports) == 0 {
		return ble.Address{}
	}
	return l.reports[len(l.reports)-1].Address
}

// pairs counts codes and addresses, and fails where one is used twice.
func (l *airLog) pairs() (codes, addresses int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	byCode, byAddress := map[string]ble.Address{}, map[ble.Address]string{}
	for _, r := range l.reports {
		if !r.Random || r.Kind != vhci.NonConnectable {
			return 0, 0, fmt.Errorf("%v is not sent from a random address without connections: %+v", r.Address, r)
		}
		data := string(r.Data)
		if a, ok := byCode[data]; ok && a != r.Address {
			return 0, 0, fmt.Errorf("%x is sent from %v and %v", data, a, r.Address)
		}
		if d, ok := byAddress[r.Address]; ok && d != data {
			return 0, 0, fmt.Errorf("%v sends %x and %x", r.Address, d, data)
		}
		byCode[data], byAddress[r.Address] = r.Address, data
	}
	return len(byCode), len(byAddress), nil
}

// write gives the log to the host as a capture, whole payloads and all.
func (l *airLog) write(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	to, err := os.OpenFile("/dev/ttyS2", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = to.Close() }()
	_, _ = fmt.Fprintln(to, "# "+name)
	for i, r := range l.reports {
		_, err = fmt.Fprintf(to, `{"t":%d,"address":"%v","rssi":%d,"adv":"%x"}`+"\n", l.at[i].Sub(l.at[0]).Milliseconds(), r.Address, r.RSSI, r.Data)
	}
	return err
}

// guestPlain shows what is left without bluetoothd -E, and that the box says
// what to switch on.
func guestPlain(t *testing.T, g *guest) {
	w := g.shop(t)
	r := g.newRadio(t)
	box, tag := r.plug(extended), r.plug(another)
	r.air.SetStrength(tag, box, -48)
	// Codes live 64 s, as they do in life: a new one is heard at once even so.
	w.daemonFor(t, "box", "scan", "--radio", "bluez:"+box.Name(), "--lane", "till-1")
	w.startTag(t, "ben", tag.Name(), "6")
	sent(t, tag)
	began := time.Now()
	w.nearAgain(t)
	took := time.Since(began)
	var n vhci.Counts
	eventually(t, "the tag is heard again and again", func() bool { n = box.Counts(); return n.Told >= 10 })
	w.nearAgain(t)
	measured(t, "near %.1f s after the tag began, which is sent each %v; the duplicate filter dropped %d of %d",
		took.Seconds(), sent(t, tag).Interval, n.Duplicate, n.Duplicate+n.Told)
	w.takeFrom(t, "ben")
	log, err := os.ReadFile(w.Data("box") + ".log")
	if err != nil || !strings.Contains(string(log), "Experimental = true") {
		t.Errorf("the box does not say what to switch on: %v\n%s", err, log)
	}
}

// guestDiscoverable shows that nothing is broadcast where the adapter's own
// address would go out with it.
func guestDiscoverable(t *testing.T, g *guest) {
	w := g.shop(t)
	r := g.newRadio(t, "-E")
	tag := r.plug(another)
	w.startTag(t, "ada", tag.Name(), "2") // so that it is paired and has something to send
	w.Stop("ada-tag")
	if err := g.adapter(tag.Name()).SetProperty("org.bluez.Adapter1.Discoverable", dbus.MakeVariant(true)); err != nil {
		t.Fatal(err)
	}
	err := w.Ask(nil, "beacon", "run", "--radio", "bluez:"+tag.Name(), "--data", w.Data("ada-tag"), "--link", "127.0.0.1:0")
	var e *stage.ExitError
	if !errors.As(err, &e) || e.Exit != 11 || !strings.Contains(e.Hint, "discoverable off") {
		t.Fatalf("have %v", err)
	}
	measured(t, "exit %d: %s; %s", e.Exit, e.Message, e.Hint)
}

// guestBtvirt lets a tag and a box meet over BlueZ's own virtual controllers,
// which know no strength and tell of a broadcast only once.
func guestBtvirt(t *testing.T, g *guest) {
	g.newRadio(t, "-E")
	btvirt := g.run(t, "btvirt", "-l2")
	t.Cleanup(func() { _ = btvirt.Process.Kill(); _ = btvirt.Wait() })
	for _, name := range []string{"hci0", "hci1"} {
		eventually(t, name+" is on", func() bool {
			v, err := g.adapter(name).GetProperty("org.bluez.Adapter1.Powered")
			return err == nil && v.Value() == true
		})
	}
	w := g.shop(t)
	radio, err := bluez.Open(t.Context(), bluez.Options{Adapter: "hci0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	heard := make(chan ble.Advert, 64)
	done := make(chan error, 1)
	go func() {
		done <- radio.Scan(ctx, func(a ble.Advert) {
			for _, s := range a.Sections {
				if s.Kind == ble.ServiceData && s.ID == ble.ServiceUUID {
					heard <- ble.Advert{Address: a.Address, HasRSSI: a.HasRSSI, Sections: []ble.Section{{Data: slices.Clone(s.Data)}}}
				}
			}
		})
	}()
	w.startTag(t, "ada", "hci1", "2")
	codes := map[string]ble.Address{}
	for limit := time.After(guestTimeout); len(codes) < 2; {
		select {
		case a := <-heard:
			if a.HasRSSI {
				t.Errorf("btvirt gives a strength after all: %+v", a)
			}
			codes[string(a.Sections[0].Data)] = a.Address
		case err := <-done:
			t.Fatalf("the scan ended: %v", err)
		case <-limit:
			t.Fatalf("heard %d codes", len(codes))
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	measured(t, "two codes of the tag heard; btvirt gives no strength, so nobody can be near")
}

// take takes a payment from Ada, who is near.
func (w *world) take(t *testing.T) api.Payment {
	t.Helper()
	return w.takeFrom(t, "ada")
}

// takeFrom takes a payment from whoever is near and requires that the box and
// that one's wallet hold the same receipt.
func (w *world) takeFrom(t *testing.T, who string) api.Payment {
	t.Helper()
	began := time.Now()
	var p api.Payment
	w.must(w.Until("somebody who is clearly near is charged", func() (bool, error) {
		called := w.nearest() // the words, because a rule answers nobody by strength alone
		if called == "" {
			return false, nil
		}
		p = api.Payment{}
		err := w.Ask(&p, "till", "charge", "--data", w.Data("box"), "--amount", "12.50", "--to", string(called), "--wait", "30s")
		if exitOf(err) == pay.ExitNotPaid && p.ID == "" {
			return false, nil // gone from the air since: nothing was recorded
		}
		return err == nil, err
	}))
	if p.State != "captured" || p.Outcome != "paid" {
		t.Fatalf("payment: %+v", p)
	}
	measured(t, "charged, asked, approved and captured in %.2f s", time.Since(began).Seconds())
	ours, theirs := filepath.Join(w.Dir, p.ID+".till"), filepath.Join(w.Dir, p.ID+".wallet")
	w.must(w.Until("the wallet has its receipt", func() (bool, error) {
		return w.Ask(nil, "wallet", "receipts", "--data", w.Data(who), "--id", p.ID, "--to", theirs) == nil, nil
	}))
	w.must(w.Ask(nil, "till", "receipt", "--data", w.Data("box"), "--id", p.ID, "--to", ours))
	a, errA := os.ReadFile(ours)
	b, errB := os.ReadFile(theirs)
	if errA != nil || errB != nil || len(a) == 0 || string(a) != string(b) {
		t.Fatalf("receipts differ: %d and %d bytes, %v, %v", len(a), len(b), errA, errB)
	}
	return p
}
