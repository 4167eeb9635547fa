package store

import (
	"container/heap"
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
	c := &carrier{
		s: s, doers: doers, lanes: map[pay.Subject]*lane{}, reported: map[pay.EffectKind]bool{},
		done: make(chan carried, s.limits.Effects), look: true,
	}
	changed, stop := s.WatchEffects()
	defer stop()
	var work sync.WaitGroup
	defer work.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			c.look = true
		case <-timer.C:
		case r := <-c.done:
			if err := c.settle(r); err != nil {
				return fmt.Errorf("carry out effects: %w", err)
			}
		}
		if pause, ok := c.turn(ctx, &work); ok {
			timer.Reset(pause)
		} else {
			timer.Stop()
		}
	}
}

// carrier is the state of Carry.
type carrier struct {
	s     *Store
	doers map[pay.EffectKind]Doer

	last     uint64 // the highest number seen
	look     bool   // there may be effects behind it, or subjects that wait no more
	tries    int    // how often looking has failed
	lanes    map[pay.Subject]*lane
	ready    []*lane                 // those whose first effect may be carried out
	paused   pauses                  // those whose first effect failed
	held     []*lane                 // those whose subject is set aside
	reported map[pay.EffectKind]bool // kinds that have no Doer
	running  int
	done     chan carried
}

// lane is the outstanding effects of one subject. It is in one of the lists of
// the carrier, or its first effect is being carried out, or has no Doer.
type lane struct {
	subject pay.Subject
	numbers []uint64
	tries   int       // how often the first one has failed
	until   time.Time // when the first one is tried again
}

// carried is what became of a lane's first effect.
type carried struct {
	lane *lane
	fate fate
	kind pay.EffectKind
	err  error
}

type fate int

const (
	fateFinished fate = iota // or it was finished before
	fateHeld                 // its subject is set aside
	fateUnknown              // its kind has no Doer
	fateFailed
)

// turn starts what can be started and returns when to look again; ok is false
// when only something that happens makes that worth while.
func (c *carrier) turn(ctx context.Context, work *sync.WaitGroup) (pause time.Duration, ok bool) {
	now := time.Now()
	pause = carryPauseMax
	if c.look {
		if err := c.learn(ctx); err != nil {
			c.tries++
			pause, ok = pauseAfter(c.tries), true
			c.report("could not read effects", c.tries, "err", err)
		} else {
			c.look, c.tries = false, 0
		}
	}
	for len(c.paused) > 0 && !c.paused[0].until.After(now) {
		c.ready = append(c.ready, heap.Pop(&c.paused).(*lane))
	}
	for len(c.ready) > 0 && c.running < cap(c.done) {
		l := c.ready[0]
		c.ready = c.ready[1:]
		c.running++
		n, r := l.numbers[0], carried{lane: l}
		work.Go(func() { c.done <- c.s.carryOut(ctx, n, r, c.doers) })
	}
	if len(c.paused) > 0 {
		pause, ok = min(pause, c.paused[0].until.Sub(now)), true
	}
	return pause, ok
}

// learn takes in the effects that are new, and the subjects that are no longer
// set aside, once all of it was read: a lane is in one list at a time.
func (c *carrier) learn(ctx context.Context) error {
	var still, free []*lane
	var fresh []asked
	err := c.s.View(ctx, func(v *View) error {
		still, free, fresh = nil, nil, nil
		for _, l := range c.held {
			aside, err := v.SetAside(l.subject)
			switch {
			case err != nil:
				return err
			case aside:
				still = append(still, l)
			default:
				free = append(free, l)
			}
		}
		return v.Effects(c.last, 0, func(n uint64, e pay.Effect) error {
			fresh = append(fresh, asked{n, e.Subject})
			return nil
		})
	})
	if err != nil {
		return err
	}
	c.held, c.ready = still, append(c.ready, free...)
	for _, e := range fresh {
		c.last = e.n
		l := c.lanes[e.subject]
		if l == nil {
			l = &lane{subject: e.subject}
			c.lanes[e.subject] = l
			c.ready = append(c.ready, l)
		}
		l.numbers = append(l.numbers, e.n)
	}
	return nil
}

