package store

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// Feeds is a registry's store as its sessions with nodes see it. Each call is a
// transaction of its own; what it writes is durable when it returns. Its errors
// are those of View and Do.
type Feeds struct{ s *Store }

// Feeds returns the store as sessions of a registry see it.
func (s *Store) Feeds() Feeds { return Feeds{s} }

// Head is View.Head.
func (f Feeds) Head(ctx context.Context, scope pay.Scope) (head pay.Head, err error) {
	err = f.s.View(ctx, func(v *View) error {
		head, err = v.Head(scope)
		return err
	})
	return head, wrap("read head", err)
}

// ChainAt is View.ChainAt.
func (f Feeds) ChainAt(ctx context.Context, scope pay.Scope, seq uint64) (chain pay.Chain, ok bool, err error) {
	err = f.s.View(ctx, func(v *View) error {
		chain, ok, err = v.ChainAt(scope, seq)
		return err
	})
	return chain, ok, wrap("read chain", err)
}

// Feed is View.Feed. What was just appended to a feed that is watched comes out of
// memory.
func (f Feeds) Feed(ctx context.Context, scope pay.Scope, after uint64, limit int) (raws [][]byte, chains []pay.Chain, err error) {
	if raws, chains, ok := f.s.fresh(scope, after, limit); ok {
		return raws, chains, nil
	}
	err = f.s.View(ctx, func(v *View) error {
		raws, chains, err = v.Feed(scope, after, limit)
		return err
	})
	return raws, chains, wrap("read feed", err)
}

// Watch is Store.WatchFeed.
func (f Feeds) Watch(scope pay.Scope, grown func(end uint64)) (stop func()) {
	return f.s.WatchFeed(scope, grown)
}

// Applied is View.Applied.
func (f Feeds) Applied(ctx context.Context, node pay.NodeID, inc pay.Incarnation) (n uint64, err error) {
	err = f.s.View(ctx, func(v *View) error {
		n, err = v.Applied(node, inc)
		return err
	})
	return n, wrap("read applied", err)
}

// Apply is Tx.Apply for all of the items: those that have to wait until the clock
// is no longer in doubt make it wait, and grow older meanwhile.
func (f Feeds) Apply(ctx context.Context, node pay.NodeID, inc pay.Incarnation, items []pay.Item) (done pay.Applied, err error) {
	came := f.s.clock.moment().ticks
	for refused := map[uint64]pay.Reason(nil); ; {
		err = f.s.Do(ctx, func(tx *Tx) error {
			done, err = tx.Apply(node, inc, older(items, tx.batch.moment.ticks-came))
			return err
		})
		switch {
		case err == nil:
			maps.Copy(orMap(&done.Refused, refused), refused)
			if refused = done.Refused; len(items) == 0 || done.N >= items[len(items)-1].N {
				return done, nil
			}
		case !errors.Is(err, ErrClockDoubt):
			return done, wrap("apply items", err)
		}
		if err := f.s.AwaitClock(ctx); err != nil {
			return pay.Applied{}, wrap("apply items", err)
		}
	}
}

// older returns the items as they are after they have waited.
func older(items []pay.Item, by pay.Millis) []pay.Item {
	if by <= 0 {
		return items
	}
	out := slices.Clone(items)
	for i := range out {
		out[i].Age += by
	}
	return out
}

// orMap makes a map in place of a nil one when more is to be put into it.
func orMap(m *map[uint64]pay.Reason, more map[uint64]pay.Reason) map[uint64]pay.Reason {
	if *m == nil && len(more) > 0 {
		*m = make(map[uint64]pay.Reason)
	}
	return *m
}

// AppliedHead is View.AppliedHead.
func (f Feeds) AppliedHead(ctx context.Context, node pay.NodeID) (head pay.OutboxHead, ok bool, err error) {
	err = f.s.View(ctx, func(v *View) error {
		head, ok, err = v.AppliedHead(node)
		return err
	})
	return head, ok, wrap("read applied", err)
}

// AppliedChain is View.AppliedChain.
func (f Feeds) AppliedChain(ctx context.Context, node pay.NodeID, n uint64) (chain pay.Chain, ok bool, err error) {
	err = f.s.View(ctx, func(v *View) error {
		chain, ok, err = v.AppliedChain(node, n)
		return err
	})
	return chain, ok, wrap("read applied chain", err)
}

// Kept is View.Kept.
func (f Feeds) Kept(ctx context.Context, node pay.NodeID, after uint64, limit, size int) (items []pay.KeptItem, chain pay.Chain, err error) {
	err = f.s.View(ctx, func(v *View) error {
		items, chain, err = v.Kept(node, after, limit, size)
		return err
	})
	return items, chain, wrap("read applied items", err)
}

// Renew is Tx.Renew.
func (f Feeds) Renew(ctx context.Context, node pay.NodeID, n uint64, chain pay.Chain, next pay.Incarnation) (ok bool, err error) {
	err = f.s.Do(ctx, func(tx *Tx) error {
		ok, err = tx.Renew(node, n, chain, next)
		return err
	})
	return ok, wrap("renew outbox", err)
}

// ApplyUrgent is Tx.ApplyUrgent.
func (f Feeds) ApplyUrgent(ctx context.Context, facts []pay.Fact) error {
	return wrap("apply urgent claims", f.s.Do(ctx, func(tx *Tx) error { return tx.ApplyUrgent(facts) }))
}

