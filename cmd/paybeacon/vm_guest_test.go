//go:build vm && linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/bluez/vhci"
)

const (
	// guestEnv says that this process runs in the virtual machine.
	guestEnv = "PAYBEACON_GUEST"

	guestProgram = "/radio/paybeacon" // the real one
	guestUser    = 1000
	guestTimeout = 90 * time.Second // for anything to come true
)

// TestGuest is the other half of TestRadio: it runs as root in the virtual
// machine, whose Bluetooth controllers it plays itself. The program runs as an
// ordinary user, under Debian's own rules for the system bus.
func TestGuest(t *testing.T) {
	if os.Getenv(guestEnv) == "" {
		t.Skip("it runs in the virtual machine that TestRadio boots")
	}
	g := &guest{}
	g.startBus(t)
	for _, c := range []struct {
		name  string
		check func(*testing.T, *guest)
	}{
		{"without an adapter", guestNoAdapter},
		{"a whole payment", guestPayment},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t, g) })
	}
	g.close()
}

// guest is the machine from inside.
type guest struct {
	bus   *exec.Cmd
	world *world
}

// measured notes a figure for the person who reads the host's output.
func measured(t *testing.T, format string, args ...any) {
	t.Helper()
	t.Logf("measured: "+format, args...)
}

func (g *guest) startBus(t *testing.T) {
	g.bus = g.run(t, "dbus-daemon", "--config-file=/usr/share/dbus-1/system.conf", "--nofork", "--nopidfile", "--nosyslog")
	eventually(t, "the bus listens", func() bool {
		_, err := os.Stat("/run/dbus/system_bus_socket")
		return err == nil
	})
}

func (g *guest) close() {
	if g.world != nil {
		g.world.close()
	}
	_ = g.bus.Process.Kill()
}

// run starts a program whose words go to /tmp/NAME.log.
func (g *guest) run(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	log, err := os.OpenFile("/tmp/"+name+".log", os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = log.Close()
	return cmd
}

// radio is a running bluetoothd with controllers.
type guestRadio struct {
	t      *testing.T
	g      *guest
	args   []string
	daemon *exec.Cmd
	air    *vhci.Air
	seed   uint64

	mu     sync.Mutex
	record func(to *vhci.Controller, r vhci.Report, at time.Time)
}

var (
	legacy   = vhci.Model{Address: ble.Address{0x00, 0x1A, 0x7D, 0x00, 0x00, 0x01}}
	extended = vhci.Model{Address: ble.Address{0x00, 0x1A, 0x7D, 0x00, 0x00, 0x02}, Extended: true}
	another  = vhci.Model{Address: ble.Address{0x00, 0x1A, 0x7D, 0x00, 0x00, 0x03}, Extended: true}
)

// newRadio starts bluetoothd with args and an air of its own, for one check.
func (g *guest) newRadio(t *testing.T, args ...string) *guestRadio {
	t.Helper()
	r := &guestRadio{t: t, g: g, args: args, seed: uint64(time.Now().UnixNano())}
	r.air = vhci.NewAir(vhci.Options{Seed: r.seed, Heard: func(to *vhci.Controller, report vhci.Report, at time.Time) {
		r.mu.Lock()
		record := r.record
		r.mu.Unlock()
		if record != nil {
			record(to, report, at)
		}
	}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = r.air.Run(ctx) }()
	t.Cleanup(func() {
		if t.Failed() {
			g.tellLogs(t)
		}
		r.stopDaemon()
		cancel()
		<-done
	})
	r.startDaemon()
	return r
}

func (r *guestRadio) listen(record func(to *vhci.Controller, r vhci.Report, at time.Time)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.record = record
}

func (r *guestRadio) startDaemon() {
	r.daemon = r.g.run(r.t, "bluetoothd", append([]string{"-n"}, r.args...)...)
}

func (r *guestRadio) stopDaemon() {
	_ = r.daemon.Process.Signal(syscall.SIGTERM)
	_ = r.daemon.Wait()
}

// plug adds a controller and waits until bluetoothd has switched it on.
func (r *guestRadio) plug(m vhci.Model) *vhci.Controller {
	r.t.Helper()
	port, err := vhci.Open()
	if err != nil {
		r.t.Fatal(err)
	}
	c := r.air.Plug(port, m)
	r.t.Cleanup(func() { _ = c.Unplug() })
	r.powered(c, true)
	return c
}

// powered waits until an adapter is on or off.
func (r *guestRadio) powered(c *vhci.Controller, on bool) {
	r.t.Helper()
	want := map[bool]string{true: "Powered: yes", false: "Powered: no"}[on]
	eventually(r.t, c.Name()+" is "+want, func() bool {
		out, err := exec.Command("bluetoothctl", "show", c.Address().String()).Output()
		return err == nil && strings.Contains(string(out), want)
	})
}

// eventually waits until f is true. What it asks for is another process's, so
// nothing could wake it.
func eventually(t *testing.T, what string, f func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(guestTimeout)
	for !f() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s: not after %v", what, guestTimeout)
		}
	}
	return time.Since(began)
}

// tellLogs shows the last words of everybody.
func (g *guest) tellLogs(t *testing.T) {
	if g.world != nil {
		w := *g.world
		w.t = t
		w.tellLogs()
	}
	for _, name := range []string{"bluetoothd", "dbus-daemon", "btvirt"} {
		raw, err := os.ReadFile("/tmp/" + name + ".log")
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		t.Logf("%s:\n%s", name, raw[max(0, len(raw)-3000):])
	}
	if out, err := exec.Command("dmesg").Output(); err == nil {
		t.Logf("dmesg:\n%s", out[max(0, len(out)-1500):])
	}
}

