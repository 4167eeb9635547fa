package wire

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// Urgent carries claims of a node whose outbox cannot be pushed. Only claims that
// reduce what can be paid travel so; they are applied without a number, and again
// when the outbox is pushed after all, which changes nothing.
type Urgent struct {
	Facts [][]byte `cbor:"1,keyasint"`
}

// Type returns TypeUrgent.
func (Urgent) Type() Type { return TypeUrgent }

// Check returns an error when a field is out of its bounds.
func (u Urgent) Check() error {
	if len(u.Facts) == 0 || len(u.Facts) > pay.UrgentFactsMax {
		return fmt.Errorf("%d urgent claims in one message, outside 1..%d", len(u.Facts), pay.UrgentFactsMax)
	}
	for _, raw := range u.Facts {
		if err := checkFact(raw); err != nil {
			return err
		}
	}
	return nil
}

// Settled reports that what an Urgent or an Evidence carried is durable at the
// registry, as far as it counts.
type Settled struct{}

// Type returns TypeSettled.
func (Settled) Type() Type { return TypeSettled }

// Check returns nil.
func (Settled) Check() error { return nil }

// Rival tells a node that another process with its key wants to connect.
type Rival struct{}

// Type returns TypeRival.
func (Rival) Type() Type { return TypeRival }

// Check returns nil.
func (Rival) Check() error { return nil }

// Evidence shows a registry the last entry that the node holds of its feed, when the
// registry holds fewer or others: it has signed that entry. It is answered by Settled.
type Evidence struct {
	Fact []byte `cbor:"1,keyasint"`
}

// Type returns TypeEvidence.
func (Evidence) Type() Type { return TypeEvidence }

// Check returns an error when the fact is out of its bounds.
func (e Evidence) Check() error { return checkFact(e.Fact) }
