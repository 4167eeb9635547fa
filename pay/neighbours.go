package pay

import "fmt"

// Place is a site of a merchant.
type Place struct {
	Merchant     Scope `cbor:"1,keyasint"`
	MerchantName Name  `cbor:"2,keyasint"`
	Site         Name  `cbor:"3,keyasint"`
}

func (p Place) check() error {
	return firstError(p.Merchant.check("m/"), p.MerchantName.Check(), p.Site.Check())
}

// Is reports whether two places are the same, whatever their merchant was called.
func (p Place) Is(other Place) bool { return p.Merchant == other.Merchant && p.Site == other.Site }

// Neighbours is the registry's statement that its operator has declared two
// places to be neighbours, which hear one another's customers, or has ended that.
// It stands in the feeds of both merchants.
type Neighbours struct {
	A     Place `cbor:"1,keyasint"`
	B     Place `cbor:"2,keyasint"`
	Ended bool  `cbor:"3,keyasint,omitempty"`
	At    Time  `cbor:"4,keyasint"`
}

// Kind returns KindNeighbours.
func (Neighbours) Kind() Kind { return KindNeighbours }

// Check returns nil when every field is within its bounds.
func (n Neighbours) Check() error {
	if n.A.Is(n.B) {
		return fmt.Errorf("a place is no neighbour of itself")
	}
	return firstError(n.A.check(), n.B.check(), n.At.check())
}

// Earshot is the registry's statement to a merchant that codes of its customers
// were heard at another place too, which is no declared neighbour. It does not say
// where: only the operator knows both.
type Earshot struct {
	Merchant Scope  `cbor:"1,keyasint"`
	Site     Name   `cbor:"2,keyasint"`
	Codes    uint32 `cbor:"3,keyasint"` // heard at both, with the place that was heard last
	At       Time   `cbor:"4,keyasint"`
}

// Kind returns KindEarshot.
func (Earshot) Kind() Kind { return KindEarshot }

// Check returns nil when every field is within its bounds.
func (e Earshot) Check() error {
	return firstError(e.Merchant.check("m/"), e.Site.Check(), e.At.check())
}
