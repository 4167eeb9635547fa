package store

import (
	"bytes"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store/kv"
)

// View is one consistent snapshot of a store, for one goroutine and until the
// function it was handed to returns. It is pay.Rows for the node's role.
// Its methods return the engine's errors, and errors that wrap ErrDamaged when a
// row is not what was written; those that return others name them.
type View struct {
	s   *Store
	r   kv.Reader
	key []byte // room for the key of the next Get or Put
	// verified: VerifyWith has found nothing wrong with this snapshot, so that facts
	// are not checked again when they are read.
	verified bool
	// fault is the first error of the engine, or of a row that all others rest
	// on, as opposed to one that concerns only what is being read.
	fault error
}

// broken notes an error that concerns more than what is being read or written.
func (v *View) broken(err error) error {
	if v.fault == nil {
		v.fault = err
	}
	return err
}

var _ pay.Rows = (*View)(nil)

// Get returns a copy of the role's row at key, and whether there is one.
func (v *View) Get(key []byte) (value []byte, ok bool, err error) {
	v.key = roleKey(v.key[:0], key)
	return v.get(v.key)
}

// Scan calls fn for each row of the role in [from, to) in byte order, at most
// limit times (limit <= 0: no limit), until fn returns false. A nil to means
// the end of the role's rows. fn must not keep key or value.
func (v *View) Scan(from, to []byte, limit int, fn func(key, value []byte) (more bool)) error {
	end := []byte{spaceRole + 1}
	if to != nil {
		end = roleKey(nil, to)
	}
	return v.scan(roleKey(nil, from), end, limit, func(key, value []byte) (bool, error) {
		return fn(key[1:], value), nil
	})
}

// Fact returns a stored fact.
func (v *View) Fact(id pay.FactID) (pay.Fact, bool, error) {
	row, ok, err := v.fact(id)
	if err != nil || !ok {
		return pay.Fact{}, false, err
	}
	open := v.s.facts.open
	if v.verified {
		open = reopen
	}
	f, err := open(id, row.raw)
	return f, err == nil, err
}

// Facts calls fn for each stored fact, in the order of their ids, until fn
// returns an error, which it returns. fn asks a fact for its kind where it wants
// only one.
func (v *View) Facts(fn func(f pay.Fact) error) error {
	return v.FactsOf(func(pay.FactID, pay.Kind, pay.NodeID) bool { return true }, fn)
}

// FactsOf is Facts for those that want asks for, by what their bytes name; the others
// are not opened. It is right only after Verify has found nothing wrong with
// them.
func (v *View) FactsOf(want func(id pay.FactID, kind pay.Kind, signer pay.NodeID) bool, fn func(f pay.Fact) error) error {
	return v.scan([]byte{spaceFact}, []byte{spaceFact + 1}, 0, func(key, value []byte) (bool, error) {
		row, ok := splitFact(value)
		if !ok || len(key) != 1+idBytes {
			return false, damaged(key, "key")
		}
		id := pay.FactID(key[1:])
		if kind, signer, ok := pay.PeekFact(row.raw); ok && !want(id, kind, signer) {
			return true, nil
		}
		open := openFact
		if v.verified {
			open = reopen
		}
		f, err := open(id, bytes.Clone(row.raw))
		if err == nil {
			err = fn(f)
		}
		return err == nil, err
	})
}

// reopen is openFact for a fact that was verified. It keeps raw.
func reopen(id pay.FactID, raw []byte) (pay.Fact, error) {
	f, ok := pay.Reopen(id, raw)
	if !ok {
		return f, finding("fact %s: it cannot be opened", id)
	}
	return f, nil
}

// mustFact returns a fact that another row names.
func (v *View) mustFact(id pay.FactID) (pay.Fact, error) {
	f, ok, err := v.Fact(id)
	if err == nil && !ok {
		err = fmt.Errorf("fact %s is named and missing: %w", id, ErrDamaged)
	}
	return f, err
}

// get reads one row of any space.
func (v *View) get(key []byte) ([]byte, bool, error) {
	sealed, ok, err := v.r.Get(key)
	if err != nil || !ok {
		return nil, false, v.broken(err)
	}
	value, err := unseal(key, sealed)
	return value, err == nil, err
}

// scan walks rows of any space. The bounds must not be v.key, which fn may use.
func (v *View) scan(from, to []byte, limit int, fn func(key, value []byte) (more bool, err error)) error {
	var stopped error
	err := v.r.Scan(from, to, limit, func(key, sealed []byte) bool {
		value, err := unseal(key, sealed)
		more := false
		if err == nil {
			more, err = fn(key, value)
		}
		stopped = err
		return more && err == nil
	})
	if stopped != nil {
		return stopped
	}
	return v.broken(err)
}
