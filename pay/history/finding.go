package history

import (
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// Finding is a decision that does not follow from what this node knows. It changed
// nothing.
type Finding struct {
	Payment pay.PaymentID
	Fact    pay.FactID
	Why     string
}

// AddFinding keeps the decision d, whose stored fact has the given id, as one
// that does not follow. Its errors are the store's.
func AddFinding(tx pay.WritableRows, id pay.FactID, d pay.Decision, why string) error {
	return findingRows.Put(tx, findingOf(d.Payment, d.Seq, id), why)
}

// Findings returns up to pay.ListMax findings. On a healthy node there are none.
// Its errors are the store's, or wrap rows.ErrDamaged.
func Findings(view pay.Rows) (list []Finding, err error) {
	err = findingRows.Scan(view, findingRows.All(), pay.ListMax, func(key findingKey, why string) bool {
		list = append(list, Finding{Payment: key.First, Fact: key.Second.Second, Why: why})
		return true
	})
	return list, err
}

// understood reports whether this program may act although a fact of this kind
// stands in the feed.
func understood(k pay.Kind) bool { return !k.Critical() }

// NoteKind remembers the kind of a fact that no role handles, if the program
// must not act without understanding it. Its errors are the store's.
func NoteKind(tx pay.WritableRows, f pay.Fact) error {
	if understood(f.Kind()) {
		return nil
	}
	if known, err := unknownRows.Has(tx, f.Kind()); known || err != nil {
		return err
	}
	return unknownRows.Put(tx, f.Kind(), f.ID())
}

// Understands returns nil, or a *pay.Error with pay.CodeUpgrade once the feed
// holds a critical fact that this program does not understand: until it is
// upgraded nothing new must be asked for or approved. Any other error is the
// store's.
func Understands(view pay.Rows) error {
	kinds, err := unknownRows.Keys(view, unknownRows.All(), pay.ListMax)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(kinds, func(k pay.Kind) bool { return !understood(k) })
	if i < 0 {
		return nil
	}
	return pay.NewCase(pay.CodeUpgrade, "kind_not_understood", fmt.Sprintf("the registry uses %q, which this version does not understand", string(kinds[i])))
}
