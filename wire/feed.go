package wire

import (
	"fmt"
	"math"

	"github.com/paybeacon/paybeacon/pay"
)

// Entries carries feed entries First, First+1, ... in order.
type Entries struct {
	Scope pay.Scope `cbor:"1,keyasint"`
	First uint64    `cbor:"2,keyasint"`
	Facts [][]byte  `cbor:"3,keyasint"`
	Chain pay.Chain `cbor:"4,keyasint"` // after the last of them
}

// Type returns TypeEntries.
func (Entries) Type() Type { return TypeEntries }

// Check returns an error when a field is out of its bounds.
func (e Entries) Check() error {
	if len(e.Scope) > scopeBytesMax {
		return fmt.Errorf("scope has %d bytes, the limit is %d", len(e.Scope), scopeBytesMax)
	}
	if err := checkRun(e.First, len(e.Facts)); err != nil {
		return err
	}
	for _, raw := range e.Facts {
		if err := checkFact(raw); err != nil {
			return err
		}
	}
	return nil
}

// Seen reports that the entries up to Seq are durable at the node.
type Seen struct {
	Seq uint64 `cbor:"1,keyasint"`
}

// Type returns TypeSeen.
func (Seen) Type() Type { return TypeSeen }

// Check returns nil: every value is allowed.
func (Seen) Check() error { return nil }

// Poke reports that the feed goes on behind what the node's window holds. The
// node answers with Seen.
type Poke struct{}

// Type returns TypePoke.
func (Poke) Type() Type { return TypePoke }

// Check returns nil.
func (Poke) Check() error { return nil }

// checkRun returns an error unless n things may be in one message, numbered
// first, first+1, ...
func checkRun(first uint64, n int) error {
	switch {
	case n == 0 || n > pay.BatchFactsMax:
		return fmt.Errorf("%d in one message, outside 1..%d", n, pay.BatchFactsMax)
	case first == 0 || first > math.MaxInt64:
		return fmt.Errorf("first number is %d", first)
	}
	return nil
}
