// Package acquirer is the seam between the registry and those who move money outside
// of it: what is asked of an acquirer, what it may answer, and what an answer may be
// believed for. It is types and rules alone; who calls Stripe, and the simulated
// provider, are packages of the program.
//
// # The idea
//
// A call names what it is for by a key that follows from facts: the payment, the claim
// that asks for it and the verb. So the registry, another process after a crash, and an
// operator all ask under the same key, and asking again can never do it twice. A call
// has one of three ends:
//
//	approved   the acquirer did it, and says under which reference
//	declined   it did not and will not, and says why
//	unknown    ErrNoAnswer: nobody knows; the same call is made again later
//
// Only the first two are answers. A call that was lost on the way there and an answer
// that was lost on the way back look alike, so neither is taken for a "no".
//
// An authorisation is captured once, in full or in part; the rest of it is released with
// that. Nothing moves by an authorisation alone: one whose answer was never heard lapses.
//
// # Guarantees
//
// Check refuses an answer that does not fit its call. Agree finds two answers to one key
// that differ. No type here prints a token.
package acquirer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"

	"github.com/paybeacon/paybeacon/pay"
)

// Acquirer moves money outside of the registry. Its methods may be called from any
// number of goroutines, for one key from one at a time.
type Acquirer interface {
	// Do carries out the call, or returns the answer of old when it was carried out
	// under its key before. The token is that of the payer's means; only Authorise
	// needs it. An error wraps ErrNoAnswer, ErrContradicts or ErrKeyUsed and never
	// holds the token.
	Do(ctx context.Context, c Call, t pay.Token) (Answer, error)
	// Look returns the answer that stands under the key of the call, and does nothing.
	// The error wraps ErrNothing when there is none, else it is as that of Do.
	Look(ctx context.Context, c Call, t pay.Token) (Answer, error)
	// Ping returns nil when the acquirer answers and accepts the registry's
	// credentials.
	Ping(ctx context.Context) error
}

// What errors of an Acquirer wrap.
var (
	// ErrNoAnswer means that nothing is known: the call may have been carried out.
	ErrNoAnswer = errors.New("acquirer: no answer")
	// ErrNothing means that the acquirer was never asked under that key.
	ErrNothing = errors.New("acquirer: nothing stands under that key")
	// ErrKeyUsed means that another call was made under the same key.
	ErrKeyUsed = errors.New("acquirer: the key was used for another call")
	// ErrContradicts means that an answer does not fit its call or another answer to it.
	ErrContradicts = errors.New("acquirer: the answers contradict one another")
)

// Verb is what is asked of an acquirer.
type Verb string

// The verbs.
const (
	Authorise Verb = "authorise" // the amount is to be held on the payer's side
	Capture   Verb = "capture"   // of what is held, the amount is to be paid; the rest is released
	Void      Verb = "void"      // all that is held is to be released
	Refund    Verb = "refund"    // of what was paid, the amount is to be given back
)

// Check returns nil for the four verbs.
func (v Verb) Check() error {
	switch v {
	case Authorise, Capture, Void, Refund:
		return nil
	default:
		return fmt.Errorf("verb %q is not authorise, capture, void or refund", string(v))
	}
}

// Key is the idempotency key of a call, as every acquirer gets it.
type Key string

// KeyOf returns the key of the call that a claim on a payment asks for. It is the same
// wherever and however often it is made: "pb-" and 40 hexadecimal digits.
func KeyOf(payment pay.PaymentID, claim pay.FactID, v Verb) Key {
	h := sha256.New()
	h.Write([]byte("paybeacon/1 acquirer " + string(v) + "\x00"))
	h.Write(payment[:])
	h.Write(claim[:])
	return Key("pb-" + hex.EncodeToString(h.Sum(nil)[:20]))
}

var keyForm = regexp.MustCompile(`^pb-[0-9a-f]{40}$`)

// Reference is an acquirer's name for what it did.
type Reference string

var referenceForm = regexp.MustCompile(`^[!-~]+$`)

