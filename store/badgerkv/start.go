package badgerkv

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/dgraph-io/badger/v4"

	"github.com/paybeacon/paybeacon/store/badgerkv/commitlog"
)

// emptyLogs has Badger write its own logs out into tables, and inspects the
// directory again. From then on they can be done without. It uses the large
// memtables, because it is not known which these are the logs of, and Badger ends
// the process when a log does not fit into its memtable.
func emptyLogs(dir string, bo badger.Options) (found, error) {
	db, err := openBadger(badgerOptions(dir, Options{Busy: true}).
		WithLogger(bo.Logger).WithSyncWrites(true).WithExternalMagic(inBadger))
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		return found{}, err
	}
	f, err := inspect(dir, bo)
	if err == nil && len(f.mems) > 0 {
		err = fmt.Errorf("%s was not written out", f.mems[0])
	}
	return f, err
}

// start opens the log and Badger in a directory that was inspected, and brings
// Badger up to the end of the log.
func (e *Engine) start(bo badger.Options, f found) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, e.release())
		}
	}()
	if err := e.openLog(bo, f); err != nil {
		return err
	}
	// What Badger's own logs hold was not flushed, in no certain order; none of it
	// may be left.
	for _, path := range f.mems {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if e.db, err = openBadger(bo); err != nil {
		return err
	}
	e.merger.own = bo.NumCompactors == 0
	e.mergeIfDue()
	if f.magic == inLog && f.log != nil {
		if err := e.replay(f.log, f.mark); err != nil {
			return err
		}
	}
	e.limit = newLimit(e.db)
	base := newSnapshot(e.db)
	e.publish(func(s *state) { s.base = base })
	e.keeper.note(0, f.mark.Number)
	e.keeper.note(base.txn.ReadTs(), e.log.End().Number)
	return nil
}

// segmentBytes returns the size of the log's segments. Chosen: a quarter of a
// memtable is more than the largest transaction, which is 15 % of one, and its pages.
func segmentBytes(bo badger.Options) int64 { return bo.MemTableSize / 4 }

// openLog goes on with the log of a process that did not close the store, or makes
// one.
func (e *Engine) openLog(bo badger.Options, f found) (err error) {
	files := commitlog.Dir(bo.Dir)
	if f.magic == inLog && f.log != nil {
		e.log, err = f.log.Resume(segmentBytes(bo))
		return err
	}
	if err := commitlog.Remove(files); err != nil {
		return err
	}
	if f.mark.Sum == 0 {
		// Commits of a new store follow a number of its own, so that the log of
		// another store does not continue it.
		var b [4]byte
		_, _ = rand.Read(b[:])
		f.mark.Sum = binary.BigEndian.Uint32(b[:]) | 1
	}
	if e.log, err = commitlog.Create(files, f.mark, segmentBytes(bo)); err != nil {
		return fmt.Errorf("make the commit log: %w", err)
	}
	if f.magic == inBadger {
		return setMagic(bo.Dir, inLog)
	}
	return nil
}
