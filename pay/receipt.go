package pay

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// ReceiptLabel is the first element of a receipt file and names its layout.
const ReceiptLabel = "paybeacon-receipt/1"

// ReceiptBytesMax bounds a receipt file. Chosen: two facts and the array.
const ReceiptBytesMax = 2*FactBytesMax + 64

// A receipt file is the deterministic CBOR array
//
//	[ "paybeacon-receipt/1", authority, decision ]
//
// whose second and third elements are the COSE_Sign1 objects themselves. It is
// the same bytes at merchant and payer.
type receiptFile struct {
	_         struct{} `cbor:",toarray"`
	Label     string
	Authority cbor.RawMessage
	Decision  cbor.RawMessage
}

// Receipt is a verified receipt.
type Receipt struct {
	Root      NodeID // the registry's root: trust it, or the receipt is nothing
	Authority Authority
	Decision  Decision
	ID        FactID // of the decision
}

// EncodeReceipt returns the receipt file for a decision under an authority.
func EncodeReceipt(authority, decision Fact) []byte {
	return mustEncode(receiptFile{Label: ReceiptLabel, Authority: authority.Raw(), Decision: decision.Raw()})
}

// OpenReceipt reads a receipt file and verifies all that can be verified
// without trusting anybody: one encoding, the authority signed by the root it
// carries, the decision signed by the working key, dated while that key signed
// for the registry, and of a state that has a receipt, with sums that agree: an
// offer is none. Whether Root is to be trusted is for the caller to decide. Its
// errors wrap ErrNotCanonical or ErrSignature, but for a file of other kinds of
// facts or of a decision without a receipt. A receipt of fuel agrees with itself: what was
// captured is what the quantity costs, and a pump can have given it in that time.
func OpenReceipt(raw []byte) (Receipt, error) {
	if len(raw) > ReceiptBytesMax {
		return Receipt{}, fmt.Errorf("open receipt: %d bytes, the limit is %d: %w", len(raw), ReceiptBytesMax, ErrNotCanonical)
	}
	var file receiptFile
	if err := Decode(raw, &file); err != nil {
		return Receipt{}, fmt.Errorf("open receipt: %w", err)
	}
	if file.Label != ReceiptLabel {
		return Receipt{}, fmt.Errorf("open receipt: layout %q is not %q: %w", file.Label, ReceiptLabel, ErrNotCanonical)
	}
	authority, err := OpenAuthority(file.Authority, NodeID{})
	if err != nil {
		return Receipt{}, fmt.Errorf("open receipt: %w", err)
	}
	f, err := Parse(file.Decision)
	if err != nil {
		return Receipt{}, fmt.Errorf("open receipt: %w", err)
	}
	d, err := As[Decision](f)
	if err != nil {
		return Receipt{}, fmt.Errorf("open receipt: %w", err)
	}
	if err := f.Verify(authority.Working); err != nil {
		return Receipt{}, fmt.Errorf("open receipt: %w", err)
	}
	if !authority.Covers(d.At) {
		return Receipt{}, fmt.Errorf("open receipt: decided at %s, outside the authority of its key: %w", d.At, ErrSignature)
	}
	if why := d.ofFuel(); why != "" {
		return Receipt{}, fmt.Errorf("open receipt: what was given and what was captured do not agree (%s): %w", why, ErrNotCanonical)
	}
	switch {
	case d.HasReceipt():
	case d.State.HasReceipt():
		return Receipt{}, fmt.Errorf("open receipt: the payment is %s with %d captured and %d held, which this version does not understand", d.State, d.SumsAfter().Captured, d.SumsAfter().Held)
	default:
		return Receipt{}, fmt.Errorf("open receipt: the payment is %s, which has no receipt: this proves nothing about money", d.State)
	}
	return Receipt{Root: authority.Root.ID(), Authority: authority, Decision: d, ID: f.ID()}, nil
}

// ofFuel returns why what was captured is not what was given, or "".
func (d Decision) ofFuel() Reason {
	captured := d.SumsAfter().Captured
	if d.Fuel.IsZero() || captured == 0 {
		return ""
	}
	return d.Fuel.Refuses(d.Delivery, captured, 0)
}
