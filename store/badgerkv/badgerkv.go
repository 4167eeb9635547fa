// Package badgerkv is the default engine of the store: package kv on Badger, a
// log-structured merge tree in one directory. It is the only package that
// imports Badger.
//
// # How a transaction runs
//
// A View is a Badger transaction at one timestamp. An Update reads from such a
// snapshot too, keeps its writes in a kv.Overlay, and hands them to Badger in
// one batch at the end. One Update runs at a time, so nothing it read can have
// changed, and Badger's own detection of conflicts stays off. Badger does not
// join transactions into one flush: whoever wants many durable commands a
// second puts many commands into one Update, as the store's executor does.
//
// Each key is stored behind one byte, 'k'. Badger reserves the prefix
// "!badger!" and refuses the empty key; behind the byte every string of bytes
// is a key. Values stay below 1 MiB, which keeps all of them in the tree: the
// value log stays empty and never needs collecting.
//
// # What is durable
//
// Update returns after the write-ahead log was flushed to the device. A process
// killed at any moment loses nothing that Update returned for, and neither does
// a machine that loses power, on file systems that make a new file's name
// durable together with its content, as ext4, XFS and Btrfs do. When the flush
// itself fails, nobody knows what the device holds: Update returns
// kv.ErrUnknown and the engine refuses everything until it is opened again.
//
// # A full disk
//
// Badger writes through memory maps into files that occupy their space only
// when they are written. On a full disk such a write is not an error but a
// signal, SIGBUS, which ends the process. So the engine looks at the free space
// first, and refuses an Update with kv.ErrNoSpace while there is still room for
// what Badger does on its own afterwards: flushing its memtables and merging
// tables, which takes as much room as the tables merged. See reserve for the
// sum. Reading goes on, writing resumes by itself when there is space again,
// and a directory without that room is not opened. The guard cannot help when
// another program takes the last bytes of the disk: keep the directory on a
// disk of its own, or one that others do not fill.
//
// # A damaged directory
//
// Badger answers some damage with a panic in a goroutine of its own and some by
// quietly going on without the data. Open therefore looks at the directory
// first and refuses what Badger would not survive or would not mention. Inside a
// table Badger finds a changed byte only where it happens to stumble over it,
// which is an error then; Verify looks at all of them.
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

	"github.com/paybeacon/paybeacon/store/kv"
)

// ErrInUse says that another process, or another Engine of this one, has the
// data directory open.
var ErrInUse = errors.New("badgerkv: data directory is in use")

// Options are the choices an operator or a test has. The zero value is right
// for a small box.
type Options struct {
	// Busy spends memory on a registry with many payments in flight: five
	// memtables of 64 MiB instead of two of 16 MiB, and twice the compactors.
	// A directory may be opened either way at any time.
	Busy bool

	// Log receives Badger's warnings and errors. Nil drops them.
	Log *slog.Logger

	// FreeBytes returns the bytes that an unprivileged process may still write
	// to the file system of dir. Nil asks the operating system.
	FreeBytes func(dir string) (uint64, error)

	// Now is the clock that decides when to ask FreeBytes again. Nil is
	// time.Now.
	Now func() time.Time
}

// Engine is a kv.Engine in one directory. It is safe for concurrent use.
type Engine struct {
	db     *badger.DB
	unlock func() error // gives the directory up
	gate   *kv.Gate
	space  *guard // belongs to whoever holds the writer's turn
	limit  limit

	// commit is (*badger.Txn).Commit, except in a test of its failure.
	commit func(*badger.Txn) error
	// broken is the failure that left it unknown what is durable.
	broken atomic.Pointer[error]

	closing sync.Once
	closed  error
}

// View runs fn on a snapshot that includes every Update that returned before.
// It waits for nobody.
func (e *Engine) View(ctx context.Context, fn func(kv.Reader) error) error {
	leave, err := e.gate.Read(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := e.usable(); err != nil {
		return err
	}
	r := newReader(e.db)
	defer r.end()
	return fn(r)
}

// Update runs fn exactly once, alone among Updates, and returns when its writes
// have been flushed. The context ends the wait for other Updates, never a
// commit under way.
//
// It returns kv.ErrNoSpace without running fn when the disk is nearly full,
// kv.ErrTooBig when the writes exceed 15 % of a memtable (2.4 MiB or some
// 26,000 keys, 9.6 MiB or some 104,000 keys with Busy), a value 1 MiB, or a key
// 64,000 bytes, and kv.ErrUnknown when the flush failed.
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
		return err
	}
	r := newReader(e.db)
	defer r.end()
	tx := newTx(r, e.limit)
	if err := fn(tx); err != nil {
		return err
	}
	if tx.refused != nil {
		return tx.refused
	}
	return e.write(tx.overlay)
}

// write commits what waits in o.
func (e *Engine) write(o *kv.Overlay) error {
	if o.Len() == 0 {
		return nil
	}
	txn := e.db.NewTransaction(true)
	defer txn.Discard()
	if err := o.Apply(batch{txn}); err != nil {
		return fmt.Errorf("collect the writes: %w", err)
	}
	e.space.wrote(o.Size())
	if err := e.commit(txn); err != nil {
		if errors.Is(err, badger.ErrTxnTooBig) {
			return fmt.Errorf("commit: %w: %w", kv.ErrTooBig, err)
		}
		err = fmt.Errorf("commit: %w: %w", kv.ErrUnknown, err)
		e.broken.Store(&err)
		return err
	}
	return nil
}

// usable returns why the engine can no longer be trusted, or nil.
func (e *Engine) usable() error {
	if err := e.broken.Load(); err != nil {
		// The text, not the chain: this transaction was not begun, so its
		// outcome is known.
		return fmt.Errorf("refuse until the store is opened again, after: %s", (*err).Error())
	}
	return nil
}

// Verify reads every block of every table and returns what is wrong with the
// first one that is changed. What waits in memory was checked when the engine
// was opened. It may run beside everything else.
func (e *Engine) Verify(ctx context.Context) error {
	leave, err := e.gate.Read(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := guarded(e.db.VerifyChecksum); err != nil {
		return fmt.Errorf("verify the tables: %w", err)
	}
	return nil
}

// Close waits for running transactions, writes the memtables out and releases
// the directory.
func (e *Engine) Close() error {
	e.closing.Do(func() {
		e.gate.Close()
		if err := errors.Join(e.db.Close(), e.unlock()); err != nil {
			e.closed = fmt.Errorf("close the store: %w", err)
		}
	})
	return e.closed
}