// shop returns a registry with a box and the wallets ada and ben, which approve
// everything. It is made when it is first needed; every process of it belongs
// to an ordinary user.
func (g *guest) shop(t *testing.T) *world {
	t.Helper()
	if g.world == nil {
		dir := "/tmp/shop"
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(dir, guestUser, guestUser); err != nil {
			t.Fatal(err)
		}
		s, err := newStage(context.Background(), "/bin/as-till", dir)
		if err != nil {
			t.Fatal(err)
		}
		w := &world{stage: s, t: t}
		g.world = w
		w.startRegistry(nil)
		w.must(w.enrol("reg", "box", "scan", "--role", "box", "--name", "counter", "--merchant", "Corner Cafe"))
		for _, who := range []string{"ada", "ben"} {
			w.must(w.enrol("reg", who, "wallet", "--role", "wallet", "--name", who))
			w.must(w.ask(nil, "admin", "topup", "--data", w.data("reg"), "--wallet", who, "--amount", "5000.00"))
			w.startWallet(who, nil)
		}
	}
	g.world.t = t
	return g.world
}

// daemonFor starts a node for one check.
func (w *world) daemonFor(t *testing.T, name string, args ...string) readyJSON {
	t.Helper()
	w.must(w.start(name, nil, append(args, "--data", w.data(name))...))
	t.Cleanup(func() { w.stop(name) })
	r, err := w.ready(name)
	w.must(err)
	return r
}

// pairTag pairs a tag that runs with a wallet.
func (w *world) pairTag(tag, who string) {
	w.t.Helper()
	p, err := w.pairing(tag)
	w.must(err)
	w.must(w.ask(nil, "wallet", "pair", "--data", w.data(who), "--link", p.Link, "--pin", p.PIN))
}

// guestNoAdapter: every command that needs a radio says in one sentence that
// there is none.
func guestNoAdapter(t *testing.T, g *guest) {
	w := g.shop(t)
	said := map[string]string{}
	for _, bluetoothd := range []bool{false, true} {
		if bluetoothd {
			g.newRadio(t)
			eventually(t, "bluetoothd answers", func() bool {
				out, _ := exec.Command("bluetoothctl", "list").CombinedOutput()
				return !strings.Contains(string(out), "Waiting to connect") && exec.Command("bluetoothctl", "list").Run() == nil
			})
		}
		for _, args := range [][]string{
			{"scan", "--radio", "bluez:hci0", "--data", w.data("box")},
			{"beacon", "run", "--radio", "bluez:hci0", "--data", w.data("nobody")},
		} {
			err := w.ask(nil, args...)
			var e *exitError
			if !errors.As(err, &e) || e.exit != 11 || e.Message == "" || e.Hint == "" || strings.Contains(e.Message, "\n") {
				t.Errorf("bluetoothd %v, %v: %v", bluetoothd, args[:2], err)
				continue
			}
			said[fmt.Sprintf("%s; %s", e.Message, e.Hint)] = fmt.Sprintf("exit %d", e.exit)
		}
	}
	for sentence, exit := range said {
		measured(t, "%s: %s", exit, sentence)
	}
}

// guestPayment makes a whole payment over the air.
func guestPayment(t *testing.T, g *guest) {
	w := g.shop(t)
	r := g.newRadio(t, "-E")
	box, tag := r.plug(extended), r.plug(another)
	r.air.SetStrength(tag, box, -48)
	w.daemonFor(t, "box", "scan", "--radio", "bluez:"+box.Name(), "--lane", "till-1")
	w.daemonFor(t, "ada-tag", "beacon", "run", "--radio", "bluez:"+tag.Name(), "--k", "3", "--interval", "200ms", "--link", "127.0.0.1:0")
	w.pairTag("ada-tag", "ada")
	began := time.Now()
	w.must(w.ask(nil, "wait", "--for", "near", "--data", w.data("box"), "--timeout", "60s"))
	measured(t, "near %.1f s after pairing", time.Since(began).Seconds())
	w.take(t)
	w.audit()
	for _, c := range []*vhci.Controller{box, tag} {
		measured(t, "%s: %+v; unknown commands %x", c.Name(), c.Counts(), c.Unknown())
	}
}

// take takes a payment from whoever is near and requires that both sides hold
// the same receipt.
func (w *world) take(t *testing.T) paymentJSON {
	t.Helper()
	began := time.Now()
	var p paymentJSON
	w.must(w.ask(&p, "till", "charge", "--data", w.data("box"), "--amount", "12.50", "--wait", "30s"))
	if p.State != "captured" || p.Outcome != "paid" {
		t.Fatalf("payment: %+v", p)
	}
	measured(t, "charged, asked, approved and captured in %.2f s", time.Since(began).Seconds())
	ours, theirs := filepath.Join(w.dir, p.ID+".till"), filepath.Join(w.dir, p.ID+".wallet")
	w.must(w.until("the wallet has its receipt", func() (bool, error) {
		return w.ask(nil, "wallet", "receipts", "--data", w.data("ada"), "--id", p.ID, "--to", theirs) == nil, nil
	}))
	w.must(w.ask(nil, "till", "receipt", "--data", w.data("box"), "--id", p.ID, "--to", ours))
	a, errA := os.ReadFile(ours)
	b, errB := os.ReadFile(theirs)
	if errA != nil || errB != nil || len(a) == 0 || string(a) != string(b) {
		t.Fatalf("receipts differ: %d and %d bytes, %v, %v", len(a), len(b), errA, errB)
	}
	return p
}
