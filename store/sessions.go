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

// Feed is View.Feed.
func (f Feeds) Feed(ctx context.Context, scope pay.Scope, after uint64, limit int) (raws [][]byte, err error) {
	err = f.s.View(ctx, func(v *View) error {
		raws, err = v.Feed(scope, after, limit)
		return err
	})
	return raws, wrap("read feed", err)
}

// Watch is Store.Watch.
func (f Feeds) Watch(scope pay.Scope) (changed <-chan struct{}, stop func()) { return f.s.Watch(scope) }

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

// Mirror is Tx.Mirror.
func (j Journal) Mirror(ctx context.Context, from pay.Cursor, facts []pay.Fact) (head pay.Head, err error) {
	err = j.s.Do(ctx, func(tx *Tx) error {
		head, err = tx.Mirror(from, facts)
		return err
	})
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
func (j Journal) Acked(ctx context.Context, inc pay.Incarnation, n uint64, refused map[uint64]pay.Reason) error {
	for more := true; more; {
		err := j.s.Do(ctx, func(tx *Tx) (err error) {
			more, err = tx.Acked(inc, n, refused)
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
