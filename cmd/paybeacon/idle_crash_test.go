//go:build crashpoints

package main

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// tapped reads the frames that a process has sent and received so far.
func tapped(t *testing.T, file string) (out, in []wire.Message) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range bytes.Lines(raw) {
		direction, digits, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
		frame, err := hex.DecodeString(digits)
		if !ok || err != nil || !bytes.HasSuffix(line, []byte("\n")) {
			continue // a line that is being written
		}
		m, err := wire.ReadMessage(bytes.NewReader(frame), pay.FrameBytesMax)
		if err != nil {
			t.Fatalf("tapped %q: %v", line, err)
		}
		if direction == "out" {
			out = append(out, m)
		} else {
			in = append(in, m)
		}
	}
	return out, in
}

// TestIdleWalletNoticesARestartByPing kills the registry under a wallet that has
// nothing to say, and brings it back. All that the wallet sends from then until
// its next Hello is Ping, and nobody but the new registry answers.
func TestIdleWalletNoticesARestartByPing(t *testing.T) {
	t.Parallel()
	w := bareWorld(t)
	file := filepath.Join(w.Dir, "ada.tap")
	w.startWallet("ada", []string{"PAYBEACON_TAP=" + file})
	w.connected("ada")
	count := func(list []wire.Message, want wire.Type) (n int) {
		for _, m := range list {
			if m.Type() == want {
				n++
			}
		}
		return n
	}
	var idle, out, in []wire.Message
	w.must(w.Until("ada is idle", func() (bool, error) {
		idle, in = tapped(t, file)
		return count(in, wire.TypePong) >= 1, nil
	}))
	w.Kill("reg")
	w.must(w.Again("reg", nil))
	w.must(w.Until("ada greets the new registry", func() (bool, error) {
		out, in = tapped(t, file)
		return count(in, wire.TypeWelcome) == 2, nil
	}))
	isHello := func(m wire.Message) bool { return m.Type() == wire.TypeHello }
	said := out[len(idle):][:slices.IndexFunc(out[len(idle):], isHello)]
	if n := count(said, wire.TypePing); n != len(said) {
		t.Errorf("from being idle to greeting the new registry ada sent %d frames, %d of them Pings", len(said), n)
	}
	unanswered := count(out[:len(idle)+len(said)], wire.TypePing) - count(in, wire.TypePong)
	if unanswered < 1 {
		t.Error("every Ping was answered, so it was not a Ping that told")
	}
	var list api.List[api.Node]
	w.must(w.query("reg", "nodes", api.Nothing{}, &list))
	for _, n := range list.Items {
		if n.Name == "ada" && !n.Connected {
			t.Error("the new registry does not know that ada is connected")
		}
	}
	log, err := os.ReadFile(w.Data("ada") + ".log")
	w.must(err)
	t.Logf("%d Pings were not answered; ada says:\n%s", unanswered, log)
}
