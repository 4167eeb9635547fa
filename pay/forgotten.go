package pay

import (
	"errors"
	"fmt"
	"slices"
)

// Forgotten is the last statement of a device's identity: it has ceased to be, and
// with it the binding to a wallet. Who holds the device has had it made anew. It
// travels inside the Bind of the identity that came after it.
type Forgotten struct {
	Registry NodeID    `cbor:"1,keyasint"` // the registry's root, by the binding that ends
	Wallet   NodeID    `cbor:"2,keyasint"` // that it was bound to
	Device   PublicKey `cbor:"3,keyasint"`
	Created  Time      `cbor:"4,keyasint"` // by the device's clock
}

// Kind returns KindForgotten.
func (Forgotten) Kind() Kind { return KindForgotten }

// Check returns nil when every field is within its bounds.
func (f Forgotten) Check() error { return f.Created.check() }

// OpenForgotten parses a statement and verifies that the device which it is about
// has signed it. Its errors wrap ErrNotCanonical or ErrSignature, but for a fact of
// another kind.
func OpenForgotten(raw []byte) (Forgotten, error) {
	f, err := Parse(raw)
	if err != nil {
		return Forgotten{}, fmt.Errorf("open forgotten: %w", err)
	}
	b, err := As[Forgotten](f)
	if err != nil {
		return Forgotten{}, fmt.Errorf("open forgotten: %w", err)
	}
	if err := f.Verify(b.Device); err != nil {
		return Forgotten{}, fmt.Errorf("open forgotten: %w", err)
	}
	return b, nil
}

// Former are the raw Forgotten facts of the identities that a device had before,
// as a Bind encloses them: "" for none, else a CBOR array of byte strings. A Bind
// with them stays comparable.
type Former string

// NewFormer encloses raw facts, of which the last FormerMax count.
func NewFormer(facts [][]byte) Former {
	if len(facts) == 0 {
		return ""
	}
	return Former(Encode(facts[max(0, len(facts)-FormerMax):]))
}

// Open returns the statements that are enclosed and good; one that is not signed by
// the device which it is about says nothing.
func (f Former) Open() (list []Forgotten) {
	facts, err := f.facts()
	if err != nil {
		return nil
	}
	for _, raw := range facts {
		if s, err := OpenForgotten(raw); err == nil {
			list = append(list, s)
		}
	}
	return list
}

func (f Former) facts() (facts [][]byte, err error) {
	if f == "" {
		return nil, nil
	}
	if len(f) > FormerMax*FactBytesMax/8 {
		return nil, errors.New("former identities take too many bytes")
	}
	if err := Decode([]byte(f), &facts); err != nil {
		return nil, err
	}
	if len(facts) == 0 || len(facts) > FormerMax || slices.ContainsFunc(facts, func(raw []byte) bool { return len(raw) == 0 }) {
		return nil, fmt.Errorf("%d former identities are outside 1..%d", len(facts), FormerMax)
	}
	return facts, nil
}

// check returns nil when the form is right; what is enclosed is read by Open.
func (f Former) check() error {
	_, err := f.facts()
	return err
}

// MarshalCBOR returns the byte string.
func (f Former) MarshalCBOR() ([]byte, error) { return Encode([]byte(f)), nil }

// UnmarshalCBOR reads a byte string.
func (f *Former) UnmarshalCBOR(raw []byte) error {
	var b []byte
	if err := Decode(raw, &b); err != nil {
		return err
	}
	*f = Former(b)
	return nil
}
