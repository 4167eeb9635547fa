package store

import (
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store/kv"
)

// Tx is a command's part of a batch: a View that sees the writes of the
// commands before it and its own. Its writes count only when the command
// succeeds. It is valid until the function it was handed to returns; then its
// methods that write return kv.ErrEnded. Their other errors are the engine's and
// those that they name.
type Tx struct {
	View
	gains // counted only when the command succeeds
	w     kv.Tx
	batch *batch
	ended bool
}

var _ pay.WritableRows = (*Tx)(nil)

func newTx(s *Store, b *batch, w kv.Tx) *Tx {
	return &Tx{View: View{s: s, r: w}, w: w, batch: b, gains: gains{next: dueNever, counted: b.counted}}
}

// Now returns the time of the batch. All its commands see the same.
func (tx *Tx) Now() pay.Time { return tx.batch.moment.now }

// SessionOpen reports whether new outbox items leave the node at once.
func (tx *Tx) SessionOpen() bool { return tx.batch.session || tx.batch.opened || tx.opened }

// Put stores a row of the role.
func (tx *Tx) Put(key, value []byte) error {
	return tx.put(roleKey(tx.room(), key), value)
}

// Delete removes a row of the role. Nothing may depend on a row being gone.
func (tx *Tx) Delete(key []byte) error {
	return tx.delete(roleKey(tx.room(), key))
}

// React stores the fact of in, if there is one, asks the role what it does
// about the input, and publishes that. It returns the reason when the role refused.
// A claim that the registry refuses without publishing anything is not kept: that
// bounds what a hostile node can make it store. The error is the role's, or one of
// Publish.
func (tx *Tx) React(in pay.Input) (pay.Reason, error) {
	known := true
	fact, brings := pay.FactOf(in)
	if brings {
		row, err := tx.fact(fact.ID())
		if known = row.stored(); err == nil && !known {
			err = tx.storeAt(fact, row)
		}
		if err != nil {
			return "", err
		}
	}
	if tx.s.opts.Reactor == nil {
		return "", nil
	}
	r, err := tx.s.opts.Reactor.React(tx, tx.Now(), in)
	if err != nil {
		return "", fmt.Errorf("react: %w", err)
	}
	if r.Refused != "" && len(r.Publications) == 0 && len(r.Effects) == 0 && !known && tx.s.registry() {
		return r.Refused, tx.delete(idKey(tx.room(), spaceFact, fact.ID()))
	}
	return r.Refused, tx.Publish(r)
}

// Publish publishes the facts of r and stores its effects. At the registry a fact
// is appended to the feeds of its Scopes, except to those that have it, and to
// the log when it is in no feed yet; without Scopes it is only stored. On a node
// it becomes an outbox item of its own, unless it is queued already or stands in
// the node's feed; a full outbox is a pay.Error with pay.CodeTooMany. A scope that
// cannot name a feed and an effect that fails its Check are errors.
func (tx *Tx) Publish(r pay.Reaction) error {
	for _, p := range r.Publications {
		if err := tx.publish(p); err != nil {
			return fmt.Errorf("publish %s: %w", p.Fact.Kind(), err)
		}
	}
	for _, e := range r.Effects {
		if err := tx.ask(e); err != nil {
			return fmt.Errorf("ask for effect %q: %w", e.Kind, err)
		}
	}
	return nil
}

func (tx *Tx) publish(p pay.Publication) error {
	if p.Fact.IsZero() {
		return errors.New("the publication has no fact")
	}
	id := p.Fact.ID()
	row, err := tx.fact(id)
	switch {
	case err != nil:
		return err
	case !tx.s.registry():
		return tx.enqueue(p.Fact, row)
	case len(p.Scopes) == 0:
		return tx.storeAt(p.Fact, row)
	}
	stood, err := tx.stands(id, row)
	if err != nil {
		return err
	}
	places, err := tx.appendFact(p.Scopes, p.Fact, row)
	if err == nil {
		err = tx.storeAt(p.Fact, row, places...)
	}
	if err != nil || stood {
		return err
	}
	return tx.logged(id)
}

func (tx *Tx) put(key, value []byte) error {
	if tx.ended {
		return kv.ErrEnded
	}
	tx.s.sealed = seal(tx.s.sealed[:0], key, value)
	tx.touch(key, len(tx.s.sealed))
	return tx.broken(tx.w.Put(key, tx.s.sealed))
}

func (tx *Tx) delete(key []byte) error {
	if tx.ended {
		return kv.ErrEnded
	}
	tx.touch(key, 0)
	return tx.broken(tx.w.Delete(key))
}
