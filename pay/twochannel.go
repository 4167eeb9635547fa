package pay

import (
	"crypto/ed25519"
	"fmt"
)

// Two channels. A payment by one channel needs a code from the air and the
// approval of the payer's wallet. Where more is demanded, the device itself has
// to speak: over the link, which nobody else can use, it gives its wallet an
// authentication code for this one payment, and the wallet sends it along with
// the approval.
//
//	registry --challenge--> wallet --what is asked--> device
//	         <---answer-----        <-----code-------
//	         (approval, code)
//
// The code travels to nobody but the registry. The box learns from the decision
// that two channels were used and why, never the code or which device.

// Method says by how many channels a payment is made.
type Method string

// The methods. A decision leaves the first one out.
const (
	MethodOne        Method = "one"
	MethodTwoChannel Method = "two_channel"
)

// Demand says who demands two channels for a payment, and why. It is a stable
// word.
type Demand string

// The demands, the most alarming first: where several apply, the first is said.
const (
	DemandElsewhere Demand = "code_elsewhere" // the registry: the code was heard at two sites within one step
	DemandDrift     Demand = "clock_drift"    // the registry: the device's clock ran off by more than a clock may
	DemandRepaired  Demand = "re_paired"      // the registry: first payment since the device was paired again
	DemandSilence   Demand = "long_silence"   // the registry: the device was not heard of for SilenceMax
	DemandPayer     Demand = "payer_limit"    // the payer: the amount is above his own limit
	DemandMerchant  Demand = "merchant"       // the merchant asked for it
)

// check bounds the word; one that this program does not know is kept.
func (d Demand) check() error { return checkText("demand", string(d), 24) }

// NeedsPerson says that no rule may approve: what happened looks like somebody
// carrying the code elsewhere, and only its owner knows where he stands.
func (d Demand) NeedsPerson() bool { return d == DemandElsewhere }

// Nonce is the registry's challenge for one payment. Nobody can know it before
// the registry has said it.
type Nonce [16]byte

// Challenge is the registry's word to one wallet that a payment needs an
// authentication code, and of which device. It stands in the feed before the
// offer it belongs to, and in no other feed.
type Challenge struct {
	Payment PaymentID `cbor:"1,keyasint"`
	Device  DeviceID  `cbor:"2,keyasint"`
	Nonce   Nonce     `cbor:"3,keyasint"`
	At      Time      `cbor:"4,keyasint"`
}

// Kind returns KindChallenge.
func (Challenge) Kind() Kind { return KindChallenge }

// Check bounds every field.
func (c Challenge) Check() error {
	if c.Payment.IsZero() || c.Device.IsZero() {
		return fmt.Errorf("challenge names no payment or no device")
	}
	return c.At.check()
}

// Purpose says what an authentication code is for.
type Purpose string

// The purposes.
const (
	PurposePay   Purpose = "pay"
	PurposeLimit Purpose = "limit"
)

// Authentication is what a device puts its name to: that it is with its wallet
// at this one payment, or at this one change of the wallet's limit.
type Authentication struct {
	Purpose  Purpose
	Registry NodeID // the registry's root
	Wallet   NodeID // who asks
	Nonce    Nonce  // zero for a limit
	// Subject is the payment, or the claim by which the present limit was set.
	Subject  [32]byte
	Merchant Scope // empty for a limit
	Amount   Amount
	Currency Currency
}

// AuthenticatePayment returns what the device signs for an offer.
func AuthenticatePayment(root, wallet NodeID, c Challenge, offer Decision) Authentication {
	return Authentication{
		Purpose: PurposePay, Registry: root, Wallet: wallet, Nonce: c.Nonce, Subject: c.Payment,
		Merchant: offer.Merchant, Amount: offer.Amount, Currency: offer.Currency,
	}
}

// AuthenticateLimit returns what a device of the wallet signs so that its limit
// may be raised or lifted. Before is the limit in force, which a change
// replaces, so that the code is of use once.
func AuthenticateLimit(root, wallet NodeID, l Limit) Authentication {
	return Authentication{Purpose: PurposeLimit, Registry: root, Wallet: wallet, Subject: l.Before, Amount: l.Above, Currency: l.Currency}
}

