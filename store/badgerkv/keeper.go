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
	wake chan struct{} // holds one token when there is something to do
	done chan struct{} // closed when the goroutine has ended

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

// notify has the keeper look after the log, if that is due.
func (k *keeper) notify(log *commitlog.Log) {
	if !log.Due() {
		return
	}
	select {
	case k.wake <- struct{}{}:
	default: // it has not begun with the last one
	}
}

// keep runs until stop.
func (e *Engine) keep() {
	defer close(e.keeper.done)
	for range e.keeper.wake {
		if err := errors.Join(e.log.Drop(e.durable()), e.log.Prepare()); err != nil {
			e.warn.log.Warn("looking after the commit log failed", "error", err)
		}
	}
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

// stop ends the keeper, if it runs.
func (k *keeper) stop() {
	if k.wake != nil {
		close(k.wake)
		<-k.done
	}
}

// release passes on what is gathered, and closes Badger and the log. If everything was
// written out, the directory is one without a log from then on.
func (e *Engine) release() error {
	e.keeper.stop()
	errs := []error{e.passLast()}
	e.merger.ends.Wait()
	whole := e.keeper.wake != nil && e.broken.Load() == nil
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
