package store

import (
	"encoding/binary"

	"github.com/paybeacon/paybeacon/pay"
)

// What is only ever appended shares rows: a run is up to 16 entries of a feed, applied
// items of a node or rows of the log, in order, in a row whose key has the number of
// the last of them. The newest, fewer than fill a run, stand in the row that each of
// them changes anyway: the head of the feed, how far the node's outbox was applied,
// the numbers. In stores of formats before 5 each of them has a row of its own, which
// is a run of one.

// runEntries is how many entries of a feed share a row; the last of them has a number
// that it divides. Chosen: so few that the rows which hold the newest stay small beside
// a fact.
const runEntries = 16

// run is consecutive entries of a feed.
//
//	chain before the first 32, fact ids       two or more
//	fact id, chain after it 32                one
type run struct {
	last  uint64 // the number of the last
	ids   []byte
	chain pay.Chain // before the first, or after it when after is true
	after bool
}

func (r run) len() int      { return len(r.ids) / idBytes }
func (r run) first() uint64 { return r.last - uint64(r.len()) + 1 }

func (r run) holds(seq uint64) bool { return seq >= r.first() && seq <= r.last }

// id returns the fact of an entry that the run holds.
func (r run) id(seq uint64) pay.FactID {
	return pay.FactID(r.ids[(seq-r.first())*idBytes:])
}

// each calls fn for the entries with numbers from from on, until it returns an error,
// which it returns.
func (r run) each(from uint64, fn func(seq uint64, id pay.FactID, chain pay.Chain) error) error {
	chain := r.chain
	for seq := r.first(); seq <= r.last; seq++ {
		id := r.id(seq)
		if !r.after {
			chain = chain.Next(id)
		}
		if seq < from {
			continue
		}
		if err := fn(seq, id, chain); err != nil {
			return err
		}
	}
	return nil
}

// encode returns the row of a run after whose last entry the chain is end.
func (r run) encode(buf []byte, end pay.Chain) []byte {
	if r.len() == 1 {
		return append(append(buf, r.ids...), end[:]...)
	}
	return append(append(buf, r.chain[:]...), r.ids...)
}

func decodeRun(last uint64, raw []byte) (r run, ok bool) {
	n := len(raw)/idBytes - 1
	if len(raw)%idBytes != 0 || n < 1 || n > runEntries || uint64(n) > last {
		return r, false
	}
	if n == 1 {
		return run{last, raw[:idBytes], pay.Chain(raw[idBytes:]), true}, true
	}
	return run{last, raw[idBytes:], pay.Chain(raw), false}, true
}

// feedRow is the row of a feed: its state, and the newest entries, which no run holds.
type feedRow struct {
	feedState
	tail run
}

// add returns the row with one more entry.
func (f feedRow) add(id pay.FactID) feedRow {
	f.feedState = f.feedState.add(id)
	f.tail.last, f.tail.ids = f.seq, append(f.tail.ids, id[:]...)
	return f
}

func (f feedRow) encode() []byte {
	buf := make([]byte, 0, headBytes+idBytes+len(f.tail.ids))
	buf = binary.BigEndian.AppendUint64(buf, f.seq)
	buf = append(append(buf, f.chain[:]...), f.digest[:]...)
	if f.tail.len() == 0 {
		return buf
	}
	return append(append(buf, f.tail.chain[:]...), f.tail.ids...)
}

func decodeFeedRow(raw []byte) (f feedRow, ok bool) {
	if len(raw) < headBytes {
		return f, false
	}
	f.seq = binary.BigEndian.Uint64(raw)
	f.chain = pay.Chain(raw[seqBytes:])
	f.digest = pay.Digest(raw[seqBytes+idBytes:])
	f.tail = run{last: f.seq, chain: f.chain}
	if raw = raw[headBytes:]; len(raw) == 0 {
		return f, f.seq > 0
	}
	n := len(raw)/idBytes - 1
	if len(raw)%idBytes != 0 || n < 1 || n >= runEntries || uint64(n) > f.seq {
		return f, false
	}
	f.tail.chain, f.tail.ids = pay.Chain(raw), raw[idBytes:]
	return f, true
}

func (v *View) feedRow(scope pay.Scope) (feedRow, error) {
	v.key = headKey(v.key[:0], scope)
	raw, ok, err := v.get(v.key)
	if err != nil || !ok {
		return feedRow{}, err
	}
	f, ok := decodeFeedRow(raw)
	if !ok {
		return f, damaged(headKey(nil, scope), "feed state")
	}
	return f, nil
}

// runOf returns the run that holds an entry; ok is false when none does. Who knows
// the feed's row looks at its tail first.
func (v *View) runOf(scope pay.Scope, seq uint64) (r run, ok bool, err error) {
	last := (seq + runEntries - 1) / runEntries * runEntries
	if r, ok, err = v.readRun(scope, last); err != nil || ok && r.holds(seq) || last == seq {
		return r, ok, err
	}
	return v.readRun(scope, seq)
}

// readRun returns the run whose last entry is last.
func (v *View) readRun(scope pay.Scope, last uint64) (r run, ok bool, err error) {
	v.key = entryKey(v.key[:0], scope, last)
	raw, ok, err := v.get(v.key)
	if err != nil || !ok {
		return r, false, err
	}
	if r, ok = decodeRun(last, raw); !ok {
		return r, false, damaged(entryKey(nil, scope, last), "feed entries")
	}
	return r, true, nil
}

// entry returns the fact of an entry and the chain up to it.
func (v *View) entry(scope pay.Scope, seq uint64) (id pay.FactID, chain pay.Chain, ok bool, err error) {
	r, ok, err := v.runOf(scope, seq)
	if err == nil && !ok {
		var f feedRow
		f, err = v.feedRow(scope)
		r, ok = f.tail, f.tail.holds(seq)
	}
	if err != nil || !ok || seq == 0 {
		return id, chain, false, err
	}
	err = r.each(seq, func(at uint64, f pay.FactID, c pay.Chain) error {
		if at == seq {
			id, chain = f, c
		}
		return nil
	})
	return id, chain, true, err
}
