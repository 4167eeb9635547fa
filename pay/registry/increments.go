package registry

import (
	"errors"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/rows"
)

var incrementRows = rows.New("pi/", "what more a payer was asked for on a hold, by the key of the increment",
	rows.Join(rows.ID[pay.PaymentID]("PAYMENT"), rows.Text[pay.IdempotencyKey]("KEY")), rows.CBOR[incrementRow]())

// incrementRow is an increment and what came of it. A payment has at most
// pay.IncrementsMax.
type incrementRow struct {
	Claim pay.FactID         `cbor:"1,keyasint"`
	ID    pay.FactID         `cbor:"2,keyasint"` // of the offer
	Offer pay.IncrementOffer `cbor:"3,keyasint"`
	End   pay.FactID         `cbor:"4,keyasint,omitzero"` // what was said at its end; zero: it stands
}

type askedMore struct {
	key rows.Pair[pay.PaymentID, pay.IdempotencyKey]
	incrementRow
}

// increments returns all increments of a payment, and the one that stands, if one does.
func increments(view pay.Rows, id pay.PaymentID) (all []askedMore, stands *askedMore, err error) {
	err = incrementRows.Each(view, rows.Under(incrementRows, id), func(key rows.Pair[pay.PaymentID, pay.IdempotencyKey], r incrementRow) error {
		all = append(all, askedMore{key, r})
		return nil
	})
	for i := range all {
		if all[i].End.IsZero() {
			stands = &all[i]
		}
	}
	return all, stands, err
}

// increment asks the payer of a hold for more.
func (t *turn) increment(i pay.Increment) error {
	h, free, err := t.loadUnder(i.Action)
	if err != nil || !free {
		return err
	}
	if err := t.expireIncrements(h); err != nil {
		return err
	}
	reason, err := t.mayIncrement(h, i)
	if err != nil {
		return err
	}
	if reason != "" {
		return t.refuse(reason, i.Payment, h.Wallet)
	}
	d := h.Decision
	offer := pay.IncrementOffer{Claim: t.in.Fact.ID(), At: t.now, More: pay.More{
		Payment: i.Payment, Merchant: d.Merchant, Amount: i.Amount, Total: d.SumsAfter().Held + i.Amount, Currency: d.Currency,
		Expires: min(t.now.Add(i.TTL), d.HoldUntil), HoldUntil: d.HoldUntil,
	}}
	id, err := t.publish(offer, d.Merchant, h.Wallet)
	if err != nil {
		return err
	}
	row := incrementRow{Claim: t.in.Fact.ID(), ID: id, Offer: offer}
	if err := incrementRows.Put(t.rows, rows.Key(i.Payment, i.Key), row); err != nil {
		return err
	}
	if err := t.settle(""); err != nil {
		return err
	}
	return t.rows.Wake(offer.Expires, i.Payment.Subject())
}

// mayIncrement returns why the payer is not asked for more, or "".
func (t *turn) mayIncrement(h paymentRow, i pay.Increment) (pay.Reason, error) {
	d := h.Decision
	switch held := d.SumsAfter().Held; {
	case d.State == pay.StateOffered, d.State == pay.StateApproved:
		return pay.ReasonNotHeld, nil
	case !d.Fuel.IsZero(): // the device has signed the most
		return pay.ReasonAbovePreset, nil
	case d.Acquirer != pay.AcquirerNone: // it holds what it has authorised, and no more
		return pay.ReasonHoldsNoMore, nil
	case d.State != pay.StateHeld, t.now >= d.HoldUntil:
		return pay.ReasonLateIncrement, nil
	case d.SumsAfter().Authorised()+i.Amount > pay.AmountMax:
		return pay.ReasonAboveLimit, nil
	case d.Seq >= pay.DecisionsMax:
		return pay.ReasonTooManyActions, nil
	default:
		all, stands, err := increments(t.rows, i.Payment)
		if err != nil {
			return "", err
		}
		if stands != nil {
			return pay.ReasonIncrementOpen, nil
		}
		if len(all) >= pay.IncrementsMax {
			return pay.ReasonTooManyActions, nil
		}
		above, _, err := stepUpRows.Get(t.rows, h.Wallet)
		if err != nil {
			return "", err
		}
		// What needs the payer's device is asked for with a charge: an increment has no
		// challenge.
		if d.StepUp != "" || h.Asked || above.Currency == d.Currency && held+i.Amount > above.Above {
			return pay.ReasonNeedsDevice, nil
		}
		return t.walletGone(h.Wallet)
	}
}

