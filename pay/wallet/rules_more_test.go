package wallet_test

import (
	"maps"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

// ruledHold is a hold that a rule approved, and what more is asked for on it.
type ruledHold struct {
	*rulesWorld
	last pay.Fact // the last decision
	asks byte
}

// newRuledHold has a rule for 900 in one payment and 1000 on a day approve a hold of an
// amount.
func newRuledHold(t testing.TB, amount pay.Amount) *ruledHold {
	t.Helper()
	w := &ruledHold{rulesWorld: newRulesWorld(t, wallet.Rule{})}
	w.add(wallet.StandingRule{Name: "tab", Each: 900, Day: 1000})
	d := decisionOf(t, w.at("m/cafe", amount, w.now, pay.EvidenceWords))
	d.HoldUntil = d.At.Add(20 * hours)
	w.last = sign(t, w.working, d)
	answer, by := w.offered(w.last)
	if by != "rule:tab" {
		t.Fatalf("the hold is approved by %q", by)
	}
	w.decides(pay.StateHeld, answer.ID(), pay.Sums{Held: amount}, "rule:tab")
	return w
}

// decides delivers the next decision.
func (w *ruledHold) decides(s pay.State, claim pay.FactID, sums pay.Sums, by pay.Rule) {
	w.Helper()
	d := decisionOf(w, w.last)
	d.Prev, d.Seq, d.State, d.Claim, d.Sums, d.By, d.At = w.last.ID(), d.Seq+1, s, claim, sums, by, max(d.At, w.now)
	if s == pay.StateVoided {
		d.Reason = pay.ReasonByMerchant
	}
	w.last = sign(w, w.working, d)
	w.deliver(w.last)
}

// more asks for more, and returns the offer and the answer of a rule, if one gave it.
func (w *ruledHold) more(by pay.Amount) (offer, answer pay.Fact, ruled bool) {
	w.Helper()
	w.asks++
	d := decisionOf(w, w.last)
	offer = sign(w, w.working, pay.IncrementOffer{Claim: pay.FactID{w.asks, 0xcc}, At: w.now, More: pay.More{
		Payment: d.Payment, Merchant: d.Merchant, Amount: by, Total: d.Sums.Held + by, Currency: d.Currency, Expires: w.now.Add(60 * second), HoldUntil: d.HoldUntil,
	}})
	answers := w.deliver(offer)
	if len(answers) == 0 {
		return offer, answer, false
	}
	return offer, answers[0], true
}

// comes delivers what came of an increment; "": more is held.
func (w *ruledHold) comes(offer, answer pay.Fact, why pay.Reason) {
	w.Helper()
	o, err := pay.As[pay.IncrementOffer](offer)
	if err != nil {
		w.Fatal(err)
	}
	w.deliver(sign(w, w.working, pay.IncrementEnd{Payment: o.Payment, Offer: offer.ID(), Claim: o.Claim, Answer: answer.ID(), Reason: why, At: w.now}))
	if why == "" {
		w.decides(pay.StateHeld, answer.ID(), pay.Sums{Held: o.Total}, "rule:tab")
	}
}

func (w *ruledHold) wantSpent(what string, want pay.Amount) {
	w.Helper()
	all, err := w.wallet.StandingRules(w.rows, w.now, "EUR")
	if err != nil || all.Spent != want {
		w.Errorf("%s: %d count, want %d (%v)", what, all.Spent, want, err)
	}
}

// TestIncrementCountsOnceForItsRule: what is held already is in the total that the rule
// looks at, and does not take its room a second time.
func TestIncrementCountsOnceForItsRule(t *testing.T) {
	t.Parallel()
	w := newRuledHold(t, 600)
	offer, answer, ruled := w.more(300)
	if !ruled {
		t.Fatal("the rule did not approve 900 where a day has room for 1000")
	}
	w.comes(offer, answer, "")
	w.wantSpent("after the increment", 900)
	if got := w.says("m/cafe", 101); got != "" {
		t.Errorf("%q approves more than is left", got)
	}
	if got := w.says("m/cafe", 100); got != "rule:tab" {
		t.Errorf("%q approves what is left", got)
	}
}

// TestIncrementThatCameToNothingDoesNotCount, on the day of the hold nor on the next one.
func TestIncrementThatCameToNothingDoesNotCount(t *testing.T) {
	t.Parallel()
	for _, day := range []pay.Millis{0, 18 * hours} {
		for _, why := range []pay.Reason{pay.ReasonInsufficientFunds, pay.ReasonNoAnswer} {
			w := newRuledHold(t, 600)
			w.now = w.now.Add(day)
			offer, answer, ruled := w.more(200)
			if !ruled {
				t.Fatal("the rule did not approve")
			}
			w.wantSpent("while it is not decided", 800)
			if why == pay.ReasonNoAnswer {
				w.refuse(answer, pay.ReasonLateAnswer)
			}
			w.comes(offer, answer, why)
			want := pay.Amount(600)
			if day != 0 {
				want = 0
			}
			w.wantSpent("increment ended: "+string(why), want)
		}
	}
}

// TestHoldThatEndedUnpaidDoesNotCount: neither do its increments, on whichever days.
func TestHoldThatEndedUnpaidDoesNotCount(t *testing.T) {
	t.Parallel()
	w := newRuledHold(t, 300)
	days := []pay.Time{w.now}
	for _, after := range []pay.Millis{hours, 17 * hours} {
		w.now = w.now.Add(after)
		offer, answer, ruled := w.more(100)
		if !ruled {
			t.Fatal("the rule did not approve")
		}
		w.comes(offer, answer, "")
		days = append(days, w.now)
	}
	w.wantSpent("on the next day", 500)
	w.decides(pay.StateVoided, pay.FactID{7}, pay.Sums{Released: 500}, "rule:tab")
	for _, w.now = range days {
		w.wantSpent("voided", 0)
	}
}

// TestIncrementOfAnOlderCopyCounts: a wallet that was put back to before it let a rule
// approve an increment counts that, and asks its owner.
func TestIncrementOfAnOlderCopyCounts(t *testing.T) {
	t.Parallel()
	w := newRuledHold(t, 600)
	old := maps.Clone(w.values)
	_, answer, ruled := w.more(300)
	if !ruled {
		t.Fatal("the rule did not approve")
	}
	w.values = old
	w.recalled(answer)
	w.wantSpent("recalled", 900)
	if paused, err := w.wallet.Paused(w.rows, w.now); err != nil || !paused {
		t.Errorf("the rules of an older copy go on (%v)", err)
	}
}
