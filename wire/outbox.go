package wire

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// Push carries outbox items First, First+1, ... in order. Each item is applied
// in one transaction or not at all.
type Push struct {
	Incarnation pay.Incarnation `cbor:"1,keyasint"`
	First       uint64          `cbor:"2,keyasint"`
	Items       []PushItem      `cbor:"3,keyasint"`
}

// PushItem is one outbox item: facts that belong together, and how long ago
// the node stored the first of them.
type PushItem struct {
	_     struct{} `cbor:",toarray"`
	Age   pay.Millis
	Facts [][]byte
}

// Type returns TypePush.
func (Push) Type() Type { return TypePush }

// Check returns an error when a field is out of its bounds.
func (p Push) Check() error {
	if err := checkRun(p.First, len(p.Items)); err != nil {
		return err
	}
	for _, item := range p.Items {
		if item.Age < 0 {
			return fmt.Errorf("item is %d ms old", item.Age)
		}
		if len(item.Facts) == 0 || len(item.Facts) > pay.ItemFactsMax {
			return fmt.Errorf("item has %d facts, outside 1..%d", len(item.Facts), pay.ItemFactsMax)
		}
		for _, raw := range item.Facts {
			if err := checkFact(raw); err != nil {
				return err
			}
		}
	}
	return nil
}

// Ack reports that the items up to Applied are durable at the registry. Refused
// names those among them that were refused, with the reason, in rising order.
type Ack struct {
	Incarnation pay.Incarnation `cbor:"1,keyasint"`
	Applied     uint64          `cbor:"2,keyasint"`
	Refused     []RefusedItem   `cbor:"3,keyasint,omitempty"`
}

// RefusedItem is an outbox item that was refused.
type RefusedItem struct {
	_      struct{} `cbor:",toarray"`
	N      uint64
	Reason pay.Reason
}

// Type returns TypeAck.
func (Ack) Type() Type { return TypeAck }

// Check returns an error when a field is out of its bounds.
func (a Ack) Check() error {
	if len(a.Refused) > pay.BatchFactsMax {
		return fmt.Errorf("%d refusals in one message, the limit is %d", len(a.Refused), pay.BatchFactsMax)
	}
	var last uint64
	for _, r := range a.Refused {
		if r.N <= last || r.N > a.Applied {
			return fmt.Errorf("refusal of item %d after item %d, applied %d", r.N, last, a.Applied)
		}
		if r.Reason == "" {
			return fmt.Errorf("item %d is refused without a reason", r.N)
		}
		if err := checkText("reason", string(r.Reason), reasonBytesMax); err != nil {
			return err
		}
		last = r.N
	}
	return nil
}

// reasonBytesMax bounds a reason. Published: PROTOCOL.md, field 3 of a refusal.
const reasonBytesMax = 32
