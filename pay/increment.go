package pay

import "fmt"

// An increment asks the payer of a hold for more, on the same payment.
//
//	box -----increment--------> registry --increment-offer--> both     by how much, and the total
//	wallet --increment-answer-> registry --held-------------> both     approved: more is held
//	                                     --increment-end----> both     whatever came of it
//
// The offer is no decision: while it stands, and if it comes to nothing, the hold is as
// it was. Only an approval over the same amounts, in time, makes more of it.

// Increment is a claim that asks the payer to let Amount more be held.
type Increment struct {
	Action
	TTL Millis `cbor:"6,keyasint"` // how long the payer may take
}

// Kind returns KindIncrement.
func (Increment) Kind() Kind { return KindIncrement }

// Check returns nil when every field is within its bounds.
func (i Increment) Check() error {
	if i.Final {
		return fmt.Errorf("an increment is not final")
	}
	if i.TTL < RequestTTLMin || i.TTL > RequestTTLMax {
		return fmt.Errorf("ttl of %v is outside %v..%v", i.TTL.Std(), RequestTTLMin.Std(), RequestTTLMax.Std())
	}
	return firstError(i.Amount.CheckPayable(), i.check())
}

// More is what a payer is asked on a hold: the same in the offer and in the answer.
type More struct {
	Payment   PaymentID `cbor:"1,keyasint"`
	Merchant  Scope     `cbor:"2,keyasint"`
	Amount    Amount    `cbor:"3,keyasint"` // more than now
	Total     Amount    `cbor:"4,keyasint"` // of the hold then
	Currency  Currency  `cbor:"5,keyasint"`
	Expires   Time      `cbor:"6,keyasint"` // of this offer
	HoldUntil Time      `cbor:"7,keyasint"` // as before
}

func (m More) check() error {
	if m.Payment.IsZero() {
		return fmt.Errorf("names no payment")
	}
	if m.Amount >= m.Total {
		return fmt.Errorf("%d more make no total of %d", m.Amount, m.Total)
	}
	return firstError(m.Merchant.check("m/"), m.Amount.CheckPayable(), m.Total.CheckPayable(), m.Currency.Check(), m.Expires.check(), m.HoldUntil.check())
}

// IncrementOffer is the registry's statement that a payer is asked for more.
type IncrementOffer struct {
	More
	Claim FactID `cbor:"8,keyasint"` // the increment
	At    Time   `cbor:"9,keyasint"`
}

// Kind returns KindIncrementOffer.
func (IncrementOffer) Kind() Kind { return KindIncrementOffer }

// Check returns nil when every field is within its bounds.
func (o IncrementOffer) Check() error {
	if o.Claim.IsZero() {
		return fmt.Errorf("nobody asks for it")
	}
	return firstError(o.check(), o.At.check())
}

// IncrementAnswer is a wallet's claim that an increment is approved or declined. It
// repeats what was shown.
type IncrementAnswer struct {
	More
	Offer   FactID  `cbor:"8,keyasint"`
	Verdict Verdict `cbor:"9,keyasint"`
	By      Rule    `cbor:"10,keyasint"`
	Created Time    `cbor:"11,keyasint"`
}

// Kind returns KindIncrementAnswer.
func (IncrementAnswer) Kind() Kind { return KindIncrementAnswer }

// Check returns nil when every field is within its bounds.
func (a IncrementAnswer) Check() error {
	switch {
	case a.Verdict != Approve && a.Verdict != Decline:
		return fmt.Errorf("verdict %q is neither approve nor decline", string(a.Verdict))
	case a.By == "":
		return fmt.Errorf("an answer names who gave it")
	case a.Offer.IsZero():
		return fmt.Errorf("an answer names no offer")
	}
	return firstError(a.check(), checkText("rule", string(a.By), RuleBytesMax), a.Created.check())
}

// IncrementEnd is the registry's statement on what came of an increment: more is held,
// by the decision that comes with it, or the hold stays as it is for a reason.
type IncrementEnd struct {
	Payment PaymentID `cbor:"1,keyasint"`
	Offer   FactID    `cbor:"2,keyasint"`
	Claim   FactID    `cbor:"3,keyasint"`           // the increment
	Answer  FactID    `cbor:"4,keyasint"`           // zero: nobody answered
	Reason  Reason    `cbor:"5,keyasint,omitempty"` // "": more is held
	At      Time      `cbor:"6,keyasint"`
}

// Kind returns KindIncrementEnd.
func (IncrementEnd) Kind() Kind { return KindIncrementEnd }

// Check returns nil when every field is within its bounds.
func (e IncrementEnd) Check() error {
	if e.Payment.IsZero() || e.Offer.IsZero() || e.Claim.IsZero() {
		return fmt.Errorf("no increment is named")
	}
	if e.Reason == "" && e.Answer.IsZero() {
		return fmt.Errorf("more is held, and nobody approved it")
	}
	return firstError(e.At.check(), checkText("reason", string(e.Reason), reasonBytesMax))
}