// asked is an effect that was asked for.
type asked struct {
	n       uint64
	subject pay.Subject
}

// settle takes in what became of a lane's first effect.
func (c *carrier) settle(r carried) error {
	c.running--
	l := r.lane
	switch r.fate {
	case fateFinished:
		if l.tries > 0 {
			c.s.log.Info("effect was carried out in the end", "effect", l.numbers[0], "subject", l.subject.String(), "failed", l.tries)
		}
		l.numbers, l.tries = l.numbers[1:], 0
		if len(l.numbers) == 0 {
			delete(c.lanes, l.subject)
		} else {
			c.ready = append(c.ready, l)
		}
	case fateHeld:
		c.held = append(c.held, l)
		c.look = true // it may be over by now
	case fateUnknown:
		if !c.reported[r.kind] {
			c.reported[r.kind] = true
			c.s.log.Error("nothing here carries out effects of this kind, they wait", "kind", r.kind, "effect", l.numbers[0], "subject", l.subject.String())
		}
	case fateFailed:
		if errors.Is(r.err, ErrEnded) || errors.Is(r.err, kv.ErrClosed) {
			return r.err
		}
		l.tries++
		l.until = time.Now().Add(pauseAfter(l.tries))
		heap.Push(&c.paused, l)
		c.report("effect could not be carried out and will be tried again", l.tries, "effect", l.numbers[0], "kind", r.kind, "subject", l.subject.String(), "err", r.err)
	}
	return nil
}

// report logs the first failure of many.
func (c *carrier) report(text string, tries int, args ...any) {
	if tries == 1 {
		c.s.log.Warn(text, args...)
	}
}

// carryOut carries out effect n and finishes it. It returns r with what became of
// it, and leaves the lane alone.
func (s *Store) carryOut(ctx context.Context, n uint64, r carried, doers map[pay.EffectKind]Doer) carried {
	var e pay.Effect
	var open, aside bool
	r.err = s.View(ctx, func(v *View) (err error) {
		if e, open, err = v.Effect(n); err == nil {
			aside, err = v.SetAside(e.Subject)
		}
		return err
	})
	r.kind = e.Kind
	do := doers[e.Kind]
	switch {
	case r.err != nil:
		r.fate = fateFailed
		return r
	case !open:
		return r
	case aside:
		r.fate = fateHeld
		return r
	case do == nil:
		r.fate = fateUnknown
		return r
	}
	result, err := do(ctx, n, e)
	if err == nil && len(result) > pay.EffectBytesMax {
		err = fmt.Errorf("the result has %d bytes, the limit is %d", len(result), pay.EffectBytesMax)
	}
	if err == nil {
		s.at(effectDone)
		err = s.finishInTheEnd(ctx, n, result)
	}
	if err != nil {
		r.fate, r.err = fateFailed, err
	}
	return r
}

// finishInTheEnd tries to finish an effect until it works: what was done is not
// done again because the disk is full.
func (s *Store) finishInTheEnd(ctx context.Context, n uint64, result []byte) error {
	for tries := 1; ; tries++ {
		_, err := s.Finish(ctx, n, result)
		if err == nil || errors.Is(err, ErrEnded) || errors.Is(err, kv.ErrClosed) || ctx.Err() != nil {
			return err
		}
		pause := time.NewTimer(pauseAfter(tries))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
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

// pauses orders lanes by when they are tried again.
type pauses []*lane

func (p pauses) Len() int           { return len(p) }
func (p pauses) Less(i, j int) bool { return p[i].until.Before(p[j].until) }
func (p pauses) Swap(i, j int)      { p[i], p[j] = p[j], p[i] }

// Push implements heap.Interface.
func (p *pauses) Push(l any) { *p = append(*p, l.(*lane)) }

// Pop implements heap.Interface.
func (p *pauses) Pop() any {
	old := *p
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*p = old[:len(old)-1]
	return l
}