// answerIncrement lets the payer's wallet decide an increment.
func (t *turn) answerIncrement(a pay.IncrementAnswer) error {
	h, ok, err := t.loadPayment(a.Payment)
	if err != nil || !ok {
		return err
	}
	if err := t.expireIncrements(h); err != nil {
		return err
	}
	all, _, err := increments(t.rows, a.Payment)
	if err != nil {
		return err
	}
	for _, asked := range all {
		switch {
		case asked.ID != a.Offer:
			continue
		case !asked.End.IsZero():
			return t.refuseLate(asked, a)
		case asked.Offer.More != a.More:
			return t.refuse(pay.ReasonWrongTerms, a.Payment)
		case a.Verdict == pay.Decline:
			if err := t.settle(""); err != nil {
				return err
			}
			return t.endIncrement(asked, pay.ReasonByPayer, t.in.Fact.ID())
		default:
			return t.holdMore(h, asked, a)
		}
	}
	return t.refuse(pay.ReasonWrongTerms, a.Payment)
}

// refuseLate refuses an answer to an increment that has ended.
func (t *turn) refuseLate(asked askedMore, a pay.IncrementAnswer) error {
	end, ok, err := fact[pay.IncrementEnd](t.rows, asked.End)
	switch {
	case err != nil:
		return err
	case ok && end.Answer == t.in.Fact.ID():
		return nil
	case ok && end.Answer.IsZero():
		return t.refuse(pay.ReasonLateAnswer, a.Payment, asked.Offer.Merchant)
	default:
		return t.refuse(pay.ReasonAlreadyDecided, a.Payment)
	}
}

// holdMore follows an approval of an increment. A box that was revoked since it asked
// gets no more.
func (t *turn) holdMore(h paymentRow, asked askedMore, a pay.IncrementAnswer) error {
	answer := t.in.Fact.ID()
	claim, _, err := t.rows.Fact(asked.Claim)
	if err != nil {
		return err
	}
	revoked, err := t.boxGone(claim.Signer())
	if err != nil {
		return err
	}
	if revoked {
		return errors.Join(t.endIncrement(asked, pay.ReasonNodeRevoked, answer), t.settle(""))
	}
	moved := pay.Sums{Held: a.Amount}
	hold, err := t.post(&h, moved)
	reason := pay.Reason("")
	switch {
	case errors.Is(err, book.ErrInsufficient):
		reason = pay.ReasonInsufficientFunds
	case errors.Is(err, book.ErrFull), errors.Is(err, pay.ErrOverflow):
		reason = pay.ReasonAccountFull
	case err != nil:
		return err
	}
	if err := t.endIncrement(asked, reason, answer); err != nil {
		return err
	}
	if reason != "" {
		return t.settle("")
	}
	return t.decide(&h, verdict{state: pay.StateHeld, claim: answer, by: a.By, moved: moved, hold: hold})
}

// endIncrement states what came of an increment, to both; "": more is held.
func (t *turn) endIncrement(asked askedMore, reason pay.Reason, answer pay.FactID) error {
	h, _, err := paymentRows.Get(t.rows, asked.key.First)
	if err != nil {
		return err
	}
	end := pay.IncrementEnd{Payment: asked.key.First, Offer: asked.ID, Claim: asked.Claim, Answer: answer, Reason: reason, At: t.now}
	asked.End, err = t.publish(end, asked.Offer.Merchant, h.Wallet)
	if err != nil {
		return err
	}
	return incrementRows.Put(t.rows, asked.key, asked.incrementRow)
}

// endIncrements ends the increment of a hold that stands, if one does.
func (t *turn) endIncrements(h paymentRow, reason pay.Reason) error {
	_, stands, err := increments(t.rows, h.Decision.Payment)
	if err != nil || stands == nil {
		return err
	}
	return t.endIncrement(*stands, reason, pay.FactID{})
}

// expireIncrements ends the increment of a hold whose time is up, if there is one.
func (t *turn) expireIncrements(h paymentRow) error {
	if !h.Decision.IsHold() {
		return nil
	}
	_, stands, err := increments(t.rows, h.Decision.Payment)
	if err != nil || stands == nil {
		return err
	}
	if o := stands.Offer; t.now < o.Expires && !ahead(o.At, t.now) {
		return nil
	}
	return t.endIncrement(*stands, pay.ReasonNoAnswer, pay.FactID{})
}
