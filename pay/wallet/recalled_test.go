package wallet_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

// recalled hands a claim back to the wallet.
func (w *world) recalled(f pay.Fact) {
	w.Helper()
	w.facts[f.ID()] = f
	if made := w.react(pay.ClaimRecalled{Fact: f}); len(made) > 0 {
		w.Errorf("the wallet states %d facts about a claim that came back", len(made))
	}
}

// TestRecalledAnswerIsNotGivenAgain hands the answer to an offer back before the offer
// comes: the rule answers no second time, and a capture by it is no finding.
func TestRecalledAnswerIsNotGivenAgain(t *testing.T) {
	t.Parallel()
	before := newWorld(t, wallet.Rule{Kind: wallet.All})
	offer := before.offer(1, 500, "EUR")
	answers := before.deliver(offer)
	if len(answers) != 1 {
		t.Fatalf("%d answers", len(answers))
	}
	w := newWorld(t, wallet.Rule{Kind: wallet.All})
	w.recalled(answers[0])
	if again := w.deliver(offer); len(again) != 0 {
		t.Errorf("answered again: %d", len(again))
	}
	w.deliver(w.end(offer, pay.StateCaptured, answers[0].ID()))
	if e := w.show(decisionOf(t, offer).Payment); e.Outcome() != pay.OutcomePaid || e.Verdict != pay.Approve {
		t.Errorf("shown %+v", e)
	}
	if got := w.balance("EUR"); got != -500 {
		t.Errorf("balance %d", got)
	}
}

// TestRecalledDeviceClaims hands a mapping and a revoke back, and then what the
// registry made of them.
func TestRecalledDeviceClaims(t *testing.T) {
	t.Parallel()
	before := newWorld(t, wallet.Rule{})
	id, mapping := before.mustPair(7)
	w := newWorld(t, wallet.Rule{})
	w.recalled(mapping)
	if d := w.device(id); d.State != pay.DevicePending || d.Vehicle != "plate=AB1" || d.Type != pay.TypeTag {
		t.Errorf("a mapping came back: %+v", d)
	}
	w.deliver(w.status(id, pay.DeviceActive, mapping.ID(), start))
	if d := w.device(id); d.State != pay.DeviceActive {
		t.Errorf("and was decided: %+v", d)
	}
	revoke := sign(t, w.own, pay.Revoke{Device: id, Created: start})
	w.recalled(revoke)
	if d := w.device(id); !d.Revoking {
		t.Errorf("a revoke came back: %+v", d)
	}
	w.deliver(w.status(id, pay.DeviceRevoked, revoke.ID(), start+1))
	if d := w.device(id); d.State != pay.DeviceRevoked || d.Revoking {
		t.Errorf("and was decided: %+v", d)
	}
}

// TestRecalledStepUpIsPending hands a change of the amount back.
func TestRecalledStepUpIsPending(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	change := sign(t, w.own, pay.StepUpAbove{Above: 500, Currency: "EUR", Created: start})
	w.recalled(change)
	if l, err := w.wallet.StepUpAbove(w.rows); err != nil || !l.Pending || l.Asked != change.ID() {
		t.Errorf("%+v, %v", l, err)
	}
	w.deliver(sign(t, w.working, pay.StepUpStatus{Claim: change.ID(), Above: 500, Currency: "EUR", At: start}))
	if l, err := w.wallet.StepUpAbove(w.rows); err != nil || l.Pending || l.Above != 500 {
		t.Errorf("%+v, %v", l, err)
	}
}
