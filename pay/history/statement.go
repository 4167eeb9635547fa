package history

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// Statements of the registry on the account of the node's scope that are no decision on
// a payment, newest first: money that came in, was paid out or was moved. Box and wallet
// keep the same rows of them.

// statementRows name the statements that the balance has taken in.
var statementRows = rows.New("hs", "the registry's statements on the account, newest first",
	rows.Join(rows.Descending("AT"), rows.ID[pay.FactID]("FACT")), rows.None())

type statementKey = rows.Pair[pay.Time, pay.FactID]

// Statement is what the registry stated about the account of one scope. In is positive
// where money came in and negative where it left.
type Statement struct {
	Kind     pay.Kind
	At       pay.Time
	In       pay.Amount
	Currency pay.Currency
	Held     pay.Amount // what stayed behind because payments held it, where all else was moved
	Other    pay.Scope  // the other wallet of a move
}

// NoteStatement notes a statement, and reports whether it was new. Its errors are the
// store's.
func NoteStatement(tx pay.WritableRows, f pay.Fact, at pay.Time) (fresh bool, err error) {
	key := statementKey{First: at, Second: f.ID()}
	known, err := statementRows.Has(tx, key)
	if err != nil || known {
		return false, err
	}
	return true, statementRows.Put(tx, key, struct{}{})
}

// Statements calls fn for the statements on the account of scope, newest first, until fn
// returns false. Top-ups that were taken in before these rows were kept are not among
// them. Its errors are the store's.
func Statements(view pay.Rows, scope pay.Scope, fn func(Statement) (more bool)) error {
	const atOnce = 64
	for within := statementRows.All(); ; {
		keys, err := statementRows.Keys(view, within, atOnce)
		if err != nil {
			return err
		}
		for _, key := range keys {
			s, err := statementAt(view, scope, key)
			if err != nil || !fn(s) {
				return err
			}
		}
		if len(keys) < atOnce {
			return nil
		}
		within = statementRows.Behind(keys[atOnce-1])
	}
}

func statementAt(view pay.Rows, scope pay.Scope, key statementKey) (Statement, error) {
	f, ok, err := view.Fact(key.Second)
	if err == nil && !ok {
		err = fmt.Errorf("statement %s is named and missing", key.Second)
	}
	if err != nil {
		return Statement{}, err
	}
	s := Statement{Kind: f.Kind(), At: key.First}
	switch f.Kind() {
	case pay.KindTopUp:
		b, bad := pay.As[pay.TopUp](f)
		s.In, s.Currency, err = b.Amount, b.Currency, bad
	case pay.KindPaidOut:
		b, bad := pay.As[pay.PaidOut](f)
		s.In, s.Currency, err = -b.Amount, b.Currency, bad
	case pay.KindMoved:
		b, bad := pay.As[pay.Moved](f)
		s.Currency, err = b.Currency, bad
		if s.In, s.Other = b.Amount, b.From; b.From == scope {
			s.In, s.Held, s.Other = -b.Amount, b.Held, b.To
		}
	default:
		err = fmt.Errorf("%s %s is no statement on an account", f.Kind(), f.ID())
	}
	return s, err
}
