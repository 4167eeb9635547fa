package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/pay"
)

// world is a registry, a box and wallets as separate processes, for tests that
// need more than a script can say.
type world struct {
	*stage.Stage
	t        *testing.T
	registry api.Ready
	serve    []string // more flags of the registry
}

const worldTimeout = 5 * time.Minute

// newWorld starts a registry, a box of Corner Cafe and a wallet with a tag held to
// the box and 50.00 in it, which approves everything.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := bareWorld(t)
	w.startBox(nil)
	w.startWallet("ada", nil)
	w.must(w.Pair("ada", "-35", "--interval", "50ms"))
	return w
}

// emptyWorld is a stage on which nothing runs yet.
func emptyWorld(t *testing.T) *world {
	t.Helper()
	exe, err := exec.LookPath("paybeacon")
	if err != nil {
		t.Fatal(err)
	}
	// The test's own temporary directory has a name too long for sockets.
	dir, err := os.MkdirTemp("", "pb")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), worldTimeout)
	s, err := stage.New(ctx, exe, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !t.Failed() {
			ends, done := context.WithTimeout(context.WithoutCancel(ctx), worldTimeout) // ctx has ended with the test
			defer done()
			s.Ctx = ends
			if err := s.Conserved(); err != nil {
				t.Error(err)
			}
		}
		s.Close()
		cancel()
		if t.Failed() {
			w := &world{Stage: s, t: t}
			w.tellLogs()
		}
		_ = os.RemoveAll(dir)
	})
	return &world{Stage: s, t: t}
}

// bareWorld starts a registry and enrols a box and the wallets ada and ben.
func bareWorld(t *testing.T) *world {
	t.Helper()
	w := emptyWorld(t)
	w.startRegistry(nil)
	w.must(w.Enrol("reg", "box", "scan", "--role", "box", "--name", "counter", "--merchant", "Corner Cafe"))
	for _, who := range []string{"ada", "ben"} {
		w.must(w.Enrol("reg", who, "wallet", "--role", "wallet", "--name", who))
		w.must(w.Ask(nil, "admin", "topup", "--data", w.Data("reg"), "--wallet", who, "--amount", "50000.00"))
	}
	return w
}

func (w *world) tellLogs() {
	logs, _ := filepath.Glob(filepath.Join(w.Dir, "*.log"))
	for _, name := range logs {
		raw, _ := os.ReadFile(name)
		const tail = 3000
		if len(raw) > tail {
			raw = raw[len(raw)-tail:]
		}
		w.t.Logf("%s:\n%s", filepath.Base(name), raw)
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// keptAddress returns an address of this machine on which nobody listens, and that
// the system gives to nobody who asks for any port: while a registry is down, a
// node's socket would take one of those and keep it.
func keptAddress(t *testing.T) string {
	t.Helper()
	const lowest, below = 10_000, 32_768 // where the ports that Linux gives begin
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", lowest+rand.N(below-lowest))
		if socket, err := net.ListenPacket("udp", address); err == nil {
			_ = socket.Close()
			return address
		}
	}
	t.Fatal("no free port was found")
	return ""
}

// startRegistry starts the registry, again on the address that it had.
func (w *world) startRegistry(env []string) {
	w.t.Helper()
	listen := w.registry.QUIC
	if listen == "" {
		listen = keptAddress(w.t)
	}
	w.must(w.Start("reg", env, w.serveArgs(listen)...))
	var err error
	w.registry, err = w.Ready("reg")
	w.must(err)
}

// serveArgs are the arguments of a registry that listens there.
func (w *world) serveArgs(listen string) []string {
	return append([]string{"serve", "--data", w.Data("reg"), "--listen", listen, "--http", "127.0.0.1:0"}, w.serve...)
}

func (w *world) startBox(env []string) {
	w.t.Helper()
	w.must(w.Start("box", env, "scan", "--data", w.Data("box"), "--radio", "air:"+w.Data("air")))
	_, err := w.Ready("box")
	w.must(err)
}

func (w *world) startWallet(who string, env []string) {
	w.t.Helper()
	w.must(w.Start(who, env, "wallet", "run", "--data", w.Data(who), "--approve", "all"))
	_, err := w.Ready(who)
	w.must(err)
}

// connected waits until a node says that it reaches the registry.
func (w *world) connected(name string) {
	w.t.Helper()
	w.must(w.Until(name+" is connected", func() (bool, error) {
		r, err := w.Ready(name)
		return r.Registry == "up", err
	}))
}

// waitNear waits until the box is sure whom it hears.
func (w *world) waitNear() {
	w.t.Helper()
	w.must(w.Until("somebody is near", func() (bool, error) {
		if w.ended("box") {
			return true, nil
		}
		return w.Ask(nil, "wait", "--for", "near", "--data", w.Data("box")) == nil, nil
	}))
}

// ended says whether a process of the world has died.
func (w *world) ended(name string) bool {
	select {
	case <-w.Procs[name].Done:
		return true
	default:
		return false
	}
}

// exitOf returns the exit status that a stage's command ended with.
func exitOf(err error) pay.Exit {
	var e *stage.ExitError
	if errors.As(err, &e) {
		return e.Exit
	}
	if err != nil {
		return pay.ExitFailed
	}
	return pay.ExitDone
}

// audit requires that the books are right.
func (w *world) audit() api.Audit {
	w.t.Helper()
	var a api.Audit
	err := w.Ask(&a, "admin", "audit", "--data", w.Data("reg"))
	if err != nil || !a.OK || a.Imbalance != 0 || a.Duplicates != 0 {
		w.t.Fatalf("audit: %+v, %v", a, err)
	}
	return a
}
