package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store/kv"
)

const (
	// carryPauseMin and carryPauseMax bound the pause before an effect that failed
	// is tried again; it doubles each time. Chosen: a call that was lost is
	// repeated before a person notices, and a system that is down for an hour gets
	// about sixty calls for each subject.
	carryPauseMin = 100 * time.Millisecond
	carryPauseMax = time.Minute
)

// Doer carries out effects of one kind and returns what came of it, in at most
// pay.EffectBytesMax bytes. Number and subject are the same each time for the
// same effect, and a Doer may be called again for one that it has done: one that
// must not act twice recognises it by them. An error means that nothing is
// known yet; the effect is then carried out again after a pause.
type Doer func(ctx context.Context, n uint64, e pay.Effect) (result []byte, err error)

// Carry carries out effects until ctx ends, then returns nil once every Doer has
// returned. It needs Run beside it, and returns an error when the store has
// stopped running or was closed.
//
// The effects of one subject are carried out one at a time, in the order of
// their numbers, those of different subjects side by side, at most
// Limits.Effects at once. An effect whose kind has no Doer, and one whose subject
// is set aside, waits, and those of its subject behind it wait with it; the
// first are reported in the log, once for each kind. Carry keeps a few bytes in
// memory for each effect that is outstanding.
func (s *Store) Carry(ctx context.Context, doers map[pay.EffectKind]Doer) error {
	ctx, cancel := context.WithCancel(ctx)
	c := &carrier{
		s: s, ctx: ctx, doers: doers, lanes: map[pay.Subject]*lane{}, reported: map[pay.EffectKind]bool{},
		done: make(chan carried, s.opts.Limits.Effects), again: make(chan *lane), look: make(chan struct{}, 1),
	}
	changed, stop := s.WatchEffects()
	defer stop()
	defer c.work.Wait()
	defer cancel()
	give(c.look)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			give(c.look)
		case <-c.look:
			c.learn()
		case l := <-c.again:
			c.ready = append(c.ready, l)
		case r := <-c.done:
			if err := c.settle(r); err != nil {
				return fmt.Errorf("carry out effects: %w", err)
			}
		}
		c.start()
	}
}

// carrier is the state of Carry.
type carrier struct {
	s     *Store
	ctx   context.Context
	doers map[pay.EffectKind]Doer

	last     uint64        // the highest number seen
	look     chan struct{} // there may be effects behind it, or subjects that wait no more
	tries    int           // how often looking has failed
	lanes    map[pay.Subject]*lane
	ready    []*lane                 // those whose first effect may be carried out
	held     []*lane                 // those whose subject is set aside
	again    chan *lane              // those whose first effect failed, after their pause
	reported map[pay.EffectKind]bool // kinds that have no Doer
	running  int
	done     chan carried
	work     sync.WaitGroup
}

// lane is the outstanding effects of one subject. It is in one of the lists of
// the carrier, or its first effect is being carried out, pauses, or has no Doer.
type lane struct {
	subject pay.Subject
	numbers []uint64
	tries   int // how often the first one has failed
}

// carried is what became of a lane's first effect.
type carried struct {
	lane *lane
	kind pay.EffectKind
	err  error // nil: it was carried out, perhaps before
}

var (
	errHeld   = errors.New("its subject is set aside")
	errNoDoer = errors.New("nothing here carries out effects of this kind")
)

// after calls fn once the pause after so many failures is over, unless ctx ends.
func (c *carrier) after(tries int, fn func()) {
	time.AfterFunc(pauseAfter(tries), func() {
		if c.ctx.Err() == nil {
			fn()
		}
	})
}

// start carries out what can be carried out now.
func (c *carrier) start() {
	for len(c.ready) > 0 && c.running < cap(c.done) {
		l := c.ready[0]
		c.ready = c.ready[1:]
		c.running++
		n := l.numbers[0]
		c.work.Go(func() {
			kind, err := c.s.carryOut(c.ctx, n, c.doers)
			c.done <- carried{l, kind, err}
		})
	}
}

