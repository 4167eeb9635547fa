// Package badgerkv is the default engine of the store: package kv on Badger, a
// log-structured merge tree in one directory, behind a commit log of our own and the rows
// of it that Badger has not got yet. It is the only package that imports Badger.
//
// # How a transaction runs
//
// An Update reads from a snapshot and keeps its writes in a kv.Overlay. At the end it
// appends them to the commit log, which is flushed once, and adds them to the rows in
// memory that Badger has not got yet. Then Views see them. One Update runs at a time, so
// no key that it has read can have changed, and Badger's own detection of conflicts stays
// off. A flush is what an Update costs: for many durable commands a second, put many
// commands into one Update, as the store's executor does.
//
// Badger gets the rows of many commits at once, in one transaction of its own, with
// the number of the last of them:
//
//	Update -> commit log -> recent rows -> leaving rows -> Badger's memtable -> tables
//	           (durable)    \______ in memory, merged ____/
//
// So a row that is written again and again, or put and soon deleted, reaches Badger once,
// and what each transaction of Badger costs besides is paid once for many commits: a
// hand-over to the goroutine that writes, and the bookkeeping by which it orders them.
// What Views read is one immutable state: the recent rows over those that are leaving
// over a Badger snapshot without either. All transactions between two transfers share that
// snapshot, so a View opens nothing in Badger and waits for nobody. When a transfer is
// done, a state without the leaving rows takes the place of the last one, over a snapshot
// that has them.
//
// The rows in memory are bounded by two transfers: an Update that finds no room for its
// writes waits for the transfer that runs. Nothing passes them on when nothing is written:
// the log has them, and they neither make it longer nor a start noticeably slower.
//
// Each key is stored with the byte 'k' in front. Badger reserves the prefix
// "!badger!" and refuses the empty key; with the byte in front, every string of
// bytes can be a key. Values stay below 1 MiB, which keeps all of them in the
// tree: the value log stays empty and needs no garbage collection.
//
// # What is durable
//
// Update returns after the commit log was flushed to the device. If the process is
// killed at any moment, no write is lost for which Update has returned nil. The same
// holds for a power failure, on file systems that make a new file's name durable
// together with its content, as ext4, XFS and Btrfs do. If the flush itself fails, it is
// unknown what is durable: Update returns kv.ErrUnknown, and the engine refuses all
// transactions until it is opened again. It refuses them also when Badger does not take
// what the log has: the next start passes it on.
//
// Badger makes durable what it writes into tables: it flushes a table, then the
// MANIFEST that names it. Its own logs, one for each memtable, are not flushed, and
// DB.Sync would flush that of the newest memtable only. So they count for nothing: Open
// removes them after a crash, and replays from the commit log what the tables lack.
// Each commit has a number, and each transfer puts that of its last commit under a key of
// its own, in the same transaction, which lies in one memtable as a whole: memtables are
// written out in their order, so the newest mark in any table says up to where the tables
// are whole. The log drops a segment when it lies before that. So the log is as long as
// what is in memtables and in memory, and so is what a start replays; where rows have
// merged, ballast fills the memtable in their place. The memtables may have another size
// at each start.
//
// A log that does not hold the commit of the mark, begins later or ends before it is
// damage: it is the log of another store, or older than the tables.
//
// # Versions without a commit log
//
// Close passes on what is in memory, writes everything into tables and removes the log:
// then Badger is the sole source, and the directory is one that any version opens. While the log counts, the MANIFEST has a number of the
// application (inLog), with which Badger's own tools and versions without a commit log
// refuse it, as they would lose its last commits. A directory without that number is
// opened as it is: if such a version was killed, its commits are in Badger's logs, which
// are checked, written out into tables first, and then done without.
//
// # A full disk
//
// Badger writes through memory maps into files that occupy their space only
// when they are written. On a full disk such a write causes no error but the
// signal SIGBUS, which ends the process. So the engine checks the free space
// first. It refuses an Update with kv.ErrNoSpace while there is still room for
// the work that Badger does afterwards: flushing its memtables and merging
// tables, which takes as much room as the merged tables. See reserve for the sum.
// Reading goes on, and writing resumes when there is space again. A directory
// without that room is not opened. The guard cannot help if another program takes
// the last bytes of the disk: keep the directory on a disk of its own, or on one
// that others do not fill. The commit log is not written through a map: without room for
// a segment an Update returns kv.ErrNoSpace.
//
// # A damaged directory
//
// On some damage Badger panics in a goroutine of its own; on other damage it goes
// on without the data and reports nothing. Open therefore inspects the directory
// first and refuses damage of both kinds, and that of the commit log. Badger finds a
// changed byte inside a table only when it reads that block, and returns an error then;
// Verify reads all blocks and the log.
package badgerkv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/paybeacon/paybeacon/store/badgerkv/commitlog"
	"github.com/paybeacon/paybeacon/store/kv"
)

// ErrInUse means that another process, or another Engine of this one, has the
// data directory open.
var ErrInUse = errors.New("badgerkv: data directory is in use")

// Options configure an Engine. The zero value is right for a small box.
type Options struct {
	// Busy uses more memory, for a registry with many payments in flight: five
	// memtables of 64 MiB instead of two of 16 MiB, and compactors that look for
	// work all the time.
	// A directory may be opened either way at any time.
	Busy bool

	// Log receives Badger's warnings and errors. Nil drops them.
	Log *slog.Logger

	// FreeBytes returns the bytes that an unprivileged process may still write
	// to the file system of dir. Nil means the operating system's answer.
	FreeBytes func(dir string) (uint64, error)

	// Now is the clock that determines when FreeBytes is called again. Nil means
	// time.Now.
	Now func() time.Time

	// A test sets these: how much is gathered instead of gatherBytes, and further
	// options of Badger.
	gather int
	tune   func(badger.Options) badger.Options
}

