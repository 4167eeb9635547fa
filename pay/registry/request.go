package registry

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// request opens a payment: it finds out who is asked, or decides why nobody is.
func (t *turn) request(req pay.Opening) error {
	id := pay.PaymentID(t.in.Fact.ID())
	if known, err := paymentRows.Has(t.rows, id); known || err != nil {
		return err
	}
	if req.Later {
		if known, err := laterRows.Has(t.rows, id); known || err != nil {
			return err
		}
	}
	if reason := t.mayAsk(req); reason != "" {
		return t.refuse(reason, id)
	}
	if free, err := t.keyFree(req); err != nil || !free {
		return err
	}
	amount, reason, err := t.amountOf(req)
	if err != nil {
		return err
	}
	if reason != "" {
		return t.refuse(reason, id)
	}
	if err := keyRows.Put(t.rows, rows.Key(req.Merchant, req.Key), id); err != nil {
		return err
	}
	opened := t.now.Add(-min(max(t.in.Age, 0), pay.RequestTTLMax))
	switch {
	case req.Later:
		return t.leaveOpen(req, opened)
	case req.Bill:
		req.Amount = amount
		if err := t.useBill(req); err != nil {
			return err
		}
	}
	h := t.newPayment(req, t.in.Fact, opened, opened)
	return t.openPayment(&h, req)
}

// newPayment returns a payment as it is before its first decision: its box heard the
// code at a moment, and its offer stands for as long as the request says, from another
// one on.
func (t *turn) newPayment(req pay.Opening, request pay.Fact, heard, opened pay.Time) paymentRow {
	tagged := req
	if req.Later || req.Bill {
		tagged.Amount = 0
	}
	secret := t.secretOf(req.Merchant)
	h := paymentRow{Box: request.Signer(), Heard: heard, Decision: pay.Decision{
		Payment: pay.PaymentID(request.ID()), Key: secret.Key(req.Key), Order: secret.Order(tagged),
		Terms: pay.Terms{
			Merchant: req.Merchant, MerchantName: t.from.MerchantName, Site: req.Site, Amount: req.Amount, Currency: req.Currency,
			Handle: req.Handle, Ref: req.Ref, Expires: opened.Add(req.TTL), Test: true,
			Evidence: req.Evidence, Certain: req.Certain, Excess: req.Excess, Fuel: req.Fuel, TipMax: req.TipMax,
		},
	}}
	if req.Hold != 0 {
		h.Decision.HoldUntil = t.now.Add(req.Hold)
	}
	return h
}

// mayAsk returns why this box may not make this request, or "".
func (t *turn) mayAsk(req pay.Opening) pay.Reason {
	switch {
	case req.Merchant != t.from.Scope || req.Site != t.from.Site:
		return pay.ReasonWrongScope
	case req.Currency != t.currency:
		return pay.ReasonWrongCurrency
	case !req.Fuel.IsZero() && t.from.Class != pay.ClassFuel:
		return pay.ReasonWrongClass
	default:
		return ""
	}
}

// openPayment makes the first decision. A request that travels with its own
// cancel was withdrawn before it left the box, which already shows it so: that
// comes first, and no wallet hears of it.
func (t *turn) openPayment(h *paymentRow, req pay.Opening) error {
	request := pay.FactID(h.Decision.Payment)
	if cancel, ok := t.withdrawn(); ok {
		return t.decide(h, verdict{state: pay.StateCancelled, reason: pay.ReasonByMerchant, claim: cancel})
	}
	if t.now >= h.Decision.Expires {
		return t.decide(h, verdict{state: pay.StateExpired, reason: pay.ReasonOverAge, claim: request})
	}
	found, outOfStep, err := t.resolve(req.Code, h.Heard)
	switch {
	case err != nil:
		return err
	case len(found) > 1:
		return t.decide(h, verdict{state: pay.StateAmbiguous, claim: request})
	case len(found) == 0 && outOfStep:
		return t.decide(h, verdict{state: pay.StateUnmatched, reason: pay.ReasonOutOfStep, claim: request})
	case len(found) == 0:
		return t.decide(h, verdict{state: pay.StateUnmatched, reason: pay.ReasonUnknownCode, claim: request})
	}
	return t.offer(h, found[0], req.TwoChannel)
}

