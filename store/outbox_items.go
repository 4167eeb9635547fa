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

func decodeItem(raw []byte) item {
	return item{pay.Millis(binary.BigEndian.Uint64(raw[1:])), idsOf(raw[itemHead:])}
}

// severalItems is what a row of several items begins with. One of a single item, of
// old, begins with the zero byte of its ticks.
const severalItems = 1

func decodeItems(last uint64, raw []byte) (r run, ok bool) {
	r = run{last: last, head: itemHead, fixed: true}
	switch {
	case len(raw) == 0:
		return r, false
	case raw[0] == severalItems:
		r.items = raw[1:]
	case len(raw)%idBytes == itemHead-1:
		r.items = append([]byte{byte(len(raw) / idBytes)}, raw...)
	}
	return r, len(r.items) > 0 && r.sound()
}

// items are where the items of an outbox stand.
func (o outboxState) items() series { return series{o.newest, outboxKey, decodeItems} }

// itemRun returns the run that holds an item; own is false when it stands in the row of
// the outbox's state.
func (v *View) itemRun(o outboxState, n uint64) (r run, own bool, err error) {
	r, ok, err := v.find(o.items(), n)
	if err == nil && !ok {
		err = damaged(outboxKey(nil, n), "outbox item")
	}
	return r, !o.newest.holds(n), err
}

func (v *View) item(o outboxState, n uint64) (item, error) {
	r, _, err := v.itemRun(o, n)
	if err != nil {
		return item{}, err
	}
	from, to := r.at(n)
	return decodeItem(r.items[from:to]), nil
}

// addItem makes an item the newest of the outbox. Where 16 have come, those that still
// wait get a row.
func (tx *Tx) addItem(o outboxState, it item) error {
	o.last++
	o.newest = o.newest.add(it.encode()...)
	if full, ok := o.newest.spill(pay.Chain{}); ok {
		if err := tx.putItems(full.behind(o.acked)); err != nil {
			return err
		}
	}
	return tx.putOutboxState(o)
}

func (tx *Tx) putItems(r run) error {
	return tx.put(outboxKey(tx.room(), r.last), append([]byte{severalItems}, r.items...))
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
