package badgerkv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/paybeacon/paybeacon/store/kv"
)

// Open opens the directory dir, and creates it if it does not exist. It returns
// ErrInUse if another Engine has it open and kv.ErrNoSpace if there is too little
// free space; neither changes anything. Where the machine and not the directory is at
// fault, it returns kv.ErrNoMemory or an error that wraps the system's. The directory
// and what is in it belong to the owner alone from then on. A directory that is damaged or was
// written by a newer version is refused with an error that matches no sentinel
// and states the damage and the remedy. Other errors are those of the file system.
func Open(dir string, o Options) (*Engine, error) {
	o = o.withDefaults()
	e, err := open(dir, o)
	if err != nil {
		err = machineFault(err)
		return nil, fmt.Errorf("open the store in %s: %w", dir, err)
	}
	return e, nil
}

func (o Options) withDefaults() Options {
	if o.FreeBytes == nil {
		o.FreeBytes = freeBytes
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.gather == 0 {
		o.gather = gatherBytes
	}
	return o
}

func open(dir string, o Options) (e *Engine, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if e == nil {
			_ = unlock()
		}
	}()
	ownOnly(dir)
	bo := badgerOptions(dir, o)
	if o.tune != nil {
		bo = o.tune(bo)
	}
	room := newReserve(bo)
	f, err := inspect(dir, bo)
	if err != nil {
		return nil, err
	}
	if err := checkFree(dir, o.FreeBytes, room.toOpen(f.shape)); err != nil {
		return nil, err
	}
	if f.magic == inBadger && len(f.mems) > 0 {
		if f, err = emptyLogs(dir, bo); err != nil {
			return nil, err
		}
	}
	if !o.Busy && f.upper+f.lower >= ownMergeMax {
		bo = bo.WithNumCompactors(fewCompactors)
	}
	e = newEngine(dir, o, room, bo)
	e.unlock = unlock
	if err := e.start(bo, f); err != nil {
		return nil, err
	}
	ownOnly(dir) // what was made just now, too
	return e, nil
}

// newEngine returns an Engine before its start.
func newEngine(dir string, o Options, room reserve, bo badger.Options) *Engine {
	e := &Engine{
		dir:    dir,
		gate:   kv.NewGate(),
		commit: (*badger.Txn).Commit,
		warn:   newLogger(o.Log),
	}
	e.most, e.recent = int64(o.gather), kv.NewOverlay(nil)
	e.space = &spaceGuard{
		dir:     dir,
		free:    o.FreeBytes,
		need:    func() uint64 { return room.toWrite(shapeOf(e.db.Levels())) },
		now:     o.Now,
		batch:   int(bo.MemTableSize / 4),
		written: int(bo.MemTableSize), // so that the first Update checks
	}
	return e
}

// badgerOptions sets every option that matters. Badger's Open panics if data is
// compressed or encrypted and there is no block cache; here neither is the case.
// Chosen: memtables and compactors as Options.Busy says; the rest as commented, or
// Badger's own defaults written out. Without Busy there are no compactors, see mergeIfDue.
func badgerOptions(dir string, o Options) badger.Options {
	bo := badger.DefaultOptions(dir).
		WithLogger(newLogger(o.Log)).
		WithMetricsEnabled(false).
		// We hold the same lock, since before the inspection of the directory.
		WithBypassLockGuard(locksDir).
		// The commit log makes writes durable, and one Update runs at a time.
		WithSyncWrites(false).
		WithExternalMagic(inLog).
		WithDetectConflicts(false).
		WithNumVersionsToKeep(1).
		// Signed data hardly compresses, and uncompressed blocks are read in
		// place, so that a cache would only hold copies of them.
		WithCompression(options.None).
		WithBlockCacheSize(0).
		WithIndexCacheSize(0).
		// Every value is smaller than the threshold: the value log stays empty.
		WithValueThreshold(valueBytesMax + 1).
		WithValueLogFileSize(16 * mib).
		WithNumLevelZeroTables(levelZeroUsual).
		WithNumLevelZeroTablesStall(levelZeroStall)
	if o.Busy {
		return bo.WithMemTableSize(64 * mib).WithNumMemtables(5).WithNumCompactors(4)
	}
	return bo.WithMemTableSize(16 * mib).WithNumMemtables(2).WithNumCompactors(0)
}

// openBadger opens the directory with Badger. A panic becomes errDamaged, and
// Badger's error gets the remedy. Badger leaks a goroutine when it fails to open.
func openBadger(bo badger.Options) (db *badger.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: panic in Badger: %v", errDamaged, r)
		}
	}()
	db, err = badger.Open(bo)
	if err != nil {
		return nil, fmt.Errorf("when the disk works and allows writing, restore the directory from a backup: %w", err)
	}
	return db, nil
}

// machineFaults are errors of the system that say nothing of what the directory holds.
var machineFaults = []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EACCES, syscall.EPERM, syscall.EROFS}

// machineFault returns, for an error that the machine caused and not what the directory
// holds, one that does not call it damaged, and any other as it is. Badger hands an
// error of the system on by its text alone.
func machineFault(err error) error {
	is := func(e syscall.Errno) bool { return errors.Is(err, e) || strings.Contains(err.Error(), e.Error()) }
	if isFull(err) {
		return fmt.Errorf("%w: %w", kv.ErrNoSpace, err)
	}
	if is(syscall.ENOMEM) {
		return fmt.Errorf("%w: %w", kv.ErrNoMemory, syscall.ENOMEM)
	}
	for _, e := range machineFaults {
		if is(e) && !errors.Is(err, ErrInUse) {
			return fmt.Errorf("the system refuses it: %w", e)
		}
	}
	return err
}

// ownOnly takes a directory and what is in it from everybody but the owner. What
// cannot be changed belongs to somebody else, or to a file system without owners.
func ownOnly(dir string) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return nil //nolint:nilerr // whoever opens it tells
		}
		if info, err := d.Info(); err == nil && info.Mode().Perm()&0o077 != 0 {
			_ = os.Chmod(path, info.Mode().Perm()&0o700)
		}
		return nil
	})
}
