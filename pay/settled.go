package pay

import "fmt"

// A payment that nobody else can close is closed by the registry's operator: an acquirer
// never answers or is not called any more, or a deadline of it fails for ever. The
// operator states what became of the money, and why that is known; both parties see it.
//
//	operator --settled--> both, and the decision that follows from it

// SettledAs is what the operator states of a payment, or of a call about it.
type SettledAs string

// What a payment can be settled as. The last two are of a refund that an acquirer was
// asked for.
const (
	SettledPaid        SettledAs = "paid"
	SettledNotPaid     SettledAs = "not_paid"
	SettledRefunded    SettledAs = "refunded"
	SettledNotRefunded SettledAs = "not_refunded"
)

// ByOperator is shown in the place of who answered, where the operator settled a payment.
const ByOperator Rule = "operator"

// Settled is the registry's statement that its operator settled a payment.
type Settled struct {
	Payment PaymentID `cbor:"1,keyasint"`
	// Of is what is settled: the claim whose call to an acquirer has no answer, or where
	// there is none the last decision.
	Of FactID `cbor:"2,keyasint"`
	// Verb is that call: authorise, capture, void or refund; "" for none.
	Verb    string    `cbor:"3,keyasint,omitempty"`
	Outcome SettledAs `cbor:"4,keyasint"`
	Why     string    `cbor:"5,keyasint"`
	At      Time      `cbor:"6,keyasint"`
}

// Kind returns KindSettled.
func (Settled) Kind() Kind { return KindSettled }

func (s Settled) signedAt() Time { return s.At }

// Check returns nil when every field is within its bounds.
func (s Settled) Check() error {
	if s.Payment.IsZero() || s.Of.IsZero() || s.Why == "" {
		return fmt.Errorf("what is settled names no payment, or does not say why")
	}
	return firstError(s.Outcome.check(), checkText("verb", s.Verb, verbBytesMax), checkText("why", s.Why, WhyBytesMax), s.At.check())
}

func (o SettledAs) check() error {
	switch o {
	case SettledPaid, SettledNotPaid, SettledRefunded, SettledNotRefunded:
		return nil
	default:
		return fmt.Errorf("%q is nothing that a payment can be settled as", string(o))
	}
}

// Shown returns who answered and why it ended without money moving, in every view: where
// the operator settled the payment, the operator and what that says.
func (d Decision) Shown() (by Rule, why Reason) {
	if d.Why != "" {
		return ByOperator, Reason(d.Why)
	}
	return d.By, d.Reason
}

// mayBeSettled reports whether a decision by this arrow bears the operator's word, or
// must: an action of the merchant that an acquirer was asked for is followed as well.
func (a *Arrow) mayBeSettled(d Decision) bool {
	switch a.Claim {
	case KindSettled:
		return d.Why != ""
	case KindCapture, KindVoid, KindRefund:
		return d.Why == "" || d.Acquirer != AcquirerNone && d.Reason != ReasonSettled
	default:
		return d.Why == ""
	}
}
