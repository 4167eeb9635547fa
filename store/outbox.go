package store

import (
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

const (
	// outboxItemsAtOnce bounds what Outbox returns. Chosen: twice what is pushed
	// without an acknowledgement.
	outboxItemsAtOnce = 1024
	// ackedAtOnce bounds the items that one transaction removes. Chosen: half of a
	// batch of commands.
	ackedAtOnce = 256
)

// Queued reports whether a fact waits in the outbox for the registry.
func (v *View) Queued(id pay.FactID) (bool, error) {
	_, n, err := v.queued(id)
	return n > 0, err
}

// queued returns the row of a fact and the number of the outbox row that holds it, 0
// when none does.
func (v *View) queued(id pay.FactID) (row factRow, n uint64, err error) {
	if row, err = v.fact(id); err == nil {
		n, err = v.itemOf(id, row)
	}
	return row, n, err
}

// Position returns where the node stands: how far its mirror goes, and what of its
// outbox the registry has acknowledged.
func (v *View) Position() (pay.Position, error) {
	head, err := v.Head(v.s.opts.Own)
	if err != nil {
		return pay.Position{}, err
	}
	_, old, err := v.oldCopy()
	if err != nil {
		return pay.Position{}, err
	}
	o, err := v.outboxState()
	return pay.Position{
		Head: head, Incarnation: o.inc, Acked: o.number(o.acked), Last: o.number(o.last), Chain: o.chain, Chained: o.chained, Old: old,
	}, err
}

// Outbox returns up to limit items with numbers above after, in order. A limit
// of 0 or above 1024 means 1024. Ages are counted from when the node stored the
// items, and go on while the program is not running.
func (v *View) Outbox(after uint64, limit int) (items []pay.Item, err error) {
	if limit <= 0 || limit > outboxItemsAtOnce {
		limit = outboxItemsAtOnce
	}
	o, err := v.outboxState()
	if err != nil {
		return nil, err
	}
	ticks := v.s.clock.moment().ticks
	row, _ := o.row(after)
	err = v.walk(o.items(), max(row, o.acked), limit, func(row uint64, raw []byte, _ pay.Chain) error {
		it := decodeItem(raw)
		facts, err := v.mustFacts(it.facts)
		items = append(items, pay.Item{N: o.number(row), Age: max(0, ticks-it.ticks), Facts: facts})
		return err
	})
	return items, err
}

// enqueue makes one outbox item of a fact and stores it. row is the fact's row.
func (tx *Tx) enqueue(f pay.Fact, row factRow) error {
	if n, err := tx.itemOf(f.ID(), row); n > 0 || err != nil {
		return err
	}
	if n, err := tx.placeOf(f.ID(), row, tx.s.opts.Own); n > 0 || err != nil {
		return err
	}
	o, err := tx.outboxState()
	if err != nil {
		return err
	}
	if o.last-o.acked >= pay.OutboxItemsMax {
		return pay.NewError(pay.CodeTooMany, fmt.Sprintf("%d claims wait for the registry already", o.last-o.acked),
			"connect to the registry and let them go out first")
	}
	if tx.SessionOpen() {
		o.sent = o.last + 1
	}
	tx.outbox = true
	it := item{ticks: tx.batch.moment.ticks, facts: []pay.FactID{f.ID()}}
	return errors.Join(tx.addItem(o, it), tx.storeAt(f, row, place{inOutbox, o.last + 1}))
}

// Attach adds f to the outbox item that holds to, so that both are applied
// together, and returns true. It returns false and does nothing when there is
// no such item or it may have left the node: a session is open, or was since
// the item was stored. An item that holds pay.ItemFactsMax facts already is a
// pay.Error with pay.CodeTooMany.
func (tx *Tx) Attach(to pay.FactID, f pay.Fact) (ok bool, err error) {
	_, n, err := tx.queued(to)
	if err != nil || n == 0 {
		return false, err
	}
	o, err := tx.outboxState()
	if err != nil || n <= o.sent {
		return false, err
	}
	row, before, err := tx.queued(f.ID())
	if err != nil || before > 0 {
		return before == n, err
	}
	it, err := tx.item(o, n)
	if err != nil {
		return false, err
	}
	if len(it.facts) >= pay.ItemFactsMax {
		return false, pay.NewError(pay.CodeTooMany, fmt.Sprintf("the outbox item holds %d claims already", len(it.facts)),
			"wait until it has reached the registry")
	}
	it.facts = append(it.facts, f.ID())
	tx.outbox = true
	return true, errors.Join(tx.replaceItem(o, n, it), tx.storeAt(f, row, place{inOutbox, n}))
}

// SessionOpened notes that whatever is queued may from now on have left the
// node, and that new items leave at once until Journal.SessionClosed. With an
// empty outbox there is nothing to write.
func (tx *Tx) SessionOpened() error {
	tx.opened = true
	o, err := tx.outboxState()
	if err != nil || !o.queued() {
		return err
	}
	o.sent = o.last
	return tx.putOutboxState(o)
}

// Acked notes that the items up to ack.N of that incarnation are durable at the
// registry. The role gets a pay.ClaimRefused for each item that was refused,
// with the item's first fact: that is the one the reason is about. An
// acknowledgement for another incarnation is ignored; one of items that were
// never made is an error. One call removes up to 256 items; more reports whether
// some are left for the next.
func (tx *Tx) Acked(ack pay.Acked) (more bool, err error) {
	if ack.N == 0 {
		return false, nil
	}
	o, err := tx.outboxState()
	row, ok := o.row(ack.N)
	if err != nil || ack.Incarnation != o.inc || !ok || row <= o.acked {
		return false, err
	}
	if row > o.last {
		return false, fmt.Errorf("item %d was acknowledged and the newest is %d", ack.N, o.number(o.last))
	}
	upTo := min(row, o.acked+ackedAtOnce)
	for o.acked < upTo {
		o.acked++
		facts, err := tx.removeItem(o, ack.Refused[o.number(o.acked)])
		if err != nil {
			return false, err
		}
		if o.chained {
			o.chain = o.chain.Follow(facts)
		}
	}
	// A reaction may have queued more.
	now, err := tx.outboxState()
	if err != nil {
		return false, err
	}
	now.acked, now.sent, now.chain = o.acked, max(now.sent, o.acked), o.chain
	return o.acked < row, tx.putOutboxState(now)
}

// removeItem removes the last acknowledged item and returns the facts that it held.
// From the row of o it is gone when that is written.
func (tx *Tx) removeItem(o outboxState, refused pay.Reason) ([]pay.FactID, error) {
	r, own, err := tx.itemRun(o, o.acked)
	if err != nil {
		return nil, err
	}
	facts := r.facts(o.acked)
	if own && r.last == o.acked {
		err = tx.delete(outboxKey(tx.room(), r.last))
	}
	for _, id := range facts { // their places stay, and mean nothing from now on
		tx.touched = append(tx.touched, topic{about: aboutID, id: id})
	}
	if err != nil || refused == "" {
		return facts, err
	}
	f, err := tx.mustFact(facts[0])
	if err == nil {
		_, err = tx.React(pay.ClaimRefused{Fact: f, Reason: refused})
	}
	return facts, err
}
