//go:build vm && linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/bluez/vhci"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
)

const (
	// guestEnv says that this process runs in the virtual machine.
	guestEnv = "PAYBEACON_GUEST"

	guestUser    = 1000
	checkTimeout = 5 * time.Minute  // for all that a check asks the program
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
		{"a whole payment as an ordinary user", guestPayment},
		{"a whole payment with legacy controllers", guestLegacy},
		{"two steps are one device", guestSteps},
		{"without experimental interfaces", guestPlain},
		{"bluetoothd restarts under the box", guestRestart},
		{"the box's adapter is unplugged and back", guestUnplugBox},
		{"the tag's adapter is unplugged and back", guestUnplugTag},
		{"the box's adapter is switched off", guestOffBox},
		{"the tag's adapter is switched off", guestOffTag},
		{"a deaf controller is cured", guestDeaf},
		{"a discoverable adapter is refused", guestDiscoverable},
		{"rotations leak nothing", guestRotations},
		{"loss as the air fills", guestLoss},
		{"somebody else's controllers", guestBtvirt},
	} {
		t.Run(c.name, func(t *testing.T) {
			g.markLogs()
			c.check(t, g)
		})
	}
	g.close()
}

// guest is the machine from inside.
type guest struct {
	bus   *exec.Cmd
	conn  *dbus.Conn
	world *world
	told  map[string]int64 // how long each log was when the check began
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
	var err error
	if g.conn, err = dbus.ConnectSystemBus(); err != nil {
		t.Fatal(err)
	}
}

func (g *guest) close() {
	if g.world != nil {
		g.world.Close()
	}
	_ = g.conn.Close()
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
			t.Logf("seed %d", r.seed)
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
	eventually(r.t, fmt.Sprintf("%s is powered: %v", c.Name(), on), func() bool {
		v, err := r.g.adapter(c.Name()).GetProperty("org.bluez.Adapter1.Powered")
		return err == nil && v.Value() == on
	})
}

// adapter is BlueZ's object for an adapter, on a connection of the test's own.
func (g *guest) adapter(name string) dbus.BusObject {
	return g.conn.Object("org.bluez", dbus.ObjectPath("/org/bluez/"+name))
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

// tellLogs shows what everybody said since the check began.
func (g *guest) tellLogs(t *testing.T) {
	for _, name := range g.logs() {
		raw, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		raw = raw[min(g.told[name], int64(len(raw))):]
		const tail = 2500
		if raw = raw[max(0, len(raw)-tail):]; len(raw) > 0 {
			t.Logf("%s:\n%s", filepath.Base(name), raw)
		}
	}
	out, err := exec.Command("dmesg").Output()
	if err != nil {
		t.Log(err)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "Bluetooth: hci") {
			t.Logf("kernel: %s", line)
		}
	}
}

// markLogs notes where the logs are, so that a check shows only its own.
func (g *guest) markLogs() {
	g.told = map[string]int64{}
	for _, name := range g.logs() {
		if info, err := os.Stat(name); err == nil {
			g.told[name] = info.Size()
		}
	}
}

func (g *guest) logs() []string {
	var all []string
	for _, pattern := range []string{"/tmp/shop/*.log", "/tmp/*.log"} {
		names, _ := filepath.Glob(pattern)
		all = append(all, names...)
	}
	return all
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
		s, err := stage.New(context.Background(), "/bin/as-till", dir)
		if err != nil {
			t.Fatal(err)
		}
		w := &world{Stage: s, t: t}
		g.world = w
		w.startRegistry(nil)
		w.must(w.Enrol("reg", "box", "scan", "--role", "box", "--name", "counter", "--merchant", "Corner Cafe"))
		for _, who := range []string{"ada", "ben"} {
			w.must(w.Enrol("reg", who, "wallet", "--role", "wallet", "--name", who))
			w.must(w.Ask(nil, "admin", "topup", "--data", w.Data("reg"), "--wallet", who, "--amount", "5000.00"))
			w.startWallet(who, nil)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	t.Cleanup(cancel)
	g.world.t, g.world.Ctx = t, ctx
	return g.world
}

// daemonFor starts a node for one check.
func (w *world) daemonFor(t *testing.T, name string, args ...string) api.Ready {
	t.Helper()
	w.must(w.Start(name, nil, append(args, "--data", w.Data(name))...))
	t.Cleanup(func() { w.Stop(name) })
	r, err := w.Ready(name)
	w.must(err)
	return r
}
