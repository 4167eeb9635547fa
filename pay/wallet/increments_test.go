package wallet_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

// newHold has a person approve a hold of an amount; from then on the rule answers.
func newHold(t testing.TB, rule wallet.Rule, amount pay.Amount) *ruledHold {
	t.Helper()
	w := &ruledHold{rulesWorld: &rulesWorld{world: newWorld(t, wallet.Rule{})}}
	d := decisionOf(t, w.offer(1, amount, "EUR"))
	d.HoldUntil = d.At.Add(20 * hours)
	w.last = sign(t, w.working, d)
	w.deliver(w.last)
	_, answer, err := w.answer("", pay.Approve, pay.ByHand)
	if err != nil {
		t.Fatal(err)
	}
	w.acked()
	w.decides(pay.StateHeld, answer.ID(), pay.Sums{Held: amount}, pay.ByHand)
	w.again(rule)
	return w
}

// held is what the wallet shows as held.
func (w *ruledHold) held() pay.Amount {
	w.Helper()
	sum, err := w.wallet.Held(w.rows, "EUR")
	if err != nil {
		w.Fatal(err)
	}
	return sum
}

// TestIncrementIsAnsweredOnce: an increment waits beside the offers under the payment's
// id, shows by how much and to what total, and is answered over the same terms, once. The
// balance does not move, what is held does.
func TestIncrementIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	w := newHold(t, wallet.Rule{}, 500)
	offer, _, ruled := w.more(200)
	list := w.pending()
	if ruled || len(list) != 1 || list[0].Increment == nil || list[0].Increment.Amount != 200 || list[0].Increment.Total != 700 || w.held() != 500 {
		t.Fatalf("by a rule %v, %d held, pending %+v", ruled, w.held(), list)
	}
	e, answer, err := w.answer("", pay.Approve, pay.ByHand)
	if err != nil || !e.Queued || !e.Answering {
		t.Fatalf("%+v, %v", e, err)
	}
	a, err := pay.As[pay.IncrementAnswer](answer)
	o, bad := pay.As[pay.IncrementOffer](offer)
	if err != nil || bad != nil || a.More != o.More || a.Offer != offer.ID() || a.Verdict != pay.Approve || a.By != pay.ByHand {
		t.Errorf("the answer is %+v (%v), of the offer %+v", a, err, o)
	}
	_, _, err = w.answer(e.ID.String(), pay.Decline, pay.ByHand)
	wantCode(t, err, pay.CodeDecided)
	before := w.snapshot()
	if again := w.deliver(offer); len(again) != 0 || w.snapshot() != before {
		t.Error("the same offer again changes something")
	}
	w.comes(offer, answer, "")
	if w.held() != 700 || w.balance("EUR") != 0 || len(w.pending()) != 0 {
		t.Errorf("%d held, balance %d, %d pending", w.held(), w.balance("EUR"), len(w.pending()))
	}
	_, _, err = w.answer(e.ID.String(), pay.Approve, pay.ByHand)
	wantCode(t, err, pay.CodeDecided)
}

