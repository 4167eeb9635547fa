package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store/kv"
)

const (
	// retriesAtOnce bounds what one transaction tries again of one subject.
	// Chosen: as many as the deadlines that a batch fires.
	retriesAtOnce = 64
	// asidePage bounds the subjects that are tried again in one go. Chosen: half
	// of the commands of a batch.
	asidePage = 256
)

// Retry lets the role react again to what waits of a subject that is set aside,
// in the order in which it came due. left is what is set aside after that, and
// zero when nothing is. When more waits than one transaction tries, again is
// true and the caller calls again in the next one. The error concerns all
// subjects, as that of Step does.
func (tx *Tx) Retry(subject pay.Subject) (left Aside, again bool, err error) {
	row, ok, err := tx.aside(subject)
	if err != nil || !ok {
		return Aside{}, false, err
	}
	if tx.batch.held {
		return Aside{}, false, errClockDoubt()
	}
	if err := tx.delete(asideKey(tx.room(), subject)); err != nil {
		return Aside{}, false, err
	}
	for n := 0; row.first < row.next; n++ {
		if n == retriesAtOnce {
			return row.aside(subject), true, tx.putAside(subject, row)
		}
		d, failed, err := tx.retryOne(subject, row.first)
		if err != nil {
			return Aside{}, false, err
		}
		if failed != nil {
			row.due, row.text = d.at, asideText(failed)
			row.tries++
			tx.notes = append(tx.notes, asideNote("set aside still: the rule for it failed again", subject, row, failed))
			return row.aside(subject), false, tx.putAside(subject, row)
		}
		row.first++
	}
	tx.effects = true // those that waited for the subject can be carried out
	tx.notes = append(tx.notes, note{slog.LevelInfo, "no longer set aside", []any{"subject", subject.String(), "tries", row.tries}})
	return Aside{}, false, nil
}

// retryOne tries one that waits again and removes it when that succeeds.
func (tx *Tx) retryOne(subject pay.Subject, n uint32) (d due, failed, err error) {
	key := asideItemKey(nil, subject, n)
	d, ok, err := rowAt(&tx.View, key, "that which waits", decodeDue)
	if err == nil && !ok {
		err = damaged(key, "absence")
	}
	if err != nil {
		return d, nil, err
	}
	failed, err = tx.confine(func(inner *Tx) error {
		return errors.Join(inner.delete(key), inner.reactTo(subject, d))
	})
	return d, failed, err
}

// Retried is what became of subjects that were set aside.
type Retried struct {
	Cleared []pay.Subject // these are no longer set aside
	Left    []Aside       // these failed again
}

// Retry lets the role react again to what was set aside: of all subjects, or of
// those that are named. A named subject that is not set aside is in neither
// list. The error is the first that concerns more than one subject; Retried
// holds what was tried before it.
func (s *Store) Retry(ctx context.Context, subjects ...pay.Subject) (done Retried, err error) {
	if len(subjects) > 0 {
		err = s.retry(ctx, s.doAll, subjects, &done)
	} else {
		err = s.retryEach(ctx, s.doAll, &done)
	}
	return done, wrap("try again what was set aside", err)
}

// runner runs commands and returns their outcomes.
type runner func(ctx context.Context, cmds []Command) []error

// retryEach tries every subject that is set aside again.
func (s *Store) retryEach(ctx context.Context, run runner, done *Retried) error {
	for from := []byte{spaceAside}; from != nil; {
		subjects, next, err := s.asidePage(ctx, from)
		if err != nil {
			return err
		}
		if err := s.retry(ctx, run, subjects, done); err != nil {
			return err
		}
		from = next
	}
	return nil
}

// asidePage returns some of the subjects that are set aside, and where the next
// ones begin, or nil when there are no more.
func (s *Store) asidePage(ctx context.Context, from []byte) (subjects []pay.Subject, next []byte, err error) {
	err = s.View(ctx, func(v *View) error {
		return enough(v.asideFrom(from, func(a Aside) error {
			if len(subjects) == asidePage {
				next = asideKey(nil, a.Subject)
				return errEnough
			}
			subjects = append(subjects, a.Subject)
			return nil
		}))
	})
	return subjects, next, err
}

// retry tries subjects again, each as a command of its own, so that they share
// transactions and one that fails undoes no other.
func (s *Store) retry(ctx context.Context, run runner, subjects []pay.Subject, done *Retried) error {
	for len(subjects) > 0 {
		page := subjects[:min(len(subjects), asidePage)]
		tries, cmds := make([]tried, len(page)), make([]Command, len(page))
		for i, subject := range page {
			cmds[i] = func(tx *Tx) (err error) {
				tries[i], err = tx.try(subject)
				return err
			}
		}
		var again []pay.Subject
		var failed error
		for i, err := range run(ctx, cmds) {
			switch t := tries[i]; {
			case errors.Is(err, kv.ErrTooBig): // nothing else was in the transaction in the end
				t.before.Err = asideText(err)
				done.Left = append(done.Left, t.before)
			case err != nil: // of more than this subject
				failed = errors.Join(failed, fmt.Errorf("%s: %w", page[i].Short(), err))
			case t.before.Subject.IsZero():
			case t.again:
				again = append(again, page[i])
			case t.left.Subject.IsZero():
				done.Cleared = append(done.Cleared, page[i])
			default:
				done.Left = append(done.Left, t.left)
			}
		}
		if failed != nil {
			return failed
		}
		subjects = append(again, subjects[len(page):]...)
	}
	return nil
}

// tried is what was set aside before a subject was tried again, and is after it; more of
// it waits when again is true.
type tried struct {
	before, left Aside
	again        bool
}

func (tx *Tx) try(subject pay.Subject) (t tried, err error) {
	row, found, err := tx.aside(subject)
	if err != nil || !found {
		return t, err
	}
	t.before = row.aside(subject)
	t.left, t.again, err = tx.Retry(subject)
	return t, err
}
