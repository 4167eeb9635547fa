package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// operation is one thing that the operator does under a key: it is posted once, stated to
// whom it concerns and in the registry's own feed, and kept under its key, which stands
// for it for ever. A new one is such a value and a line in the list of features.
type operation[K any, B pay.Body, R operationRow] struct {
	what    string // one of them, for a person: a top-up
	verb    string // what is done, with which errors begin: top up
	command string // of admin, which does it
	keys    rows.Table[K, R]
	key     func(B) K
	row     func(pay.FactID, B) R
	// same reports whether the same is asked for as what a key stands for.
	same func(first, ask B) bool
	// check returns the *pay.Error for what could never be, beside its form; nil: all can.
	check func(*Registry, B) error
	// post posts it, and returns it with what follows from there. A *pay.Error, and what
	// package book refuses, change nothing.
	post func(*turn, B) (B, error)
	// scopes are in whose feeds it is stated, beside the registry's own.
	scopes func(*turn, B) ([]pay.Scope, error)
	// then follows, once it is stated; nil: nothing does.
	then func(t *turn, id pay.FactID, done B) error
	// count counts the money that it moved; nil: it is counted elsewhere.
	count func(*book.Tally, B)
}

// operationRow is what a key of an operation stands for.
type operationRow interface {
	comparable
	fact() pay.FactID
}

// stated is the row of an operation that names its statement and says all of it again.
type stated[B comparable] struct {
	Fact pay.FactID `cbor:"1,keyasint"`
	Body B          `cbor:"2,keyasint"`
}

func (s stated[B]) fact() pay.FactID { return s.Fact }

func stating[B comparable](id pay.FactID, body B) stated[B] { return stated[B]{id, body} }

// feature returns what the registry can do by it.
func (o operation[K, B, R]) feature() feature {
	var b B
	return feature{name: o.what + "s", publishes: []pay.Kind{b.Kind()}, audit: o.inspect, spaces: rows.Spaces{o.keys.Space}}
}

// do does what is asked for, or returns what was done under the key before. Its refusals
// are *pay.Error, those that all operations have in common pay.CodeKeyUsed and
// pay.CodeUsage; they change nothing. Any other error is the store's, or wraps
// pay.ErrCannotSign.
func (o operation[K, B, R]) do(r *Registry, tx pay.WritableRows, now pay.Time, ask B) (B, pay.Reaction, error) {
	t := turn{Registry: r, rows: tx, now: now}
	if o.check != nil {
		if err := o.check(r, ask); err != nil {
			return ask, pay.Reaction{}, err
		}
	}
	if err := ask.Check(); err != nil {
		return ask, pay.Reaction{}, pay.WrapCase(err, pay.CodeUsage, "operation_form", o.verb, o.command)
	}
	first, used, err := o.first(tx, o.key(ask))
	switch {
	case err != nil:
		return ask, pay.Reaction{}, fmt.Errorf("%s: %w", o.verb, err)
	case used && !o.same(first, ask):
		return ask, pay.Reaction{}, pay.NewCase(pay.CodeKeyUsed, "operation_key_used", fmt.Sprintf("%s: key %q stands for another %s", o.verb, fmt.Sprint(o.key(ask)), o.what))
	case used:
		return first, pay.Reaction{}, nil
	}
	done, err := o.post(&t, ask)
	if err != nil {
		return ask, pay.Reaction{}, o.refused(err)
	}
	var id pay.FactID
	scopes, err := o.scopes(&t, done)
	if err == nil {
		id, err = t.publish(done, append([]pay.Scope{pay.ScopeRegistry}, scopes...)...)
	}
	if err == nil {
		err = o.keys.Put(tx, o.key(done), o.row(id, done))
	}
	if err == nil && o.then != nil {
		err = o.then(&t, id, done)
	}
	if err != nil {
		return ask, pay.Reaction{}, fmt.Errorf("%s: %w", o.verb, o.refused(err))
	}
	return done, t.out, nil
}

// first returns what a key stands for, if it was used.
func (o operation[K, B, R]) first(view pay.Rows, key K) (first B, used bool, err error) {
	row, used, err := o.keys.Get(view, key)
	if err != nil || !used {
		return first, false, err
	}
	first, ok, err := fact[B](view, row.fact())
	if err == nil && !ok {
		err = fmt.Errorf("%s %s is named and missing", o.what, row.fact())
	}
	return first, err == nil, err
}

// refused returns the *pay.Error for what the book refuses, and any other error as it is.
func (o operation[K, B, R]) refused(err error) error {
	switch {
	case errors.Is(err, book.ErrInsufficient):
		return pay.WrapCase(err, pay.CodeFunds, "payout_funds", o.verb)
	case errors.Is(err, book.ErrFull), errors.Is(err, pay.ErrOverflow):
		return pay.WrapCase(err, pay.CodeAmount, "account_full", o.verb)
	default:
		return err
	}
}

// inspect counts the money that was moved and holds each statement against the row of its
// key.
func (o operation[K, B, R]) inspect(a *auditor) inspection {
	seen := 0
	var b B
	return inspection{
		reads: map[pay.Kind]func(pay.Fact) error{b.Kind(): reading(func(f pay.Fact, b B) error {
			seen++
			if o.count != nil {
				o.count(&a.tally, b)
			}
			row, ok, err := o.keys.Get(a.rows, o.key(b))
			if err == nil && (!ok || row != o.row(f.ID(), b)) {
				a.report("%s %s is not what its key stands for", o.what, f.ID())
			}
			return err
		})},
		passes: []func(context.Context) error{func(context.Context) error {
			n, err := o.keys.Count(a.rows)
			if err == nil && n != seen {
				a.report("%d keys of %ss are kept, the facts say %d", n, o.what, seen)
			}
			return err
		}},
	}
}
