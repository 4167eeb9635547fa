package store

import (
	"encoding/binary"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// item is an item of the outbox: when it was stored and what it holds.
type item struct {
	ticks pay.Millis
	facts []pay.FactID
}

func (it item) encode() []byte {
	buf := binary.BigEndian.AppendUint64([]byte{byte(len(it.facts))}, uint64(it.ticks))
	for _, id := range it.facts {
		buf = append(buf, id[:]...)
	}
	return buf
}

// itemOfRun returns an item that a run of the outbox holds.
func itemOfRun(r run, n uint64) item {
	from, _ := r.at(n)
	return item{pay.Millis(binary.BigEndian.Uint64(r.items[from+1:])), r.facts(n)}
}

// severalItems is what a row of several items begins with. One of a single item, of
// old, begins with the zero byte of its ticks.
const severalItems = 1

func decodeItems(last uint64, raw []byte) (r run, ok bool) {
	switch {
	case len(raw) == 0:
		return r, false
	case raw[0] == severalItems:
		r, ok = runOf(last, raw[1:], itemHead)
	case len(raw)%idBytes == itemHead-1:
		r, ok = runOf(last, append([]byte{byte(len(raw) / idBytes)}, raw...), itemHead)
	}
	return r, ok && len(r.items) > 0
}

// itemRun returns the run that holds an item; own is false when it stands in the row of
// the outbox's state.
func (v *View) itemRun(o outboxState, n uint64) (r run, own bool, err error) {
	if o.newest.holds(n) {
		return o.newest, false, nil
	}
	r, own, err = findRun(v, n, outboxKey, decodeItems)
	if err == nil && !own {
		err = damaged(outboxKey(nil, n), "outbox item")
	}
	return r, own, err
}

func (v *View) item(o outboxState, n uint64) (item, error) {
	r, _, err := v.itemRun(o, n)
	if err != nil {
		return item{}, err
	}
	return itemOfRun(r, n), nil
}

// addItem makes an item the newest of the outbox. Where 16 have come, those that still
// wait get a row.
func (tx *Tx) addItem(o outboxState, it item) error {
	o.last++
	o.newest = o.newest.add(it.encode()...)
	if o.last%runItems == 0 {
		full := o.newest.behind(o.acked)
		o.newest = run{o.last, nil, itemHead}
		if err := tx.putItems(full); err != nil {
			return err
		}
	}
	return tx.putOutboxState(o)
}

func (tx *Tx) putItems(r run) error {
	tx.key = outboxKey(tx.key[:0], r.last)
	return tx.put(tx.key, append([]byte{severalItems}, r.items...))
}

// replaceItem puts an item in the place of one.
func (tx *Tx) replaceItem(o outboxState, n uint64, it item) error {
	r, own, err := tx.itemRun(o, n)
	if err != nil {
		return err
	}
	from, to := r.at(n)
	r.items = slices.Concat(r.items[:from], it.encode(), r.items[to:])
	if own {
		return tx.putItems(r)
	}
	o.newest = r
	return tx.putOutboxState(o)
}
