package main

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/pay"
)

// The versions that work together, or say in one sentence what to upgrade
// first.
var (
	// later is this tree as a next version may be: feature.txtar adds a kind and a
	// state, growth.txtar uses them and adds keys to bodies and messages.
	later = &build{changes: []string{"feature.txtar", "growth.txtar"}}
	// frozen is the first build with ranges of versions, keys that may be ignored
	// and states that are not understood. It never changes.
	frozen = &build{commit: "8ae78daf40bdf10e018e4e1aec73984377e34e82"}
	// beforeRanges is the last commit of version 2 of the protocol, which knows
	// no ranges of versions.
	beforeRanges = &build{commit: "d8b08d6fa0e9e66a21314acc7a43850ac4b7d813"}
)

// mixedWorld is a world in which box, wallet and tag run one program and the
// registry another; "" is the one under test. ada's tag is near the box, and her
// wallet approves everything.
func mixedWorld(t *testing.T, nodes, registry string) *world {
	t.Helper()
	w := emptyWorld(t)
	w.run(nodes, "box", "ada", "ada-tag")
	w.run(registry, "reg")
	w.startRegistry(nil)
	w.must(w.Enrol("reg", "box", "scan", "--role", "box", "--name", "counter", "--merchant", "Corner Cafe"))
	w.must(w.Enrol("reg", "ada", "wallet", "--role", "wallet", "--name", "ada"))
	w.must(w.Ask(nil, "admin", "topup", "--data", w.Data("reg"), "--wallet", "ada", "--amount", "50.00"))
	w.startBox(nil)
	w.startWallet("ada", nil)
	w.must(w.Pair("ada", "-35", "--interval", "50ms"))
	return w
}

// byHand approves an offer that ada's rule leaves to her, because a box or registry
// of old does not say how the box found her.
func (w *world) byHand(id string) {
	w.t.Helper()
	w.must(w.Until("payment "+id[:10]+" waits for ada", func() (bool, error) {
		out, err := w.Output("wallet", "pending", "--data", w.Data("ada"))
		return strings.Contains(string(out), id), err
	}))
	var p api.Payment
	w.must(w.Ask(&p, "wallet", "approve", "--data", w.Data("ada"), "--id", id))
	if p.By != pay.ByHand || p.Evidence != "" {
		w.t.Errorf("by hand she approved %+v", p)
	}
}

// run lets nodes run a program from their next start on; "" is the one under
// test.
func (w *world) run(exe string, names ...string) {
	for _, name := range names {
		delete(w.Programs, name)
		if exe != "" {
			w.Programs[name] = exe
		}
	}
}

// upgrade ends a node and starts it again, in place, with another program.
func (w *world) upgrade(exe, name string) {
	w.t.Helper()
	w.Stop(name)
	w.run(exe, name)
	w.must(w.Again(name, nil))
	_, err := w.Ready(name)
	w.must(err)
}

// chargeNearest asks the nearest person for an amount, with the box's own
// program, and does not wait for the outcome.
func (w *world) chargeNearest(key, amount string) (p api.Payment) {
	w.t.Helper()
	w.waitNear()
	w.must(w.Until("there is somebody to charge", func() (bool, error) {
		err := w.Ask(&p, "till", "charge", "--data", w.Data("box"), "--amount", amount, "--key", key, "--ttl", "5m")
		var e *stage.ExitError
		if errors.As(err, &e) && (e.Code == pay.CodeNobodyNear || e.Code == pay.CodeAmbiguous) {
			return false, nil
		}
		return err == nil, err
	}))
	return p
}

// paid waits until box and wallet both say that a payment is paid, and that they
// hold the same receipt of it.
func (w *world) paid(id string, amount pay.Amount) {
	w.t.Helper()
	var till api.Payment
	w.must(w.Until("payment "+id[:10]+" is paid", func() (bool, error) {
		err := w.Ask(&till, "till", "show", "--data", w.Data("box"), "--id", id)
		return till.Outcome == pay.OutcomePaid, err
	}))
	if till.State != pay.StateCaptured || till.AmountCaptured != amount || till.Amount != amount {
		w.t.Errorf("the box shows %+v", till)
	}
	var own []byte
	w.must(w.Until("the wallet has the receipt", func() (bool, error) {
		var err error
		own, err = w.Output("wallet", "receipts", "--data", w.Data("ada"), "--id", id)
		return err == nil && len(own) > 0, nilIf(exitOf(err) == pay.ExitNotFound, err)
	}))
	var wallet api.Payment
	w.must(json.Unmarshal(stage.FirstLine(own), &wallet))
	if wallet.ID != id || wallet.State != pay.StateCaptured || wallet.AmountCaptured != amount {
		w.t.Errorf("the wallet shows %+v", wallet)
	}
	files := [2]string{w.Data("till.receipt"), w.Data("wallet.receipt")}
	w.must(w.Ask(nil, "till", "receipt", "--data", w.Data("box"), "--id", id, "--to", files[0]))
	w.must(w.Ask(nil, "wallet", "receipts", "--data", w.Data("ada"), "--id", id, "--to", files[1]))
	var raw [2]string
	for i, name := range files {
		b, err := os.ReadFile(name)
		w.must(err)
		w.must(os.Remove(name))
		raw[i] = string(b)
	}
	if raw[0] != raw[1] {
		w.t.Errorf("payment %s: receipts differ", id)
	}
	if r, err := pay.OpenReceipt([]byte(raw[0])); err != nil || r.Decision.Payment.String() != id {
		w.t.Errorf("payment %s: its receipt says %+v (%v)", id, r.Decision, err)
	}
}

