package registry

import (
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// holds is what a merchant does about money that is authorised: captures, voids,
// refunds and increments. A claim is followed once under its key. Which key stands for what follows
// from the payment's decisions and the claims that they name; no row says it again.
//
//	capture, void, refund -> decision, to both
//	increment             -> increment-offer, and after the answer increment-end, to both
//	the same under a key  -> action-known, to the merchant
//	what cannot be        -> refusal, to both
var holds = feature{
	name: "holds",
	claims: map[pay.Kind]rule{
		pay.KindCapture: claimOf(func(t *turn, c pay.Capture) error { return t.act(c.Action) }),
		pay.KindVoid:    claimOf(func(t *turn, v pay.Void) error { return t.act(v.Action) }),
		pay.KindRefund:  claimOf(func(t *turn, r pay.Refund) error { return t.act(r.Action) }),

		pay.KindIncrement:       claimOf((*turn).increment),
		pay.KindIncrementAnswer: claimOf((*turn).answerIncrement),
	},
	publishes: []pay.Kind{pay.KindActionKnown, pay.KindIncrementOffer, pay.KindIncrementEnd},
	audit:     inspectHolds,
	spaces:    rows.Spaces{incrementRows.Space},
}

// act follows a claim of the merchant on a payment that is authorised.
func (t *turn) act(a pay.Action) error {
	h, free, err := t.loadUnder(a)
	if err != nil || !free {
		return err
	}
	if flight, flying, err := t.flight(h); flying || err != nil {
		if err != nil || flight.Claim == t.in.Fact.ID() {
			return err
		}
		return t.refuse(pay.ReasonInFlight, a.Payment)
	}
	switch kind := t.in.Fact.Kind(); {
	case kind == pay.KindVoid && h.Decision.State == pay.StateVoided && h.Decision.Reason != pay.ReasonSettled:
		return t.knowAction(a, h.Decision.Claim)
	case h.Decision.Seq >= pay.DecisionsMax:
		return t.refuse(pay.ReasonTooManyActions, a.Payment, h.Wallet)
	}
	moved, reason := moves(t.in.Fact.Kind(), a, h.Decision, t.now.Add(-max(t.in.Age, 0)))
	if reason == "" {
		reason = notGiven(t.in.Fact.Kind(), a, h.Decision.Fuel, h.Decision.Capturable())
	}
	if reason != "" {
		return t.refuse(reason, a.Payment, h.Wallet)
	}
	switch {
	case h.Decision.Acquirer == pay.AcquirerNone:
		return t.move(&h, moved, t.in.Fact)
	case h.Auth.IsZero(): // the operator says that it is paid, and the acquirer never did
		return t.refuse(pay.ReasonSettled, a.Payment, h.Wallet)
	default:
		return t.moveByAcquirer(h, moved)
	}
}

// loadUnder returns where the payment of an action stands; free is false when there is
// nothing to do, because the claim was refused or its key was used.
func (t *turn) loadUnder(a pay.Action) (h paymentRow, free bool, err error) {
	h, ok, err := t.loadPayment(a.Payment)
	if err != nil || !ok {
		return h, false, err
	}
	first, known, err := t.actedUnder(h, a.Key)
	switch {
	case err != nil || !known:
		return h, err == nil, err
	case first.id == t.in.Fact.ID():
		return h, false, nil
	case first.kind == t.in.Fact.Kind() && first.Same(a):
		return h, false, t.knowAction(a, first.id)
	default:
		return h, false, t.refuse(pay.ReasonKeyUsed, a.Payment)
	}
}

// move posts how an action of the merchant changes the sums of a payment, and decides
// what follows; or it refuses the action, where an account does not cover it.
func (t *turn) move(h *paymentRow, moved pay.Sums, action pay.Fact) (err error) {
	return t.moveSaying(h, moved, action, "")
}

// moveSaying is move for an action that the operator settled, who says why.
func (t *turn) moveSaying(h *paymentRow, moved pay.Sums, action pay.Fact, why string) (err error) {
	d, kind := h.Decision, action.Kind()
	hold, err := t.post(h, moved)
	switch {
	case errors.Is(err, book.ErrInsufficient):
		return t.refuse(pay.ReasonInsufficientFunds, d.Payment, h.Wallet)
	case errors.Is(err, book.ErrFull), errors.Is(err, pay.ErrOverflow):
		return t.refuse(pay.ReasonAccountFull, d.Payment, h.Wallet)
	case err != nil:
		return err
	}
	to, ok := h.payment().After(kind, hold.Sums())
	if !ok {
		panic("registry: internal error: no arrow for a " + string(kind) + " of payment " + d.Payment.Short())
	}
	v := verdict{state: to, claim: action.ID(), by: d.By, moved: moved, hold: hold, why: why}
	if a, ok := pay.ActionOf(action); ok && kind == pay.KindCapture {
		v.given = a.Delivery
	}
	if to == pay.StateVoided {
		v.reason = pay.ReasonByMerchant
	}
	return t.decide(h, v)
}

// post posts how the sums of a payment change, and keeps and returns its hold. It fails
// as book.Change does.
func (t *turn) post(h *paymentRow, moved pay.Sums) (book.Hold, error) {
	id := h.Decision.Payment
	before, own, _, err := holdOf(t.rows, id, *h)
	if err != nil {
		return before, err
	}
	after, err := book.Change(t.rows, h.money(), before, moved)
	if err != nil {
		return before, err
	}
	if own { // of a store before format 5
		return after, book.KeepHold(t.rows, id, after)
	}
	h.Hold = after
	return after, nil
}

// payer owns the account that pays: the payer's wallet, or who stands for the acquirer.
func (h paymentRow) payer() pay.Scope {
	if a := h.Decision.Acquirer; a != pay.AcquirerNone {
		return book.HouseOf(a)
	}
	return h.Wallet
}

// money is the money side of a payment in the book.
func (h paymentRow) money() book.Payment {
	d := h.Decision
	return book.Payment{ID: d.Payment, From: h.payer(), To: d.Merchant, Amount: d.Amount, Currency: d.Currency}
}

// moves returns how an action changes the sums of a payment whose last decision is d,
// or why it cannot. stored is when its box stored it: what a box says of that is
// believed for pay.CaptureGrace and no longer, because then nothing is held any more.
func moves(kind pay.Kind, a pay.Action, d pay.Decision, stored pay.Time) (moved pay.Sums, reason pay.Reason) {
	sums := d.SumsAfter()
	early := d.State == pay.StateOffered || d.State == pay.StateApproved
	// An acquirer captures once, and releases the rest with that.
	// Fuel is given once.
	final := a.Final || d.Acquirer != pay.AcquirerNone || !d.Fuel.IsZero()
	switch kind {
	case pay.KindCapture:
		n := a.Amount
		if n == 0 { // the payer's tip is no amount that nobody states
			n, final = sums.Held-d.TipHeld(), true
		}
		switch {
		case early:
			return moved, pay.ReasonNotHeld
		case sums.Held == 0, stored >= d.HoldUntil:
			return moved, pay.ReasonLateCapture
		case n == 0:
			return moved, pay.ReasonOnlyTipHeld
		case n > sums.Held:
			return moved, pay.ReasonAboveHeld
		}
		moved = pay.Sums{Held: -n, Captured: n}
		if final {
			moved.Held, moved.Released = -sums.Held, sums.Held-n
		}
		return moved, ""
	case pay.KindVoid:
		switch {
		case early:
			return moved, pay.ReasonNotHeld
		case sums.Held == 0:
			return moved, pay.ReasonLateVoid
		}
		return pay.Sums{Held: -sums.Held, Released: sums.Held}, ""
	default: // a refund
		left := sums.Captured - sums.Refunded
		n := a.Amount
		if n == 0 {
			n = left
		}
		switch {
		case sums.Captured == 0:
			return moved, pay.ReasonNotCaptured
		case n > left, n == 0:
			return moved, pay.ReasonAboveCaptured
		}
		return pay.Sums{Refunded: n}, ""
	}
}

// acted is an action that was followed.
type acted struct {
	id   pay.FactID
	kind pay.Kind
	pay.Action
}

// actedUnder returns the action that was followed under a key of a payment, and
// whether one was. A payment has at most pay.DecisionsMax decisions.
func (t *turn) actedUnder(h paymentRow, key pay.IdempotencyKey) (first acted, known bool, err error) {
	asked, known, err := incrementRows.Get(t.rows, rows.Key(h.Decision.Payment, key))
	if err != nil {
		return first, false, err
	}
	if known {
		f, ok, err := t.rows.Fact(asked.Claim)
		a, is := pay.ActionOf(f)
		return acted{f.ID(), f.Kind(), a}, ok && is, err
	}
	for d := h.Decision; d.Seq > 1; {
		f, ok, err := t.rows.Fact(d.Claim)
		if err != nil {
			return first, false, err
		}
		if a, is := pay.ActionOf(f); ok && is && a.Key == key {
			return acted{f.ID(), f.Kind(), a}, true, nil
		}
		if d, ok, err = fact[pay.Decision](t.rows, d.Prev); err != nil || !ok {
			return first, false, errors.Join(err, missing(ok, h.Decision.Payment))
		}
	}
	return first, false, nil
}

// missing is the error for a decision that another one names and that is not there.
func missing(there bool, id pay.PaymentID) error {
	if there {
		return nil
	}
	return fmt.Errorf("a decision on payment %s is named and missing", id.Short())
}

// knowAction states that the action at hand asks for what another one had asked for.
func (t *turn) knowAction(a pay.Action, first pay.FactID) error {
	if _, err := t.publish(pay.ActionKnown{Claim: t.in.Fact.ID(), First: first, Payment: a.Payment, At: t.now}, t.from.Scope); err != nil {
		return err
	}
	return t.settle("")
}
