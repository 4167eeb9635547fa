package registry

import (
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
)

// answer lets a wallet's word decide an offer.
func (t *turn) answer() error {
	a, err := pay.As[pay.Answer](t.in.Fact)
	if err != nil {
		return err
	}
	h, ok, err := t.payment(a.Payment)
	switch {
	case err != nil:
		return err
	case !ok:
		return t.refuse(pay.ReasonUnknownPayment, a.Payment)
	case h.Wallet != t.from.Scope:
		return t.refuse(pay.ReasonWrongScope, a.Payment)
	case h.Decision.Claim == t.in.Fact.ID():
		return nil // it decided this payment already
	}
	if err := t.expire(&h); err != nil {
		return err
	}
	switch {
	case h.Decision.State == pay.StateExpired || h.Decision.State == pay.StateCancelled:
		return t.refuse(pay.ReasonLateAnswer, a.Payment, h.Decision.Merchant)
	case h.Decision.State != pay.StateOffered:
		return t.refuse(pay.ReasonAlreadyDecided, a.Payment)
	case !covers(a, h):
		return t.refuse(pay.ReasonWrongTerms, a.Payment)
	}
	reason, err := t.checkCode(a, h)
	if err != nil {
		return err
	}
	if reason != "" {
		return t.refuse(reason, a.Payment)
	}
	if a.Verdict == pay.Approve || a.By != pay.ByHand {
		if err := t.forgetPrompt(h.Wallet, h.Box, a.Payment); err != nil {
			return err
		}
	}
	v := verdict{state: pay.StateDeclined, reason: pay.ReasonByPayer, claim: t.in.Fact.ID(), by: a.By}
	if a.Verdict == pay.Approve {
		if v, err = t.capture(h, v); err != nil {
			return err
		}
	}
	return t.decide(&h, v)
}

// covers says whether an answer speaks of exactly the offer that stands.
func covers(a pay.Answer, h head) bool {
	d := h.Decision
	return a.Offer == h.Last && a.Payment == d.Payment && a.Merchant == d.Merchant &&
		a.Amount == d.Amount && a.Currency == d.Currency && a.Expires == d.Expires
}

// capture moves the money of an approved offer, in the same transaction as the
// decision that says so. A box that was revoked since it asked charges no more.
func (t *turn) capture(h head, v verdict) (verdict, error) {
	d := h.Decision
	box, ok, err := memberRows.Get(t.rows, h.Box)
	if err != nil {
		return v, err
	}
	if !ok || box.Status.Revoked {
		v.state, v.reason = pay.StateFailed, pay.ReasonNodeRevoked
		return v, nil
	}
	carried, err := t.carriedSince(h)
	if err != nil {
		return v, err
	}
	if carried {
		v.state, v.reason = pay.StateFailed, pay.ReasonCodeElsewhere
		return v, nil
	}
	err = book.Pay(t.rows, book.Payment{ID: d.Payment, From: h.Wallet, To: d.Merchant, Amount: d.Amount, Currency: d.Currency})
	switch {
	case errors.Is(err, book.ErrInsufficient):
		v.state, v.reason = pay.StateFailed, pay.ReasonInsufficientFunds
		return v, nil
	case errors.Is(err, book.ErrFull), errors.Is(err, pay.ErrOverflow):
		v.state, v.reason = pay.StateFailed, pay.ReasonAccountFull
		return v, nil
	case err != nil:
		return v, err
	}
	v.state, v.reason = pay.StateCaptured, ""
	if d.Method() == pay.MethodTwoChannel {
		if err := t.proven(h); err != nil {
			return v, err
		}
	}
	if h.Learn {
		err = t.learnDrift(h)
	}
	return v, err
}

// cancel withdraws a payment that nobody approved yet. Only the box that made
// the request may.
func (t *turn) cancel() error {
	c, err := pay.As[pay.Cancel](t.in.Fact)
	if err != nil {
		return err
	}
	h, ok, err := t.payment(c.Payment)
	switch {
	case err != nil:
		return err
	case !ok:
		return t.refuse(pay.ReasonUnknownPayment, c.Payment)
	case h.Box != t.in.Fact.Signer():
		return t.refuse(pay.ReasonWrongScope, c.Payment)
	}
	if err := t.expire(&h); err != nil {
		return err
	}
	switch h.Decision.State {
	case pay.StateOffered:
		return t.decide(&h, verdict{state: pay.StateCancelled, reason: pay.ReasonByMerchant, claim: t.in.Fact.ID()})
	case pay.StateCancelled:
		return nil // cancelled already, by this claim or another
	default:
		return t.refuse(pay.ReasonLateCancel, c.Payment, h.Wallet)
	}
}

// due ends an offer whose time is up.
func (t *turn) due(subject pay.Subject) error {
	id, ok := subject.Payment()
	if !ok {
		return fmt.Errorf("no feature of this registry has deadlines of kind %c", subject.Kind)
	}
	h, ok, err := t.payment(id)
	if err != nil || !ok || h.Decision.State != pay.StateOffered {
		return err
	}
	if t.now < h.Decision.Expires {
		return t.rows.Wake(h.Decision.Expires, subject)
	}
	return t.expire(&h)
}

// expire ends an offer that nobody answered in time and leaves everything else
// alone. Deadlines run before claims, so a claim seldom finds one to end.
func (t *turn) expire(h *head) error {
	if h.Decision.State != pay.StateOffered || t.now < h.Decision.Expires {
		return nil
	}
	return t.decide(h, verdict{state: pay.StateExpired, reason: pay.ReasonNoAnswer})
}

func (t *turn) payment(id pay.PaymentID) (head, bool, error) {
	return paymentRows.Get(t.rows, id)
}
