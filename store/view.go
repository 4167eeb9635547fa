package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store/kv"
)

// View is one consistent snapshot of a store, for one goroutine and until the
// function it was handed to returns. It is pay.Rows for the node's role.
// Its methods return the engine's errors, and errors that wrap ErrDamaged when a
// row is not what was written; those that return others name them.
type View struct {
	s       *Store
	r       kv.Reader
	keyRoom [keyRoomBytes]byte // for the key of the next Get or Put
	// verified: Verify has found nothing wrong with this snapshot, so that facts
	// are not checked again when they are read.
	verified bool
	// fault is the first error of the engine, or of a row that all others rest
	// on, as opposed to one that concerns only what is being read.
	fault error
}

// keyRoomBytes is the room for a key. Chosen: above nearly every key; a longer one is
// allocated.
const keyRoomBytes = 96

// room returns where the key of the next get, put or delete is built.
func (v *View) room() []byte { return v.keyRoom[:0] }

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
	return v.get(roleKey(v.room(), key))
}

// Scan calls fn for each row of the role in [from, to) in byte order, at most
// limit times (limit <= 0: no limit), until fn returns false. A nil to means
// the end of the role's rows. fn must not keep key or value.
func (v *View) Scan(from, to []byte, limit int, fn func(key, value []byte) (more bool)) error {
	end := []byte{spaceRole + 1}
	if to != nil {
		end = roleKey(nil, to)
	}
	return enough(v.scan(roleKey(nil, from), end, limit, func(key, value []byte) error {
		if !fn(key[1:], value) {
			return errEnough
		}
		return nil
	}))
}

// Fact returns a stored fact.
func (v *View) Fact(id pay.FactID) (pay.Fact, bool, error) {
	row, err := v.fact(id)
	if err != nil || !row.stored() {
		return pay.Fact{}, false, err
	}
	f, err := v.opener(v.s.facts.open)(id, row.raw)
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
	open := v.opener(openFact)
	return v.scanSpace(spaceFact, func(key, value []byte) error {
		row, ok := splitFact(value)
		if !ok || len(key) != 1+idBytes {
			return damaged(key, "key")
		}
		id := pay.FactID(key[1:])
		if kind, signer, ok := pay.PeekFact(row.raw); ok && !want(id, kind, signer) {
			return nil
		}
		f, err := open(id, bytes.Clone(row.raw))
		if err != nil {
			return err
		}
		return fn(f)
	})
}

// opener returns what makes facts of their bytes: open, unless all were verified.
func (v *View) opener(open func(pay.FactID, []byte) (pay.Fact, error)) func(pay.FactID, []byte) (pay.Fact, error) {
	if v.verified {
		return reopen
	}
	return open
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

// mustFacts returns the facts that another row names.
func (v *View) mustFacts(ids []pay.FactID) (facts []pay.Fact, err error) {
	for _, id := range ids {
		f, err := v.mustFact(id)
		if err != nil {
			return nil, err
		}
		facts = append(facts, f)
	}
	return facts, nil
}

// has reports whether there is a row.
func (v *View) has(key []byte) (bool, error) {
	_, ok, err := v.get(key)
	return ok, err
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

// rowAt reads a row of any space that has a form; ok is false when there is none. what
// names the form in the error about a row that does not have it.
func rowAt[T any](v *View, key []byte, what string, decode func(raw []byte) (T, bool)) (row T, ok bool, err error) {
	raw, ok, err := v.get(key)
	if err != nil || !ok {
		return row, false, err
	}
	if row, ok = decode(raw); !ok {
		err = damaged(key, what)
	}
	return row, ok, err
}

// errEnough ends a walk that is not to go on.
var errEnough = errors.New("enough")

// enough returns nil for a walk that was ended by errEnough.
func enough(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// scanSpace is scan for all rows of a space.
func (v *View) scanSpace(space byte, fn func(key, value []byte) error) error {
	return v.scan([]byte{space}, []byte{space + 1}, 0, fn)
}

// scan walks rows of any space, until fn returns an error, which it returns. The bounds
// must not be in the room for keys, which fn may use.
func (v *View) scan(from, to []byte, limit int, fn func(key, value []byte) error) error {
	var stopped error
	err := v.r.Scan(from, to, limit, func(key, sealed []byte) bool {
		value, err := unseal(key, sealed)
		if err == nil {
			err = fn(key, value)
		}
		stopped = err
		return err == nil
	})
	if stopped != nil {
		return stopped
	}
	return v.broken(err)
}

// ErrDamaged means that a row of the store is not what was written: its checksum
// or its form is wrong. The node must not go on with it.
var ErrDamaged = errors.New("store: row is damaged")

const sealBytes = 4

// seal appends value and the checksum of key and value to buf.
func seal(buf, key, value []byte) []byte {
	buf = append(buf, value...)
	return binary.BigEndian.AppendUint32(buf, checksum(key, value))
}

// unseal returns the value inside a sealed row. It shares memory with sealed.
func unseal(key, sealed []byte) ([]byte, error) {
	n := len(sealed) - sealBytes
	if n < 0 || binary.BigEndian.Uint32(sealed[n:]) != checksum(key, sealed[:n]) {
		return nil, damaged(key, "checksum")
	}
	return sealed[:n:n], nil
}

func checksum(key, value []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Update(0, table, key), table, value)
}

// damaged returns the error for a row whose key or value does not have the form
// of its space.
func damaged(key []byte, what string) error {
	return fmt.Errorf("%s is wrong in row %s: %w", what, nameOf(key), ErrDamaged)
}

// nameOf names a row to a person without printing all of it.
func nameOf(key []byte) string {
	if len(key) == 0 {
		return "without a key"
	}
	const shown = 12
	rest, more := key[1:], ""
	if len(rest) > shown {
		rest, more = rest[:shown], "..."
	}
	return fmt.Sprintf("%q %x%s", key[0], rest, more)
}
