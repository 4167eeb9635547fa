package wallet_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

// newMandateWorldFor is newMandateWorld with a mandate that names a means.
func newMandateWorldFor(t testing.TB, means pay.Name) *mandateWorld {
	t.Helper()
	w := &mandateWorld{rulesWorld: newRulesWorld(t, wallet.Rule{})}
	_, claim := w.addMeans(visa)
	w.stated(claim, false)
	m, r, err := w.wallet.AddMandate(w.rows, w.now, pay.Mandate{MandateTerms: cafeTerms(), Means: means})
	if err != nil {
		t.Fatal(err)
	}
	w.publish(r)
	w.id, w.terms = m.ID, m.MandateTerms
	w.status(false)
	return w
}

// calls delivers a payment by the mandate over an acquirer's means, from the call to the end
// that it comes to.
func (w *mandateWorld) calls(amount pay.Amount, approved bool) {
	w.Helper()
	d := decisionOf(w, w.at("m/cafe", amount, w.now, pay.EvidenceTap))
	d.State, d.Mandate, d.Acquirer = pay.StateMandatedCall, w.id, pay.AcquirerSim
	next := func(state pay.State, claim pay.FactID, s pay.Sums) {
		f := sign(w, w.working, d)
		if made := w.deliver(f); len(made) != 0 {
			w.Fatalf("the wallet answers what a mandate pays: %v", made)
		}
		d.Prev, d.Seq, d.State, d.Claim, d.By, d.Sums = f.ID(), d.Seq+1, state, claim, w.id.By(), s
	}
	next(pay.StateApproved, w.id, pay.Sums{Held: amount})
	if approved {
		next(pay.StateCaptured, pay.FactID{7}, pay.Sums{Captured: amount})
	} else {
		next(pay.StateFailed, pay.FactID{7}, pay.Sums{Released: amount})
		d.Reason = "card_declined"
	}
	w.deliver(sign(w, w.working, d))
}

// A mandate for a means pays by an acquirer, and counts what it has paid; one for the
// account pays by none, which the wallet reports.
func TestMandateOverAnAcquirersMeans(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		means    pay.Name
		findings int
	}{{"visa", 0}, {"", 2}} {
		w := newMandateWorldFor(t, tc.means)
		w.calls(500, true)
		w.calls(100, false)
		if n := w.findings(); n != tc.findings {
			t.Errorf("by means %q: %d findings, want %d", tc.means, n, tc.findings)
		}
		if u := w.find().Use; tc.findings == 0 && (u.Spent != 500 || u.Count != 2) {
			t.Errorf("by means %q: %+v", tc.means, u)
		}
		if got := w.balance("EUR"); got != -1 {
			t.Errorf("by means %q, the account moved: %d", tc.means, got)
		}
	}
}
