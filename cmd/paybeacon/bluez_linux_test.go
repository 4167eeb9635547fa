package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/ble/bluez/fakebluez"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/pay"
)

// bluezWorld is a world whose box and device use a BlueZ, on a bus of its own:
// hci0 listens, hci1 is the device's, hci2 marks.
type bluezWorld struct {
	*world
	daemon           *fakebluez.BlueZ
	hci0, hci1, hci2 *fakebluez.Adapter
	env              []string
}

// startFake starts a bus and a BlueZ. Without a dbus-daemon the test is skipped,
// under CI it fails.
func startFake(t *testing.T) (*fakebluez.BlueZ, []string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "pb") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	bus, err := fakebluez.StartBus(dir)
	if errors.Is(err, fakebluez.ErrNoDaemon) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	daemon, err := fakebluez.Run(bus, fakebluez.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(daemon.Close)
	return daemon, []string{"DBUS_SYSTEM_BUS_ADDRESS=" + bus.Address}
}

func newBluezWorld(t *testing.T) *bluezWorld {
	t.Helper()
	daemon, env := startFake(t)
	w := &bluezWorld{daemon: daemon, env: env}
	w.hci0, w.hci1, w.hci2 = daemon.AddAdapter("hci0"), daemon.AddAdapter("hci1"), daemon.AddAdapter("hci2")
	daemon.SetStrength("hci1", "hci0", -50)
	w.world = bareWorld(t)
	return w
}

// command runs one command with --json on the bus of the world and returns what
// it printed and how it ended.
func (w *bluezWorld) command(args ...string) (out []byte, e api.Problem) {
	w.t.Helper()
	return commandIn(w.t, w.Stage, w.env, args...)
}

func commandIn(t *testing.T, s *stage.Stage, env []string, args ...string) (out []byte, e api.Problem) {
	t.Helper()
	cmd := exec.CommandContext(s.Ctx, s.Exe, stage.WithJSON(args)...)
	cmd.Dir, cmd.Env = s.Dir, append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		lines := bytes.Split(bytes.TrimSpace(stderr.Bytes()), []byte("\n"))
		if err := json.Unmarshal(lines[len(lines)-1], &e); err != nil || e.Exit != pay.Exit(exit.ExitCode()) {
			t.Fatalf("%v: exit %d, but said %s", args, exit.ExitCode(), stderr.Bytes())
		}
	}
	return stdout.Bytes(), e
}

func (w *bluezWorld) startBluezBox(radio string) {
	w.t.Helper()
	w.must(w.Start("box", w.env, "scan", "--data", w.Data("box"), "--radio", radio, "--http", "127.0.0.1:0"))
	_, err := w.Ready("box")
	w.must(err)
}

// takesWork asks the box as a supervisor does. A deaf radio heals itself, so it
// is no reason to restart the box.
func (w *bluezWorld) takesWork() {
	w.t.Helper()
	resp, err := http.Get("http://" + w.Bound["box"].HTTP + "/readyz")
	w.must(err)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		w.t.Errorf("/readyz says %d", resp.StatusCode)
	}
}

func (w *bluezWorld) nearby(what string, is func(api.Nearby) bool) (n api.Nearby) {
	w.t.Helper()
	w.must(w.Until(what, func() (bool, error) {
		n = api.Nearby{}
		err := w.Ask(&n, "till", "nearby", "--data", w.Data("box"))
		return is(n), err
	}))
	return n
}

func (w *bluezWorld) pay(amount string) {
	w.t.Helper()
	n := w.nearby("somebody is clearly near", func(n api.Nearby) bool { return n.Clear != nil })
	var p api.Payment // by the words, because the rule answers nobody by strength alone
	w.must(w.Ask(&p, "till", "charge", "--data", w.Data("box"), "--amount", amount, "--to", string(*n.Clear), "--wait", "20s"))
	if p.Outcome != pay.OutcomePaid {
		w.t.Fatalf("not paid: %+v", p)
	}
}

