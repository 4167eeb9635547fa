package pay

import "fmt"

// A hold: what the payer approved is set aside for the merchant, who captures it
// later, all or parts of it, or gives it up. After a capture the merchant may refund.
//
//	box ----must-request---> registry --offered--> wallet     until when it is held
//	wallet ---answer-------> registry --held-----> both       the answer repeats it
//	any box of the merchant:
//	    ----capture--------> registry --captured-> both       an amount, or all that is held
//	    ----void-----------> registry --voided---> both       all that is held
//	    ----refund---------> registry --refunded-> both       an amount, or all that was captured
//
// Each of these claims has a key, which belongs to the payment: a registry follows one
// claim under one key, and tells a box that repeats it which that was (action-known).
// What cannot be followed is refused, and both parties see the refusal.

// CheckHold returns nil when an amount may be held for so long after an offer that
// stands for ttl.
func CheckHold(hold, ttl Millis) error {
	if hold < max(HoldMin, ttl) || hold > HoldMax {
		return fmt.Errorf("a hold of %v is outside %v..%v", hold.Std(), max(HoldMin, ttl).Std(), HoldMax.Std())
	}
	return nil
}

// Action is a merchant's claim on a payment that is authorised. Any box of the merchant
// may sign it.
type Action struct {
	Payment PaymentID      `cbor:"1,keyasint"`
	Key     IdempotencyKey `cbor:"2,keyasint"` // of the payment's own
	// Amount is what is captured or refunded; 0 is all that can be when the registry
	// decides.
	Amount Amount `cbor:"3,keyasint,omitempty"`
	// Final gives what is still held back to the payer, with the capture.
	Final   bool `cbor:"4,keyasint,omitempty"`
	Created Time `cbor:"5,keyasint"`
	// Delivery is what the pump gave, with the capture or the price of fuel.
	Delivery Delivery `cbor:"66,keyasint,omitzero"`
}

// Same reports whether two actions of one kind ask for the same.
func (a Action) Same(o Action) bool {
	return a.Amount == o.Amount && a.Final == o.Final && a.Delivery == o.Delivery
}

func (a Action) check() error {
	if a.Payment.IsZero() {
		return fmt.Errorf("names no payment")
	}
	if a.Amount != 0 {
		if err := a.Amount.CheckPayable(); err != nil {
			return err
		}
	}
	if !a.Delivery.IsZero() {
		if err := a.Delivery.Check(); err != nil {
			return err
		}
	}
	return firstError(a.Key.Check(), a.Created.check())
}

// Capture is a claim that takes Amount out of what is held.
type Capture struct{ Action }

// Kind returns KindCapture.
func (Capture) Kind() Kind { return KindCapture }

// Check returns nil when every field is within its bounds.
func (c Capture) Check() error { return c.check() }

// Void is a claim that gives all that is held back to the payer.
type Void struct{ Action }

// Kind returns KindVoid.
func (Void) Kind() Kind { return KindVoid }

// Check returns nil when every field is within its bounds.
func (v Void) Check() error {
	if v.Amount != 0 || v.Final || !v.Delivery.IsZero() {
		return fmt.Errorf("a void is of all that is held")
	}
	return v.check()
}

// Refund is a claim that gives Amount of what was captured back to the payer.
type Refund struct{ Action }

// Kind returns KindRefund.
func (Refund) Kind() Kind { return KindRefund }

// Check returns nil when every field is within its bounds.
func (r Refund) Check() error {
	if r.Final || !r.Delivery.IsZero() {
		return fmt.Errorf("a refund is not final, and of no delivery")
	}
	return r.check()
}

// ActionOf returns what an action of any kind asks for; ok is false for facts of other
// kinds.
func ActionOf(f Fact) (a Action, ok bool) {
	switch f.Kind() {
	case KindCapture:
		c, err := As[Capture](f)
		return c.Action, err == nil
	case KindVoid:
		v, err := As[Void](f)
		return v.Action, err == nil
	case KindRefund:
		r, err := As[Refund](f)
		return r.Action, err == nil
	case KindPrice:
		p, err := As[Price](f)
		return p.Action, err == nil
	case KindIncrement:
		i, err := As[Increment](f)
		return i.Action, err == nil
	default:
		return Action{}, false
	}
}

// ActionKnown is the registry's statement that a claim asks for what another one under
// its key had asked for before: what became of that one is the answer to both.
type ActionKnown struct {
	Claim   FactID    `cbor:"1,keyasint"` // that came later
	First   FactID    `cbor:"2,keyasint"` // that was followed
	Payment PaymentID `cbor:"3,keyasint"`
	At      Time      `cbor:"4,keyasint"`
}

// Kind returns KindActionKnown.
func (ActionKnown) Kind() Kind { return KindActionKnown }

// Check returns nil when every field is within its bounds.
func (k ActionKnown) Check() error {
	if k.Claim.IsZero() || k.First.IsZero() || k.Claim == k.First || k.Payment.IsZero() {
		return fmt.Errorf("no two claims on one payment are named")
	}
	return k.At.check()
}
