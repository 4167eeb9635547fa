package store

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store/kv"
)

// batch is what shares one engine transaction: deadlines, then commands.
type batch struct {
	store   *Store
	moment  moment
	next    pay.Time // earliest deadline, or dueUnknown
	session bool     // new outbox items leave the node at once
	errs    []error  // what each command returned
	ran     int      // commands that ran

	fired  int
	bytes  int
	wrote  bool
	opened bool
	outbox bool
	scopes []pay.Scope
}

// run fires deadlines and runs commands until the batch is full. An error fails
// the whole batch.
func (b *batch) run(w kv.Tx, cmds []*command) error {
	if err := b.fireDue(w); err != nil {
		return err
	}
	for i, c := range cmds {
		if err := b.fireDue(w); err != nil {
			return err
		}
		if b.full() {
			break
		}
		failed, err := b.one(w, c.fn)
		if err != nil {
			return err
		}
		b.errs[i], b.ran = failed, i+1
	}
	if !b.wrote {
		return nil
	}
	tx := newTx(b.store, b, w)
	return tx.putMeta(metaClock, b.moment.encode())
}

// full says that nothing more may join the batch.
func (b *batch) full() bool {
	return b.fired >= b.store.limits.BatchDue || b.bytes >= b.store.limits.BatchBytes
}

// one runs a command above an overlay. failed is the command's own error, which
// leaves the others alone; err is the engine's.
func (b *batch) one(w kv.Tx, fn func(*Tx) error) (failed, err error) {
	overlay := kv.NewOverlay(w)
	tx := newTx(b.store, b, overlay)
	failed = fn(tx)
	tx.ended = true
	if failed != nil {
		return failed, nil
	}
	if err := overlay.Apply(w); err != nil {
		return nil, fmt.Errorf("join the batch: %w", err)
	}
	b.take(tx)
	return nil, nil
}

// take keeps what the rest of the batch and those who wait must know of a
// command that succeeded.
func (b *batch) take(tx *Tx) {
	b.bytes += tx.wrote
	b.wrote = b.wrote || tx.wrote > 0
	b.next = min(b.next, tx.next)
	b.session = b.session || tx.opened
	b.opened = b.opened || tx.opened
	b.outbox = b.outbox || tx.outbox
	b.scopes = append(b.scopes, tx.scopes...)
}
