package pay

import "fmt"

// PayerRef names a payer towards one merchant. Two merchants cannot tell from
// it that they serve the same person.
type PayerRef [16]byte

// Terms are what a payment is about. They stand in each of its decisions and
// never change from the first to the last: two decisions on one payment have
// terms that are equal (==).
type Terms struct {
	Merchant     Scope    `cbor:"7,keyasint"`
	MerchantName Name     `cbor:"8,keyasint"`
	Site         Name     `cbor:"9,keyasint"`
	Amount       Amount   `cbor:"10,keyasint"` // that was asked for
	Currency     Currency `cbor:"11,keyasint"`
	Handle       Handle   `cbor:"12,keyasint"`
	Ref          string   `cbor:"13,keyasint,omitempty"`
	Payer        PayerRef `cbor:"14,keyasint"` // zero while nobody is matched
	Expires      Time     `cbor:"16,keyasint"` // when the offer ends
	Test         bool     `cbor:"18,keyasint"` // play money: no provider stands behind it
	// StepUp is why the payment needs two channels; "": it needs one.
	StepUp StepUp `cbor:"19,keyasint,omitempty"`
	// Evidence and Certain are the request's; registries of old leave them out.
	Evidence Evidence `cbor:"67,keyasint,omitempty"`
	Certain  bool     `cbor:"68,keyasint,omitempty"`
	// Excess is the request's; only the merchant, who measured it, and the payer see it.
	Excess Excess `cbor:"69,keyasint,omitzero"`
	// HoldUntil is until when the amount is held, to be captured by then; 0 where an
	// approval captures it at once. A wallet repeats it when it approves.
	HoldUntil Time `cbor:"70,keyasint,omitempty"`
	// Acquirer is who moves the money; AcquirerNone: the payer's closed-loop account.
	Acquirer Acquirer `cbor:"71,keyasint,omitempty"`
	// Mandate is the payer's mandate by which the payment is made, without an offer;
	// zero: the wallet is asked.
	Mandate FactID `cbor:"75,keyasint,omitzero"`
	// TipMax is the request's: the most that the payer may add as a tip.
	TipMax Amount `cbor:"76,keyasint,omitempty"`
	// Fuel is what the amount pays for, where it is fuel; see Opening.
	Fuel FuelTerms `cbor:"80,keyasint,omitzero"`
}

// IsHold reports whether the amount is held for a later capture.
func (t Terms) IsHold() bool { return t.HoldUntil != 0 }

func (t Terms) check() error {
	return firstError(t.Merchant.check("m/"), t.MerchantName.Check(), t.Site.Check(), t.Amount.CheckPayable(),
		t.Currency.Check(), t.Handle.Check(), CheckRef(t.Ref), t.Expires.check(), t.StepUp.check(),
		checkEvidence(t.Evidence, t.Certain), checkExcess(t.Evidence, t.Excess), t.checkHold(), t.Acquirer.check(), checkTipMax(t.TipMax), t.Fuel.checkOptional())
}

// checkHold returns nil when the amount is not held, or for longer than the offer
// stands and no longer than moments go.
func (t Terms) checkHold() error {
	if t.IsHold() && t.HoldUntil < t.Expires {
		return fmt.Errorf("the hold ends before the offer")
	}
	return t.HoldUntil.check()
}

// Method returns by how many channels the payment is made, or that it is by a mandate.
func (t Terms) Method() Method {
	if !t.Mandate.IsZero() {
		return MethodMandate
	}
	return t.StepUp.Method()
}

// Decision is the registry's statement on where one payment stands. Decisions
// form a chain: Prev is the decision before this one, or the request for the
// first; Claim is the claim that this one decides, or zero when the clock
// decided. A decision is written for both parties: the same bytes go to merchant
// and payer. It is comparable; what cannot be compared with == does not belong
// here.
type Decision struct {
	Payment PaymentID `cbor:"1,keyasint"`
	Prev    FactID    `cbor:"2,keyasint"`
	Claim   FactID    `cbor:"3,keyasint"`
	Seq     uint32    `cbor:"4,keyasint"` // 1 for the first decision
	State   State     `cbor:"5,keyasint"`
	Reason  Reason    `cbor:"6,keyasint,omitempty"`
	By      Rule      `cbor:"15,keyasint,omitempty"`
	At      Time      `cbor:"17,keyasint"`
	Terms
	Sums
	// Key and Order stand in the first decision alone: the tags of the request's key
	// and of what it asked for. Zero: signed before keys belonged to merchants.
	Key   KeyTag   `cbor:"65,keyasint,omitzero"`
	Order OrderTag `cbor:"66,keyasint,omitzero"`
	// Tip is what the payer gives beyond the amount, or where that is held, the bound of
	// it: from the decision tipped on the same in each.
	Tip Amount `cbor:"77,keyasint,omitempty"`
	// Delivery is what the pump gave, from the decision on that fuel was captured, or
	// its price set.
	Delivery Delivery `cbor:"81,keyasint,omitzero"`
	// Why is what the registry's operator says who settled the payment by this decision;
	// "": nobody did.
	Why string `cbor:"85,keyasint,omitempty"`
}

// Kind returns KindDecision.
func (Decision) Kind() Kind { return KindDecision }

// Check returns nil when every field is within its bounds.
func (d Decision) Check() error {
	if d.Seq == 0 {
		return fmt.Errorf("decision has no place in the chain")
	}
	if d.Payment.IsZero() || d.Prev.IsZero() {
		return fmt.Errorf("decision names no payment")
	}
	if d.State == "" {
		return fmt.Errorf("decision states nothing")
	}
	if !d.Delivery.IsZero() {
		if err := d.Delivery.Check(); err != nil {
			return err
		}
	}
	return firstError(d.Terms.check(), d.Sums.check(), d.checkTip(), checkText("rule", string(d.By), RuleBytesMax), d.At.check(), checkText("why", d.Why, WhyBytesMax),
		checkText("state", string(d.State), stateBytesMax), checkText("reason", string(d.Reason), reasonBytesMax))
}

// Refusal is the registry's signed statement that a claim was refused. It
// changes no payment.
type Refusal struct {
	Claim   FactID    `cbor:"1,keyasint"`
	Payment PaymentID `cbor:"2,keyasint"` // zero when the claim was not about one
	Reason  Reason    `cbor:"3,keyasint"`
	At      Time      `cbor:"4,keyasint"`
}

// Kind returns KindRefusal.
func (Refusal) Kind() Kind { return KindRefusal }

// Check returns nil when every field is within its bounds.
func (r Refusal) Check() error {
	return firstError(r.At.check(), checkText("reason", string(r.Reason), reasonBytesMax))
}