// withdrawn returns the cancel of this very request that travels with it.
func (t *turn) withdrawn() (pay.FactID, bool) {
	for _, f := range t.in.With {
		if f.Kind() != pay.KindCancel || f.Signer() != t.in.Fact.Signer() {
			continue
		}
		if c, err := pay.As[pay.Cancel](f); err == nil && c.Payment == pay.PaymentID(t.in.Fact.ID()) {
			return f.ID(), true
		}
	}
	return pay.FactID{}, false
}

// verdict is what one decision adds to the terms.
type verdict struct {
	state  pay.State
	reason pay.Reason
	claim  pay.FactID // zero: the clock decided
	by     pay.Rule
	tip    pay.Amount   // that the payer's answer gives
	moved  pay.Sums     // how the sums change
	hold   book.Hold    // what the book holds then, if they do
	given  pay.Delivery // of fuel, with its capture
	why    string       // of the operator, who settled it
}

// decide signs the next decision of a payment, stores where the payment stands
// now, and publishes the decision to the merchant and, once somebody was asked,
// to the wallet: the same bytes to both. When the clock may decide next, it is
// asked to.
func (t *turn) decide(h *paymentRow, v verdict) error {
	before := h.payment()
	d := h.Decision
	d.Prev, d.Seq, d.At = before.LastID, before.Seq+1, t.now
	d.At = max(d.At, h.Decision.At) // a clock that was ahead may have dated the one before
	d.State, d.Reason, d.Claim, d.By = v.state, v.reason, v.claim, v.by
	if v.tip != 0 {
		d.Tip = v.tip
	}
	d.Why = v.why
	if !v.given.IsZero() {
		d.Delivery = v.given
	}
	if before.Seq > 0 {
		d.Key, d.Order = pay.KeyTag{}, pay.OrderTag{} // they stand in the first
	}
	var err error
	if d.Sums, err = before.Sums().Plus(v.moved); err != nil {
		panic("registry: internal error: " + err.Error())
	}
	scopes := []pay.Scope{d.Merchant}
	if h.Wallet != "" {
		scopes = append(scopes, h.Wallet)
	}
	id, err := t.publish(d, scopes...)
	if err != nil {
		return fmt.Errorf("decide on payment %s: %w", d.Payment.Short(), err)
	}
	after, err := before.Next(id, d)
	if err != nil {
		panic("registry: internal error: " + err.Error())
	}
	assertMoved(before, after, v)
	if err := t.freeMandate(h.Decision, d); err != nil {
		return err
	}
	h.Last, h.Decision = id, d
	if err := paymentRows.Put(t.rows, d.Payment, *h); err != nil {
		return err
	}
	if before.State == pay.StateHeld && d.State != pay.StateHeld {
		if err := t.endIncrements(*h, pay.ReasonAlreadyDecided); err != nil {
			return err
		}
	}
	if _, at, ok := d.ByClock(); ok {
		return t.rows.Wake(at, d.Payment.Subject())
	}
	return nil
}

// assertMoved keeps I3, I6 and I8 for one decision, whose arrow is checked: the
// payment moved by one, to a state that this registry knows, and the book holds
// the sums that the decision states.
func assertMoved(before, after pay.Payment, v verdict) {
	if after.Seq != before.Seq+1 || after.State != v.state || after.NotUnderstood {
		panic("registry: internal error: a decision did not move its payment by one")
	}
	if after.Sums() != before.Sums() && v.hold.Sums() != after.Sums() {
		panic("registry: internal error: the book has other sums than the decision on payment " + after.ID.Short())
	}
}