// Check bounds every field.
func (a Authentication) Check() error {
	if a.Purpose != PurposePay && a.Purpose != PurposeLimit {
		return fmt.Errorf("an authentication code is for a payment or for a limit")
	}
	if a.Purpose == PurposePay {
		return firstError(a.Merchant.check("m/"), a.Amount.CheckPayable(), a.Currency.Check())
	}
	if a.Amount < 0 || a.Amount > AmountMax || a.Merchant != "" {
		return fmt.Errorf("limit of %d is outside 0..%d, or names a merchant", a.Amount, AmountMax)
	}
	return a.Currency.Check()
}

// AuthCode is a device's authentication code: the Ed25519 signature (RFC 8032)
// of its identity key over the deterministic CBOR array
//
//	["paybeacon/1 authentication code", purpose, registry root's id, wallet's id,
//	 nonce, subject, merchant, amount, currency]
//
// It holds no byte of what it is about, so that it can be recognised only by
// who is meant to.
type AuthCode [ed25519.SignatureSize]byte

const authLabel = "paybeacon/1 authentication code"

type authenticationArray struct {
	_        struct{} `cbor:",toarray"`
	Label    string
	Purpose  Purpose
	Registry NodeID
	Wallet   NodeID
	Nonce    Nonce
	Subject  [32]byte
	Merchant Scope
	Amount   Amount
	Currency Currency
}

func (a Authentication) toSign() []byte {
	return mustEncode(authenticationArray{
		Label: authLabel, Purpose: a.Purpose, Registry: a.Registry, Wallet: a.Wallet, Nonce: a.Nonce,
		Subject: a.Subject, Merchant: a.Merchant, Amount: a.Amount, Currency: a.Currency,
	})
}

// Authenticate returns the device's code. What would not pass Check is not
// signed.
func Authenticate(device Key, a Authentication) (AuthCode, error) {
	if err := a.Check(); err != nil {
		return AuthCode{}, fmt.Errorf("authenticate: %w", err)
	}
	return AuthCode(ed25519.Sign(device.Signer(), a.toSign())), nil
}

// Verify returns nil when code is the word of the device with this key on
// exactly a, else an error that wraps ErrSignature.
func (a Authentication) Verify(device PublicKey, code AuthCode) error {
	if !ed25519.Verify(device[:], a.toSign(), code[:]) {
		return fmt.Errorf("verify authentication code: %w", ErrSignature)
	}
	return nil
}

// IsZero says that there is no code.
func (c AuthCode) IsZero() bool { return c == AuthCode{} }

// Limit is a wallet's wish that payments above an amount need its device. To
// lower the amount, or to set the first, the wallet's word is enough. To raise
// or lift it a device has to agree, or whoever holds a stolen phone would begin
// with that.
type Limit struct {
	Before   FactID   `cbor:"1,keyasint"` // the limit in force, zero for none
	Above    Amount   `cbor:"2,keyasint"` // 0: every payment; AmountMax: none
	Currency Currency `cbor:"3,keyasint"`
	Device   DeviceID `cbor:"4,keyasint"` // whose code it is, zero without one
	Code     AuthCode `cbor:"5,keyasint,omitzero"`
	Created  Time     `cbor:"6,keyasint"`
}

// Kind returns KindLimit.
func (Limit) Kind() Kind { return KindLimit }

// Check bounds every field.
func (l Limit) Check() error {
	switch {
	case l.Above < 0 || l.Above > AmountMax:
		return fmt.Errorf("limit of %d is outside 0..%d", l.Above, AmountMax)
	case l.Device.IsZero() != l.Code.IsZero():
		return fmt.Errorf("a limit names a device exactly when it has its code")
	}
	return firstError(l.Currency.Check(), l.Created.check())
}

// Loosens says whether l asks for less protection than a limit of above in
// force gives.
func (l Limit) Loosens(above Amount) bool { return l.Above > above }

// LimitStatus is the registry's word that a limit is in force. It names the
// claim that set it.
type LimitStatus struct {
	Claim    FactID   `cbor:"1,keyasint"`
	Above    Amount   `cbor:"2,keyasint"`
	Currency Currency `cbor:"3,keyasint"`
	At       Time     `cbor:"4,keyasint"`
}

// Kind returns KindLimited.
func (LimitStatus) Kind() Kind { return KindLimited }

// Check bounds every field.
func (s LimitStatus) Check() error {
	if s.Claim.IsZero() || s.Above < 0 || s.Above > AmountMax {
		return fmt.Errorf("limit names no claim, or is outside 0..%d", AmountMax)
	}
	return firstError(s.Currency.Check(), s.At.check())
}