// learn takes in the effects that are new, and the subjects that are no longer set
// aside.
func (c *carrier) learn() {
	err := c.s.View(c.ctx, func(v *View) error {
		for n := len(c.held); n > 0; n-- {
			l := c.held[0]
			aside, err := v.SetAside(l.subject)
			if err != nil {
				return err
			}
			if c.held = c.held[1:]; aside {
				c.held = append(c.held, l)
			} else {
				c.ready = append(c.ready, l)
			}
		}
		return v.Effects(c.last, func(n uint64, e pay.Effect) error {
			l := c.lanes[e.Subject]
			if l == nil {
				l = &lane{subject: e.Subject}
				c.lanes[e.Subject] = l
				c.ready = append(c.ready, l)
			}
			c.last, l.numbers = n, append(l.numbers, n)
			return nil
		})
	})
	if err == nil {
		c.tries = 0
		return
	}
	c.tries++
	c.report("could not read effects", c.tries, "err", err)
	c.after(c.tries, func() { give(c.look) })
}

// settle takes in what became of a lane's first effect.
func (c *carrier) settle(r carried) error {
	c.running--
	l := r.lane
	switch {
	case r.err == nil:
		if l.tries > 0 {
			c.s.opts.Log.Info("effect was carried out in the end", "effect", l.numbers[0], "subject", l.subject.String(), "failed", l.tries)
		}
		l.numbers, l.tries = l.numbers[1:], 0
		if len(l.numbers) == 0 {
			delete(c.lanes, l.subject)
		} else {
			c.ready = append(c.ready, l)
		}
	case errors.Is(r.err, errHeld):
		c.held = append(c.held, l)
		give(c.look) // it may be over by now
	case errors.Is(r.err, errNoDoer):
		if !c.reported[r.kind] {
			c.reported[r.kind] = true
			c.s.opts.Log.Error("nothing here carries out effects of this kind, they wait", "kind", r.kind, "effect", l.numbers[0], "subject", l.subject.String())
		}
	case errors.Is(r.err, ErrEnded), errors.Is(r.err, kv.ErrClosed):
		return r.err
	default:
		l.tries++
		c.after(l.tries, func() {
			select {
			case c.again <- l:
			case <-c.ctx.Done():
			}
		})
		c.report("effect could not be carried out and will be tried again", l.tries, "effect", l.numbers[0], "kind", r.kind, "subject", l.subject.String(), "err", r.err)
	}
	return nil
}

// report logs the first failure of many.
func (c *carrier) report(text string, tries int, args ...any) {
	if tries == 1 {
		c.s.opts.Log.Warn(text, args...)
	}
}

// carryOut carries out effect n and finishes it.
func (s *Store) carryOut(ctx context.Context, n uint64, doers map[pay.EffectKind]Doer) (kind pay.EffectKind, err error) {
	var row effectRow
	var open, aside bool
	err = s.View(ctx, func(v *View) (err error) {
		if row, open, err = v.effect(n); err == nil {
			aside, err = v.SetAside(row.Effect.Subject)
		}
		return err
	})
	e := row.Effect
	do := doers[e.Kind]
	switch {
	case err != nil || !open || row.Done:
		return e.Kind, err
	case aside:
		return e.Kind, errHeld
	case do == nil:
		return e.Kind, errNoDoer
	}
	result, err := do(ctx, n, e)
	if err == nil && len(result) > pay.EffectBytesMax {
		err = fmt.Errorf("the result has %d bytes, the limit is %d", len(result), pay.EffectBytesMax)
	}
	if err == nil {
		s.opts.At(effectDone)
		err = s.finishInTheEnd(ctx, n, result)
	}
	return e.Kind, err
}

// finishInTheEnd tries to finish an effect until it works: what was done is not
// done again because the disk is full.
func (s *Store) finishInTheEnd(ctx context.Context, n uint64, result []byte) error {
	for tries := 1; ; tries++ {
		_, err := s.Finish(ctx, n, result)
		if err == nil || errors.Is(err, ErrEnded) || errors.Is(err, kv.ErrClosed) || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(pauseAfter(tries)):
		case <-ctx.Done():
			return err
		}
	}
}

// pauseAfter returns how long to wait after so many failures: half of it is
// chance, so that many do not come back at the same moment.
func pauseAfter(tries int) time.Duration {
	pause := carryPauseMax
	if shift := tries - 1; shift < 16 {
		pause = min(pause, carryPauseMin<<shift)
	}
	return pause/2 + rand.N(pause/2)
}
