package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/sync/quicnet/relay"
)

// relayed returns a relay to the registry, and the flags of an invite that leads
// there.
func (w *world) relayed(rule relay.Rule) (r *relay.Relay, invite []string) {
	w.t.Helper()
	r, err := relay.Listen(w.registry.QUIC, rule)
	w.must(err)
	w.t.Cleanup(func() {
		if err := r.Close(); err != nil {
			w.t.Errorf("close relay: %v", err)
		}
	})
	return r, []string{"--address", r.Addr()}
}

// TestPaymentsOverPathsThatSwallowLargeDatagrams: the box's path swallows large
// datagrams only after the handshake, the wallet's from the start. What is queued
// while the registry is away comes in large ones, and so does what it decides.
func TestPaymentsOverPathsThatSwallowLargeDatagrams(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1_200, 1_280, 1_400} {
		t.Run(fmt.Sprint("above ", n), func(t *testing.T) {
			t.Parallel()
			w := emptyWorld(t)
			w.startRegistry(nil)
			toBox, invite := w.relayed(relay.AfterHandshake(n))
			w.must(w.Enrol("reg", "box", "scan", append(invite, "--role", "box", "--name", "counter", "--merchant", "Corner Cafe")...))
			toAda, invite := w.relayed(relay.Above(n))
			w.must(w.Enrol("reg", "ada", "wallet", append(invite, "--role", "wallet", "--name", "ada")...))
			w.must(w.Ask(nil, "admin", "topup", "--data", w.Data("reg"), "--wallet", "ada", "--amount", "50.00"))
			w.startBox(nil)
			w.startWallet("ada", nil)
			w.must(w.Pair("ada", "-35", "--interval", "50ms"))
			w.paid(w.chargeNearest("first", "1.00").ID, 100)
			w.Stop("reg")
			var queued []string
			for i := range 8 {
				queued = append(queued, w.chargeNearest(fmt.Sprint("queued ", i), "1.00").ID)
			}
			w.startRegistry(nil)
			for _, id := range queued {
				w.paid(id, 100)
			}
			for name, r := range map[string]*relay.Relay{"box": toBox, "ada": toAda} {
				w.connected(name)
				flows, up, down := r.Flows()
				t.Logf("%s: %d connections, the last one's datagrams: to the registry %+v, to the node %+v", name, flows, up, down)
				if up.Passed > n && up.Swallowed+down.Swallowed == 0 {
					t.Errorf("%s: the relay swallowed nothing", name)
				}
			}
			if a := w.healthy(); a.Payments != 9 {
				t.Errorf("the audit counts %d payments", a.Payments)
			}
		})
	}
}

// doctorOf returns what doctor says of a node, by the names of its findings.
func (w *world) doctorOf(name string) map[string]string {
	w.t.Helper()
	raw, _ := w.Output("doctor", "--data", w.Data(name))
	lines, err := stage.DecodeLines[struct{ Type, Name, Level, Message, Hint string }](raw)
	w.must(err)
	found := map[string]string{}
	for _, l := range lines {
		if l.Type == "finding" {
			found[l.Name] = l.Level + ": " + l.Message + " -> " + l.Hint
		}
	}
	return found
}

// TestDoctorNamesAPathTooNarrow: a path that carries less than the protocol needs
// does not look like a connection while something waits, and doctor says what gets
// lost.
func TestDoctorNamesAPathTooNarrow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule relay.Rule
		// offline and running are what doctor says of the path without a daemon, and
		// with one; "" is nothing.
		offline, running string
	}{
		"nothing is lost":                    {relay.All(), "", ""},
		"above 1,100 bytes":                  {relay.Above(1_100), "bad: datagrams above 1100 bytes do not get through", "bad: datagrams above 1100 bytes do not get through"},
		"above 1,199 bytes":                  {relay.Above(1_199), "bad: datagrams above 1199 bytes do not get through", "bad: datagrams above 1199 bytes do not get through"},
		"above 1,100 bytes on the way back":  {relay.OneWay(false, relay.Above(1_100)), "warn: datagrams of up to 1452 bytes get through", "ok: datagrams of up to 1452 bytes get through"},
		"above 1,100 bytes, after handshake": {relay.AfterHandshake(1_100), "bad: datagrams above 1100 bytes do not get through", "bad: datagrams above 1100 bytes do not get through"},
		"everything":                         {relay.Above(0), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := emptyWorld(t)
			w.startRegistry(nil)
			r, invite := w.relayed(relay.All())
			w.must(w.Enrol("reg", "ada", "wallet", append(invite, "--role", "wallet", "--name", "ada")...))
			// More than one datagram waits for her.
			for range 12 {
				w.must(w.Ask(nil, "admin", "topup", "--data", w.Data("reg"), "--wallet", "ada", "--amount", "1.00"))
			}
			r.Set(c.rule)
			says := func(found map[string]string, want string) bool {
				return (found["path"] == "") == (want == "") && strings.Contains(found["path"], want)
			}
			offline := w.doctorOf("ada")
			if !says(offline, c.offline) {
				t.Errorf("without a daemon doctor says %q, want %q", offline["path"], c.offline)
			}
			w.startWallet("ada", nil)
			connects := name == "nothing is lost"
			if connects {
				w.connected("ada")
			} else {
				w.told("ada", "sync: no session")
			}
			running := w.doctorOf("ada")
			if !says(running, c.running) || strings.HasPrefix(running["registry"], "ok") != connects {
				t.Errorf("doctor says %q and %q, want %q", running["registry"], running["path"], c.running)
			}
			t.Logf("without a daemon: registry %s; path %s", offline["registry"], offline["path"])
			t.Logf("with one: registry %s; path %s", running["registry"], running["path"])
			if ready, err := w.Ready("ada"); err != nil || ready.Registry == "up" != connects {
				t.Errorf("ready says %+v (%v)", ready, err)
			}
			r.Set(relay.All())
			w.connected("ada")
			var status api.WalletStatus
			w.must(w.Until("all top-ups have arrived", func() (bool, error) {
				err := w.Ask(&status, "wallet", "status", "--data", w.Data("ada"))
				return status.Balance == pay.Amount(1_200), err
			}))
		})
	}
}
