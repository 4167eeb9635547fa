package pay

import (
	"crypto/ed25519"
	"fmt"
)

// Purpose is what an authentication code is for.
type Purpose string

// The purposes.
const (
	PurposePay         Purpose = "pay"
	PurposeFuel        Purpose = "fuel" // to pay for fuel
	PurposeStepUpAbove Purpose = "step-up-above"

	// purposeFormer is how devices of old signed PurposeStepUpAbove.
	purposeFormer Purpose = "limit"
)

// Authentication is what a device signs: that it is with its wallet at this one
// payment, or at this one change of the wallet's StepUpAbove.
type Authentication struct {
	Purpose  Purpose
	Registry NodeID // the registry's root
	Wallet   NodeID // who asks
	Nonce    Nonce  // zero for PurposeStepUpAbove
	// Subject is the payment, or the StepUpAbove in force that is replaced.
	Subject  [32]byte
	Merchant Scope // empty for PurposeStepUpAbove
	Amount   Amount
	Currency Currency
	// Site and Fuel are where and what, for PurposeFuel; else empty.
	Site Name
	Fuel FuelTerms
}

// AuthenticatePayment returns what the device signs for an offer that is approved with a
// tip, or with none: amount and tip as one.
func AuthenticatePayment(root, wallet NodeID, c Challenge, offer Decision, tip Amount) Authentication {
	a := Authentication{
		Purpose: PurposePay, Registry: root, Wallet: wallet, Nonce: c.Nonce, Subject: c.Payment,
		Merchant: offer.Merchant, Amount: offer.Amount + tip, Currency: offer.Currency,
	}
	if !offer.Fuel.IsZero() {
		a.Purpose, a.Site, a.Fuel = PurposeFuel, offer.Site, offer.Fuel
	}
	return a
}

// AuthenticateStepUpAbove returns what a device of the wallet signs so that the
// amount above which it is needed may be raised or lifted. The subject is the
// claim in force, which a change replaces, so that the code is of use once.
func AuthenticateStepUpAbove(root, wallet NodeID, s StepUpAbove) Authentication {
	return Authentication{Purpose: PurposeStepUpAbove, Registry: root, Wallet: wallet, Subject: s.Before, Amount: s.Above, Currency: s.Currency}
}

// Check returns nil when every field is within its bounds.
func (a Authentication) Check() error {
	if a.Purpose != PurposeFuel && (a.Site != "" || !a.Fuel.IsZero()) {
		return fmt.Errorf("an authentication code for %s names fuel", a.Purpose)
	}
	switch a.Purpose {
	case PurposePay:
		return firstError(a.Merchant.check("m/"), a.Amount.CheckPayable(), a.Currency.Check())
	case PurposeFuel:
		return firstError(a.Merchant.check("m/"), a.Amount.CheckPayable(), a.Currency.Check(), a.Site.Check(), a.Fuel.Check())
	case PurposeStepUpAbove:
	default:
		return fmt.Errorf("an authentication code is for %s, for %s or for %s", PurposePay, PurposeFuel, PurposeStepUpAbove)
	}
	if a.Amount < 0 || a.Amount > AmountMax || a.Merchant != "" {
		return fmt.Errorf("step-up above %d is outside 0..%d, or names a merchant", a.Amount, AmountMax)
	}
	return a.Currency.Check()
}

// AuthCode is a device's authentication code: the Ed25519 signature (RFC 8032)
// of its identity key over the deterministic CBOR array
//
//	["paybeacon/1 authentication code", purpose, registry root's id, wallet's id,
//	 nonce, subject, merchant, amount, currency]
//
// and for PurposeFuel six elements more, the last of which is 0 where the amount alone
// bounds the fuelling:
//
//	site, pump, product, unit, price, most
//
// It holds no byte of what it is about: only who knows all of that can tell what
// a code is for.
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

type fuelArray struct {
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
	Site     Name
	Pump     PumpNumber
	Product  Product
	Unit     Unit
	Price    UnitPrice
	Most     Quantity
}

func (a Authentication) toSign(p Purpose) []byte {
	if p == PurposeFuel {
		f := a.Fuel
		return mustEncode(fuelArray{
			Label: authLabel, Purpose: p, Registry: a.Registry, Wallet: a.Wallet, Nonce: a.Nonce,
			Subject: a.Subject, Merchant: a.Merchant, Amount: a.Amount, Currency: a.Currency,
			Site: a.Site, Pump: f.Pump, Product: f.Product, Unit: f.Unit, Price: f.Price, Most: f.Most,
		})
	}
	return mustEncode(authenticationArray{
		Label: authLabel, Purpose: p, Registry: a.Registry, Wallet: a.Wallet, Nonce: a.Nonce,
		Subject: a.Subject, Merchant: a.Merchant, Amount: a.Amount, Currency: a.Currency,
	})
}

// Authenticate returns the device's code. What would not pass Check is not
// signed; the error says why.
func Authenticate(device Key, a Authentication) (AuthCode, error) {
	if err := a.Check(); err != nil {
		return AuthCode{}, fmt.Errorf("authenticate: %w", err)
	}
	return AuthCode(ed25519.Sign(device.Signer(), a.toSign(a.Purpose))), nil
}

// Verify returns nil when the device with this key signed code over exactly a,
// else an error that wraps ErrSignature. A code for PurposeStepUpAbove that was
// made under the former name of that purpose verifies too: it says the same, and
// may stand in stored claims.
func (a Authentication) Verify(device PublicKey, code AuthCode) error {
	ok := ed25519.Verify(device[:], a.toSign(a.Purpose), code[:])
	if !ok && a.Purpose == PurposeStepUpAbove {
		ok = ed25519.Verify(device[:], a.toSign(purposeFormer), code[:])
	}
	if !ok {
		return fmt.Errorf("verify authentication code: %w", ErrSignature)
	}
	return nil
}

// IsZero reports whether there is no code.
func (c AuthCode) IsZero() bool { return c == AuthCode{} }
