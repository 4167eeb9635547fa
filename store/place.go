package store

import (
	"bytes"
	"encoding/binary"
	"iter"

	"github.com/paybeacon/paybeacon/pay"
)

// The row of a fact holds its places and then its bytes:
//
//	count 1, count times (length 1, scope, uvarint), raw fact
//
// A place is the number of the entry of a feed that holds the fact, or, with an
// empty scope, that of the row of the outbox which held it. A row without places is
// the raw fact alone, whose first byte, the tag of COSE_Sign1, is no count. Only who
// stores a fact writes its row: places that it gets later have rows of their own, in
// spaces i and q, as all have in stores of formats before 5.

const (
	// rowPlacesMax bounds the places in the row of a fact. Chosen: most facts stand in
	// the feeds of a merchant and a wallet.
	rowPlacesMax = 4
	// inOutbox is the scope of a place in the outbox.
	inOutbox pay.Scope = ""
)

// place is where a fact stands.
type place struct {
	scope pay.Scope
	n     uint64
}

// factRow is what stands in the row of a fact.
type factRow struct {
	places []byte // as they are encoded, without their count
	raw    []byte // nil: there is no row
}

func (f factRow) stored() bool { return f.raw != nil }

// splitFact returns the parts of a fact's row. They share its memory.
func splitFact(row []byte) (f factRow, ok bool) {
	if len(row) == 0 || row[0] == 0 || row[0] > rowPlacesMax {
		return factRow{raw: row}, true
	}
	rest := row[1:]
	for range row[0] {
		if _, rest, ok = nextPlace(rest); !ok {
			return f, false
		}
	}
	return factRow{row[1 : len(row)-len(rest)], rest}, true
}

// nextPlace takes a place from the beginning of encoded ones.
func nextPlace(b []byte) (p place, rest []byte, ok bool) {
	if len(b) == 0 || len(b) <= int(b[0]) {
		return p, nil, false
	}
	end := 1 + int(b[0])
	n, size := binary.Uvarint(b[end:])
	if size <= 0 || n == 0 {
		return p, nil, false
	}
	return place{pay.Scope(b[1:end]), n}, b[end+size:], true
}

// inFeeds are the places in feeds.
func (f factRow) inFeeds() iter.Seq[place] {
	return func(yield func(place) bool) {
		for rest := f.places; len(rest) > 0; {
			var at place
			if at, rest, _ = nextPlace(rest); at.scope != inOutbox && !yield(at) {
				return
			}
		}
	}
}

// stands reports whether the row has a place in a feed.
func (f factRow) stands() bool {
	for range f.inFeeds() {
		return true
	}
	return false
}

// in returns the place in a scope, 0 when the row has none.
func (f factRow) in(scope pay.Scope) uint64 {
	for rest := f.places; len(rest) > 0; {
		name := rest[1 : 1+rest[0]]
		n, size := binary.Uvarint(rest[len(name)+1:])
		if string(name) == string(scope) {
			return n
		}
		rest = rest[len(name)+1+size:]
	}
	return 0
}

// fact reads the row of a fact.
func (v *View) fact(id pay.FactID) (factRow, error) {
	f, _, err := rowAt(v, idKey(v.room(), spaceFact, id), "places", splitFact)
	return f, err
}

// namedFact is fact for one that another row names, which what says.
func (v *View) namedFact(id pay.FactID, what string, args ...any) (factRow, error) {
	f, err := v.fact(id)
	if err == nil && !f.stored() {
		err = finding(what, args...)
	}
	return f, err
}

// storeAt stores a fact with its places, or of one that is stored the places alone. row
// is the fact's row before.
func (tx *Tx) storeAt(f pay.Fact, row factRow, places ...place) error {
	if !row.stored() {
		own := places[:min(len(places), rowPlacesMax)]
		places = places[len(own):]
		if err := tx.put(idKey(tx.room(), spaceFact, f.ID()), encodeFact(f, own)); err != nil {
			return err
		}
		tx.s.facts.add(f)
	}
	for _, at := range places {
		if err := tx.putPlace(f.ID(), at); err != nil {
			return err
		}
	}
	return nil
}

func encodeFact(f pay.Fact, places []place) []byte {
	raw := f.Raw()
	if len(places) == 0 {
		return raw
	}
	row := append(make([]byte, 0, len(raw)+len(places)*32), byte(len(places)))
	for _, p := range places {
		row = binary.AppendUvarint(append(append(row, byte(len(p.scope))), p.scope...), p.n)
	}
	return append(row, raw...)
}

// putPlace keeps a place for which a fact's own row has no room.
func (tx *Tx) putPlace(id pay.FactID, at place) error {
	key := indexKey(tx.room(), id, at.scope)
	if at.scope == inOutbox {
		key = idKey(tx.room(), spaceQueued, id)
	}
	return tx.put(key, binary.BigEndian.AppendUint64(nil, at.n))
}

// placeOf returns the number of the entry that holds a fact in a feed, 0 when none
// does. f is the fact's row.
func (v *View) placeOf(id pay.FactID, f factRow, scope pay.Scope) (seq uint64, err error) {
	if seq = f.in(scope); seq > 0 || !f.stored() {
		return seq, nil
	}
	seq, _, err = rowAt(v, indexKey(v.room(), id, scope), "place in a feed", decodeNumber)
	return seq, err
}

// itemOf returns the number of the outbox row that holds a fact, 0 when none does.
// Places of what was acknowledged stay behind.
func (v *View) itemOf(id pay.FactID, f factRow) (n uint64, err error) {
	if !f.stored() {
		return 0, nil
	}
	o, err := v.outboxState()
	if n = f.in(inOutbox); n > o.acked || err != nil {
		return n, err
	}
	if n, _, err = rowAt(v, idKey(v.room(), spaceQueued, id), "outbox number", decodeNumber); n <= o.acked {
		n = 0
	}
	return n, err
}

func decodeNumber(raw []byte) (uint64, bool) {
	if len(raw) != seqBytes {
		return 0, false
	}
	return binary.BigEndian.Uint64(raw), true
}

// stands reports whether a fact stands in any feed.
func (v *View) stands(id pay.FactID, f factRow) (found bool, err error) {
	if f.stands() || !f.stored() {
		return f.stored(), nil
	}
	prefix := idKey(nil, spaceIndex, id)
	err = v.scan(prefix, []byte{spaceIndex + 1}, 1, func(key, _ []byte) error {
		found = bytes.HasPrefix(key, prefix)
		return nil
	})
	return found, err
}