// Check returns nil when r is 1..pay.ReferenceBytesMax printable ASCII characters
// without blanks.
func (r Reference) Check() error {
	if len(r) > pay.ReferenceBytesMax || !referenceForm.MatchString(string(r)) {
		return fmt.Errorf("a reference of %d characters is not 1 to %d of printable ASCII", len(r), pay.ReferenceBytesMax)
	}
	return nil
}

// Call is one thing that is asked of an acquirer. It is comparable: under one key there
// is one call.
type Call struct {
	Verb     Verb          `cbor:"1,keyasint"`
	Key      Key           `cbor:"2,keyasint"`
	Payment  pay.PaymentID `cbor:"3,keyasint"`
	Amount   pay.Amount    `cbor:"4,keyasint"`
	Currency pay.Currency  `cbor:"5,keyasint"`
	// Of is the authorisation that is captured, voided or refunded of; "" for Authorise.
	Of Reference `cbor:"6,keyasint,omitempty"`
	// Asked is when the registry first asked for the call.
	Asked pay.Time `cbor:"7,keyasint"`
}

// Check returns nil when the call can be made.
func (c Call) Check() error {
	if err := c.Verb.Check(); err != nil {
		return err
	}
	if !keyForm.MatchString(string(c.Key)) || c.Payment.IsZero() {
		return fmt.Errorf("the call names no payment, or its key is not one of KeyOf")
	}
	if err := c.Amount.CheckPayable(); err != nil {
		return err
	}
	if err := c.Currency.Check(); err != nil {
		return err
	}
	if c.Verb == Authorise {
		if c.Of != "" {
			return fmt.Errorf("the call to authorise names an authorisation")
		}
		return nil
	}
	return c.Of.Check()
}

// Answer is what an acquirer said to a call. It is comparable: two answers to one call
// are the same (==) or contradict one another.
type Answer struct {
	Approved bool `cbor:"1,keyasint,omitempty"`
	// Reference is the acquirer's name for what it did; of an authorisation, it is what
	// later calls are of. "" when it was declined.
	Reference Reference `cbor:"2,keyasint,omitempty"`
	// Amount is what was authorised, captured, released or refunded; 0 when it was
	// declined.
	Amount pay.Amount `cbor:"3,keyasint,omitempty"`
	// Reason is why it was declined, else "".
	Reason pay.Reason `cbor:"4,keyasint,omitempty"`
}

var reasonForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// ReasonDeclined is the reason of an acquirer that gave none that can be shown.
const ReasonDeclined pay.Reason = "card_declined"

// ReasonOf returns what an acquirer named as its reason as one that payments carry:
// ReasonDeclined unless it is a short name of small letters, digits and underscores.
func ReasonOf(code string) pay.Reason {
	if !reasonForm.MatchString(code) {
		return ReasonDeclined
	}
	return pay.Reason(code)
}

// Decline returns the answer of an acquirer that declined.
func Decline(code string) Answer { return Answer{Reason: ReasonOf(code)} }

// Check returns nil when the answer fits the call. An error wraps ErrContradicts.
func (a Answer) Check(c Call) error {
	switch {
	case !a.Approved && (a.Reference != "" || a.Amount != 0 || !reasonForm.MatchString(string(a.Reason))):
		return fmt.Errorf("a call that was declined has a reference, an amount or no reason: %w", ErrContradicts)
	case !a.Approved:
		return nil
	case a.Reason != "":
		return fmt.Errorf("a call that was approved has a reason why not: %w", ErrContradicts)
	case a.Amount != c.Amount:
		return fmt.Errorf("%d was asked for to %s, %d is said to be done: %w", c.Amount, c.Verb, a.Amount, ErrContradicts)
	}
	if err := a.Reference.Check(); err != nil {
		return fmt.Errorf("%w: %w", err, ErrContradicts)
	}
	return nil
}

// Agree returns nil when two answers to one call are the same, else an error that wraps
// ErrContradicts and names both.
func Agree(first, second Answer) error {
	if first == second {
		return nil
	}
	return fmt.Errorf("first %s, then %s: %w", first, second, ErrContradicts)
}

// String returns the answer for a log line.
func (a Answer) String() string {
	if a.Approved {
		return fmt.Sprintf("approved %d as %s", a.Amount, string(a.Reference))
	}
	return "declined as " + string(a.Reason)
}
