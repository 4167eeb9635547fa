package wallet_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

// tipOffer returns the offer of a merchant that takes a tip, to be held if hold is set.
func (w *world) tipOffer(n byte, amount, most pay.Amount, hold bool) pay.Fact {
	w.Helper()
	d := decisionOf(w, w.offer(n, amount, "EUR"))
	d.TipMax = most
	if hold {
		d.HoldUntil = d.Expires.Add(hours)
	}
	return sign(w, w.working, d)
}

// give approves with a tip.
func (w *world) give(id string, by pay.Rule, tip pay.Amount) (wallet.Entry, pay.Answer, error) {
	w.Helper()
	e, r, err := w.wallet.ApproveWithTip(w.rows, w.now, id, by, tip, pay.AuthCode{})
	w.publish(r)
	if err != nil || len(r.Publications) != 1 {
		return e, pay.Answer{}, err
	}
	a, err := pay.As[pay.Answer](r.Publications[0].Fact)
	return e, a, err
}

// What a payer may give on an offer of 1250: the most that it takes, the amount above which
// the device is needed, the tip, and what becomes of it.
const gifts = `
300  -     0    gives 0
300  -     1    gives 1
300  -     300  gives 300
300  -     301  refused amount tip_above_max
300  -     -1   refused amount tip_above_max
0    -     1    refused amount tip_not_asked
0    -     0    gives 0
300  1549  300  refused not_allowed tip_needs_device
300  1550  300  gives 300
300  1250  0    gives 0
9999999999 - 9999999999 refused amount tip_above_max
9999999999 - 9999998750 gives 9999998750
`

func TestGiveATip(t *testing.T) {
	t.Parallel()
	for line := range strings.Lines(strings.TrimSpace(gifts)) {
		f := strings.Fields(line)
		number := func(words string) (n pay.Amount) {
			if _, err := fmt.Sscan(words, &n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		w := newWorld(t, wallet.Rule{})
		if f[1] != "-" {
			w.deliver(sign(t, w.working, pay.StepUpStatus{Claim: pay.FactID{7}, Above: number(f[1]), Currency: "EUR", At: start}))
		}
		offer := w.tipOffer(1, 1250, number(f[0]), false)
		w.deliver(offer)
		before := w.snapshot()
		e, a, err := w.give("", pay.ByHand, number(f[2]))
		if f[3] == "gives" {
			if err != nil || a.Tip != number(f[4]) || a.Amount != 1250 || a.Verdict != pay.Approve || e.Tip != a.Tip || e.TipMax != number(f[0]) {
				t.Errorf("%v: %v, the answer gives %d, shown %d of %d", f, err, a.Tip, e.Tip, e.TipMax)
			}
			continue
		}
		var refused *pay.Error
		if !errors.As(err, &refused) || refused.Code != pay.ErrorCode("E_"+strings.ToUpper(f[4])) || string(refused.Case) != f[5] {
			t.Errorf("%v: refused %+v", f, err)
		}
		if w.snapshot() != before {
			t.Errorf("%v: what was refused changed rows", f)
		}
		if _, a, err := w.give("", pay.ByHand, 0); err != nil || a.Tip != 0 {
			t.Errorf("%v: without a tip: %v", f, err)
		}
	}
}

// A tip goes with an approval of an offer that is open, and with nothing else.
func TestNoTipWhereNothingIsOffered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	offer := w.tipOffer(1, 1250, 300, true)
	w.deliver(offer)
	_, a, err := w.give("", pay.ByHand, 200)
	if err != nil || a.HoldUntil != decisionOf(t, offer).HoldUntil {
		t.Fatalf("%+v, %v", a, err)
	}
	_, _, err = w.give(decisionOf(t, offer).Payment.String(), pay.ByHand, 200)
	wantCode(t, err, pay.CodeDecided)
	for _, f := range w.tipped(offer, a, 200, 200) {
		w.deliver(f)
	}
	_, _, err = w.give(decisionOf(t, offer).Payment.String(), pay.ByHand, 200)
	wantCode(t, err, pay.CodeDecided)
	if e := w.show(decisionOf(t, offer).Payment); e.State() != pay.StateHeld || e.Amount != 1250 || e.Tip != 200 || e.Payment.Sums().Held != 1450 {
		t.Errorf("it is %s over %d with a tip of %d and %+v", e.State(), e.Amount, e.Tip, e.Payment.Sums())
	}
}

// tipped returns the two decisions that follow on an answer, which state a tip and authorise
// so much beyond the amount.
func (w *world) tipped(offer pay.Fact, a pay.Answer, tip, beyond pay.Amount) []pay.Fact {
	w.Helper()
	claim := pay.FactID{9}
	for id, f := range w.facts {
		if got, err := pay.As[pay.Answer](f); err == nil && got == a {
			claim = id
		}
	}
	d := decisionOf(w, offer)
	d.Prev, d.Claim, d.Seq, d.State, d.By, d.Tip = offer.ID(), claim, 2, pay.StateTipped, pay.ByHand, tip
	first := sign(w, w.working, d)
	d.Prev, d.Seq = first.ID(), 3
	if d.State, d.Sums = pay.StateCaptured, (pay.Sums{Captured: d.Amount + beyond}); d.IsHold() {
		d.State, d.Sums = pay.StateHeld, pay.Sums{Held: d.Amount + beyond}
	}
	return []pay.Fact{first, sign(w, w.working, d)}
}

// A registry that takes another tip than this wallet signed is found out: what does not fit
// the decision itself changes nothing, and what does is booked and told.
func TestAnotherTipThanWasSignedIsFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name              string
		signed, tip, more pay.Amount
		state             pay.State
		balance           pay.Amount
		found             bool
	}{
		{"the same", 200, 200, 200, pay.StateCaptured, -1450, false},
		{"more", 200, 300, 300, pay.StateCaptured, -1550, true},
		{"less", 200, 100, 100, pay.StateCaptured, -1350, true},
		{"one that was not given", 0, 300, 300, pay.StateCaptured, -1550, true},
		{"more than it says", 200, 200, 300, pay.StateApproved, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, wallet.Rule{})
			offer := w.tipOffer(1, 1250, 300, false)
			w.deliver(offer)
			_, a, err := w.give("", pay.ByHand, c.signed)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range w.tipped(offer, a, c.tip, c.more) {
				w.deliver(f)
			}
			found, err := history.Findings(w.rows)
			if err != nil || (len(found) > 0) != c.found {
				t.Errorf("findings %+v, %v", found, err)
			}
			if e := w.show(decisionOf(t, offer).Payment); e.State() != c.state || w.balance("EUR") != c.balance {
				t.Errorf("it is %s, the balance is %d", e.State(), w.balance("EUR"))
			}
		})
	}
}