// NotePutBack is Tx.NotePutBack.
func (f Feeds) NotePutBack(ctx context.Context, node pay.NodeID, p pay.PutBack, entry pay.FactID) error {
	return wrap("note evidence", f.s.Do(ctx, func(tx *Tx) error { return tx.NotePutBack(node, p, entry) }))
}

// Now is Store.Now.
func (f Feeds) Now() pay.Time { return f.s.Now() }

// Journal is a node's store as its session with the registry sees it. Each call
// is a transaction of its own; what it writes is durable when it returns. Its
// errors are those of View and Do.
type Journal struct{ s *Store }

// Journal returns the store as the session of a node sees it.
func (s *Store) Journal() Journal { return Journal{s} }

// Position is View.Position.
func (j Journal) Position(ctx context.Context) (p pay.Position, err error) {
	err = j.s.View(ctx, func(v *View) error {
		p, err = v.Position()
		return err
	})
	return p, wrap("read position", err)
}

// Mirror is Tx.Mirror, after Tx.Acked in the same transaction. Where there is more
// to acknowledge than one transaction removes, the rest goes first, in others.
func (j Journal) Mirror(ctx context.Context, from pay.Cursor, facts []pay.Fact, ack pay.Acked) (head pay.Head, err error) {
	for more := true; more && err == nil; {
		err = j.s.Do(ctx, func(tx *Tx) error {
			if more, err = tx.Acked(ack); err != nil || more {
				return err
			}
			head, err = tx.Mirror(from, facts)
			return err
		})
	}
	return head, wrap("mirror feed", err)
}

// Outbox is View.Outbox.
func (j Journal) Outbox(ctx context.Context, after uint64, limit int) (items []pay.Item, err error) {
	err = j.s.View(ctx, func(v *View) error {
		items, err = v.Outbox(after, limit)
		return err
	})
	return items, wrap("read outbox", err)
}

// Acked is Tx.Acked, in as many transactions as it takes.
func (j Journal) Acked(ctx context.Context, ack pay.Acked) error {
	for more := true; more; {
		err := j.s.Do(ctx, func(tx *Tx) (err error) {
			more, err = tx.Acked(ack)
			return err
		})
		if err != nil {
			return wrap("note acknowledgement", err)
		}
	}
	return nil
}

// Changed returns the channel that gets a token after each commit that added to
// the outbox. It is the same channel in every call, for the one session that a
// node has.
func (j Journal) Changed() <-chan struct{} { return j.s.changed }

// SessionOpened is Tx.SessionOpened.
func (j Journal) SessionOpened(ctx context.Context) error {
	return wrap("open session", j.s.Do(ctx, (*Tx).SessionOpened))
}

// SessionClosed notes that new items no longer leave at once.
func (j Journal) SessionClosed() { j.s.session.Store(false) }

// OutboxChain is View.OutboxChain.
func (j Journal) OutboxChain(ctx context.Context, n uint64) (chain pay.Chain, ok bool, err error) {
	err = j.s.View(ctx, func(v *View) error {
		chain, ok, err = v.OutboxChain(n)
		return err
	})
	return chain, ok, wrap("read outbox chain", err)
}

// SetChain is Tx.SetChain.
func (j Journal) SetChain(ctx context.Context, n uint64, chain pay.Chain, known bool) error {
	return wrap("note outbox chain", j.s.Do(ctx, func(tx *Tx) error { return tx.SetChain(n, chain, known) }))
}

// NoteOldCopy notes that the node is an old copy, or with nil that it is none.
func (j Journal) NoteOldCopy(ctx context.Context, found *pay.OldCopy) error {
	if err := j.s.Do(ctx, func(tx *Tx) error { return tx.noteOldCopy(found) }); err != nil {
		return wrap("note old copy", err)
	}
	return wrap("note old copy", j.s.refreshOldCopy(ctx))
}

// TakeUp is Tx.TakeUp.
func (j Journal) TakeUp(ctx context.Context, after uint64, items []pay.Recalled) error {
	return wrap("take up items", j.s.Do(ctx, func(tx *Tx) error { return tx.TakeUp(after, items) }))
}

// Renewed is Tx.Renewed. It returns where the node stands then.
func (j Journal) Renewed(ctx context.Context, inc pay.Incarnation) (p pay.Position, err error) {
	if err := j.s.Do(ctx, func(tx *Tx) error { return tx.Renewed(inc) }); err != nil {
		return p, wrap("renew outbox", err)
	}
	if err := j.s.refreshOldCopy(ctx); err != nil {
		return p, wrap("renew outbox", err)
	}
	return j.Position(ctx)
}

// UrgentClaims is View.UrgentClaims.
func (j Journal) UrgentClaims(ctx context.Context) (facts []pay.Fact, err error) {
	err = j.s.View(ctx, func(v *View) error {
		facts, err = v.UrgentClaims(pay.Kind.Urgent)
		return err
	})
	return facts, wrap("read urgent claims", err)
}

// LastEntry returns the last entry of the node's mirror, zero when it is empty.
func (j Journal) LastEntry(ctx context.Context) (f pay.Fact, err error) {
	err = j.s.View(ctx, func(v *View) error {
		head, err := v.Head(v.s.own)
		if err != nil || head.Cursor.Seq == 0 {
			return err
		}
		return v.Entries(v.s.own, head.Cursor.Seq-1, 1, func(_ uint64, last pay.Fact) error {
			f = last
			return nil
		})
	})
	return f, wrap("read last entry", err)
}
