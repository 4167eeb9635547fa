package pay

import (
	"crypto/sha256"
	"fmt"
)

// State is where a payment stands. The words are the same in every view.
type State string

// The states that an immediate payment can be in. StateRequested is the only
// one that no decision states.
const (
	StateRequested State = "requested"
	StateOffered   State = "offered"
	StateCaptured  State = "captured"
	StateUnmatched State = "unmatched"
	StateAmbiguous State = "ambiguous"
	StateDeclined  State = "declined"
	StateExpired   State = "expired"
	StateCancelled State = "cancelled"
	StateFailed    State = "failed"
)

// Reason says why a payment ended without money moving, or why a command was
// refused. It is a stable word.
type Reason string

// The reasons.
const (
	ReasonUnknownCode       Reason = "unknown_code"
	ReasonOutOfStep         Reason = "out_of_step"
	ReasonCodeElsewhere     Reason = "code_elsewhere"
	ReasonTooManyPrompts    Reason = "too_many_prompts"
	ReasonInsufficientFunds Reason = "insufficient_funds"
	ReasonAccountFull       Reason = "account_full"
	ReasonNoAnswer          Reason = "no_answer"
	ReasonOverAge           Reason = "over_age"
	ReasonByPayer           Reason = "by_payer"
	ReasonByMerchant        Reason = "by_merchant"
	ReasonNodeRevoked       Reason = "node_revoked"

	ReasonLateAnswer     Reason = "late_answer"
	ReasonLateCancel     Reason = "late_cancel"
	ReasonAlreadyDecided Reason = "already_decided"
	ReasonWrongTerms     Reason = "wrong_terms"
	ReasonWrongRole      Reason = "wrong_role"
	ReasonWrongScope     Reason = "wrong_scope"
	ReasonWrongCurrency  Reason = "wrong_currency"
	ReasonWrongRegistry  Reason = "wrong_registry"
	ReasonUnknownPayment Reason = "unknown_payment"
	ReasonUnknownDevice  Reason = "unknown_device"
	ReasonUnknownKind    Reason = "unknown_kind"
	ReasonKeyUsed        Reason = "key_used"
	ReasonDeviceTaken    Reason = "device_taken"
	ReasonTooManyDevices Reason = "too_many_devices"
	ReasonTooMany        Reason = "too_many_refusals"
	ReasonNeedsDevice    Reason = "needs_device"
	ReasonWrongCode      Reason = "wrong_code"
	ReasonOldStepUp      Reason = "old_step_up"
	ReasonNewDevice      Reason = "new_device"
	ReasonSetAside       Reason = "set_aside"
)

// PayerRef names a payer towards one merchant. Two merchants cannot tell from
// it that they serve the same person.
type PayerRef [16]byte

// Decision is the registry's word on one payment. Decisions form a chain: Prev
// is the decision before this one, or the request for the first; Claim is the
// claim that this one decides, or zero when the clock decided. The terms
// (merchant, shop, site, amount, currency, handle, ref, payer, expiry, test,
// demand) are the same in all of them.
// It is written for both parties: the same bytes go to merchant and payer.
type Decision struct {
	Payment      PaymentID `cbor:"1,keyasint"`
	Prev         FactID    `cbor:"2,keyasint"`
	Claim        FactID    `cbor:"3,keyasint"`
	Seq          uint32    `cbor:"4,keyasint"` // 1 for the first decision
	State        State     `cbor:"5,keyasint"`
	Reason       Reason    `cbor:"6,keyasint,omitempty"`
	Merchant     Scope     `cbor:"7,keyasint"`
	MerchantName Name      `cbor:"8,keyasint"` // the merchant's name
	Site         Name      `cbor:"9,keyasint"`
	Amount       Amount    `cbor:"10,keyasint"`
	Currency     Currency  `cbor:"11,keyasint"`
	Handle       Handle    `cbor:"12,keyasint"`
	Ref          string    `cbor:"13,keyasint,omitempty"`
	Payer        PayerRef  `cbor:"14,keyasint"` // zero while nobody is matched
	By           Rule      `cbor:"15,keyasint,omitempty"`
	Expires      Time      `cbor:"16,keyasint"` // when the offer ends
	At           Time      `cbor:"17,keyasint"`
	Test         bool      `cbor:"18,keyasint"` // play money: no provider stands behind it
	// StepUp says who demands two channels, from the offer on; empty: one channel.
	StepUp StepUp `cbor:"19,keyasint,omitempty"`
}

// Kind returns KindDecision.
func (Decision) Kind() Kind { return KindDecision }

// Check bounds every field.
func (d Decision) Check() error {
	if d.Seq == 0 {
		return fmt.Errorf("decision has no place in the chain")
	}
	if d.Payment.IsZero() || d.Prev.IsZero() {
		return fmt.Errorf("decision names no payment")
	}
	return firstError(d.Merchant.check("m/"), d.MerchantName.Check(), d.Site.Check(), d.Amount.CheckPayable(),
		d.Currency.Check(), d.Handle.Check(), CheckRef(d.Ref), checkText("rule", string(d.By), RuleBytesMax),
		d.Expires.check(), d.At.check(), d.StepUp.check(), checkText("state", string(d.State), stateBytesMax), checkText("reason", string(d.Reason), reasonBytesMax))
}

// Method returns by how many channels the payment is made.
func (d Decision) Method() Method {
	return d.StepUp.Method()
}

// Refusal is the registry's signed no to a claim. It changes no payment.
type Refusal struct {
	Claim   FactID    `cbor:"1,keyasint"`
	Payment PaymentID `cbor:"2,keyasint"` // zero when the claim was not about one
	Reason  Reason    `cbor:"3,keyasint"`
	At      Time      `cbor:"4,keyasint"`
}

