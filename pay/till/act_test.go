package till_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/till"
)

// act asks for something on a payment, and returns the claim, if one was made.
func (w *world) act(id pay.PaymentID, a till.Act) (till.Entry, []pay.Fact, error) {
	e, r, err := w.till.Act(w.rows, w.now, id.String(), a)
	w.rows.publish(r)
	var claims []pay.Fact
	for _, p := range r.Publications {
		claims = append(claims, p.Fact)
	}
	return e, claims, err
}

func (w *world) acted(t *testing.T, id pay.PaymentID, key pay.IdempotencyKey) till.Acted {
	t.Helper()
	e, err := w.till.ShowAct(w.rows, w.now, id, key)
	if err != nil || e.Action == nil {
		t.Fatalf("%+v, %v", e, err)
	}
	return *e.Action
}

// TestActionsOfOneKey: a key stands for one action until the registry has refused it, and
// the answer to it is the one that the registry gives, to this box or to another that
// came first.
func TestActionsOfOneKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.mustCharge(w.order()).ID
	capture := till.Act{Kind: pay.KindCapture, Key: "one", Amount: 500}
	e, claims, err := w.act(id, capture)
	if err != nil || len(claims) != 1 || e.Action == nil || e.Action.Over() {
		t.Fatalf("%+v, %d claims, %v", e.Action, len(claims), err)
	}
	w.now += 1000
	before := w.snapshot()
	if e, again, err := w.act(id, capture); err != nil || len(again) != 0 || e.Action.Over() {
		t.Errorf("again: %+v, %d claims, %v", e.Action, len(again), err)
	}
	for name, other := range map[string]till.Act{
		"another amount": {Kind: pay.KindCapture, Key: "one", Amount: 501},
		"all there is":   {Kind: pay.KindCapture, Key: "one"},
		"final":          {Kind: pay.KindCapture, Key: "one", Amount: 500, Final: true},
		"a refund":       {Kind: pay.KindRefund, Key: "one", Amount: 500},
	} {
		_, again, err := w.act(id, other)
		if wantCode(t, err, pay.CodeKeyUsed); len(again) != 0 {
			t.Errorf("%s was asked for", name)
		}
	}
	for name, bad := range map[string]till.Act{
		"negative":              {Kind: pay.KindCapture, Key: "two", Amount: -1},
		"too large":             {Kind: pay.KindRefund, Key: "two", Amount: pay.AmountMax + 1},
		"an increment of 0":     {Kind: pay.KindIncrement, Key: "two", TTL: 60_000},
		"a price of 0":          {Kind: pay.KindPrice, Key: "two"},
		"no key":                {Kind: pay.KindVoid},
		"an increment for ever": {Kind: pay.KindIncrement, Key: "two", Amount: 1, TTL: pay.RequestTTLMax + 1},
	} {
		if _, made, err := w.act(id, bad); err == nil || len(made) != 0 {
			t.Errorf("%s was asked for", name)
		}
	}
	if w.snapshot() != before {
		t.Error("what was not asked for changed something")
	}

	// Refused: the key is free, also for something else.
	w.react(pay.ClaimRefused{Fact: claims[0], Reason: pay.ReasonAboveHeld})
	w.react(pay.ClaimRefused{Fact: claims[0], Reason: pay.ReasonLateCapture}) // the first answer counts
	if a := w.acted(t, id, "one"); a.Refused != pay.ReasonAboveHeld || a.Done {
		t.Errorf("%+v", a)
	}
	all := till.Act{Kind: pay.KindCapture, Key: "one"}
	_, next, err := w.act(id, all)
	if err != nil || len(next) != 1 || w.acted(t, id, "one").Over() {
		t.Fatalf("%d claims, %v", len(next), err)
	}

	// Another box was first: what became of its claim is the answer.
	first := pay.FactID{0xf1}
	w.deliver(sign(t, key(t, 3), pay.ActionKnown{Claim: next[0].ID(), First: first, Payment: id, At: w.now}))
	if w.acted(t, id, "one").Over() {
		t.Error("it is over before a decision")
	}
	offer := sign(t, key(t, 3), w.decision(w.request(id), pay.FactID(id), 1, pay.StateOffered))
	w.deliver(offer)
	d := w.decision(w.request(id), offer.ID(), 2, pay.StateCaptured)
	d.Claim = first
	w.deliver(sign(t, key(t, 3), d))
	if a := w.acted(t, id, "one"); !a.Done || a.Refused != "" {
		t.Errorf("after the decision: %+v", a)
	}
	if _, more, err := w.act(id, all); err != nil || len(more) != 0 {
		t.Errorf("what is done is asked for again: %d claims, %v", len(more), err)
	}

	// A box that lost its store gets its claim back.
	lost := newWorld(t)
	for _, f := range []pay.Fact{w.request(id), next[0]} {
		lost.facts[f.ID()] = f
		lost.react(pay.ClaimRecalled{Fact: f})
	}
	if a := lost.acted(t, id, "one"); a.Over() || a.Kind != pay.KindCapture {
		t.Errorf("recalled: %+v", a)
	}
}

// TestIncrementsAtTheBox: what came of an increment is said by its end, whoever answered,
// and its key is used up.
func TestIncrementsAtTheBox(t *testing.T) {
	t.Parallel()
	for _, reason := range []pay.Reason{"", pay.ReasonByPayer} {
		w := newWorld(t)
		id := w.mustCharge(w.order()).ID
		more := till.Act{Kind: pay.KindIncrement, Key: "more", Amount: 500, TTL: 60_000}
		_, claims, err := w.act(id, more)
		if err != nil || len(claims) != 1 {
			t.Fatalf("%d claims, %v", len(claims), err)
		}
		offer := sign(t, key(t, 3), pay.IncrementOffer{Claim: claims[0].ID(), At: w.now, More: pay.More{
			Payment: id, Merchant: "m/cafe", Amount: 500, Total: 1_750, Currency: "EUR", Expires: w.now + 60_000, HoldUntil: w.now + 100_000,
		}})
		w.deliver(offer)
		w.deliver(offer)
		if w.acted(t, id, "more").Over() {
			t.Error("it is over while the payer is asked")
		}
		w.deliver(sign(t, key(t, 3), pay.IncrementEnd{Payment: id, Offer: offer.ID(), Claim: claims[0].ID(), Answer: pay.FactID{5}, Reason: reason, At: w.now}))
		if a := w.acted(t, id, "more"); a.Done != (reason == "") || a.Ended != reason {
			t.Errorf("%q: %+v", reason, a)
		}
		more.TTL = 30_000 // how long the payer may take is no part of it
		if _, again, err := w.act(id, more); err != nil || len(again) != 0 {
			t.Errorf("%q: asked again: %d claims, %v", reason, len(again), err)
		}
	}
}
