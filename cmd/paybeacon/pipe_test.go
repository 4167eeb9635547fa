package main

import (
	"bufio"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// TestDaemonOutlivesItsReader: whoever reads the standard output of a daemon and
// goes away, as head -1 does, does not take the daemon with him.
func TestDaemonOutlivesItsReader(t *testing.T) {
	t.Parallel()
	w := bareWorld(t)
	w.startWallet("ada", nil)
	read, write, err := os.Pipe()
	w.must(err)
	box := exec.CommandContext(t.Context(), "paybeacon", "scan", "--data", w.Data("box"), "--radio", "air:"+w.Data("air"), "--json")
	box.Stdout, box.Stderr = write, write
	w.must(box.Start())
	w.must(write.Close())
	if _, err := bufio.NewReader(read).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	w.must(read.Close())
	w.must(w.Pair("ada", "-35", "--interval", "50ms"))
	w.must(w.Ask(nil, "wait", "--for", "near", "--data", w.Data("box")))
	for range 2 { // each is told as events, to nobody
		w.must(w.Ask(nil, "till", "charge", "--data", w.Data("box"), "--amount", "1.00", "--wait", "20s"))
	}
	w.must(w.Ask(nil, "wait", "--for", "ready", "--data", w.Data("box")))
	w.must(box.Process.Signal(syscall.SIGTERM))
	w.must(box.Wait())
	w.audit()
}
