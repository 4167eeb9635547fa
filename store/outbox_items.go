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

// outboxState is where a node's outbox stands. acked <= sent <= last. These count
// the rows of the outbox; an item that travels has the number of its row and shift
// added, because what a node takes up after its store was put back lies between
// what was acknowledged to it and what it has still to send.
type outboxState struct {
	inc   pay.Incarnation
	last  uint64 // number of the newest item
	acked uint64 // items up to here are durable at the registry
	sent  uint64 // items up to here may have left the node
	shift uint64
	// chain is the chain after the last acknowledged item, as the registry counts
	// it. chained is false when a registry that knows no chains acknowledged some.
	chain   pay.Chain
	chained bool
	newest  run // the newest items, which no other row holds
}

const (
	outboxStateBytesV2 = 32
	outboxStateBytes   = outboxStateBytesV2 + 8 + 32 + 1
)

func (o outboxState) queued() bool { return o.last > o.acked }

// number returns the number under which the item of a row travels.
func (o outboxState) number(row uint64) uint64 { return row + o.shift }

// row returns the row of the item that travels under n; ok is false for items that
// were taken up and never were here.
func (o outboxState) row(n uint64) (row uint64, ok bool) {
	if n < o.shift {
		return 0, false
	}
	return n - o.shift, true
}

func (o outboxState) encode() []byte {
	newest := o.newest.behind(o.acked).items
	buf := append(make([]byte, 0, outboxStateBytes+len(newest)), o.inc[:]...)
	for _, n := range []uint64{o.last, o.acked, o.sent, o.shift} {
		buf = binary.BigEndian.AppendUint64(buf, n)
	}
	buf = append(buf, o.chain[:]...)
	chained := byte(0)
	if o.chained {
		chained = 1
	}
	return append(append(buf, chained), newest...)
}

func decodeOutboxState(raw []byte) (o outboxState, ok bool) {
	if len(raw) < outboxStateBytes && len(raw) != outboxStateBytesV2 {
		return o, false
	}
	o.inc = pay.Incarnation(raw[:8])
	o.last = binary.BigEndian.Uint64(raw[8:])
	o.acked = binary.BigEndian.Uint64(raw[16:])
	o.sent = binary.BigEndian.Uint64(raw[24:])
	sound := o.acked <= o.sent && o.sent <= o.last
	o.newest = run{last: o.last, head: itemHead, fixed: true}
	if len(raw) == outboxStateBytesV2 {
		o.chained = o.acked == 0
		return o, sound
	}
	o.shift = binary.BigEndian.Uint64(raw[32:])
	o.chain = pay.Chain(raw[40:])
	o.chained = raw[72] == 1
	o.newest.items = raw[outboxStateBytes:]
	sound = sound && o.newest.sound() && o.newest.first() > o.acked
	return o, sound && raw[72] <= 1 && o.last+o.shift >= o.last && (o.chained || o.chain == pay.Chain{})
}

func (v *View) outboxState() (outboxState, error) {
	return mustMeta(v, metaOutbox, "outbox position", decodeOutboxState)
}

func (tx *Tx) putOutboxState(o outboxState) error { return tx.putMeta(metaOutbox, o.encode()) }
