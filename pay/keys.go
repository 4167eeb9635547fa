package pay

import (
	"fmt"
)

// Keys of a merchant. An idempotency key belongs to the merchant, not to one of
// its boxes: the registry makes one payment of all requests of one merchant under
// one key. The other boxes recognise that payment by two tags in its first
// decision, which they compute from what they are asked for. The payer's wallet
// gets the same decision and learns nothing from the tags, because it does not
// have the secret that they are made with.
//
//	registry --merchant-keys--> all boxes of the merchant, once: the secret
//	         --decision-------> tags of key and order
//	         --key-held-------> a later request under the key: which payment has it

// KeySecret is what a merchant's boxes make tags with. The registry and the boxes
// of one merchant know it.
type KeySecret [16]byte

// KeyTag stands for one idempotency key of one merchant.
type KeyTag [16]byte

// OrderTag stands for what was asked for under a key: amount, currency,
// reference, whether it is captured later, whether two channels are asked for, and how
// much a tip may be.
type OrderTag [16]byte

// Key returns the tag of a key.
func (s KeySecret) Key(k IdempotencyKey) KeyTag {
	return KeyTag(s.tag([]any{"paybeacon/1 key", string(k)}))
}

// Order returns the tag of what a request asks for, whoever is to pay it. For how long
// the amount would be held is no part of it.
func (s KeySecret) Order(r Opening) OrderTag {
	capture := "auto"
	if r.Hold != 0 {
		capture = "manual"
	}
	what := []any{"paybeacon/1 order", int64(r.Amount), string(r.Currency), r.Ref, capture, r.TwoChannel}
	if r.Bill {
		what = append(what, "bill")
	}
	if r.TipMax != 0 {
		what = append(what, "tip", int64(r.TipMax))
	}
	if !r.Fuel.IsZero() { // whatever the price is by now
		what = append(what, "fuel", uint64(r.Fuel.Pump), string(r.Fuel.Product))
	}
	return OrderTag(s.tag(what))
}

// tag returns the first 16 bytes of HMAC-SHA-256 over the deterministic CBOR of
// what is named.
func (s KeySecret) tag(what []any) []byte {
	sum := MAC(s[:], mustEncode(what))
	return sum[:16]
}

// SameOrder reports whether two requests ask for the same, whoever is to pay it.
func (o Opening) SameOrder(other Opening) bool {
	return o.Fuel.Pump == other.Fuel.Pump && o.Fuel.Product == other.Fuel.Product && (o.Hold != 0) == (other.Hold != 0) && o.Later == other.Later && o.Bill == other.Bill && o.Amount == other.Amount && o.Currency == other.Currency && o.Ref == other.Ref && o.TwoChannel == other.TwoChannel &&
		o.TipMax == other.TipMax
}

// MerchantKeys is the registry's statement to the boxes of one merchant with
// which secret the tags in its decisions are made.
type MerchantKeys struct {
	Merchant Scope     `cbor:"1,keyasint"`
	Secret   KeySecret `cbor:"2,keyasint"`
	At       Time      `cbor:"3,keyasint"`
}

// Kind returns KindKeys.
func (MerchantKeys) Kind() Kind { return KindKeys }

// Check returns nil when every field is within its bounds.
func (m MerchantKeys) Check() error { return firstError(m.Merchant.check("m/"), m.At.check()) }

// KeyHeld is the registry's statement that a request met its key in use: the key
// stands for Payment, and Request opened none. Where both asked for the same,
// Request is that payment under another name; else it has ended without payment.
type KeyHeld struct {
	Request PaymentID `cbor:"1,keyasint"` // that came later
	Payment PaymentID `cbor:"2,keyasint"` // that the key stands for
	Same    bool      `cbor:"3,keyasint,omitempty"`
	At      Time      `cbor:"4,keyasint"`
}

// Kind returns KindKeyHeld.
func (KeyHeld) Kind() Kind { return KindKeyHeld }

// Check returns nil when every field is within its bounds.
func (k KeyHeld) Check() error {
	if k.Request.IsZero() || k.Payment.IsZero() || k.Request == k.Payment {
		return fmt.Errorf("a key is held by no other payment")
	}
	return k.At.check()
}
