package main

import (
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
)

// TestTipsAmongVersions: a tip is given where registry and wallet know it, and a box of old
// shows such a payment as paid; a registry of old drops what it does not know, and then no
// tip can be given.
func TestTipsAmongVersions(t *testing.T) {
	t.Parallel()
	t.Run("a box of old", func(t *testing.T) {
		t.Parallel()
		w := mixedWorld(t, "", "")
		w.asking("ada")
		w.run(frozen.program(t), "old")
		w.must(w.Enrol("reg", "old", "scan", "--role", "box", "--name", "old", "--merchant", "Corner Cafe", "--site", "counter"))
		w.must(w.Start("old", nil, "scan", "--data", w.Data("old"), "--radio", "air:"+w.Data("air2")))
		_, err := w.Ready("old")
		w.must(err)
		p := w.chargeWithTip("3.00")
		w.must(w.Ask(nil, "wallet", "approve", "--data", w.Data("ada"), "--id", p.ID, "--tip", "2.00"))
		for _, box := range []string{"box", "old"} {
			w.must(w.Until(box+" shows it as paid", func() (bool, error) {
				err := w.Ask(&p, "till", "show", "--data", w.Data(box), "--id", p.ID)
				if exitOf(err) == pay.ExitNotFound {
					err = nil
				}
				return p.Outcome == pay.OutcomePaid, err
			}))
			if p.State != pay.StateCaptured || p.AmountCaptured != 1450 || p.SafeToRetry {
				t.Errorf("%s shows %+v", box, p)
			}
			p.Outcome = ""
		}
		w.audit()
	})
	t.Run("a registry of old", func(t *testing.T) {
		t.Parallel()
		w := mixedWorld(t, "", frozen.program(t))
		w.asking("ada")
		p := w.chargeWithTip("3.00")
		err := w.Ask(nil, "wallet", "approve", "--data", w.Data("ada"), "--id", p.ID, "--tip", "2.00")
		if exitOf(err) != pay.ExitUsage {
			t.Errorf("a tip that the registry does not know: %v", err)
		}
		w.byHand(p.ID)
		w.paid(p.ID, 1250)
		w.audit()
		w.upgrade("", "reg")
		w.audit() // the request had a tip that the registry did not know
	})
}

// asking starts a wallet again so that it asks its owner.
func (w *world) asking(who string) {
	w.t.Helper()
	w.Stop(who)
	w.must(w.Start(who, nil, "wallet", "run", "--data", w.Data(who)))
	_, err := w.Ready(who)
	w.must(err)
	w.connected(who)
}

// chargeWithTip asks for 12.50 with a tip of at most that, and waits until it is offered.
func (w *world) chargeWithTip(most string) (p api.Payment) {
	w.t.Helper()
	w.waitNear()
	w.must(w.Ask(&p, "till", "charge", "--data", w.Data("box"), "--amount", "12.50", "--tip-max", most, "--ttl", "5m"))
	w.must(w.Until("ada is asked", func() (bool, error) {
		var offer api.Payment
		err := w.Ask(&offer, "wallet", "pending", "--data", w.Data("ada"))
		return offer.ID == p.ID, err
	}))
	return p
}
