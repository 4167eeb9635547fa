package store

import (
	"bytes"
	"encoding/binary"

	"github.com/paybeacon/paybeacon/pay"
)

// The newest items of the outbox stand in the row of its state, which changes with each
// of them, so that what is acknowledged soon never has a row of its own. Where 16 have
// come, those of them that still wait become one row, whose key has the number of the
// last of them. In stores of formats before 5 each item has a row of its own.

// item is an item of the outbox: when it was stored and what it holds.
type item struct {
	ticks pay.Millis
	facts []pay.FactID
}

// itemRun is consecutive items of the outbox, one after the other:
//
//	count 1, ticks 8, fact ids
type itemRun struct {
	last  uint64 // the number of the last
	items []byte
}

// runOfItems is what a row of several items begins with. One of a single item, of old,
// begins with the zero byte of its ticks.
const runOfItems = 1

func itemBytes(first byte) int { return 1 + 8 + int(first)*idBytes }

func (it item) append(buf []byte) []byte {
	buf = binary.BigEndian.AppendUint64(append(buf, byte(len(it.facts))), uint64(it.ticks))
	for _, id := range it.facts {
		buf = append(buf, id[:]...)
	}
	return buf
}

// itemsOf returns items that end with number last; ok is false when they do not have
// their form.
func itemsOf(last uint64, raw []byte) (r itemRun, ok bool) {
	n := uint64(0)
	for rest := raw; len(rest) > 0; n++ {
		if rest[0] < 1 || rest[0] > pay.ItemFactsMax || len(rest) < itemBytes(rest[0]) || rest[1] >= 1<<7 {
			return r, false
		}
		rest = rest[itemBytes(rest[0]):]
	}
	return itemRun{last, raw}, n <= runEntries && n <= last
}

// decodeItems returns the items of a row.
func decodeItems(last uint64, raw []byte) (r itemRun, ok bool) {
	switch {
	case len(raw) == 0:
		return r, false
	case raw[0] == runOfItems:
		r, ok = itemsOf(last, raw[1:])
	case len(raw)%idBytes == 8:
		r, ok = itemsOf(last, append([]byte{byte(len(raw) / idBytes)}, raw...))
	}
	return r, ok && len(r.items) > 0
}

func (r itemRun) encode() []byte { return append([]byte{runOfItems}, r.items...) }

func (r itemRun) first() uint64 {
	n := r.last + 1
	for rest := r.items; len(rest) > 0; n-- {
		rest = rest[itemBytes(rest[0]):]
	}
	return n
}

func (r itemRun) holds(n uint64) bool { return n >= r.first() && n <= r.last }

// at returns where an item that the run holds begins and ends.
func (r itemRun) at(n uint64) (from, to int) {
	for seq := r.first(); ; seq++ {
		to = from + itemBytes(r.items[from])
		if seq == n {
			return from, to
		}
		from = to
	}
}

func (r itemRun) item(n uint64) item {
	from, to := r.at(n)
	it := item{ticks: pay.Millis(binary.BigEndian.Uint64(r.items[from+1:]))}
	for rest := r.items[from+1+8 : to]; len(rest) > 0; rest = rest[idBytes:] {
		it.facts = append(it.facts, pay.FactID(rest))
	}
	return it
}

// with returns the run with another item in the place of one.
func (r itemRun) with(n uint64, it item) itemRun {
	from, to := r.at(n)
	return itemRun{r.last, append(it.append(bytes.Clone(r.items[:from])), r.items[to:]...)}
}

// behind returns the items behind item n.
func (r itemRun) behind(n uint64) itemRun {
	for seq := r.first(); seq <= n && len(r.items) > 0; seq++ {
		r.items = r.items[itemBytes(r.items[0]):]
	}
	return r
}

// add returns the run with one more item.
func (r itemRun) add(it item) itemRun {
	return itemRun{r.last + 1, it.append(bytes.Clone(r.items))}
}

// itemRun returns the run that holds an item; own is false when it stands in the row of
// the outbox's state.
func (v *View) itemRun(o outboxState, n uint64) (r itemRun, own bool, err error) {
	if o.newest.holds(n) {
		return o.newest, false, nil
	}
	for _, last := range [...]uint64{(n + runEntries - 1) / runEntries * runEntries, n} {
		v.key = outboxKey(v.key[:0], last)
		raw, ok, err := v.get(v.key)
		if err != nil {
			return r, false, err
		}
		if !ok {
			continue
		}
		if r, ok = decodeItems(last, raw); !ok {
			return r, false, damaged(outboxKey(nil, last), "outbox items")
		}
		if r.holds(n) {
			return r, true, nil
		}
	}
	return r, false, damaged(outboxKey(nil, n), "outbox item")
}

func (v *View) item(o outboxState, n uint64) (item, error) {
	r, _, err := v.itemRun(o, n)
	if err != nil {
		return item{}, err
	}
	return r.item(n), nil
}

// addItem makes an item the newest of the outbox.
func (tx *Tx) addItem(o outboxState, it item) error {
	o.last++
	o.newest = o.newest.add(it)
	if o.last%runEntries == 0 {
		full := o.newest.behind(o.acked)
		o.newest = itemRun{last: o.last}
		tx.key = outboxKey(tx.key[:0], o.last)
		if err := tx.put(tx.key, full.encode()); err != nil {
			return err
		}
	}
	return tx.putOutboxState(o)
}

// replaceItem puts an item in the place of one.
func (tx *Tx) replaceItem(o outboxState, n uint64, it item) error {
	r, own, err := tx.itemRun(o, n)
	if err != nil {
		return err
	}
	r = r.with(n, it)
	if !own {
		o.newest = r
		return tx.putOutboxState(o)
	}
	tx.key = outboxKey(tx.key[:0], r.last)
	return tx.put(tx.key, r.encode())
}
