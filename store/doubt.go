package store

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// ErrClockDoubt means that the registry's clock is in doubt, and that what was
// asked rests on the time.
var ErrClockDoubt = errors.New("the registry's clock is in doubt")

func errClockDoubt() error {
	return pay.Wrap(ErrClockDoubt, pay.CodeClock, "decide anything by the clock", "look at it with: paybeacon admin clock")
}

// Clock returns what the store thinks of its clock now.
func (s *Store) Clock() ClockState { return s.clock.state() }

// ConfirmClock tells a node's store which time a registry's clock shows. A node
// whose wall clock contradicts what it knows takes the wall clock when the two
// agree. The registry's store ignores it.
func (s *Store) ConfirmClock(registry pay.Time) { s.clock.confirm(registry) }

// clockPoll is how often somebody who waits for the clock looks. Chosen: short
// beside any step that a person makes, and cheap.
const clockPoll = 250 * time.Millisecond

// AwaitClock returns once the clock is not in doubt, or the error of ctx.
func (s *Store) AwaitClock(ctx context.Context) error {
	tick := time.NewTicker(clockPoll)
	defer tick.Stop()
	for s.clock.moment().doubt {
		select {
		case <-tick.C:
		case <-s.ended:
			return ErrEnded
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// WatchClock says in the log when a doubt begins or ends, keeps that, and calls
// changed after it, until ctx ends. It looks again after the span for whether there is
// a doubt.
func (s *Store) WatchClock(ctx context.Context, after func(doubt bool) time.Duration, changed func(ClockState)) error {
	tick := time.NewTicker(after(false))
	defer tick.Stop()
	for was := (ClockState{}); ; {
		now := s.Clock()
		if now.Doubt != was.Doubt {
			tick.Reset(after(now.Doubt))
		}
		if now.Doubt != was.Doubt || now.Past != was.Past {
			if err := s.Do(ctx, s.keepClock); err != nil && ctx.Err() == nil && !errors.Is(err, ErrEnded) {
				s.opts.Log.Warn("the clock's reference could not be kept; it is tried again", "err", err)
			} else {
				changed(now)
				was = now
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// keepClock writes the clock, and with it, as every batch does, its reference, if the
// store does not know it yet.
func (s *Store) keepClock(tx *Tx) error {
	if _, differs := s.clock.unwritten(); !differs {
		return nil
	}
	return tx.putMeta(metaClock, tx.batch.moment.encode())
}

// beginClock keeps the reference at the beginning of Run, so that a step before
// the first change to the store is seen as well.
func (s *Store) beginClock(ctx context.Context) {
	if _, differs := s.clock.unwritten(); !differs {
		return
	}
	if err := errors.Join(s.stepAll(context.WithoutCancel(ctx), []Command{s.keepClock})...); err != nil { // the first batch writes it
		s.opts.Log.Warn("the clock's reference could not be kept yet", "err", err)
	}
}

// holds reports whether nothing may be decided at the moment: the clock of a
// registry is in doubt.
func (s *Store) holds(m moment) bool { return m.doubt && s.registry() }

// waitsForClock reports whether an item holds a claim that rests on the time:
// one that decides a payment, or that says what a device's counter is now.
func waitsForClock(it pay.Item) bool {
	return slices.ContainsFunc(it.Facts, func(f pay.Fact) bool { return f.Kind().Party() != "" || f.Kind() == pay.KindMapping })
}

// acceptedClock is what the clock becomes once it is durable.
type acceptedClock struct {
	ref    reference
	moment moment
}

// putClock writes the moment of the batch, and the reference when it has changed.
func (tx *Tx) putClock(b *batch) error {
	m := b.moment
	ref, differs := b.store.clock.unwritten()
	if b.accepted != nil {
		m, ref = b.accepted.moment, b.accepted.ref
		differs = ref.Boot != ""
	}
	if differs {
		b.refWritten = &ref
		if err := tx.putMeta(metaBoot, pay.Encode(ref)); err != nil {
			return err
		}
	}
	return tx.putMeta(metaClock, m.encode())
}

// AcceptClock makes the time that the wall clock shows the time of a registry's
// store, whatever it was before. sign is called in the transaction that does so,
// with the clock as it is in doubt, whose Wall is the time from now on; it publishes
// what there is to say of it. All deadlines then come back once, so that those which were set by a
// clock ahead are looked at. AcceptClock does nothing when the clock is in no
// doubt. Its errors are those of Do and of sign.
func (s *Store) AcceptClock(ctx context.Context, sign func(tx *Tx, s ClockState) error) (ClockState, error) {
	state := s.Clock()
	if !state.Doubt {
		return state, nil
	}
	before := min(state.Now, state.Wall)
	if err := s.repeat(ctx, func(tx *Tx) (bool, error) { return tx.recall(before) }); err != nil {
		return state, wrap("accept the clock", err)
	}
	err := s.Do(ctx, func(tx *Tx) error {
		if !tx.batch.moment.doubt {
			return nil // it ended by itself meanwhile
		}
		state, ref, m := s.clock.accepted()
		if err := sign(tx, state); err != nil {
			return err
		}
		tx.accepted = &acceptedClock{ref, m}
		return tx.putMeta(metaClock, m.encode())
	})
	return s.Clock(), wrap("accept the clock", err)
}

// recallsAtOnce bounds the deadlines that one transaction moves. Chosen: as
// many as Outbox removes items.
const recallsAtOnce = 256

// recall moves some deadlines behind the moment to it, so that they come at once, and
// reports whether more may be left: while the clock is in doubt none fires, and one that
// comes too early is set again by its rule.
func (tx *Tx) recall(to pay.Time) (more bool, err error) {
	var keys [][]byte
	err = tx.scan(dueKey(nil, to+1, pay.Subject{}, 0), []byte{spaceDue + 1}, recallsAtOnce, func(key, _ []byte) error {
		keys = append(keys, bytes.Clone(key))
		return nil
	})
	if err != nil {
		return false, err
	}
	for _, key := range keys {
		_, subject, ok := splitDueKey(key)
		if !ok {
			return false, damaged(key, "deadline")
		}
		if err := errors.Join(tx.delete(key), tx.Wake(to, subject)); err != nil {
			return false, err
		}
	}
	return len(keys) == recallsAtOnce, nil
}
