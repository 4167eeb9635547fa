package store

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store/kv"
)

// batch is what shares one engine transaction: deadlines, then commands.
type batch struct {
	gains
	store   *Store
	moment  moment
	plan    plan
	held    bool    // the clock is in doubt, and a registry decides nothing by it
	session bool    // new outbox items leave the node at once
	errs    []error // what each command that ran returned
	fired   int     // deadlines

	refWritten *reference // the clock's, which was written
}

// plan bounds a batch. An engine that cannot commit so much at once makes it
// shrink.
type plan struct {
	commands int   // commands to run at most
	due      int   // deadlines to fire at most
	tooBig   error // the one deadline left is too big for the engine: it is not run
}

// gains are what a command that succeeded leaves to those around it: to the
// command that it is a part of, to the batch, and to those who wait.
type gains struct {
	next   pay.Time             // earliest deadline set, dueNever when none; of a batch, dueUnknown at first
	wrote  int                  // bytes
	opened bool                 // a session was opened
	outbox bool                 // the outbox got items
	grown  map[pay.Scope]uint64 // where feeds end that got entries
	notes  []note

	appended []appended // to feeds of the registry

	touched []topic // on a node

	accepted  *acceptedClock // the wall clock was accepted
	published bool           // the log got rows
	effects   bool           // effects were asked for or finished, or need not wait any more
	counted   numbers
}

// note is a line for the log, which is written once the batch is durable.
type note struct {
	level slog.Level
	text  string
	args  []any
}

func (g *gains) add(more gains) {
	g.next = min(g.next, more.next)
	g.wrote += more.wrote
	g.opened = g.opened || more.opened
	g.outbox = g.outbox || more.outbox
	if g.grown == nil {
		g.grown = more.grown
	} else {
		maps.Copy(g.grown, more.grown)
	}
	g.appended = append(g.appended, more.appended...)
	g.notes = append(g.notes, more.notes...)
	g.touched = append(g.touched, more.touched...)
	g.accepted = cmp.Or(more.accepted, g.accepted)
	g.published = g.published || more.published
	g.effects = g.effects || more.effects
	if more.counted.known {
		g.counted = more.counted
	}
}

// run fires deadlines and runs commands until the batch is full. The error of a command
// leaves the others alone; one that run returns fails the whole batch.
func (b *batch) run(w kv.Tx, cmds []Command) error {
	tx := newTx(b.store, b, w)
	if err := b.fireDue(w); err != nil {
		return err
	}
	for _, fn := range cmds {
		if err := b.fireDue(w); err != nil {
			return err
		}
		if b.full() {
			break
		}
		_, failed, err := tx.inside(&b.gains, fn)
		if err != nil {
			return err
		}
		b.errs = append(b.errs, failed)
	}
	if b.wrote == 0 {
		return nil
	}
	if b.counted.known && (b.published || b.effects) {
		if err := tx.putMeta(metaNumbers, b.counted.encode()); err != nil {
			return err
		}
	}
	return tx.putClock(b)
}

// full reports whether nothing more may join the batch.
func (b *batch) full() bool {
	return b.fired >= b.plan.due || b.wrote >= b.store.opts.Limits.BatchBytes || b.accepted != nil
}

// inside runs fn above an overlay of its own and, when it succeeds, joins what it wrote
// and adds what it gains to to. failed is its error; err is the engine's.
func (tx *Tx) inside(to *gains, fn Command) (inner *Tx, failed, err error) {
	overlay := kv.NewOverlay(tx.w)
	inner = newTx(tx.s, tx.batch, overlay)
	inner.counted, inner.opened = to.counted, to.opened
	failed = fn(inner)
	inner.ended = true
	if failed != nil {
		return inner, failed, nil
	}
	if err := overlay.Apply(tx.w); err != nil {
		return inner, nil, tx.broken(fmt.Errorf("join the batch: %w", err))
	}
	to.add(inner.gains)
	return inner, nil, nil
}
