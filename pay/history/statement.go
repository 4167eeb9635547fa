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

// TakeStatement notes what f states about the account of scope, and returns it; fresh is
// false where it was noted before, or is about other accounts. Its errors are the store's.
func TakeStatement(tx pay.WritableRows, f pay.Fact, scope pay.Scope) (s Statement, fresh bool, err error) {
	s, ok := statementOf(f, scope)
	if !ok {
		return s, false, nil
	}
	key := statementKey{First: s.At, Second: f.ID()}
	known, err := statementRows.Has(tx, key)
	if err != nil || known {
		return s, false, err
	}
	return s, true, statementRows.Put(tx, key, struct{}{})
}

// statementOf returns what f states about the account of scope; ok is false where it
// states nothing about it.
func statementOf(f pay.Fact, scope pay.Scope) (s Statement, ok bool) {
	t, ok := pay.TransferOf(f)
	s = Statement{Kind: f.Kind(), At: t.At, Currency: t.Currency}
	switch scope {
	case t.From:
		s.In, s.Held, s.Other = -t.Amount, t.Held, t.To
	case t.To:
		s.In, s.Other = t.Amount, t.From
	default:
		return s, false
	}
	return s, ok
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
	if err != nil {
		return Statement{}, err
	}
	s, is := statementOf(f, scope)
	if !ok || !is {
		return s, fmt.Errorf("statement %s is named and missing, or about no account of %s", key.Second, scope)
	}
	return s, nil
}
