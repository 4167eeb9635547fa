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

const (
	// runItems is how many items share a row; the last of them has a number that it
	// divides. Chosen: so few that the rows which hold the newest stay small beside a
	// fact.
	runItems = 16
	// runsByKey is how many runs are read one by one before the rest is walked: who
	// keeps up reads few, and opening a walk costs more than some reads. Chosen: a walk
	// of Badger's costs as much as about ten reads.
	runsByKey = 8
)

// run is consecutive items. Each is a fact's id, or a count in one byte, perhaps more,
// and that many ids. Feeds and applied items have a chain over their facts.
type run struct {
	last  uint64 // the number of the last
	items []byte
	head  int       // bytes of an item before its ids; 0 means that it is one id
	chain pay.Chain // before the first
	fixed bool      // chain is that after the last: it is a run of one, of old, or has none
}

// The heads of items.
const (
	bareID   = 0
	keptHead = 1     // count
	itemHead = 1 + 8 // count, ticks
)

// sound reports whether the items have their form.
func (r run) sound() bool {
	n := uint64(0)
	for rest := r.items; len(rest) > 0; n++ {
		size := r.size(rest)
		if len(rest) < size || r.head > 0 && (rest[0] < 1 || rest[0] > pay.ItemFactsMax) {
			return false
		}
		rest = rest[size:]
	}
	return n <= runItems && n <= r.last
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
func (r run) facts(n uint64) []pay.FactID {
	from, to := r.at(n)
	return idsOf(r.items[from+r.head : to])
}

// idsOf returns the ids of an item behind its head.
func idsOf(item []byte) (ids []pay.FactID) {
	for ; len(item) > 0; item = item[idBytes:] {
		ids = append(ids, pay.FactID(item))
	}
	return ids
}

// add returns the run with one more item.
func (r run) add(item ...byte) run {
	r.last, r.items = r.last+1, append(slices.Clip(r.items), item...)
	return r
}

// spill returns the run when it is to become a row of its own, and begins the next one
// behind it, before which the chain is chain.
func (r *run) spill(chain pay.Chain) (full run, ok bool) {
	if r.last%runItems != 0 {
		return full, false
	}
	full, *r = *r, run{last: r.last, head: r.head, chain: chain, fixed: r.fixed}
	return full, true
}

// behind returns the items behind item n.
func (r run) behind(n uint64) run {
	for seq := r.first(); seq <= n && len(r.items) > 0; seq++ {
		r.items = r.items[r.size(r.items):]
	}
	return r
}

// row returns the row of a run with a chain: the chain before it, and its items.
func (r run) row(buf []byte) []byte {
	return append(append(buf, r.chain[:]...), r.items...)
}

// tailOf returns the run that a row ends with, beside what ends with number last and
// chain end.
func tailOf(last uint64, end pay.Chain, raw []byte, head int) (r run, ok bool) {
	r = run{last: last, head: head, chain: end}
	if len(raw) == 0 {
		return r, true
	}
	if len(raw) <= idBytes {
		return r, false
	}
	r.chain, r.items = pay.Chain(raw), raw[idBytes:]
	return r, r.sound()
}

// each calls fn for the items with numbers from from on, and the chain after each,
// until it returns an error, which it returns.
func (r run) each(from uint64, fn func(n uint64, item []byte, chain pay.Chain) error) error {
	chain := r.chain
	for n, rest := r.first(), r.items; n <= r.last; n++ {
		item := rest[:r.size(rest)]
		rest = rest[len(item):]
		for ids := item[r.head:]; len(ids) > 0 && !r.fixed; ids = ids[idBytes:] {
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
func (r run) chainAt(n uint64) (at pay.Chain) {
	at = r.chain
	_ = r.each(0, func(seq uint64, _ []byte, chain pay.Chain) error {
		if seq <= n {
			at = chain
		}
		return nil
	})
	return at
}

// series is where the items of one numbering stand: in runs, and behind those in the
// tail.
type series struct {
	tail   run
	key    func(buf []byte, last uint64) []byte // appends the key of the run that ends with a number
	decode func(last uint64, raw []byte) (run, bool)
}

// find returns the run that holds item n; ok is false when there is none.
func (v *View) find(s series, n uint64) (r run, ok bool, err error) {
	if s.tail.holds(n) {
		return s.tail, true, nil
	}
	for _, last := range [...]uint64{(n + runItems - 1) / runItems * runItems, n} {
		r, ok, err = rowAt(v, s.key(v.room(), last), "run", func(raw []byte) (run, bool) { return s.decode(last, raw) })
		if err != nil || ok && r.holds(n) {
			return r, ok, err
		}
	}
	return run{}, false, nil
}

// walk calls fn for the items of a series with numbers above after, in order and at most
// limit times (limit <= 0: no limit), with the chain after each, until fn returns an
// error, which it returns. It reads the first runs one by one and walks to the others.
func (v *View) walk(s series, after uint64, limit int, fn func(n uint64, item []byte, chain pay.Chain) error) error {
	next := after + 1
	if next == 0 {
		return nil
	}
	take := func(r run) error {
		if !r.holds(next) {
			return damaged(s.key(nil, next), "absence")
		}
		return r.each(next, func(n uint64, item []byte, chain pay.Chain) error {
			next++
			if err := fn(n, item, chain); err != nil || limit <= 0 || n-after < uint64(limit) {
				return err
			}
			return errEnough
		})
	}
	for runs := 0; next <= s.tail.last; runs++ {
		if first := s.tail.first(); runs == runsByKey && next < first {
			if err := v.scanRuns(s, next, first, take); err != nil {
				return enough(err)
			}
			continue
		}
		r, _, err := v.find(s, next)
		if err == nil {
			err = take(r)
		}
		if err != nil {
			return enough(err)
		}
	}
	return nil
}

// scanRuns calls take for the runs that end with numbers from from on and before to.
func (v *View) scanRuns(s series, from, to uint64, take func(run) error) error {
	begin := s.key(nil, from)
	return v.scan(begin, s.key(nil, to), 0, func(key, value []byte) error {
		r, err := runAt(key, value, len(begin)-seqBytes, "run", s.decode)
		if err != nil {
			return err
		}
		return take(r)
	})
}

// runAt returns the run in a row; the number of its last item stands in the key behind so
// many bytes. what names it in the error about a row that does not have the form.
func runAt(key, value []byte, behind int, what string, decode func(last uint64, raw []byte) (run, bool)) (r run, err error) {
	ok := len(key) == behind+seqBytes
	if ok {
		r, ok = decode(binary.BigEndian.Uint64(key[behind:]), value)
	}
	if !ok {
		err = damaged(key, what)
	}
	return r, err
}

// walkFacts is walk for the facts that a series names.
func (v *View) walkFacts(s series, after uint64, limit int, fn func(n uint64, f pay.Fact) error) error {
	return v.walk(s, after, limit, func(n uint64, item []byte, _ pay.Chain) error {
		f, err := v.mustFact(pay.FactID(item))
		if err != nil {
			return err
		}
		return fn(n, f)
	})
}

// entry returns the fact that an item of a series names, and the chain up to it; ok is
// false when there is no such item.
func (v *View) entry(s series, n uint64) (id pay.FactID, chain pay.Chain, ok bool, err error) {
	r, ok, err := v.find(s, n)
	if err != nil || !ok {
		return id, chain, false, err
	}
	return r.facts(n)[0], r.chainAt(n), true, nil
}
