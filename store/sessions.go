package store

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// read returns what fn reads on a snapshot of its own.
func read[T any](ctx context.Context, s *Store, fn func(v *View) (T, error)) (found T, err error) {
	err = s.View(ctx, func(v *View) error {
		found, err = fn(v)
		return err
	})
	return found, err
}

// Feeds is a registry's store as its sessions with nodes see it. Each call is a
// transaction of its own; what it writes is durable when it returns. Its errors
// are those of View and Do.
type Feeds struct{ s *Store }

// Feeds returns the store as sessions of a registry see it.
func (s *Store) Feeds() Feeds { return Feeds{s} }

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
	return raws, chains, err
}

// Watch is Store.WatchFeed.
func (f Feeds) Watch(scope pay.Scope, grown func(end uint64)) (stop func()) {
	return f.s.WatchFeed(scope, grown)
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
			if done.Refused == nil {
				done.Refused = refused
			}
			maps.Copy(done.Refused, refused)
			if refused = done.Refused; len(items) == 0 || done.N >= items[len(items)-1].N {
				return done, nil
			}
		case !errors.Is(err, ErrClockDoubt):
			return done, err
		}
		if err := f.s.AwaitClock(ctx); err != nil {
			return pay.Applied{}, err
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

// Renew is Tx.Renew.
func (f Feeds) Renew(ctx context.Context, node pay.NodeID, n uint64, chain pay.Chain, next pay.Incarnation) (ok bool, err error) {
	err = f.s.Do(ctx, func(tx *Tx) error {
		ok, err = tx.Renew(node, n, chain, next)
		return err
	})
	return ok, err
}

// ApplyUrgent is Tx.ApplyUrgent.
func (f Feeds) ApplyUrgent(ctx context.Context, facts []pay.Fact) error {
	return f.s.Do(ctx, func(tx *Tx) error { return tx.ApplyUrgent(facts) })
}

// NotePutBack is Tx.NotePutBack.
func (f Feeds) NotePutBack(ctx context.Context, node pay.NodeID, p pay.PutBack, entry pay.FactID) error {
	return f.s.Do(ctx, func(tx *Tx) error { return tx.NotePutBack(node, p, entry) })
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
func (j Journal) Position(ctx context.Context) (pay.Position, error) {
	return read(ctx, j.s, (*View).Position)
}

// Mirror is Tx.Mirror, after Tx.Acked in the same transaction. Where there is more
// to acknowledge than one transaction removes, the rest goes first, in others.
func (j Journal) Mirror(ctx context.Context, from pay.Cursor, facts []pay.Fact, ack pay.Acked) (head pay.Head, err error) {
	err = j.s.repeat(ctx, func(tx *Tx) (more bool, err error) {
		if more, err = tx.Acked(ack); err == nil && !more {
			head, err = tx.Mirror(from, facts)
		}
		return more, err
	})
	return head, err
}

// Outbox is View.Outbox.
func (j Journal) Outbox(ctx context.Context, after uint64, limit int) ([]pay.Item, error) {
	return read(ctx, j.s, func(v *View) ([]pay.Item, error) { return v.Outbox(after, limit) })
}

// Acked is Tx.Acked, in as many transactions as it takes.
func (j Journal) Acked(ctx context.Context, ack pay.Acked) error {
	return j.s.repeat(ctx, func(tx *Tx) (bool, error) { return tx.Acked(ack) })
}

// Changed returns the channel that gets a token after each commit that added to
// the outbox. It is the same channel in every call, for the one session that a
// node has.
func (j Journal) Changed() <-chan struct{} { return j.s.changed }

// SessionOpened is Tx.SessionOpened.
func (j Journal) SessionOpened(ctx context.Context) error {
	return j.s.Do(ctx, (*Tx).SessionOpened)
}

// SessionClosed notes that new items no longer leave at once.
func (j Journal) SessionClosed() { j.s.session.Store(false) }

// OutboxChain is View.OutboxChain.
func (j Journal) OutboxChain(ctx context.Context, n uint64) (chain pay.Chain, ok bool, err error) {
	err = j.s.View(ctx, func(v *View) error {
		chain, ok, err = v.OutboxChain(n)
		return err
	})
	return chain, ok, err
}

// SetChain is Tx.SetChain.
func (j Journal) SetChain(ctx context.Context, n uint64, chain pay.Chain, known bool) error {
	return j.s.Do(ctx, func(tx *Tx) error { return tx.SetChain(n, chain, known) })
}

// NoteOldCopy notes that the node is an old copy, or with nil that it is none.
func (j Journal) NoteOldCopy(ctx context.Context, found *pay.OldCopy) error {
	if err := j.s.Do(ctx, func(tx *Tx) error { return tx.noteOldCopy(found) }); err != nil {
		return err
	}
	return j.s.refreshOldCopy(ctx)
}

// TakeUp is Tx.TakeUp.
func (j Journal) TakeUp(ctx context.Context, after uint64, items []pay.Recalled) error {
	return j.s.Do(ctx, func(tx *Tx) error { return tx.TakeUp(after, items) })
}

// Renewed is Tx.Renewed. It returns where the node stands then.
func (j Journal) Renewed(ctx context.Context, inc pay.Incarnation) (p pay.Position, err error) {
	if err := j.s.Do(ctx, func(tx *Tx) error { return tx.Renewed(inc) }); err != nil {
		return p, err
	}
	if err := j.s.refreshOldCopy(ctx); err != nil {
		return p, err
	}
	return j.Position(ctx)
}

// UrgentClaims is View.UrgentClaims, with the last entry of the node's mirror, zero when
// it is empty.
func (j Journal) UrgentClaims(ctx context.Context) (claims []pay.Fact, last pay.Fact, err error) {
	err = j.s.View(ctx, func(v *View) error {
		head, err := v.feedRow(v.s.opts.Own)
		if err == nil {
			claims, err = v.UrgentClaims()
		}
		if err != nil || head.seq == 0 {
			return err
		}
		return v.Entries(v.s.opts.Own, head.seq-1, 1, func(_ uint64, f pay.Fact) error {
			last = f
			return nil
		})
	})
	return claims, last, err
}
