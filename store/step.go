package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store/kv"
)

// Command is one change to a store. It runs in a transaction, perhaps more than
// once. When it returns an error, nothing of it is written. It must not call
// the store other than through tx, and not keep tx.
type Command func(tx *Tx) error

// Stepped is what one Step did.
type Stepped struct {
	// Errs holds the outcome of each command that ran, in order. The commands
	// beyond len(Errs) found no room and are to be handed in again.
	Errs []error
	// Next is when the earliest deadline comes: a time that has come already when
	// there was no room for all deadlines, NoDeadline when there is none.
	Next pay.Time
}

// NoDeadline is later than every deadline.
const NoDeadline = dueNever

// Step fires the deadlines that have come at now, as the clock shows it, and
// then runs commands, as many as fit, in one engine transaction. It returns
// when they are durable and those who watch have been given their tokens. Run
// calls it again and again; a program that drives the store by itself calls it
// instead of Run and Do, from one goroutine.
//
// The error is the engine's, or means that nothing may be signed now
// (pay.ErrCannotSign): nothing was written, or, when it wraps kv.ErrUnknown,
// perhaps all. It is also the outcome of each command in Errs. Deadlines are
// then tried again by the next Step.
func (s *Store) Step(ctx context.Context, now time.Time, cmds []Command) (Stepped, error) {
	return s.stepAt(ctx, s.clock.at(s.clock.readingAt(now)), cmds)
}

func (s *Store) stepAt(ctx context.Context, m moment, cmds []Command) (Stepped, error) {
	if len(cmds) == 0 && (s.nextDue > m.now || s.holds(m)) {
		return Stepped{Next: s.nextDue}, nil
	}
	s.opts.At(beforeCommit)
	b, tried, err := (*batch)(nil), len(cmds), s.upgrade(ctx)
	if err == nil {
		b, tried, err = s.attempt(ctx, m, cmds)
	}
	if err != nil {
		s.nextDue = dueUnknown
		err = explain(err)
		if tried == 0 { // the deadlines before them failed: the commands are not to wait for those
			tried = len(cmds)
		}
		return Stepped{Errs: slices.Repeat([]error{err}, tried), Next: m.now}, err
	}
	s.opts.At(afterCommit)
	s.nextDue = b.next
	s.clock.wrote(b.refWritten, b.accepted)
	if b.opened {
		s.session.Store(true)
	}
	for _, n := range b.notes {
		s.opts.Log.Log(ctx, n.level, n.text, n.args...)
	}
	s.notify(b)
	return Stepped{Errs: b.errs, Next: b.next}, nil
}

// attempt runs a batch in one engine transaction, from the start again when the
// engine asks for it, and with less in it when the engine cannot commit so much
// at once. tried is how many commands had their turn.
func (s *Store) attempt(ctx context.Context, m moment, cmds []Command) (b *batch, tried int, err error) {
	p := plan{commands: len(cmds), due: s.opts.Limits.BatchDue}
	for {
		err = s.opts.Engine.Update(ctx, func(w kv.Tx) error {
			b = &batch{
				store: s, moment: m, held: s.holds(m), plan: p, session: s.session.Load(), gains: gains{next: s.nextDue},
				errs: make([]error, 0, p.commands),
			}
			return b.run(s.hot.over(w), cmds[:p.commands])
		})
		if err == nil {
			s.hot.committed()
		}
		if !errors.Is(err, kv.ErrTooBig) || b == nil || !p.shrink(b, err) {
			return b, p.commands, err
		}
	}
}

// shrink makes the plan of a batch that was too big for the engine smaller:
// first commands are left for later, then deadlines. It returns false when
// nothing is left to leave out.
func (p *plan) shrink(b *batch, err error) bool {
	switch {
	case p.commands > 1:
		p.commands /= 2
	case p.commands == 1 && b.fired > 0:
		p.commands = 0
	case p.commands == 0 && b.fired > 1:
		p.due = b.fired / 2
	case p.commands == 0 && b.fired == 1 && p.tooBig == nil:
		p.due, p.tooBig = 1, err
	default:
		return false
	}
	return true
}

// explain makes of an engine's error one that a person can act on.
func explain(err error) error {
	switch {
	case errors.Is(err, kv.ErrNoSpace):
		return pay.Wrap(err, pay.CodeNoSpace, "too little space to store anything", "free space on the disk that holds the data; nothing was lost")
	case errors.Is(err, kv.ErrUnknown):
		// A charge that may be stored is one that may still be paid.
		return pay.Wrap(err, pay.CodeUnknown, "store the change", "it may have been stored: start the node again and repeat the same command, with the same --key")
	default:
		return fmt.Errorf("store the change: %w", err)
	}
}

// The points at which a test may end the process.
const (
	beforeCommit = "store.before-commit"
	afterCommit  = "store.after-commit"
	effectDone   = "store.effect-done"
)

// CrashPoints returns the names that Options.At is called with: before a batch
// is handed to the engine, and after it is durable but before any command gets
// its outcome.
func CrashPoints() []string { return []string{beforeCommit, afterCommit} }

// CarryCrashPoints returns the further names that Carry calls Options.At with:
// after an effect was carried out, before its result is stored.
func CarryCrashPoints() []string { return []string{effectDone} }
