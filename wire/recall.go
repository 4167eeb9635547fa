package wire

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// Recall asks the registry for the items of the node's own outbox behind number
// After, which the node does not hold any more.
type Recall struct {
	After uint64 `cbor:"1,keyasint"`
}

// Type returns TypeRecall.
func (Recall) Type() Type { return TypeRecall }

// Check returns nil: every value is allowed.
func (Recall) Check() error { return nil }

// Recalled answers Recall with items First, First+1, ... as the registry applied
// them. Each element of an item is a raw fact, or the 32 bytes of the id of one
// that the registry refused and did not keep.
type Recalled struct {
	First uint64     `cbor:"1,keyasint"`
	Items [][][]byte `cbor:"2,keyasint"`
	Chain pay.Chain  `cbor:"3,keyasint"` // after the last of them
}

// Type returns TypeRecalled.
func (Recalled) Type() Type { return TypeRecalled }

// Check returns an error when a field is out of its bounds.
func (r Recalled) Check() error {
	if err := checkRun(r.First, len(r.Items)); err != nil {
		return err
	}
	for _, facts := range r.Items {
		if len(facts) == 0 || len(facts) > pay.ItemFactsMax {
			return fmt.Errorf("item has %d facts, outside 1..%d", len(facts), pay.ItemFactsMax)
		}
		for _, raw := range facts {
			if err := checkFact(raw); err != nil {
				return err
			}
		}
	}
	return nil
}

// Renew asks the registry to take the outbox of the node under another
// incarnation from item N+1 on. The node holds everything up to N.
type Renew struct {
	N     uint64          `cbor:"1,keyasint"`
	Chain pay.Chain       `cbor:"2,keyasint"` // after item N
	Next  pay.Incarnation `cbor:"3,keyasint"`
}

// Type returns TypeRenew.
func (Renew) Type() Type { return TypeRenew }

// Check returns an error when a field is out of its bounds.
func (r Renew) Check() error {
	if r.Next == (pay.Incarnation{}) {
		return fmt.Errorf("the next incarnation is zero")
	}
	return nil
}

// Renewed reports that the incarnation of a Renew may push from now on, and no
// other.
type Renewed struct {
	Incarnation pay.Incarnation `cbor:"1,keyasint"`
}

// Type returns TypeRenewed.
func (Renewed) Type() Type { return TypeRenewed }

// Check returns nil: every value is allowed.
func (Renewed) Check() error { return nil }
