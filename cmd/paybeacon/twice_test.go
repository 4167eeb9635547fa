package main

import (
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
)

// doctor returns what doctor says about a node, and whether nothing is bad.
func (w *world) doctor(name string) (said string, good bool) {
	w.t.Helper()
	raw, err := w.Output("doctor", "--data", w.Data(name))
	w.must(ignoring(err, pay.ExitFailed, pay.ExitRadio))
	return string(raw), err == nil
}

// standing returns how a node stands with its registry.
func (w *world) standing(name string) api.Standing {
	w.t.Helper()
	r, err := w.Ready(name)
	w.must(err)
	return r.Standing
}

// nodeNamed returns what the registry says of a node.
func (w *world) nodeNamed(name pay.Name) (found api.Node) {
	w.t.Helper()
	var list api.List[api.Node]
	w.must(w.query("reg", "nodes", api.Nothing{}, &list))
	for _, n := range list.Items {
		if n.Name == name {
			return n
		}
	}
	w.t.Fatalf("no node is called %s", name)
	return found
}

// TestTwoCopiesAtOnce runs a box and a copy of it, taken while it was stopped in the
// middle of its work, at the same time. The later one says that it is an old copy and
// takes nothing; both and the registry say that there are two. When the first ends,
// the other takes up what it lacks.
func TestTwoCopiesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.connected("box")
	w.must(w.Procs["box"].Cmd.Process.Signal(syscall.SIGSTOP))
	w.copyData("box", "twin")
	w.must(w.Procs["box"].Cmd.Process.Signal(syscall.SIGCONT))
	w.waitNear()
	paid, err := w.chargeUnder("first", "5.00", "--wait", "10s")
	if err != nil || paid.Outcome != pay.OutcomePaid {
		t.Fatalf("%+v, %v", paid, err)
	}
	w.must(w.Start("twin", nil, "scan", "--data", w.Data("twin"), "--radio", "air:"+w.Data("air")))
	w.must(w.Until("the twin says that it is an old copy", func() (bool, error) {
		s := w.standing("twin")
		return s.Registry == api.RegistryOldCopy && s.Since != "", nil
	}))
	err = w.Ask(nil, "till", "charge", "--data", w.Data("twin"), "--amount", "1.00")
	if exitOf(err) != pay.ExitNotAllowed || !strings.Contains(err.Error(), string(pay.CodeOldCopy)) {
		t.Errorf("the twin's charge: %v", err)
	}
	if p, err := w.chargeUnder("second", "2.00", "--wait", "10s"); err != nil || p.Outcome != pay.OutcomePaid {
		t.Errorf("the first goes on: %+v, %v", p, err)
	}
	for name, words := range map[string]string{"box": "another process with the key", "twin": "this is an old copy", "reg": "two processes with the key of counter"} {
		if said, good := w.doctor(name); good || !strings.Contains(said, words) {
			t.Errorf("doctor on %s says %s", name, said)
		}
	}
	if n := w.nodeNamed("counter"); n.RivalSince == "" || !n.Connected {
		t.Errorf("the registry says %+v", n)
	}
	w.Stop("box")
	w.connected("twin")
	var p api.Payment
	w.must(w.Ask(&p, "till", "wait", "--data", w.Data("twin"), "--key", "first", "--wait", "10s"))
	if p.ID != paid.ID || p.Outcome != pay.OutcomePaid {
		t.Errorf("the twin says of the key %+v", p)
	}
	w.audit()
}

// TestCopyBetweenRequestAndAcknowledgement copies a box whose request has left it and
// was not acknowledged. Put back, it acknowledges that request to itself, takes up
// what came behind it, and pays nothing twice.
func TestCopyBetweenRequestAndAcknowledgement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.connected("box")
	w.waitNear()
	signal := func(name string, s syscall.Signal) { w.must(w.Procs[name].Cmd.Process.Signal(s)) }
	signal("reg", syscall.SIGSTOP)
	if p, err := w.chargeUnder("first", "5.00", "--ttl", "10m"); err != nil || !p.Queued {
		t.Fatalf("%+v, %v", p, err)
	}
	signal("box", syscall.SIGSTOP)
	w.copyData("box", "box.copy")
	signal("box", syscall.SIGCONT)
	signal("reg", syscall.SIGCONT)
	paid := w.awaitOutcome("first", pay.OutcomePaid)
	if p, err := w.chargeUnder("second", "6.00", "--wait", "10s"); err != nil || p.Outcome != pay.OutcomePaid {
		t.Fatalf("%+v, %v", p, err)
	}
	w.putBack("box")
	w.again("box")
	w.connected("box")
	if p := w.awaitOutcome("first", pay.OutcomePaid); p.ID != paid.ID {
		t.Errorf("the key answers with %s, paid was %s", p.ID, paid.ID)
	}
	w.awaitOutcome("second", pay.OutcomePaid)
	if a := w.audit(); a.Payments != 2 {
		t.Errorf("%d payments, want 2", a.Payments)
	}
}