// The device is asked to sign amount and tip, and for nothing that cannot be given.
func TestWitnessOfATip(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	id, mapping := w.mustPair(beacon)
	w.deliver(w.status(id, pay.DeviceActive, mapping.ID(), start))
	d := decisionOf(t, w.tipOffer(1, 1250, 300, false))
	d.StepUp = pay.StepUpMerchant
	w.deliver(sign(t, w.working, pay.Challenge{Payment: d.Payment, Device: id, Nonce: pay.Nonce{1}, At: start}))
	w.deliver(sign(t, w.working, d))
	for tip, want := range map[pay.Amount]pay.Amount{0: 1250, 200: 1450} {
		_, v, needed, err := w.wallet.Witness(w.rows, "", pay.ByHand, tip)
		if err != nil || !needed || v.Sign.Amount != want {
			t.Errorf("for a tip of %d the device signs %d (%v, %v)", tip, v.Sign.Amount, needed, err)
		}
	}
	_, _, _, err := w.wallet.Witness(w.rows, "", pay.ByHand, 301)
	wantCode(t, err, pay.CodeAmount)
}

// What a rule of the store lets be captured as tip beyond an amount that is held, and what
// is then left of its day of 5000.
const ruledTips = `
hold  1000 most 300  each 2000 tip 200 => gives 200 left 3800
hold  1000 most 100  each 2000 tip 200 => gives 100 left 3900
hold  1900 most 300  each 2000 tip 200 => gives 100 left 3000
hold  2000 most 300  each 2000 tip 200 => gives 0   left 3000
hold  1000 most 300  each 2000 tip 0   => gives 0   left 4000
hold  1000 most 0    each 2000 tip 200 => gives 0   left 4000
once  1000 most 300  each 2000 tip 200 => gives 0   left 4000
hold  4900 most 300  each 5000 tip 200 => gives 100 left 0
`

