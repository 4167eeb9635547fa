package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
)

// copyData copies a data directory as a person would, who knows nothing of
// sockets.
func (w *world) copyData(from, to string) {
	w.t.Helper()
	w.must(filepath.WalkDir(w.Data(from), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(w.Data(from), path)
		if err != nil {
			return err
		}
		target := filepath.Join(w.Data(to), rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o700)
		case !d.Type().IsRegular():
			return nil
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, raw, 0o600)
	}))
}

// copyStopped stops a node, copies its directory and starts it again.
func (w *world) copyStopped(name string) {
	w.t.Helper()
	w.Stop(name)
	w.copyData(name, name+".copy")
	w.again(name)
}

// putBack stops a node and puts its directory back to the copy.
func (w *world) putBack(name string) {
	w.t.Helper()
	w.Stop(name)
	w.must(os.RemoveAll(w.Data(name)))
	w.copyData(name+".copy", name)
}

func (w *world) again(name string) {
	w.t.Helper()
	w.must(w.Again(name, nil))
	_, err := w.Ready(name)
	w.must(err)
}

// chargeUnder charges under a key and returns the payment as the box shows it then.
func (w *world) chargeUnder(key, amount string, flags ...string) (p api.Payment, err error) {
	args := []string{"till", "charge", "--data", w.Data("box"), "--amount", amount, "--key", key}
	err = w.Ask(&p, append(args, flags...)...)
	return p, err
}

// awaitOutcome waits until the payment of a key has an outcome.
func (w *world) awaitOutcome(key string, want pay.Outcome) (p api.Payment) {
	w.t.Helper()
	w.must(w.Until(fmt.Sprintf("the payment of %s is %s", key, want), func() (bool, error) {
		p = api.Payment{}
		err := w.Ask(&p, "till", "wait", "--data", w.Data("box"), "--key", key, "--wait", "1s")
		return p.Outcome == want, ignoring(err, pay.ExitWaitPassed, pay.ExitUnknown, pay.ExitNotPaid)
	}))
	return p
}

// ignoring returns nil for an error with one of the exit statuses.
func ignoring(err error, exits ...pay.Exit) error {
	for _, exit := range exits {
		if exitOf(err) == exit {
			return nil
		}
	}
	return err
}

// boxOneChargeOld pays under the key "first", puts the box back to a copy of before
// and runs it without its registry. It returns what was paid.
func (w *world) boxOneChargeOld() api.Payment {
	w.t.Helper()
	w.copyStopped("box")
	w.waitNear()
	paid, err := w.chargeUnder("first", "5.00", "--wait", "10s")
	if err != nil || paid.Outcome != pay.OutcomePaid {
		w.t.Fatalf("%+v, %v", paid, err)
	}
	w.putBack("box")
	w.Stop("reg")
	w.again("box")
	w.waitNear()
	return paid
}

// TestBoxPutBackTakesUpWhatItLacks puts a box back to a copy that is one paid charge
// old. Before it is connected again it makes as many other claims as it lacks, one of
// them under the key that was paid. What it has made is decided, and the key answers
// with what was paid.
func TestBoxPutBackTakesUpWhatItLacks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	paid := w.boxOneChargeOld()
	for _, key := range []string{"second", "first"} {
		if p, err := w.chargeUnder(key, "5.00"); err != nil || !p.Queued {
			t.Fatalf("%s: %+v, %v", key, p, err)
		}
	}
	w.again("reg")
	w.awaitOutcome("second", pay.OutcomePaid)
	if again := w.awaitOutcome("first", pay.OutcomePaid); again.ID != paid.ID {
		t.Errorf("the key answers with %s, paid was %s", again.ID, paid.ID)
	}
	again, err := w.chargeUnder("first", "5.00", "--wait", "10s")
	if err != nil || again.ID != paid.ID {
		t.Errorf("charged again: %+v, %v", again, err)
	}
	if a := w.audit(); a.Payments != 2 {
		t.Errorf("%d payments, want 2", a.Payments)
	}
	w.connected("box")
	if p, err := w.chargeUnder("third", "1.00", "--wait", "10s"); err != nil || p.Outcome != pay.OutcomePaid {
		t.Errorf("afterwards: %+v, %v", p, err)
	}
}

// TestWalletPutBackRevokes puts a wallet back to a copy that is one claim old. A
// revoke that it is given before it is connected again is its next claim, and ends
// the device.
func TestWalletPutBackRevokes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.copyStopped("ada")
	w.connected("ada")
	w.must(w.Ask(nil, "wallet", "rules", "--data", w.Data("ada"), "--two-channel-above", "50.00"))
	w.putBack("ada")
	w.Stop("reg")
	w.Kill("ada-tag")
	w.again("ada")
	device := w.device("ada")
	err := w.Ask(nil, "wallet", "revoke", "--data", w.Data("ada"), "--device", device.ID)
	w.must(ignoring(err, pay.ExitWaitPassed))
	w.again("reg")
	w.must(w.Until("the device is revoked", func() (bool, error) { return w.device("ada").State == pay.DeviceRevoked, nil }))
	var rules api.Rules
	w.must(w.Ask(&rules, "wallet", "rules", "--data", w.Data("ada")))
	if rules.TwoChannelAbove == nil || *rules.TwoChannelAbove != 5000 || rules.Pending {
		t.Errorf("rules %+v", rules)
	}
	w.audit()
}

// device returns the only device of a wallet.
func (w *world) device(who string) api.Device {
	w.t.Helper()
	var d api.Device
	w.must(w.Ask(&d, "wallet", "devices", "--data", w.Data(who)))
	return d
}