// Kind returns KindRefusal.
func (Refusal) Kind() Kind { return KindRefusal }

// Check bounds every field.
func (r Refusal) Check() error {
	return firstError(r.At.check(), checkText("reason", string(r.Reason), reasonBytesMax))
}

// DeviceState is where a device's mapping stands.
type DeviceState string

// The states of a mapping. A wallet shows "pending" until the registry spoke.
const (
	DevicePending DeviceState = "pending"
	DeviceActive  DeviceState = "active"
	DeviceRevoked DeviceState = "revoked"
)

// DeviceStatus is the registry's word on a device: mapped, or no longer.
type DeviceStatus struct {
	Device  DeviceID    `cbor:"1,keyasint"`
	Claim   FactID      `cbor:"2,keyasint"` // the mapping or revoke; zero when the registry acted
	State   DeviceState `cbor:"3,keyasint"`
	Type    DeviceType  `cbor:"4,keyasint"`
	Vehicle Name        `cbor:"5,keyasint,omitempty"`
	Means   Name        `cbor:"6,keyasint,omitempty"`
	At      Time        `cbor:"7,keyasint"`
	// Trusted is from when on its authentication codes count; 0: at once.
	Trusted Time `cbor:"8,keyasint,omitempty"`
}

// Kind returns KindDevice.
func (DeviceStatus) Kind() Kind { return KindDevice }

// Check bounds every field.
func (d DeviceStatus) Check() error {
	if d.State != DeviceActive && d.State != DeviceRevoked {
		return fmt.Errorf("device state %q is neither active nor revoked", string(d.State))
	}
	return firstError(d.Type.Check(), d.At.check(), d.Trusted.check(), checkText("vehicle", string(d.Vehicle), NameBytesMax), checkText("means", string(d.Means), NameBytesMax))
}

// NodeStatus is the registry's note that a node was enrolled or revoked. It
// stands in the registry's own scope.
type NodeStatus struct {
	Node         PublicKey `cbor:"1,keyasint"`
	Role         Role      `cbor:"2,keyasint"`
	Scope        Scope     `cbor:"3,keyasint"`
	Name         Name      `cbor:"4,keyasint"`
	MerchantName Name      `cbor:"5,keyasint,omitempty"` // the merchant, for a box
	Site         Name      `cbor:"6,keyasint,omitempty"` // for a box
	Revoked      bool      `cbor:"7,keyasint"`
	At           Time      `cbor:"8,keyasint"`
}

// Kind returns KindNode.
func (NodeStatus) Kind() Kind { return KindNode }

// Check bounds every field.
func (n NodeStatus) Check() error {
	prefix := "m/"
	if n.Role == RoleWallet {
		prefix = "w/"
	} else if n.Role != RoleBox {
		return fmt.Errorf("role %q is neither box nor wallet", string(n.Role))
	}
	return firstError(n.Scope.check(prefix), n.Name.Check(), n.At.check(), checkText("shop", string(n.MerchantName), NameBytesMax), checkText("site", string(n.Site), NameBytesMax))
}

// TopUp is play money put into a wallet's account.
type TopUp struct {
	Wallet   Scope          `cbor:"1,keyasint"`
	Amount   Amount         `cbor:"2,keyasint"`
	Currency Currency       `cbor:"3,keyasint"`
	Key      IdempotencyKey `cbor:"4,keyasint"`
	At       Time           `cbor:"5,keyasint"`
}

// Kind returns KindTopUp.
func (TopUp) Kind() Kind { return KindTopUp }

// Check bounds every field.
func (t TopUp) Check() error {
	return firstError(t.Wallet.check("w/"), t.Amount.CheckPayable(), t.Currency.Check(), t.Key.Check(), t.At.check())
}

// Authority is the root key's word that a working key speaks for the registry
// during [From, Until). It is self-contained: it carries the root key, whose
// NodeID is what nodes pin.
type Authority struct {
	Root    PublicKey `cbor:"1,keyasint"`
	Working PublicKey `cbor:"2,keyasint"`
	From    Time      `cbor:"3,keyasint"`
	Until   Time      `cbor:"4,keyasint"`
}

// Kind returns KindAuthority.
func (Authority) Kind() Kind { return KindAuthority }

// Check returns nil when the interval is not empty.
func (a Authority) Check() error {
	if a.From >= a.Until {
		return fmt.Errorf("authority ends before it begins")
	}
	return nil
}

// OpenAuthority parses and verifies an authority against the pinned root. A
// zero root accepts any: the caller compares Root.ID() itself.
func OpenAuthority(raw []byte, root NodeID) (Authority, error) {
	f, err := Parse(raw)
	if err != nil {
		return Authority{}, fmt.Errorf("open authority: %w", err)
	}
	a, err := As[Authority](f)
	if err != nil {
		return Authority{}, fmt.Errorf("open authority: %w", err)
	}
	if err := f.Verify(a.Root); err != nil {
		return Authority{}, fmt.Errorf("open authority: %w", err)
	}
	if !root.IsZero() && a.Root.ID() != root {
		return Authority{}, fmt.Errorf("open authority: root is %s, pinned is %s: %w", a.Root.ID().Short(), root.Short(), ErrSignature)
	}
	return a, nil
}

// Covers says whether the working key spoke for the registry at t.
func (a Authority) Covers(t Time) bool { return t >= a.From && t < a.Until }

// Chain is the running hash of a feed: each link covers all entries before it.
type Chain [32]byte

// Next returns the chain after the entry with the given id.
func (c Chain) Next(id FactID) Chain {
	var buf [64]byte
	copy(buf[:], c[:])
	copy(buf[32:], id[:])
	return sha256.Sum256(buf[:])
}
