package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store/kv"
)

// ErrEnded says that the store no longer runs: nothing was done.
var ErrEnded = errors.New("store: has stopped running")

const (
	// lookAgain bounds how long the executor trusts its timer: a clock that is
	// set forward brings deadlines nearer without telling.
	lookAgain = time.Minute
	// retryDue is how long after a failed batch deadlines are tried again.
	retryDue = time.Second
)

// The life of a command: whoever moves it on from waiting decides whether it
// runs.
const (
	waiting int32 = iota
	taken
	abandoned
)

type command struct {
	fn    func(*Tx) error
	state atomic.Int32
	done  chan error
}

// Do runs fn in a transaction and returns once its writes are durable. When fn
// returns an error, nothing of it is written and Do returns that error as it
// is. fn may run more than once, and must not call the store other than through
// tx. When ctx ends before fn's turn has come, fn does not run; after that Do
// waits for the outcome. An error that wraps kv.ErrUnknown leaves the outcome
// open.
func (s *Store) Do(ctx context.Context, fn func(tx *Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("wait for the store: %w", err)
	}
	c := &command{fn: fn, done: make(chan error, 1)}
	select {
	case s.queue <- c:
	case <-ctx.Done():
		return fmt.Errorf("wait for the store: %w", ctx.Err())
	case <-s.ended:
		return ErrEnded
	}
	var given error
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		given = fmt.Errorf("wait for the store: %w", ctx.Err())
	case <-s.ended:
		given = ErrEnded
	}
	if c.state.CompareAndSwap(waiting, abandoned) {
		return given
	}
	return <-c.done
}

// Run executes commands and deadlines until ctx ends, then returns nil; the
// batch in hand is finished first. It returns an error when the engine was
// closed under it, and may be called once.
func (s *Store) Run(ctx context.Context) error {
	if s.started.Swap(true) {
		return errors.New("run store: it runs already, or has run")
	}
	defer close(s.ended)
	timer := time.NewTimer(0) // deadlines may have come while nobody ran
	defer timer.Stop()
	var cmds []*command
	failing := false
	for {
		if len(cmds) == 0 {
			select {
			case <-ctx.Done():
				return nil
			case c := <-s.queue:
				cmds = append(cmds, c)
			case <-timer.C:
			}
		}
		cmds = s.gather(cmds)
		rest, err := s.commit(context.WithoutCancel(ctx), cmds)
		s.report(len(cmds), err, &failing)
		if errors.Is(err, kv.ErrClosed) {
			refuse(rest, err)
			return fmt.Errorf("run store: %w", err)
		}
		if ctx.Err() != nil {
			refuse(rest, ErrEnded)
			return nil
		}
		if rest, ok := s.pause(err != nil); ok {
			timer.Reset(rest)
		} else {
			timer.Stop()
		}
		cmds = append(cmds[:0], rest...)
	}
}

// report tells once that committing fails and once that it works again. Those
// who wait are told each time, and deadlines are tried every retryDue: a disk
// that is full must not be filled with words about it.
func (s *Store) report(commands int, err error, failing *bool) {
	switch {
	case err != nil && !*failing:
		s.log.Error("store could not commit", "commands", commands, "err", err)
	case err == nil && *failing:
		s.log.Info("store commits again")
	}
	*failing = err != nil
}

// gather adds the commands that wait. Yielding first lets those whose last
// command was just answered line up again, so that they share the next flush.
func (s *Store) gather(cmds []*command) []*command {
	runtime.Gosched()
	for len(cmds) < s.limits.BatchCommands {
		select {
		case c := <-s.queue:
			cmds = append(cmds, c)
			continue
		default:
		}
		break
	}
	ready := cmds[:0]
	for _, c := range cmds {
		if c.state.Load() == taken || c.state.CompareAndSwap(waiting, taken) {
			ready = append(ready, c)
		}
	}
	clear(cmds[len(ready):])
	return ready
}

// pause returns how long the executor may rest when nobody calls; ok is false
// when there is no deadline to wait for.
func (s *Store) pause(failed bool) (rest time.Duration, ok bool) {
	switch {
	case failed:
		return retryDue, true
	case s.nextDue == dueNever:
		return 0, false
	case s.nextDue <= s.Now():
		return 0, true
	default:
		return min(s.clock.until(s.nextDue), lookAgain), true
	}
}

// commit runs one batch and tells everybody concerned. It returns the commands
// that found no room in it. The error is the engine's and has been given to
// the commands.
func (s *Store) commit(ctx context.Context, cmds []*command) (rest []*command, err error) {
	if len(cmds) == 0 && s.nextDue > s.Now() {
		return nil, nil
	}
	s.at(beforeCommit)
	b, err := s.attempt(ctx, cmds)
	if errors.Is(err, kv.ErrTooBig) && len(cmds) > 1 {
		half := len(cmds) / 2
		left, err := s.commit(ctx, cmds[:half])
		return append(left, cmds[half:]...), err
	}
	if err != nil {
		s.nextDue = dueUnknown
		err = explain(err)
		refuse(cmds, err)
		return nil, err
	}
	s.at(afterCommit)
	s.nextDue = b.next
	if b.opened {
		s.session.Store(true)
	}
	s.tell(b)
	for i, c := range cmds[:b.ran] {
		c.done <- b.errs[i]
	}
	return cmds[b.ran:], nil
}

// attempt runs the batch in one engine transaction, from the start again when
// the engine asks for it.
func (s *Store) attempt(ctx context.Context, cmds []*command) (b *batch, err error) {
	now := s.clock.moment()
	errs := make([]error, len(cmds))
	err = s.engine.Update(ctx, func(w kv.Tx) error {
		b = &batch{store: s, moment: now, next: s.nextDue, session: s.session.Load(), errs: errs}
		return b.run(w, cmds)
	})
	return b, err
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

func refuse(cmds []*command, err error) {
	for _, c := range cmds {
		c.done <- err
	}
}
