package pay

import "fmt"

// IdempotencyKey is the merchant's own name for one charge. It is chosen
// before the first try and never expires, so that a retry finds the payment
// that the first try made.
type IdempotencyKey string

// Check returns nil when k is 1..KeyBytesMax printable bytes.
func (k IdempotencyKey) Check() error {
	if k == "" {
		return fmt.Errorf("key is empty")
	}
	return checkText("key", string(k), KeyBytesMax)
}

// Request is a box's claim that the owner of the device which broadcast Code
// shall pay. The id of the fact is the id of the payment.
type Request struct {
	Key      IdempotencyKey `cbor:"1,keyasint"`
	Merchant Scope          `cbor:"2,keyasint"`
	Site     Name           `cbor:"3,keyasint"`
	Code     Code           `cbor:"4,keyasint"`
	Handle   Handle         `cbor:"5,keyasint"`
	Amount   Amount         `cbor:"6,keyasint"`
	Currency Currency       `cbor:"7,keyasint"`
	Ref      string         `cbor:"8,keyasint,omitempty"`
	TTL      Millis         `cbor:"9,keyasint"`
	Created  Time           `cbor:"10,keyasint"`
	// TwoChannel is whether the merchant asks for two channels.
	TwoChannel bool `cbor:"11,keyasint,omitempty"`
	// Evidence is how the box found the payer; "" from boxes of old. Certain stands
	// with EvidenceClear: level and lead were such that wrong charges are rare enough
	// for a rule to answer.
	Evidence Evidence `cbor:"64,keyasint,omitempty"`
	Certain  bool     `cbor:"65,keyasint,omitempty"`
	// Excess is how strongly the device was heard, where the payer was found by words or
	// a tap and the box can say it.
	Excess Excess `cbor:"66,keyasint,omitzero"`
	// TipMax is the most that the payer may add as a tip; 0: nothing. A registry of old
	// leaves it out.
	TipMax Amount `cbor:"67,keyasint,omitempty"`
}

// Kind returns KindRequest.
func (Request) Kind() Kind { return KindRequest }

// Check returns nil when every field is within its bounds.
func (r Request) Check() error {
	return firstError(r.Amount.CheckPayable(), r.checkRest())
}

// checkRest is Check but for the amount.
func (r Request) checkRest() error {
	if r.TTL < RequestTTLMin || r.TTL > RequestTTLMax {
		return fmt.Errorf("ttl of %v is outside %v..%v", r.TTL.Std(), RequestTTLMin.Std(), RequestTTLMax.Std())
	}
	return firstError(r.Key.Check(), r.Merchant.check("m/"), r.Site.Check(), r.Handle.Check(), r.Currency.Check(), CheckRef(r.Ref), r.Created.check(), checkEvidence(r.Evidence, r.Certain), checkExcess(r.Evidence, r.Excess), checkTipMax(r.TipMax))
}

// Verdict is whether a wallet approves an offer.
type Verdict string

// The verdicts.
const (
	Approve Verdict = "approve"
	Decline Verdict = "decline"
)

// Rule names who answered: "hand" for a person, else the rule that the owner
// of the wallet set, such as "under:20.00".
type Rule string

// ByHand is the Rule of an answer that a person gave.
const ByHand Rule = "hand"

// Answer is a wallet's claim that an offer is approved or declined. It repeats
// what was shown, so that a changed amount can never hide behind an approval.
type Answer struct {
	Payment  PaymentID `cbor:"1,keyasint"`
	Offer    FactID    `cbor:"2,keyasint"`
	Merchant Scope     `cbor:"3,keyasint"`
	Amount   Amount    `cbor:"4,keyasint"`
	Currency Currency  `cbor:"5,keyasint"`
	Expires  Time      `cbor:"6,keyasint"`
	Verdict  Verdict   `cbor:"7,keyasint"`
	By       Rule      `cbor:"8,keyasint"`
	Created  Time      `cbor:"9,keyasint"`
	// Code is the device's authentication code with an approval of an offer that
	// needs two channels, else zero.
	Code AuthCode `cbor:"10,keyasint,omitzero"`
	// Cannot means that the wallet declines because it cannot approve: the device
	// that would have to give its code is not its own any more.
	Cannot bool `cbor:"65,keyasint,omitempty"`
	// HoldUntil is that of the offer: who approves has seen that the amount is held, and
	// until when. A wallet of old does not say it.
	HoldUntil Time `cbor:"66,keyasint,omitempty"`
	// Tip is what the payer gives beyond the amount; where that is held, lets be captured
	// beyond it at most.
	Tip Amount `cbor:"67,keyasint,omitempty"`
}

// Kind returns KindAnswer.
func (Answer) Kind() Kind { return KindAnswer }

// Check returns nil when every field is within its bounds.
func (a Answer) Check() error {
	if a.Verdict != Approve && a.Verdict != Decline {
		return fmt.Errorf("verdict %q is neither approve nor decline", string(a.Verdict))
	}
	if a.By == "" {
		return fmt.Errorf("an answer names who gave it")
	}
	if a.Cannot && a.Verdict != Decline {
		return fmt.Errorf("who cannot answer declines")
	}
	if a.Verdict == Decline && !a.Code.IsZero() {
		return fmt.Errorf("an authentication code stands beside a refusal to pay")
	}
	if a.Verdict == Decline && a.Tip != 0 {
		return fmt.Errorf("a tip stands beside a refusal to pay")
	}
	return firstError(a.Merchant.check("m/"), a.Amount.CheckPayable(), a.Currency.Check(),
		checkText("rule", string(a.By), RuleBytesMax), a.Expires.check(), a.Created.check(), a.HoldUntil.check(), checkTip(a.Amount, a.Tip))
}

// Cancel is a claim that withdraws a request. The box that made the request
// signs it.
type Cancel struct {
	Payment PaymentID `cbor:"1,keyasint"`
	Created Time      `cbor:"2,keyasint"`
}

// Kind returns KindCancel.
func (Cancel) Kind() Kind { return KindCancel }

// Check returns nil when every field is within its bounds.
func (c Cancel) Check() error { return c.Created.check() }
