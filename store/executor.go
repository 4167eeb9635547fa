package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/paybeacon/paybeacon/store/kv"
)

// ErrEnded means that the store no longer runs: nothing was done.
var ErrEnded = errors.New("store: has stopped running")

const (
	// lookAgain bounds how long the executor trusts its timer: nothing tells it
	// that the clock was set forward, which brings deadlines nearer. Chosen: as
	// late as an offer may end without harm.
	lookAgain = time.Minute
	// retryDue is how long after a failed batch deadlines are tried again. Chosen:
	// short beside any time to pay, long beside one attempt.
	retryDue = time.Second
)

// command is a change that waits for its turn. The executor claims it, or its caller
// when it does not wait any longer: it runs if the executor is first.
type command struct {
	fn      Command
	claimed atomic.Bool
	done    chan error
}

// Do runs fn in a transaction and returns once its writes are durable. When fn
// returns an error, nothing of it is written and Do returns that error as it
// is. fn may run more than once, and must not call the store other than through
// tx. When ctx ends before fn's turn has come, fn does not run; after that Do
// waits for the outcome. An error that wraps kv.ErrUnknown leaves the outcome
// open. ErrEnded means that the store does not run any more.
func (s *Store) Do(ctx context.Context, fn func(tx *Tx) error) error {
	c, err := s.submit(ctx, fn)
	if err != nil {
		return err
	}
	return s.await(ctx, c)
}

// repeat is Do for what takes several transactions: as long as fn reports that some is
// left.
func (s *Store) repeat(ctx context.Context, fn func(tx *Tx) (more bool, err error)) (err error) {
	for more := true; more && err == nil; {
		err = s.Do(ctx, func(tx *Tx) (err error) {
			more, err = fn(tx)
			return err
		})
	}
	return err
}

// doAll is Do for several commands, which may share a transaction.
func (s *Store) doAll(ctx context.Context, fns []Command) []error {
	errs := make([]error, len(fns))
	cmds := make([]*command, len(fns))
	for i, fn := range fns {
		cmds[i], errs[i] = s.submit(ctx, fn)
	}
	for i, c := range cmds {
		if errs[i] == nil {
			errs[i] = s.await(ctx, c)
		}
	}
	return errs
}

// submit puts a command in line.
func (s *Store) submit(ctx context.Context, fn Command) (*command, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("wait for the store: %w", err)
	}
	c := &command{fn: fn, done: make(chan error, 1)}
	select {
	case s.queue <- c:
		return c, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the store: %w", ctx.Err())
	case <-s.ended:
		return nil, ErrEnded
	}
}

// await returns the outcome of a command that is in line.
func (s *Store) await(ctx context.Context, c *command) error {
	var given error
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		given = fmt.Errorf("wait for the store: %w", ctx.Err())
	case <-s.ended:
		given = ErrEnded
	}
	if !c.claimed.Swap(true) {
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
	s.beginClock(ctx)
	s.retryAtStart(ctx)
	timer := time.NewTimer(0) // deadlines may have come while the store did not run
	defer timer.Stop()
	var cmds []*command
	failing := false
	for {
		if len(cmds) == 0 {
			select {
			case <-ctx.Done():
				return nil
			case c := <-s.queue:
				cmds = take(cmds, c)
			case <-timer.C:
			}
		}
		cmds = s.gather(cmds)
		rest, err := s.step(context.WithoutCancel(ctx), cmds)
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

// retryAtStart lets the role react again to what was set aside: the program may
// be a newer one, which knows better.
func (s *Store) retryAtStart(ctx context.Context) {
	var done Retried
	if err := s.retryEach(ctx, s.stepAll, &done); err != nil && ctx.Err() == nil && !errors.Is(err, ErrClockDoubt) {
		s.opts.Log.Error("could not try again what was set aside", "err", err)
	}
}

// stepAll runs commands without Run, in as many transactions as they need.
func (s *Store) stepAll(ctx context.Context, fns []Command) []error {
	var errs []error
	for len(errs) < len(fns) {
		if err := ctx.Err(); err != nil {
			errs = append(errs, err)
			continue
		}
		done, _ := s.stepAt(context.WithoutCancel(ctx), s.clock.moment(), fns[len(errs):]) // its error is that of each
		errs = append(errs, done.Errs...)
	}
	return errs
}

// report logs once that committing fails and once that it works again. Each
// command gets the error, and deadlines are tried every retryDue: a full disk must
// not be filled with lines about it.
func (s *Store) report(commands int, err error, failing *bool) {
	switch {
	case err != nil && !*failing:
		s.opts.Log.Error("store could not commit", "commands", commands, "err", err)
	case err == nil && *failing:
		s.opts.Log.Info("store commits again")
	}
	*failing = err != nil
}

// gather adds the commands that wait. Yielding first lets those whose last
// command was just answered line up again, so that they share the next flush.
func (s *Store) gather(cmds []*command) []*command {
	runtime.Gosched()
	for len(cmds) < s.opts.Limits.BatchCommands {
		select {
		case c := <-s.queue:
			cmds = take(cmds, c)
		default:
			return cmds
		}
	}
	return cmds
}

// take adds a command, unless its caller has given it up.
func take(cmds []*command, c *command) []*command {
	if c.claimed.Swap(true) {
		return cmds
	}
	return append(cmds, c)
}

// pause returns how long the executor may rest when no command comes; ok is false
// when there is no deadline to wait for.
func (s *Store) pause(failed bool) (rest time.Duration, ok bool) {
	m := s.clock.moment()
	switch {
	case failed, s.holds(m):
		return retryDue, true
	case s.nextDue == dueNever:
		return 0, false
	case s.nextDue <= m.now:
		return 0, true
	default:
		return min(s.clock.until(s.nextDue), lookAgain), true
	}
}

// step runs one batch and gives each command that ran its outcome. It returns
// the commands that found no room in it.
func (s *Store) step(ctx context.Context, cmds []*command) (rest []*command, err error) {
	fns := make([]Command, len(cmds))
	for i, c := range cmds {
		fns[i] = c.fn
	}
	done, err := s.stepAt(ctx, s.clock.moment(), fns)
	for i, outcome := range done.Errs {
		cmds[i].done <- outcome
	}
	return cmds[len(done.Errs):], err
}

func refuse(cmds []*command, err error) {
	for _, c := range cmds {
		c.done <- err
	}
}
