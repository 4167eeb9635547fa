package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestHangupEndsInOrder: a terminal that closes ends a daemon as SIGTERM does, and
// a daemon that was started to outlive its terminal goes on.
func TestHangupEndsInOrder(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t)
	serve := []string{"paybeacon", "serve", "--data", w.Data("reg"), "--listen", "127.0.0.1:0", "--http", ""}
	ready := func() { w.must(w.Ask(nil, "wait", "--for", "ready", "--data", w.Data("reg"), "--timeout", "60s")) }
	reg := exec.CommandContext(t.Context(), serve[0], serve[1:]...)
	w.must(reg.Start())
	ready()
	w.must(reg.Process.Signal(syscall.SIGHUP))
	if err := reg.Wait(); err != nil {
		t.Errorf("after SIGHUP: %v; want exit 0", err)
	}
	if _, err := os.Stat(filepath.Join(w.Data("reg"), "control.sock")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("control.sock after SIGHUP: %v; want none", err)
	}

	reg = exec.CommandContext(t.Context(), "sh", append([]string{"-c", `trap "" HUP; exec "$@"`, "sh"}, serve...)...)
	w.must(reg.Start())
	ready()
	w.must(reg.Process.Signal(syscall.SIGHUP))
	w.must(w.Ask(nil, "admin", "audit", "--data", w.Data("reg")))
	ready()
	w.must(reg.Process.Signal(syscall.SIGTERM))
	w.must(reg.Wait())
}