// TestIncrementThatDoesNotFitIsNotShown: an offer over another total, currency, merchant
// or end than the hold's, of another payment or of a hold that has ended, waits for nobody
// and is answered by no rule.
func TestIncrementThatDoesNotFitIsNotShown(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*pay.IncrementOffer){
		"a larger total":   func(o *pay.IncrementOffer) { o.Total++ },
		"a smaller total":  func(o *pay.IncrementOffer) { o.Total-- },
		"another currency": func(o *pay.IncrementOffer) { o.Currency = "USD" },
		"another merchant": func(o *pay.IncrementOffer) { o.Merchant = "m/bar" },
		"held for longer":  func(o *pay.IncrementOffer) { o.HoldUntil++ },
		"another payment":  func(o *pay.IncrementOffer) { o.Payment[0]++ },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newHold(t, wallet.Rule{Kind: wallet.All}, 500)
			d := decisionOf(t, w.last)
			o := pay.IncrementOffer{Claim: pay.FactID{1, 0xcc}, At: w.now, More: pay.More{
				Payment: d.Payment, Merchant: d.Merchant, Amount: 200, Total: 700, Currency: d.Currency, Expires: w.now.Add(60 * second), HoldUntil: d.HoldUntil,
			}}
			change(&o)
			if answers := w.deliver(sign(t, w.working, o)); len(answers) != 0 || len(w.pending()) != 0 {
				t.Errorf("%d answers, %d pending", len(answers), len(w.pending()))
			}
			_, _, err := w.answer(d.Payment.String(), pay.Approve, pay.ByHand)
			wantCode(t, err, pay.CodeDecided)
		})
	}
	t.Run("the hold was voided", func(t *testing.T) {
		t.Parallel()
		w := newHold(t, wallet.Rule{}, 500)
		w.more(200)
		w.decides(pay.StateVoided, claimOfMerchant, pay.Sums{Released: 500}, pay.ByHand)
		if len(w.pending()) != 0 || w.held() != 0 {
			t.Errorf("%d pending, %d held", len(w.pending()), w.held())
		}
		_, _, err := w.answer("", pay.Approve, pay.ByHand)
		wantCode(t, err, pay.CodeNotFound)
	})
}

// claimOfMerchant is a void that a decision names.
var claimOfMerchant = pay.FactID{0xbb}

// TestIncrementThatWasRefusedWaitsAgain: what the registry refused may be answered again,
// and what has ended may not.
func TestIncrementThatWasRefusedWaitsAgain(t *testing.T) {
	t.Parallel()
	w := newHold(t, wallet.Rule{}, 500)
	offer, _, _ := w.more(200)
	e, answer, err := w.answer("", pay.Approve, pay.ByHand)
	if err != nil {
		t.Fatal(err)
	}
	w.refuse(answer, pay.ReasonWrongTerms)
	if list := w.pending(); len(list) != 1 || list[0].Refusal != pay.ReasonWrongTerms {
		t.Fatalf("pending %+v", list)
	}
	if _, answer, err = w.answer(e.ID.String(), pay.Decline, pay.ByHand); err != nil {
		t.Fatal(err)
	}
	w.comes(offer, answer, pay.ReasonByPayer)
	if len(w.pending()) != 0 || w.held() != 500 || w.show(e.ID).State() != pay.StateHeld {
		t.Errorf("%d pending, %d held, %s", len(w.pending()), w.held(), w.show(e.ID).State())
	}
}

// TestAnswerIsToWhatWasAsked: who took time for an answer says to what. An answer to the
// payment's own offer, or to an increment that has ended, is not one to the increment that
// stands now.
func TestAnswerIsToWhatWasAsked(t *testing.T) {
	t.Parallel()
	w := newHold(t, wallet.Rule{}, 500)
	id := decisionOf(t, w.last).Payment.String()
	stands := func(increment pay.FactID, want pay.ErrorCode) {
		t.Helper()
		wantCode(t, w.wallet.Stands(w.rows, w.now, id, increment), want)
	}
	first, _, _ := w.more(200)
	stands(first.ID(), "")
	stands(pay.FactID{}, pay.CodeDecided)
	w.comes(first, pay.Fact{}, pay.ReasonNoAnswer)
	stands(first.ID(), pay.CodeDecided)
	second, _, _ := w.more(9_000)
	stands(first.ID(), pay.CodeDecided)
	stands(pay.FactID{}, pay.CodeDecided)
	stands(second.ID(), "")
}

// TestRuleAnswersAnIncrementByItsTotal: "under" looks at all that would be held.
func TestRuleAnswersAnIncrementByItsTotal(t *testing.T) {
	t.Parallel()
	w := newHold(t, wallet.Rule{Kind: wallet.Under, Limit: 800, Currency: "EUR"}, 500)
	if _, _, ruled := w.more(400); ruled {
		t.Error("under:8.00 lets 9.00 be held")
	}
	x := newHold(t, wallet.Rule{Kind: wallet.None}, 500)
	_, answer, ruled := x.more(100)
	if a, err := pay.As[pay.IncrementAnswer](answer); !ruled || err != nil || a.Verdict != pay.Decline {
		t.Errorf("none answers %+v (%v)", a, err)
	}
}
