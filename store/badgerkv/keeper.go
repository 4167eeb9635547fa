package badgerkv

import (
	"errors"
	"sync"
	"syscall"

	"github.com/paybeacon/paybeacon/store/badgerkv/commitlog"
)

// keeper makes new segments of the commit log and removes old ones, beside the
// transactions.
type keeper struct {
	turn sync.Mutex // held while it does

	mu sync.Mutex
	// passed are the transfers to Badger, oldest first, but for those before the
	// newest that is known to be in tables.
	passed []passed
}

// passed says that Badger's version has the commits up to a number.
type passed struct{ version, number uint64 }

// note notes a transfer.
func (k *keeper) note(version, number uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.passed = append(k.passed, passed{version, number})
}

// keepIfDue looks after the log.
func (e *Engine) keepIfDue() {
	if !e.log.Due() {
		return
	}
	e.beside.Go(func() {
		e.keeper.turn.Lock()
		defer e.keeper.turn.Unlock()
		if err := errors.Join(e.log.Drop(e.durable()), e.log.Prepare()); err != nil {
			e.warn.log.Warn("looking after the commit log failed", "error", err)
		}
	})
}

// durable returns the number of the last commit whose rows are in tables. Badger
// flushes a table and then the MANIFEST before it lists the table, and it writes
// memtables out in their order; the newest mark in tables stays there and has the
// version of its transfer.
func (e *Engine) durable() uint64 {
	newest := uint64(0)
	for _, t := range e.db.Tables() {
		newest = max(newest, t.MaxVersion)
	}
	k := &e.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.passed) > 1 && k.passed[1].version <= newest {
		k.passed = k.passed[1:]
	}
	return k.passed[0].number
}

// release passes on what is gathered, and closes Badger and the log. If everything was
// written out, the directory is one without a log from then on.
func (e *Engine) release() error {
	errs := []error{e.passLast()}
	e.beside.Wait()
	whole := e.state.Load() != nil && e.broken.Load() == nil
	if e.db != nil {
		errs = append(errs, e.db.Close())
	}
	if e.log != nil {
		errs = append(errs, e.log.Close())
	}
	if err := errors.Join(errs...); err != nil || !whole {
		return err
	}
	if err := setMagic(e.dir, inBadger); err != nil {
		return err
	}
	return commitlog.Remove(commitlog.Dir(e.dir))
}

// isFull reports whether an error of the system means that the disk is full.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
