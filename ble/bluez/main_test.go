//go:build linux

package bluez_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/bluez"
	"github.com/paybeacon/paybeacon/ble/bluez/fakebluez"
)

// All tests of a process share one bus and one BlueZ, because go-bluetooth has
// one connection to the system bus for the process. Each has adapters of its
// own. A test that disturbs BlueZ itself runs in a process of its own: alone.
var (
	bus     *fakebluez.Bus
	daemon  *fakebluez.BlueZ
	noBus   error
	adapter atomic.Int32
)

const aloneEnv = "PAYBEACON_TEST_ALONE"

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "pb")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		err = startWorld(dir)
	}
	noBus = err
	if code = m.Run(); bus == nil {
		return code
	}
	err = bluez.CloseLibrary()
	daemon.Close()
	bus.Close()
	if err = errors.Join(err, goleak.Find()); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "after the tests:", err)
		return 1
	}
	return code
}

func startWorld(dir string) (err error) {
	if bus, err = fakebluez.StartBus(dir); err != nil {
		return err
	}
	if err = os.Setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.Address); err != nil {
		return err
	}
	daemon, err = fakebluez.Run(bus, fakebluez.Options{Interval: 5 * time.Millisecond, Apart: true})
	return err
}

// needBus skips a test where there is no dbus-daemon. Under CI it fails.
func needBus(t testing.TB) {
	t.Helper()
	switch {
	case noBus == nil:
	case errors.Is(noBus, fakebluez.ErrNoDaemon) && os.Getenv("CI") == "":
		t.Skip(noBus)
	default:
		t.Fatal(noBus)
	}
}

// alone reports whether this process runs only the calling test. If not, it runs
// the test in another process, and the caller returns.
func alone(t *testing.T) bool {
	t.Helper()
	needBus(t)
	if os.Getenv(aloneEnv) == t.Name() {
		return true
	}
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), aloneEnv+"="+t.Name())
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Errorf("alone: %v\n%s", err, out)
	}
	return false
}

// plugIn adds an adapter that no other test uses.
func plugIn(t testing.TB) *fakebluez.Adapter {
	t.Helper()
	needBus(t)
	a := daemon.AddAdapter(fmt.Sprintf("hci%d", adapter.Add(1)))
	t.Cleanup(a.Unplug)
	return a
}

// patience bounds a wait that a failure would make endless.
const patience = 20 * time.Second

// until waits until BlueZ is in a state.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := daemon.Until(ctx, holds); err != nil {
		t.Fatalf("waiting until %s: %v", what, err)
	}
}

// journal is a log that tests read.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) count(s string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), s)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// station is a radio that scans until the test ends.
type station struct {
	t      testing.TB
	log    *journal
	heard  chan ble.Advert
	health chan ble.Health
	beats  chan time.Time
	stop   func()

	mu    sync.Mutex
	clock time.Time
}

func (s *station) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock
}

// tick advances the clock by d and runs the watchdog.
func (s *station) tick(d time.Duration) {
	s.mu.Lock()
	s.clock = s.clock.Add(d)
	at := s.clock
	s.mu.Unlock()
	select {
	case s.beats <- at:
	case <-time.After(patience):
		s.t.Fatal("the watchdog does not beat")
	}
}

// scan opens a radio on a and scans with it. change prepares the radio.
func scan(t testing.TB, o bluez.Options, change ...func(*bluez.Radio)) *station {
	t.Helper()
	s := &station{
		t: t, log: &journal{}, heard: make(chan ble.Advert, 10_000), health: make(chan ble.Health, 10_000),
		beats: make(chan time.Time), clock: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	o.Now = s.now
	o.Log = slog.New(slog.NewTextHandler(s.log, nil))
	o.Health = func(h ble.Health) { s.health <- h }
	r, err := bluez.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	r.Quicken()
	r.Drive(s.beats)
	for _, f := range change {
		f(r)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- r.Scan(ctx, func(a ble.Advert) {
			a.Sections = slices.Clone(a.Sections)
			s.heard <- a
		})
	}()
	s.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("scan ended with %v", err)
			}
		case <-time.After(patience):
			t.Error("scan does not end")
		}
	})
	t.Cleanup(s.stop)
	return s
}

// next waits for the next advert that is heard and returns it.
func (s *station) next() ble.Advert {
	s.t.Helper()
	select {
	case a := <-s.heard:
		return a
	case <-time.After(patience):
		s.t.Fatalf("nothing is heard; log:\n%s", s.log)
		return ble.Advert{}
	}
}

// feels waits until the radio reports a health for which is returns true.
func (s *station) feels(what string, is func(ble.Health) bool) ble.Health {
	s.t.Helper()
	var h ble.Health
	for {
		select {
		case h = <-s.health:
			if is(h) {
				return h
			}
		case <-time.After(patience):
			s.t.Fatalf("waiting for health that is %s; last %+v; log:\n%s", what, h, s.log)
		}
	}
}

// ready waits until the adapter discovers and is monitored.
func ready(t testing.TB, a *fakebluez.Adapter) {
	t.Helper()
	until(t, a.Name()+" listens", func() bool { return a.Discovering() > 0 && a.Monitors() > 0 })
}

// hears makes adapter a hear an advert and checks that the station hears it.
func (s *station) hears(a *fakebluez.Adapter, n byte) {
	s.t.Helper()
	a.Hear(fakebluez.Report{Address: [6]byte{n}, RSSI: -50, Services: map[uint16][]byte{ble.ServiceUUID: {n}}})
	if got := s.next(); got.Address != (ble.Address{n}) || got.Sections[0].Data[0] != n {
		s.t.Fatalf("heard %+v, want advert %d", got, n)
	}
}