// told waits until the log of a node has a line with all of words.
func (w *world) told(name string, words ...string) {
	w.t.Helper()
	w.must(w.Until(name+" says "+strings.Join(words, " and "), func() (bool, error) {
		raw, err := os.ReadFile(w.Data(name) + ".log")
		for line := range strings.Lines(string(raw)) {
			found := true
			for _, word := range words {
				found = found && strings.Contains(line, word)
			}
			if found {
				return true, err
			}
		}
		return false, err
	}))
}

// TestUpgradeFromBeforeVersionRanges: against the last version that knew no
// ranges each side says what to upgrade first, what was queued meanwhile is paid
// after the upgrade, and the directories of before keep what they held.
func TestUpgradeFromBeforeVersionRanges(t *testing.T) {
	t.Parallel()
	for name, registryFirst := range map[string]bool{"registry first": true, "nodes first": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old := beforeRanges.program(t)
			w := mixedWorld(t, old, old)
			before := w.chargeNearest("before", "12.50")
			w.paid(before.ID, 1250)
			first, then := []string{"reg"}, []string{"box", "ada"}
			if !registryFirst {
				first, then = then, first
			}
			for _, node := range first {
				w.upgrade("", node)
			}
			if registryFirst {
				w.told("box", "registry", "version")
			} else {
				w.told("box", "upgrade the registry first")
				w.told("ada", "upgrade the registry first")
			}
			meanwhile := w.chargeNearest("meanwhile", "3.00")
			if !meanwhile.Queued || meanwhile.SafeToRetry || meanwhile.Outcome != pay.OutcomePending {
				t.Errorf("the charge during the upgrade is %+v", meanwhile)
			}
			for _, node := range then {
				w.upgrade("", node)
			}
			if registryFirst { // the box of old asked, and the wallet of today is asked
				w.byHand(meanwhile.ID)
			}
			w.paid(meanwhile.ID, 300)
			w.paid(before.ID, 1250)
			after := w.chargeNearest("after", "1.00")
			w.upgrade("", "ada-tag")
			w.paid(after.ID, 100)
			if again := w.chargeNearest("before", "12.50"); again.ID != before.ID {
				t.Errorf("the key of before made another payment: %+v", again)
			}
			if a := w.audit(); a.Payments != 3 {
				t.Errorf("the audit counts %+v", a)
			}
			if money := w.money(); money["ada"] != 5000-1650 || money["Corner Cafe"] != 1650 {
				t.Errorf("accounts: %v", money)
			}
		})
	}
}

// TestVersionsWorkTogether: a shop whose registry and nodes are of different
// versions pays as one of a single version does. later is this tree with what a
// next version may bring: more keys in signed bodies and in messages, a kind and
// a state that today's program does not know, and a newer version of the protocol.
func TestVersionsWorkTogether(t *testing.T) {
	t.Parallel()
	programs := map[string]func(*testing.T) string{
		"today":  func(*testing.T) string { return "" },
		"later":  later.program,
		"frozen": frozen.program,
	}
	for _, pair := range []struct{ registry, nodes string }{
		{"today", "later"}, {"later", "today"}, {"later", "later"},
		{"frozen", "today"}, {"today", "frozen"}, {"frozen", "later"}, {"later", "frozen"},
	} {
		t.Run(pair.registry+" registry, "+pair.nodes+" nodes", func(t *testing.T) {
			t.Parallel()
			w := mixedWorld(t, programs[pair.nodes](t), programs[pair.registry](t))
			// A wallet of today pays by itself only who it knows was meant.
			asks := pair.registry == "frozen" && pair.nodes != "frozen"
			first := w.chargeNearest("first", "12.50")
			if asks {
				w.byHand(first.ID)
			}
			w.paid(first.ID, 1250)
			w.Stop("reg")
			second := w.chargeNearest("second", "3.00")
			w.must(w.Again("reg", nil))
			if asks {
				w.byHand(second.ID)
			}
			w.paid(second.ID, 300)
			w.audit()
		})
	}
}

// TestFeatureTouchesFewFiles holds the price of a feature: beside files of its
// own, a kind and a state are rows in three.
func TestFeatureTouchesFewFiles(t *testing.T) {
	t.Parallel()
	edits, err := txtar.ParseFile("../../testdata/peers/feature.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var touched []string
	for _, f := range edits.Files {
		if _, err := os.Stat("../../" + f.Name); err == nil {
			touched = append(touched, f.Name)
		}
	}
	if len(touched) == 0 || len(touched) > 3 {
		t.Errorf("a kind and a state touch %d files: %v", len(touched), touched)
	}
}
