package badgerkv

import (
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// Plain is Badger without a commit log, flushing each transaction itself: what an
// Engine is measured against, and nothing to keep data in.
type Plain struct{ db *badger.DB }

// OpenPlain opens an empty directory. It returns errors of Badger and of the file
// system.
func OpenPlain(dir string) (Plain, error) {
	db, err := openBadger(badgerOptions(dir, Options{}).
		WithSyncWrites(true).WithExternalMagic(inBadger).WithBypassLockGuard(false).WithNumCompactors(fewCompactors))
	return Plain{db}, err
}

// Put writes one row in a transaction of its own, and returns when it is durable, or
// an error of Badger. It is safe for concurrent use.
func (p Plain) Put(key, value []byte) error {
	err := p.db.Update(func(txn *badger.Txn) error { return txn.Set(prefixed(key), value) })
	if err != nil {
		return fmt.Errorf("put: %w", err)
	}
	return nil
}

// Close writes the memtables out. It returns an error of Badger.
func (p Plain) Close() error { return p.db.Close() }
