package wallet_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

// found returns an offer to somebody who was found in that way.
func (w *world) found(n byte, e pay.Evidence, certain bool) pay.Fact {
	w.Helper()
	d := decisionOf(w, w.offer(n, 1250, "EUR"))
	d.Evidence, d.Certain = e, certain
	return sign(w, w.working, d)
}

// TestRulesAnswerOnlyWhoWasMeant: a rule answers somebody who said the words, tapped,
// or was found beyond doubt, and leaves to a person what the box guessed, and what
// an older or a later box says otherwise.
func TestRulesAnswerOnlyWhoWasMeant(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		evidence pay.Evidence
		certain  bool
		asks     pay.Asks
	}{
		"said the words":             {pay.EvidenceWords, false, ""},
		"tapped":                     {pay.EvidenceTap, false, ""},
		"by plate":                   {pay.EvidencePlate, false, ""},
		"clear, and certain":         {pay.EvidenceClear, true, ""},
		"clear":                      {pay.EvidenceClear, false, pay.AsksStrengthAlone},
		"by a box of old":            {"", false, pay.AsksNoEvidence},
		"by a later box":             {"gaze", false, pay.AsksUnknownEvidence},
		"by a later box, certain so": {"gaze", true, pay.AsksUnknownEvidence},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, rule := range []wallet.Rule{
				{Kind: wallet.All},
				{Kind: wallet.Under, Limit: 2000, Currency: "EUR", Name: "under:20.00"},
			} {
				w := newWorld(t, rule)
				posted := w.deliver(w.found(1, tc.evidence, tc.certain))
				if answered := len(posted) == 1; answered != (tc.asks == "") {
					t.Errorf("%s: %d answers", rule.Kind, len(posted))
				}
				if tc.asks == "" {
					continue
				}
				if p := w.pending(); len(p) != 1 || p[0].Payment.Decision.Asks() != tc.asks {
					t.Errorf("%s: pending are %+v", rule.Kind, p)
				}
				if _, _, err := w.answer("", pay.Approve, pay.ByHand); err != nil {
					t.Errorf("%s: a person cannot approve: %v", rule.Kind, err)
				}
			}
		})
	}
}

// TestNoneDeclinesWhoeverWasMeant: to decline needs no certainty.
func TestNoneDeclinesWhoeverWasMeant(t *testing.T) {
	t.Parallel()
	for n, e := range []pay.Evidence{pay.EvidenceClear, "", "gaze", pay.EvidenceTap} {
		w := newWorld(t, wallet.Rule{Kind: wallet.None})
		if posted := w.deliver(w.found(byte(n+1), e, false)); len(posted) != 1 {
			t.Errorf("%q: %d answers", e, len(posted))
		}
	}
}

// TestProgramsApproveNobodyByStrengthAlone: a program that answers for its owner is a
// rule like others. It may decline.
func TestProgramsApproveNobodyByStrengthAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{Kind: wallet.Ask, Name: "exec"})
	w.deliver(w.found(1, pay.EvidenceClear, false))
	_, _, err := w.answer("", pay.Approve, "exec")
	wantCode(t, err, pay.CodeNotAllowed)
	if len(w.pending()) != 1 {
		t.Error("the offer does not wait any more")
	}
	if _, _, err := w.answer("", pay.Decline, "exec"); err != nil {
		t.Errorf("decline: %v", err)
	}
	w.deliver(w.found(2, pay.EvidenceTap, false))
	if _, _, err := w.answer("", pay.Approve, "exec"); err != nil {
		t.Errorf("approve who tapped: %v", err)
	}
}

// TestDeviceIsNotAskedWhereAPersonIs: of an offer that needs two channels and that
// no rule answers, the device is left alone until a person approves.
func TestDeviceIsNotAskedWhereAPersonIs(t *testing.T) {
	t.Parallel()
	for _, e := range []pay.Evidence{pay.EvidenceClear, pay.EvidenceTap} {
		w := newWorld(t, wallet.Rule{Kind: wallet.All})
		d := decisionOf(t, w.found(1, e, false))
		d.StepUp = pay.StepUpMerchant
		w.deliver(sign(t, w.working, d))
		ids, err := w.wallet.RuleNeedsWitness(w.rows, w.now)
		if err != nil || (len(ids) == 1) != (e == pay.EvidenceTap) {
			t.Errorf("%s: the rule asks the device for %v, %v", e, ids, err)
		}
	}
}
