package badgerkv

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/paybeacon/paybeacon/store/kv"
)

// keyPrefix is the byte in front of every key.
const keyPrefix = 'k'

const (
	// keyBytesMax is the length of the largest key, in bytes. Chosen: below
	// Badger's own limit of 65,000 with keyPrefix.
	keyBytesMax = 64_000
	// valueBytesMax is the length of the largest value, in bytes. Chosen: below
	// the threshold from which Badger stores a value in the value log.
	valueBytesMax = 1<<20 - 1
)

func prefixed(key []byte) []byte {
	buf := make([]byte, 1+len(key))
	buf[0] = keyPrefix
	copy(buf[1:], key)
	return buf
}

// reader is a kv.Reader on a read-only Badger transaction.
type reader struct{ txn *badger.Txn } // nil when ended

func newReader(db *badger.DB) *reader {
	return &reader{txn: db.NewTransaction(false)}
}

func (r *reader) end() {
	r.txn.Discard()
	r.txn = nil
}

// Get returns a copy of the value, which is never nil if there is one. It returns
// kv.ErrEnded, errDamaged or an error of Badger.
func (r *reader) Get(key []byte) ([]byte, bool, error) {
	if r.txn == nil {
		return nil, false, kv.ErrEnded
	}
	var value []byte
	err := recovered(func() error {
		it, err := r.txn.Get(prefixed(key))
		if err == nil {
			value, err = it.ValueCopy(nil)
		}
		return err
	})
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("get: %w", err)
	}
	return value, true, nil
}

// recovered calls read, in which Badger panics on a damaged block, and returns
// errDamaged then. The panic's value may contain data, so it is not shown.
func recovered(read func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("%w: a table cannot be read", errDamaged)
		}
	}()
	return read()
}

// Scan calls fn for the keys of a range. It may be nested, and other reads may run
// inside it: Badger allows any number of iterators in a read-only transaction. It
// returns kv.ErrEnded, errDamaged or an error of Badger.
func (r *reader) Scan(from, to []byte, limit int, fn func(key, value []byte) bool) error {
	if r.txn == nil {
		return kv.ErrEnded
	}
	start := prefixed(from)
	end := []byte{keyPrefix + 1}
	if to != nil {
		end = prefixed(to)
	}
	it := r.txn.NewIterator(badger.IteratorOptions{Prefix: common(start, end)})
	defer it.Close()
	var key, value []byte
	step := func() { it.Seek(start) }
	for n := 1; ; n++ {
		valid := false
		err := recovered(func() (err error) {
			step()
			if valid = it.Valid(); valid {
				key = it.Item().Key()
				value, err = it.Item().ValueCopy(value[:0])
			}
			return err
		})
		switch {
		case err != nil:
			return fmt.Errorf("scan: %w", err)
		case !valid || bytes.Compare(key, end) >= 0:
			return nil
		case !fn(key[1:], value) || n == limit:
			return nil
		}
		step = it.Next
	}
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

// limit is the capacity of one Badger transaction.
type limit struct{ bytes, keys int64 }

// newLimit returns Badger's limits, less the room for the entry that ends a
// transaction and for the mark of the commit. Chosen: 128 bytes and three keys, more
// than these take.
func newLimit(db *badger.DB) limit {
	return limit{bytes: db.MaxBatchSize() - 128, keys: db.MaxBatchCount() - 3}
}

// entryBytes is what Badger counts for each entry of a transaction besides key and
// value, in bytes, and one for keyPrefix. Published: the source of Badger v4.
const entryBytes = 13

// tx is a kv.Tx whose writes stay in an overlay. After the first write that
// exceeds a limit it fails with err.
type tx struct {
	*reader
	overlay *kv.Overlay
	limit   limit
	err     error
}

func newTx(r *reader, l limit) *tx {
	return &tx{reader: r, overlay: kv.NewOverlay(r), limit: l}
}

// Get returns the value in the overlay, or else that of the snapshot. Its errors
// are those of reader.Get.
func (tx *tx) Get(key []byte) ([]byte, bool, error) {
	if tx.txn == nil {
		return nil, false, kv.ErrEnded
	}
	return tx.overlay.Get(key)
}

// Scan merges the writes of the overlay with the snapshot. Its errors are those of
// reader.Scan.
func (tx *tx) Scan(from, to []byte, limit int, fn func(key, value []byte) bool) error {
	return tx.overlay.Scan(from, to, limit, fn)
}

// Put adds a copy of key and value to the overlay. It returns kv.ErrEnded or
// kv.ErrTooBig.
func (tx *tx) Put(key, value []byte) error {
	if len(value) > valueBytesMax {
		return tx.refuse("value of %d bytes, at most %d", int64(len(value)), valueBytesMax)
	}
	return tx.write(key, func() error { return tx.overlay.Put(key, value) })
}

// Delete adds the removal of key to the overlay. It returns kv.ErrEnded or
// kv.ErrTooBig.
func (tx *tx) Delete(key []byte) error {
	return tx.write(key, func() error { return tx.overlay.Delete(key) })
}

func (tx *tx) write(key []byte, do func() error) error {
	if tx.txn == nil {
		return kv.ErrEnded
	}
	if tx.err != nil {
		return tx.err
	}
	if len(key) > keyBytesMax {
		return tx.refuse("key of %d bytes, at most %d", int64(len(key)), keyBytesMax)
	}
	if err := do(); err != nil {
		return err
	}
	keys := int64(tx.overlay.Len())
	if size := int64(tx.overlay.Size()) + keys*entryBytes; size > tx.limit.bytes {
		return tx.refuse("transaction of %d bytes, at most %d", size, tx.limit.bytes)
	}
	if keys > tx.limit.keys {
		return tx.refuse("transaction of %d keys, at most %d", keys, tx.limit.keys)
	}
	return nil
}

func (tx *tx) refuse(format string, size, limit int64) error {
	tx.err = fmt.Errorf("write a "+format+": %w", size, limit, kv.ErrTooBig)
	return tx.err
}