// Engine is a kv.Engine in one directory. It is safe for concurrent use.
type Engine struct {
	dir    string
	db     *badger.DB
	unlock func() error // releases the lock on the directory
	gate   *kv.Gate
	warn   logger
	limit  limit
	counts kv.Counter
	beside sync.WaitGroup // what runs beside transactions: keeper and merger
	keeper keeper
	merger merger
	gathered

	// Used only by the admitted writer, as is Append of the log.
	space *spaceGuard
	rows  []byte
	log   *commitlog.Log

	// commit is (*badger.Txn).Commit, except in a test of its failure.
	commit func(*badger.Txn) error
	// broken is the failure after which it is unknown what is durable, or what Badger
	// has of that.
	broken atomic.Pointer[error]

	closing sync.Once
	closed  error
}

// View runs fn on a snapshot that includes every Update that has returned. It
// never waits for other transactions or for Badger. It returns the error of fn unchanged,
// kv.ErrClosed, the error of ctx, or an error after a commit whose outcome is
// unknown. The Reader's errors are kv.ErrEnded and Badger's; damage is an error
// without a sentinel.
func (e *Engine) View(ctx context.Context, fn func(kv.Reader) error) error {
	leave, err := e.gate.Read(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := e.usable(); err != nil {
		return err
	}
	e.counts.View()
	r, end := e.read()
	defer end()
	return fn(r)
}

// Update runs fn exactly once, with no other Update at the same time, and returns
// when its writes have been flushed. The context ends the wait for other Updates,
// but never a running commit.
//
// It returns the error of fn unchanged; kv.ErrClosed; the error of ctx;
// kv.ErrNoSpace without running fn if the disk is nearly full; kv.ErrTooBig if
// the writes exceed 15 % of a memtable (2.4 MiB or some 26,000 keys; 9.6 MiB or
// some 104,000 keys with Busy), a value 1 MiB, or a key 64,000 bytes; and
// kv.ErrUnknown if the flush failed. After that, and after Badger refused a transfer,
// every further transaction fails until the directory is opened again.
func (e *Engine) Update(ctx context.Context, fn func(kv.Tx) error) error {
	leave, err := e.gate.Write(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := e.usable(); err != nil {
		return err
	}
	if err := e.space.admit(); err != nil {
		e.mergeIfDue() // which may free some
		return err
	}
	rows, end := e.read()
	defer end()
	tx := &tx{Overlay: rows, limit: e.limit}
	if err := fn(tx); err != nil {
		return err
	}
	if tx.err != nil {
		return tx.err
	}
	return e.write(rows)
}

// write commits the writes in o. It returns kv.ErrNoSpace, kv.ErrUnknown, or the error
// of usable.
func (e *Engine) write(o *kv.Overlay) error {
	if o.Len() == 0 {
		return nil
	}
	if err := e.makeRoom(o); err != nil {
		return err
	}
	err := e.logged(o)
	switch {
	case err == nil:
		e.keepIfDue()
		return nil
	case errors.Is(err, commitlog.ErrNoSegment) && isFull(err):
		return fmt.Errorf("commit: %w: %w", kv.ErrNoSpace, err)
	case errors.Is(err, commitlog.ErrNoSegment):
		return fmt.Errorf("commit: %w", err)
	}
	err = fmt.Errorf("commit: %w: %w", kv.ErrUnknown, err)
	e.broken.Store(&err)
	return err
}

// Counts returns what the engine has done since it was opened.
func (e *Engine) Counts() kv.Counts { return e.counts.Counts() }

// usable returns an error if an earlier commit has an unknown outcome, else nil.
func (e *Engine) usable() error {
	if err := e.broken.Load(); err != nil {
		// The cause is not wrapped: this transaction was not begun, so its own
		// outcome is known, and it must not match kv.ErrUnknown.
		return fmt.Errorf("refuse until the store is opened again, after: %s", (*err).Error())
	}
	return nil
}

// Verify reads every block of every table and the commit log, and fails at the first
// that has changed, with Badger's error, which matches no sentinel of ours, or with
// one that states the damage and the remedy. Verify may run at the same time as
// transactions. It also returns kv.ErrClosed and the error of ctx, which is checked
// only at the beginning.
func (e *Engine) Verify(ctx context.Context) error {
	leave, err := e.gate.Read(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := e.verifyTables(); err != nil {
		return fmt.Errorf("verify the tables: %w", err)
	}
	if err := e.log.Verify(); err != nil {
		return fmt.Errorf("verify the commit log: %w", damagedLog(err))
	}
	return nil
}

func (e *Engine) verifyTables() (err error) {
	defer asDamage(&err)
	return e.db.VerifyChecksum()
}

// Close waits for running transactions, passes on what Badger has not got yet, writes the
// memtables out, removes the commit log and releases the directory. It returns errors of Badger and of the file system;
// a second Close returns the same.
func (e *Engine) Close() error {
	e.closing.Do(func() {
		e.gate.Close()
		if err := errors.Join(e.release(), e.unlock()); err != nil {
			e.closed = fmt.Errorf("close the store: %w", err)
		}
	})
	return e.closed
}