// TestPaymentOverBlueZ pays through BlueZ: a device broadcasts with one adapter,
// the box listens with another. The box's radio goes deaf, which is told and
// stops charges for the nearest, and when it hears again that is told as well.
func TestPaymentOverBlueZ(t *testing.T) {
	t.Parallel()
	w := newBluezWorld(t)
	w.startBluezBox("bluez:hci0,marker=hci2")
	w.startWallet("ada", nil)
	w.must(w.Start("ada-tag", w.env, "beacon", "run", "--data", w.Data("ada-tag"), "--radio", "bluez:hci1", "--link", "127.0.0.1:0"))
	_, err := w.Ready("ada-tag")
	w.must(err)
	p, err := w.Pairing("ada-tag")
	w.must(err)
	if n := len(w.hci1.OnAir()); n != 0 {
		t.Errorf("an unpaired device broadcasts %d times", n)
	}
	w.must(w.Ask(nil, "wallet", "pair", "--data", w.Data("ada"), "--link", p.Link, "--pin", p.PIN))
	w.pay("4.20")

	w.hci0.Deafen(fakebluez.Nothing)
	n := w.nearby("the radio is deaf", func(n api.Nearby) bool { return n.Radio == api.RadioDeaf })
	if n.Clear != nil || n.RadioWhy == "" {
		t.Errorf("deaf: %+v", n)
	}
	w.takesWork()
	_, e := w.command("till", "charge", "--data", w.Data("box"), "--amount", "1.00")
	if e.Code != pay.CodeNobodyNear || !strings.Contains(e.Hint, "doctor") {
		t.Errorf("charging with a deaf radio: %+v", e)
	}
	out, e := w.command("doctor", "--data", w.Data("box"))
	if e.Code != pay.CodeRadio || !strings.Contains(string(out), `"name":"hearing","level":"bad"`) {
		t.Errorf("doctor says %+v and\n%s", e, out)
	}
	w.hci0.Deafen(fakebluez.Healthy)
	w.nearby("the radio hears again", func(n api.Nearby) bool { return n.Radio == api.RadioOK && n.RadioWhy == "" })
	w.pay("1.00")

	var told []string
	out, _ = w.command("events", "tail", "--data", w.Data("box"), "--since", "0")
	events, err := stage.DecodeLines[api.Event](out)
	w.must(err)
	for _, e := range events {
		switch e.Kind {
		case api.EventRadio:
			told = append(told, e.Radio)
		case api.EventPayment:
			told = append(told, string(e.State))
		}
	}
	want := []string{"offered", "captured", api.RadioDeaf, api.RadioOK, "offered", "captured"}
	if told = slices.Compact(told); !slices.Equal(told, want) {
		t.Errorf("events: %v, want %v\n%s", told, want, out)
	}
	w.audit()
}

// TestCommandsLookAtBlueZ runs the commands that need no node against adapters
// in several states.
func TestCommandsLookAtBlueZ(t *testing.T) {
	t.Parallel()
	daemon, env := startFake(t)
	hci0, hci1 := daemon.AddAdapter("hci0"), daemon.AddAdapter("hci1")
	exe, err := exec.LookPath("paybeacon")
	if err != nil {
		t.Fatal(err)
	}
	s, err := stage.New(t.Context(), exe, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, api.Problem) {
		t.Helper()
		out, e := commandIn(t, s, env, args...)
		return string(out), e
	}
	hci0.SetPower(true)
	out, e := run("scan", "radios")
	if strings.Count(out, `"type":"radio"`) != 2 || !strings.Contains(out, `"name":"hci0","address":"00:1A:7D:DA:71:00","powered":true`) {
		t.Errorf("radios: %s%+v", out, e)
	}
	hci1.SetMonitors(false)
	out, e = run("doctor")
	if e.Code != "" || !strings.Contains(out, `"name":"hci0 power","level":"ok"`) || !strings.Contains(out, `"name":"hci1 monitors","level":"warn"`) {
		t.Errorf("doctor: %s%+v", out, e)
	}
	if out, e = run("scan", "watch", "--radio", "bluez:hci7"); out != "" || e.Exit != pay.ExitRadio || e.Hint == "" {
		t.Errorf("an adapter that is not there: %s%+v", out, e)
	}

	beacon := []string{"beacon", "run", "--data", "tag", "--radio", "bluez:hci1"}
	for name, c := range map[string]struct {
		spoil, mend func()
		remedy      string
	}{
		"discoverable": {func() { hci1.SetDiscoverable(true) }, func() { hci1.SetDiscoverable(false) }, "bluetoothctl discoverable off"},
		"slots full":   {func() { hci1.SetSlots(0) }, func() { hci1.SetSlots(5) }, "another adapter"},
		"blocked":      {func() { hci1.Block(true, false) }, func() { hci1.Block(false, false) }, "rfkill unblock bluetooth"},
		"not there":    {hci1.Unplug, hci1.Plug, "scan radios"},
	} {
		c.spoil()
		if _, e := run(beacon...); e.Code != pay.CodeRadio || e.Exit != pay.ExitRadio {
			t.Errorf("%s: %+v, want exit 11 at the start", name, e)
		} else if name != "not there" && !strings.Contains(e.Hint, c.remedy) {
			t.Errorf("%s: the hint is %q, want %q", name, e.Hint, c.remedy)
		}
		c.mend()
	}
	daemon.Stop()
	for _, args := range [][]string{{"scan", "radios"}, {"scan", "watch", "--radio", "bluez"}, beacon, {"doctor"}} {
		if _, e := run(args...); e.Code != pay.CodeRadio || e.Exit != pay.ExitRadio || e.Hint == "" {
			t.Errorf("%v without BlueZ: %+v", args[:2], e)
		}
	}
}
