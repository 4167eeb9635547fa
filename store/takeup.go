package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// oldCopyRow is the meta row of a node that knows itself to be an old copy.
type oldCopyRow struct {
	Since pay.Time `cbor:"1,keyasint"`
	Why   string   `cbor:"2,keyasint"`
	Hint  string   `cbor:"3,keyasint,omitempty"`
}

func (v *View) oldCopy() (o pay.OldCopy, ok bool, err error) {
	row, ok, err := metaAt(v, metaOldCopy, "old copy", decodeCBOR[oldCopyRow])
	return pay.OldCopy(row), ok, err
}

// OutboxChain returns the chain of the outbox after item n, from the last
// acknowledged item to the newest; ok is false outside of these, and when the
// chain is not known.
func (v *View) OutboxChain(n uint64) (chain pay.Chain, ok bool, err error) {
	o, err := v.outboxState()
	row, fits := o.row(n)
	if err != nil || !o.chained || !fits || row < o.acked || row > o.last {
		return chain, false, err
	}
	chain = o.chain
	if row == o.acked {
		return chain, true, nil
	}
	err = v.walk(o.items(), o.acked, int(row-o.acked), func(_ uint64, raw []byte, _ pay.Chain) error {
		chain = chain.Follow(decodeItem(raw).facts)
		return nil
	})
	return chain, err == nil, err
}

// SetChain notes that the registry's chain after item n, the last acknowledged
// one, is chain; or, when known is false, that the registry has none. It does
// nothing when another item is the last.
func (tx *Tx) SetChain(n uint64, chain pay.Chain, known bool) error {
	o, err := tx.outboxState()
	if err != nil || o.number(o.acked) != n {
		return err
	}
	o.chain, o.chained = chain, known
	return tx.putOutboxState(o)
}

// TakeUp stores applied items behind item after, the last acknowledged one, that
// the node published before its store was put back. The role reacts to each claim
// that is not here (pay.ClaimRecalled). Items that wait to be sent are numbered
// behind them; one that is the next of them is acknowledged.
func (tx *Tx) TakeUp(after uint64, items []pay.Recalled) error {
	o, err := tx.outboxState()
	if err != nil {
		return err
	}
	if !o.chained || o.number(o.acked) != after {
		return fmt.Errorf("take up items behind %d: item %d is the last acknowledged one", after, o.number(o.acked))
	}
	for _, it := range items {
		o.chain = o.chain.Follow(it.IDs)
		same, err := tx.isNext(o, it)
		switch {
		case err != nil:
		case same:
			o.acked++
			o.sent = max(o.sent, o.acked)
			_, err = tx.removeItem(o, "")
		default:
			o.shift++
			err = tx.takeUpClaims(it.Facts)
		}
		if err != nil {
			return err
		}
	}
	now, err := tx.outboxState()
	if err != nil {
		return err
	}
	now.acked, now.sent, now.shift, now.chain = o.acked, max(now.sent, o.sent), o.shift, o.chain
	tx.outbox = true
	return tx.putOutboxState(now)
}

// isNext reports whether the item that is to be sent next holds the same facts.
func (tx *Tx) isNext(o outboxState, it pay.Recalled) (bool, error) {
	if !o.queued() {
		return false, nil
	}
	next, err := tx.item(o, o.acked+1)
	if err != nil {
		return false, err
	}
	return slices.Equal(next.facts, it.IDs), nil
}

// takeUpClaims lets the role take in the claims of its own that are not here.
func (tx *Tx) takeUpClaims(facts []pay.Fact) error {
	for _, f := range facts {
		known, err := tx.has(idKey(tx.room(), spaceFact, f.ID()))
		if err == nil && !known {
			_, err = tx.React(pay.ClaimRecalled{Fact: f})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Renewed notes that the outbox goes on under another incarnation, which the
// registry has accepted. The node is no old copy any more.
func (tx *Tx) Renewed(inc pay.Incarnation) error {
	o, err := tx.outboxState()
	if err != nil {
		return err
	}
	o.inc = inc
	return errors.Join(tx.putOutboxState(o), tx.noteOldCopy(nil))
}

// noteOldCopy notes that the node is an old copy, or with nil that it is none. The
// moment when that was found out first stays.
func (tx *Tx) noteOldCopy(found *pay.OldCopy) error {
	before, was, err := tx.oldCopy()
	switch {
	case err != nil:
		return err
	case found == nil && !was:
		return nil
	case found == nil:
		return tx.delete(metaKey(tx.room(), metaOldCopy))
	}
	row := oldCopyRow{Since: tx.Now(), Why: found.Why, Hint: found.Hint}
	if was {
		row.Since = before.Since
	}
	if was && row == oldCopyRow(before) {
		return nil
	}
	return tx.putMeta(metaOldCopy, pay.Encode(row))
}

// OldCopy returns what the node has found out about being an old copy; ok is false
// when it is none. It reads no store.
func (s *Store) OldCopy() (o pay.OldCopy, ok bool) {
	if o := s.old.Load(); o != nil {
		return *o, true
	}
	return o, false
}

// refreshOldCopy makes OldCopy return what is stored.
func (s *Store) refreshOldCopy(ctx context.Context) error {
	return s.View(ctx, func(v *View) error {
		o, ok, err := v.oldCopy()
		if err != nil {
			return err
		}
		s.old.Store(nil)
		if ok {
			s.old.Store(&o)
		}
		return nil
	})
}

// UrgentClaims returns the facts of urgent kinds that wait in the outbox, the newest
// first and at most pay.UrgentFactsMax.
func (v *View) UrgentClaims() (facts []pay.Fact, err error) {
	o, err := v.outboxState()
	if err != nil {
		return nil, err
	}
	for row, looked := o.last, 0; row > o.acked && looked < pay.UrgentItemsMax; row, looked = row-1, looked+1 {
		it, err := v.item(o, row)
		if err != nil {
			return nil, err
		}
		claims, err := v.mustFacts(it.facts)
		if err != nil {
			return nil, err
		}
		facts = append(facts, slices.DeleteFunc(claims, func(f pay.Fact) bool { return !f.Kind().Urgent() })...)
		if len(facts) >= pay.UrgentFactsMax {
			return facts[:pay.UrgentFactsMax], nil
		}
	}
	return facts, nil
}
