package wallet_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

// TestStatesOfALaterRegistry: a wallet follows a payment through states that it
// does not know. The sums are what left the account and came back, whatever the
// state; the payment stays in sight, can be answered no more, and is no receipt
// while its state is not understood.
func TestStatesOfALaterRegistry(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	offer := w.offer(1, 1250, "EUR")
	w.deliver(offer)
	_, answer, err := w.answer("", pay.Approve, pay.ByHand)
	if err != nil {
		t.Fatal(err)
	}
	last, d := offer, decisionOf(t, offer)
	for _, step := range []struct {
		state   pay.State
		sums    pay.Sums
		balance pay.Amount
		outcome pay.Outcome
	}{
		{"frozen", pay.Sums{Held: 1250}, 0, pay.OutcomePending},
		{pay.StateCaptured, pay.Sums{Captured: 1000, Released: 250}, -1000, pay.OutcomePaid},
		{"thawed", pay.Sums{Captured: 1000, Released: 250, Refunded: 400}, -600, pay.OutcomePending},
	} {
		d.Prev, d.Seq, d.Claim, d.State, d.Sums, d.At = last.ID(), d.Seq+1, answer.ID(), step.state, step.sums, d.At+1
		last = sign(t, w.working, d)
		if replies := w.deliver(last); len(replies) != 0 {
			t.Errorf("%s: it answers again", step.state)
		}
		w.deliver(last)
		e := w.show(d.Payment)
		if e.State() != step.state || e.Outcome() != step.outcome || w.balance("EUR") != step.balance || len(w.pending()) != 0 {
			t.Errorf("%s: shown as %s, %s, balance %d, %d pending", step.state, e.State(), e.Outcome(), w.balance("EUR"), len(w.pending()))
		}
		if list, _, err := w.wallet.Receipts(w.rows, w.now, history.Page{Limit: 10}); err != nil || len(list) != 1 || list[0].ID != d.Payment {
			t.Errorf("%s: the list has %d payments, %v", step.state, len(list), err)
		}
		_, _, err := w.wallet.Receipt(w.rows, d.Payment.String())
		if has := err == nil; has != (step.outcome == pay.OutcomePaid) {
			t.Errorf("%s: receipt %v", step.state, err)
		}
		_, _, err = w.answer(d.Payment.String(), pay.Decline, pay.ByHand)
		wantCode(t, err, pay.CodeDecided)
	}
	if found, err := history.Findings(w.rows); err != nil || len(found) != 0 {
		t.Errorf("findings %v, %v", found, err)
	}
}
