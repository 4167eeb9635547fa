package store

import (
	"encoding/binary"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// What is appended one after the other shares rows: a run is up to 16 entries of a
// feed, applied items of a node, rows of the log or outbox items, in order, in a row
// whose key has the number of the last of them. The newest stand in the row that each
// of them changes anyway: the head of the feed, how far the node's outbox was applied,
// the numbers, the outbox's state. In stores of formats before 5 each has a row of its
// own, which is a run of one.

// runItems is how many items share a row; the last of them has a number that it
// divides. Chosen: so few that the rows which hold the newest stay small beside a fact.
const runItems = 16

// run is consecutive items. Each is a fact's id, or a count in one byte, perhaps more,
// and that many ids.
type run struct {
	last  uint64 // the number of the last
	items []byte
	head  int // bytes of an item before its ids; 0 means that it is one id
}

// The heads of items.
const (
	bareID   = 0
	keptHead = 1     // count
	itemHead = 1 + 8 // count, ticks
)

// runOf returns the run of these items; ok is false when they do not have their form.
func runOf(last uint64, items []byte, head int) (r run, ok bool) {
	r = run{last, items, head}
	n := uint64(0)
	for rest := items; len(rest) > 0; n++ {
		size := r.size(rest)
		if len(rest) < size || head > 0 && (rest[0] < 1 || rest[0] > pay.ItemFactsMax) {
			return r, false
		}
		rest = rest[size:]
	}
	return r, n <= runItems && n <= last
}

// size returns the bytes of the first of some items.
func (r run) size(items []byte) int {
	if r.head == bareID {
		return idBytes
	}
	return r.head + int(items[0])*idBytes
}

func (r run) first() uint64 {
	n := r.last + 1
	for rest := r.items; len(rest) > 0; n-- {
		rest = rest[r.size(rest):]
	}
	return n
}

func (r run) holds(n uint64) bool { return n >= r.first() && n <= r.last }

// at returns where an item that the run holds begins and ends.
func (r run) at(n uint64) (from, to int) {
	for seq := r.first(); ; seq++ {
		if to = from + r.size(r.items[from:]); seq == n {
			return from, to
		}
		from = to
	}
}

// facts returns what an item that the run holds names.
func (r run) facts(n uint64) (ids []pay.FactID) {
	from, to := r.at(n)
	for rest := r.items[from+r.head : to]; len(rest) > 0; rest = rest[idBytes:] {
		ids = append(ids, pay.FactID(rest))
	}
	return ids
}

// add returns the run with one more item.
func (r run) add(item ...byte) run {
	r.last, r.items = r.last+1, append(slices.Clip(r.items), item...)
	return r
}

// behind returns the items behind item n.
func (r run) behind(n uint64) run {
	for seq := r.first(); seq <= n && len(r.items) > 0; seq++ {
		r.items = r.items[r.size(r.items):]
	}
	return r
}

// chained is a run with a chain over its facts.
type chained struct {
	run
	chain pay.Chain // before the first, or after the last when after is true
	after bool      // it is a run of one, of old
}

// row returns the row of a run: the chain before it, and its items.
func (r chained) row(buf []byte) []byte {
	return append(append(buf, r.chain[:]...), r.items...)
}

// tailOf returns the run that a row ends with, beside what ends with number last and
// chain end.
func tailOf(last uint64, end pay.Chain, raw []byte, head int) (r chained, ok bool) {
	switch {
	case len(raw) == 0:
		return chained{run{last, nil, head}, end, false}, true
	case len(raw) <= idBytes:
		return r, false
	}
	r.chain = pay.Chain(raw)
	r.run, ok = runOf(last, raw[idBytes:], head)
	return r, ok
}

// each calls fn for the items with numbers from from on, and the chain after each,
// until it returns an error, which it returns.
func (r chained) each(from uint64, fn func(n uint64, item []byte, chain pay.Chain) error) error {
	chain := r.chain
	for n, rest := r.first(), r.items; n <= r.last; n++ {
		item := rest[:r.size(rest)]
		rest = rest[len(item):]
		for ids := item[r.head:]; len(ids) > 0 && !r.after; ids = ids[idBytes:] {
			chain = chain.Next(pay.FactID(ids))
		}
		if n < from {
			continue
		}
		if err := fn(n, item, chain); err != nil {
			return err
		}
	}
	return nil
}

// chainAt returns the chain after an item that the run holds, or before all of them.
func (r chained) chainAt(n uint64) (at pay.Chain) {
	at = r.chain
	_ = r.each(0, func(seq uint64, _ []byte, chain pay.Chain) error {
		if seq <= n {
			at = chain
		}
		return nil
	})
	return at
}

// findRun returns the run that holds item n; ok is false when there is none. key
// appends the key of the run that ends with a number.
func findRun[R interface{ holds(n uint64) bool }](
	v *View, n uint64, key func(buf []byte, last uint64) []byte, decode func(last uint64, row []byte) (R, bool),
) (r R, ok bool, err error) {
	for _, last := range [...]uint64{(n + runItems - 1) / runItems * runItems, n} {
		v.key = key(v.key[:0], last)
		row, there, err := v.get(v.key)
		if err != nil {
			return r, false, err
		}
		if !there {
			continue
		}
		if r, ok = decode(last, row); !ok {
			return r, false, damaged(v.key, "run")
		}
		if r.holds(n) {
			return r, true, nil
		}
	}
	return r, false, nil
}

// feedRow is the row of a feed: its state, and the newest entries, which no run holds.
type feedRow struct {
	feedState
	tail chained
}

// add returns the row with one more entry.
func (f feedRow) add(id pay.FactID) feedRow {
	f.feedState, f.tail.run = f.feedState.add(id), f.tail.add(id[:]...)
	return f
}

func (f feedRow) encode() []byte {
	buf := make([]byte, 0, headBytes+idBytes+len(f.tail.items))
	buf = binary.BigEndian.AppendUint64(buf, f.seq)
	buf = append(append(buf, f.chain[:]...), f.digest[:]...)
	if len(f.tail.items) == 0 {
		return buf
	}
	return f.tail.row(buf)
}

func decodeFeedRow(raw []byte) (f feedRow, ok bool) {
	if len(raw) < headBytes {
		return f, false
	}
	f.seq = binary.BigEndian.Uint64(raw)
	f.chain = pay.Chain(raw[seqBytes:])
	f.digest = pay.Digest(raw[seqBytes+idBytes:])
	f.tail, ok = tailOf(f.seq, f.chain, raw[headBytes:], bareID)
	return f, ok && f.seq > 0
}

// entriesRow returns the row of entries after which the chain is end.
func entriesRow(r chained, end pay.Chain) []byte {
	if len(r.items) == idBytes {
		return append(slices.Clip(r.items), end[:]...)
	}
	return r.row(nil)
}

func decodeEntries(last uint64, raw []byte) (r chained, ok bool) {
	if len(raw) == 2*idBytes {
		r.run, ok = runOf(last, raw[:idBytes], bareID)
		r.chain, r.after = pay.Chain(raw[idBytes:]), true
		return r, ok
	}
	r, ok = tailOf(last, pay.Chain{}, raw, bareID)
	return r, ok && len(r.items) > 0
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

// entriesOf returns the row that holds an entry; ok is false when none does. Who knows
// the feed's row looks at its tail first.
func (v *View) entriesOf(scope pay.Scope, seq uint64) (r chained, ok bool, err error) {
	return findRun(v, seq, func(buf []byte, last uint64) []byte { return entryKey(buf, scope, last) }, decodeEntries)
}

// entry returns the fact of an entry and the chain up to it.
func (v *View) entry(scope pay.Scope, seq uint64) (id pay.FactID, chain pay.Chain, ok bool, err error) {
	r, ok, err := v.entriesOf(scope, seq)
	if err == nil && !ok {
		var f feedRow
		f, err = v.feedRow(scope)
		r, ok = f.tail, f.tail.holds(seq)
	}
	if err != nil || !ok {
		return id, chain, false, err
	}
	return r.facts(seq)[0], r.chainAt(seq), true, nil
}
