package wallet

import (
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// replacements are the wallets that signed for this scope before. A wallet that
// takes the place of another reads the scope's feed from its first entry on. What
// stands there before the registry's statement is the other wallet's: this one
// answers none of it, and misses no approval of its own there.
func (w *Wallet) replacements() history.Feature {
	return history.Feature{
		Name:    "replacements",
		Mirrors: map[pay.Kind]history.EntryRule{pay.KindReplaced: history.Mirror(noteReplaced)},
		Spaces:  rows.Spaces{replacedRows.Space},
	}
}

var replacedRows = rows.New("r", "which wallet this one took the scope over from", rows.ID[pay.NodeID]("NEW"), rows.CBOR[replacedRow]())

// replacedRow is the registry's statement that a node took the place of another.
type replacedRow struct {
	Old  pay.NodeID `cbor:"1,keyasint"`
	At   pay.Time   `cbor:"2,keyasint"`
	Fact pay.FactID `cbor:"3,keyasint"`
}

func noteReplaced(tx pay.WritableRows, f pay.Fact, r pay.Replaced) error {
	return replacedRows.Put(tx, r.New, replacedRow{Old: r.Old, At: r.At, Fact: f.ID()})
}

// before reports whether the scope is still another wallet's at this place of the
// feed.
func (w *Wallet) before(view pay.Rows) (bool, error) {
	if w.options.Replaces.IsZero() {
		return false, nil
	}
	known, err := replacedRows.Has(view, w.options.Key.ID())
	return !known && err == nil, err
}

// Replaced is the wallet whose place this one has taken.
type Replaced struct {
	Old pay.NodeID
	At  pay.Time // by the registry's clock
}

// Replaces returns whose place this wallet has taken; ok is false for the first
// wallet of its scope, and until the registry's statement has arrived. Its errors
// are the store's.
func (w *Wallet) Replaces(view pay.Rows) (r Replaced, ok bool, err error) {
	row, ok, err := replacedRows.Get(view, w.options.Key.ID())
	return Replaced{Old: row.Old, At: row.At}, ok, err
}

// Statement is a fact of the registry with the authority that it was signed under.
type Statement struct{ Authority, Fact []byte }

// Succession returns the statements that lead to this wallet from the wallets
// before it, oldest first, at most pay.SuccessionMax: by them a device that is
// bound to one of those knows this one for its owner's. Its errors are the store's
// and those of history.AuthorityOf.
func (w *Wallet) Succession(view pay.Rows) (list []Statement, err error) {
	for id := w.options.Key.ID(); len(list) < pay.SuccessionMax; {
		row, ok, err := replacedRows.Get(view, id)
		if err != nil || !ok {
			return list, err
		}
		f, ok, err := view.Fact(row.Fact)
		if err != nil || !ok {
			return list, err
		}
		authority, err := history.AuthorityOf(view, f.Signer(), row.At)
		if err != nil {
			return nil, err
		}
		list = append([]Statement{{authority.Raw(), f.Raw()}}, list...)
		id = row.Old
	}
	return list, nil
}