func TestTipOfARule(t *testing.T) {
	t.Parallel()
	for line := range strings.Lines(strings.TrimSpace(ruledTips)) {
		var way string
		var amount, most, each, tip, gives, left pay.Amount
		if _, err := fmt.Sscanf(strings.Join(strings.Fields(line), " "), "%s %d most %d each %d tip %d => gives %d left %d", &way, &amount, &most, &each, &tip, &gives, &left); err != nil {
			t.Fatal(err)
		}
		w := newRulesWorld(t, wallet.Rule{})
		w.add(wallet.StandingRule{Name: "tab", Each: each, Day: 5000, TipMax: tip})
		d := decisionOf(t, w.at("m/cafe", amount, w.now, pay.EvidenceWords))
		if d.TipMax = most; way == "hold" {
			d.HoldUntil = d.Expires.Add(hours)
		}
		f, by := w.offered(sign(t, w.working, d))
		a, err := pay.As[pay.Answer](f)
		if err != nil || by != "rule:tab" || a.Tip != gives {
			t.Errorf("%sby %q: a tip of %d, %v", line, by, a.Tip, err)
		}
		all, err := w.wallet.StandingRules(w.rows, w.now, "EUR")
		if err != nil || 5000-all.Spent != left {
			t.Errorf("%s%d of the day are left, %v", line, 5000-all.Spent, err)
		}
	}
}

// A tip that the owner's program gives counts for the caps of rules, and does so again in
// an older copy of the store.
func TestTipsCountForCaps(t *testing.T) {
	t.Parallel()
	w := newRulesWorld(t, wallet.Rule{})
	w.add(wallet.StandingRule{Name: "a", Merchant: "elsewhere", Each: 500, Day: 500})
	old := maps.Clone(w.values)
	d := decisionOf(t, w.at("m/cafe", 400, w.now, pay.EvidenceWords))
	d.TipMax = 90
	offer := sign(t, w.working, d)
	w.deliver(offer)
	_, a, err := w.give(d.Payment.String(), "exec", 60)
	if err != nil {
		t.Fatal(err)
	}
	spent := func() pay.Amount {
		all, err := w.wallet.StandingRules(w.rows, w.now, "EUR")
		if err != nil {
			t.Fatal(err)
		}
		return all.Spent
	}
	if spent() != 460 {
		t.Errorf("%d was approved without a person", spent())
	}
	if got := w.says("m/elsewhere", 41); got != "" {
		t.Errorf("%q approves more than was left", got)
	}
	var answer pay.Fact
	for _, f := range w.facts {
		if got, err := pay.As[pay.Answer](f); err == nil && got == a {
			answer = f
		}
	}
	w.values = old
	w.recalled(answer)
	if spent() != 460 {
		t.Errorf("%d was approved without a person, in an older copy", spent())
	}
}

func TestARuleWithABadTip(t *testing.T) {
	t.Parallel()
	w := newRulesWorld(t, wallet.Rule{})
	for _, tip := range []pay.Amount{-1, pay.AmountMax + 1} {
		_, err := w.wallet.AddRule(w.rows, w.now, wallet.StandingRule{Name: "a", Each: 500, Currency: "EUR", TipMax: tip})
		wantCode(t, err, pay.CodeAmount)
	}
}

// A rule that covers all, or up to an amount, gives no tip: its owner has set no bound.
func TestOtherRulesGiveNoTip(t *testing.T) {
	t.Parallel()
	for _, rule := range []wallet.Rule{{Kind: wallet.All}, {Kind: wallet.Under, Limit: 2000, Currency: "EUR"}} {
		for _, hold := range []bool{false, true} {
			w := newWorld(t, rule)
			answers := w.deliver(w.tipOffer(1, 1250, 300, hold))
			if len(answers) != 1 {
				t.Fatalf("%s: %d answers", rule.Kind, len(answers))
			}
			if a, err := pay.As[pay.Answer](answers[0]); err != nil || a.Tip != 0 || a.Verdict != pay.Approve {
				t.Errorf("%s: %+v, %v", rule.Kind, a, err)
			}
		}
	}
}
