package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// world is a registry, a box and wallets as separate processes, for tests that
// need more than a script can say.
type world struct {
	*stage
	t        *testing.T
	registry readyJSON
}

const worldTimeout = 5 * time.Minute

// newWorld starts a registry, a box of Corner Cafe and a wallet with a tag near
// the box and 50.00 in it, which approves everything.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := bareWorld(t)
	w.startBox(nil)
	w.startWallet("ada", nil)
	w.must(w.pair("ada", "-50", "--interval", "50ms"))
	return w
}

// bareWorld starts a registry and enrols a box and the wallets ada and ben.
func bareWorld(t *testing.T) *world {
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
	s, err := newStage(ctx, exe, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.close()
		cancel()
		if t.Failed() {
			w := &world{stage: s, t: t}
			w.tellLogs()
		}
		_ = os.RemoveAll(dir)
	})
	w := &world{stage: s, t: t}
	w.startRegistry(nil)
	w.must(w.enrol("reg", "box", "scan", "--role", "box", "--name", "counter", "--merchant", "Corner Cafe"))
	for _, who := range []string{"ada", "ben"} {
		w.must(w.enrol("reg", who, "wallet", "--role", "wallet", "--name", who))
		w.must(w.ask(nil, "admin", "topup", "--data", w.data("reg"), "--wallet", who, "--amount", "50000.00"))
	}
	return w
}

func (w *world) tellLogs() {
	logs, _ := filepath.Glob(filepath.Join(w.dir, "*.log"))
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

// startRegistry starts the registry, again on the address that it had.
func (w *world) startRegistry(env []string) {
	w.t.Helper()
	listen := "127.0.0.1:0"
	if w.registry.QUIC != "" {
		listen = w.registry.QUIC
	}
	w.must(w.start("reg", env, "serve", "--data", w.data("reg"), "--listen", listen, "--http", "127.0.0.1:0"))
	var err error
	w.registry, err = w.ready("reg")
	w.must(err)
}

func (w *world) startBox(env []string) {
	w.t.Helper()
	w.must(w.start("box", env, "scan", "--data", w.data("box"), "--radio", "air:"+w.data("air")))
	_, err := w.ready("box")
	w.must(err)
}

func (w *world) startWallet(who string, env []string) {
	w.t.Helper()
	w.must(w.start(who, env, "wallet", "run", "--data", w.data(who), "--approve", "all"))
	_, err := w.ready(who)
	w.must(err)
}

// connected waits until a node says that it reaches the registry.
func (w *world) connected(name string) {
	w.t.Helper()
	w.must(w.until(name+" is connected", func() (bool, error) {
		r, err := w.ready(name)
		return r.Registry == "up", err
	}))
}

// waitNear waits until the box is sure whom it hears.
func (w *world) waitNear() {
	w.t.Helper()
	w.must(w.until("somebody is near", func() (bool, error) {
		if w.ended("box") {
			return true, nil
		}
		return w.ask(nil, "wait", "--for", "near", "--data", w.data("box")) == nil, nil
	}))
}

// ended says whether a process of the world has died.
func (w *world) ended(name string) bool {
	select {
	case <-w.procs[name].done:
		return true
	default:
		return false
	}
}

// exitOf returns the exit status that a stage's command ended with.
func exitOf(err error) pay.Exit {
	var e *exitError
	if errors.As(err, &e) {
		return e.exit
	}
	if err != nil {
		return pay.ExitFailed
	}
	return pay.ExitDone
}

// audit requires that the books are right.
func (w *world) audit() auditJSON {
	w.t.Helper()
	var a auditJSON
	err := w.ask(&a, "admin", "audit", "--data", w.data("reg"))
	if err != nil || !a.OK || a.Imbalance != 0 || a.Duplicates != 0 {
		w.t.Fatalf("audit: %+v, %v", a, err)
	}
	return a
}