// TestRegistryPutBackSaysSo puts a registry back to a copy that is one payment old.
// It says so itself, in doctor, in the list of nodes and to a supervisor, and its nodes
// take no claims. With its newest copy everything goes on, without the nodes being
// started again.
func TestRegistryPutBackSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.copyStopped("reg")
	w.connected("box")
	w.waitNear()
	if p, err := w.chargeUnder("first", "5.00", "--wait", "10s"); err != nil || p.Outcome != pay.OutcomePaid {
		t.Fatalf("%+v, %v", p, err)
	}
	w.Stop("reg")
	w.copyData("reg", "newest")
	w.putBackStopped("reg", "reg.copy")
	w.again("reg")
	w.must(w.Until("the registry knows it", func() (bool, error) {
		p := w.nodeNamed("counter").PutBack
		return p != nil && p.Proven, nil
	}))
	if p := w.nodeNamed("counter").PutBack; p.Entries <= p.EntriesHere || p.Since == "" {
		t.Errorf("evidence %+v", p)
	}
	if said, good := w.doctor("reg"); good || !strings.Contains(said, "put back to an older copy: counter") {
		t.Errorf("doctor says %s", said)
	}
	res, err := http.Get("http://" + w.Bound["reg"].HTTP + "/readyz")
	w.must(err)
	body, err := io.ReadAll(res.Body)
	w.must(err)
	w.must(res.Body.Close())
	if res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "older copy") {
		t.Errorf("readyz: %d %s", res.StatusCode, body)
	}
	if s := w.standing("box"); s.Serves() {
		t.Errorf("the box says %+v", s)
	}
	if _, err := w.chargeUnder("second", "1.00"); exitOf(err) != pay.ExitNotAllowed {
		t.Errorf("a charge meanwhile: %v", err)
	}
	w.Stop("reg")
	w.putBackStopped("reg", "newest")
	w.again("reg")
	w.connected("box")
	if p, err := w.chargeUnder("second", "1.00", "--wait", "20s"); err != nil || p.Outcome != pay.OutcomePaid {
		t.Errorf("afterwards: %+v, %v", p, err)
	}
	if said, _ := w.doctor("reg"); strings.Contains(said, "put back") {
		t.Errorf("doctor says %s", said)
	}
	w.audit()
}

// TestForkedWalletRevokes has a wallet whose registry was put back and has gone on
// otherwise. The wallet says that one of the two is an old copy and takes nothing; a
// revoke is taken and reaches the registry.
func TestForkedWalletRevokes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.copyStopped("reg")
	w.connected("box")
	w.waitNear()
	if p, err := w.chargeUnder("first", "5.00", "--wait", "10s"); err != nil || p.Outcome != pay.OutcomePaid {
		t.Fatalf("%+v, %v", p, err)
	}
	for _, name := range []string{"box", "ada", "reg"} {
		w.Stop(name)
	}
	w.putBackStopped("reg", "reg.copy")
	w.again("reg")
	for range 4 {
		w.must(w.Ask(nil, "admin", "topup", "--data", w.Data("reg"), "--wallet", "ada", "--amount", "1.00"))
	}
	w.Kill("ada-tag")
	w.again("ada")
	w.must(w.Until("the wallet says so", func() (bool, error) { return w.standing("ada").Registry == api.RegistryOldCopy, nil }))
	err := w.Ask(nil, "wallet", "rules", "--data", w.Data("ada"), "--two-channel-above", "5.00")
	if exitOf(err) != pay.ExitNotAllowed {
		t.Errorf("a rule meanwhile: %v", err)
	}
	device := w.device("ada")
	w.must(ignoring(w.Ask(nil, "wallet", "revoke", "--data", w.Data("ada"), "--device", device.ID), pay.ExitWaitPassed))
	w.must(w.Until("the registry has revoked the device", func() (bool, error) {
		raw, err := w.Output("events", "tail", "--data", w.Data("reg"))
		return strings.Contains(string(raw), `"device_state":"revoked"`), err
	}))
}

// putBackStopped puts the directory of a node that does not run back to a copy.
func (w *world) putBackStopped(name, from string) {
	w.t.Helper()
	w.must(os.RemoveAll(w.Data(name)))
	w.copyData(from, name)
}
