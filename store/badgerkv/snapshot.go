package badgerkv

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
)

// snapshot is a kv.Reader on a read-only Badger transaction, which all transactions
// between two transfers share. Badger promises that for iterators only. In v4.9.6 Get
// and NewIterator of such a transaction read fields that do not change before Discard,
// and count iterators atomically; TestViewsShareASnapshot holds that under the race
// detector.
type snapshot struct {
	txn   *badger.Txn
	users atomic.Int64 // transactions, and one while it is published; discarded at 0
}

func newSnapshot(db *badger.DB) *snapshot {
	s := &snapshot{txn: db.NewTransaction(false)}
	s.users.Store(1)
	return s
}

// hold reports whether the snapshot can still be used, and keeps it until release.
func (s *snapshot) hold() bool {
	for {
		n := s.users.Load()
		if n == 0 {
			return false
		}
		if s.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (s *snapshot) release() {
	if s.users.Add(-1) == 0 {
		s.txn.Discard()
	}
}

// Get returns a copy of the value. It returns errDamaged or an error of Badger.
func (s *snapshot) Get(key []byte) (value []byte, ok bool, err error) {
	defer asDamage(&err)
	it, err := s.txn.Get(prefixed(key))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, false, nil
	}
	if err == nil {
		value, err = it.ValueCopy(nil)
	}
	if err != nil {
		return nil, false, fmt.Errorf("get: %w", err)
	}
	return value, true, nil
}

// asDamage makes errDamaged of a panic, with which Badger meets a damaged block. The
// panic's value may contain data, so it is not shown.
func asDamage(err *error) {
	if recover() != nil {
		*err = fmt.Errorf("%w: a table cannot be read", errDamaged)
	}
}

// Scan calls fn for the keys of a range. It may be nested, and other reads may run
// inside it: Badger allows any number of iterators in a read-only transaction. It
// returns errDamaged or an error of Badger.
func (s *snapshot) Scan(from, to []byte, limit int, fn func(key, value []byte) bool) error {
	start := prefixed(from)
	end := []byte{keyPrefix + 1}
	if to != nil {
		end = prefixed(to)
	}
	w := walk{it: s.txn.NewIterator(badger.IteratorOptions{Prefix: common(start, end)})}
	defer w.it.Close()
	err := w.move(func() { w.it.Seek(start) })
	for n := 1; ; n++ {
		switch {
		case err != nil:
			return fmt.Errorf("scan: %w", err)
		case w.key == nil || bytes.Compare(w.key, end) >= 0:
			return nil
		case !fn(w.key[1:], w.value) || n == limit:
			return nil
		}
		err = w.move(w.it.Next)
	}
}

// walk is an iterator with the row that it is at, if there is one.
type walk struct {
	it         *badger.Iterator
	key, value []byte
}

// move has the iterator moved.
func (w *walk) move(how func()) (err error) {
	defer asDamage(&err)
	how()
	if w.key = nil; w.it.Valid() {
		w.key = w.it.Item().Key()
		w.value, err = w.it.Item().ValueCopy(w.value[:0])
	}
	return err
}

// common returns the longest common prefix of a and b. Every key between them has
// it too, so that Badger can skip tables.
func common(a, b []byte) []byte {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return a[:n]
}
