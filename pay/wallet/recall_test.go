package wallet_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

// TestRecalledAnswerHidesNoOther: a wallet whose store is an older copy has answered
// an offer anew while the registry still had an answer of it that it refused. The
// payment is by the new answer, which this wallet gave, whichever came to it last;
// one by an answer that it never gave is a finding all the same.
func TestRecalledAnswerHidesNoOther(t *testing.T) {
	t.Parallel()
	for name, own := range map[string]bool{"its own answer": true, "another's": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, wallet.Rule{})
			offer := w.offer(1, 1250, "EUR")
			w.deliver(offer)
			d := decisionOf(t, offer)
			_, given, err := w.answer(d.Payment.String(), pay.Approve, pay.ByHand)
			if err != nil {
				t.Fatal(err)
			}
			a, err := pay.As[pay.Answer](given)
			if err != nil {
				t.Fatal(err)
			}
			a.Created -= pay.Time(second)
			before := sign(t, w.own, a)
			w.facts[before.ID()] = before
			w.react(pay.ClaimRecalled{Fact: before})
			w.refuse(before, pay.ReasonNeedsDevice)
			by := given.ID()
			if !own {
				by = pay.FactID{9}
			}
			w.deliver(w.end(offer, pay.StateCaptured, by))
			if e := w.show(d.Payment); e.State() != pay.StateCaptured {
				t.Fatalf("the payment is %s", e.State())
			}
			found, err := history.Findings(w.rows)
			if err != nil {
				t.Fatal(err)
			}
			if len(found) > 0 == own {
				t.Errorf("findings: %+v", found)
			}
		})
	}
}
