package pay

import "fmt"

// A payment by an acquirer: the registry asks the acquirer about each step, outside of
// its store, and states what it was answered before it acts on it.
//
//	wallet ---answer---> registry --approved--> both         the acquirer is asked to authorise
//	                     registry --held or captured--> both  it did; at once, it captured too
//	                     registry --failed--> both            it declined
//	box ------capture--> registry --captured--> both          once the acquirer has
//	    (void, refund likewise)
//
// As long as the acquirer does not answer the payment stays where it is: nobody knows
// what became of the call, and the registry makes it again under the same key.

// AcquirerAnswer is the registry's statement of what an acquirer answered to one call.
type AcquirerAnswer struct {
	Payment  PaymentID `cbor:"1,keyasint"`
	Claim    FactID    `cbor:"2,keyasint"` // that asked for the call
	Acquirer Acquirer  `cbor:"3,keyasint"`
	Verb     string    `cbor:"4,keyasint"` // authorise, capture, void or refund
	Amount   Amount    `cbor:"5,keyasint"`
	Currency Currency  `cbor:"6,keyasint"`
	Approved bool      `cbor:"7,keyasint,omitempty"`
	// Reference is the acquirer's name for what it did, Reason why it did not.
	Reference string `cbor:"8,keyasint,omitempty"`
	Reason    Reason `cbor:"9,keyasint,omitempty"`
	At        Time   `cbor:"10,keyasint"`
}

// Kind returns KindAcquirerAnswer.
func (AcquirerAnswer) Kind() Kind { return KindAcquirerAnswer }

// Check returns nil when every field is within its bounds, and an approval has a
// reference and a refusal a reason.
func (a AcquirerAnswer) Check() error {
	if a.Payment.IsZero() || a.Claim.IsZero() || a.Acquirer == AcquirerNone {
		return fmt.Errorf("the answer of an acquirer names no payment, claim or acquirer")
	}
	if a.Approved != (a.Reference != "") || a.Approved == (a.Reason != "") {
		return fmt.Errorf("the answer of an acquirer is neither an approval with a reference nor a refusal with a reason")
	}
	return firstError(a.Acquirer.check(), checkText("verb", a.Verb, verbBytesMax), a.Amount.CheckPayable(), a.Currency.Check(),
		checkText("reference", a.Reference, ReferenceBytesMax), checkText("reason", string(a.Reason), reasonBytesMax), a.At.check())
}

// Contradiction is the registry's statement that an acquirer answered one call in two
// ways. It changes no payment: which of the two holds, the acquirer is asked again.
type Contradiction struct {
	Payment  PaymentID `cbor:"1,keyasint"`
	Claim    FactID    `cbor:"2,keyasint"` // that asked for the call
	Acquirer Acquirer  `cbor:"3,keyasint"`
	Verb     string    `cbor:"4,keyasint"`
	// What says in words how the answers differ.
	What string `cbor:"5,keyasint"`
	At   Time   `cbor:"6,keyasint"`
}

// Kind returns KindContradiction.
func (Contradiction) Kind() Kind { return KindContradiction }

// Check returns nil when every field is within its bounds.
func (c Contradiction) Check() error {
	if c.Payment.IsZero() || c.Claim.IsZero() || c.Acquirer == AcquirerNone || c.What == "" {
		return fmt.Errorf("the contradiction of an acquirer names no payment, claim or acquirer, or does not say what it is")
	}
	return firstError(c.Acquirer.check(), checkText("verb", c.Verb, verbBytesMax), checkText("contradiction", c.What, TextBytesMax), c.At.check())
}
