package badgerkv

import (
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

// sizeOf returns what Badger counts for writes, in bytes.
func sizeOf(l kv.Layer) int64 { return int64(l.Size()) + int64(l.Len())*entryBytes }

// tx is a kv.Tx whose writes stay in an overlay. After the first write that
// exceeds a limit it fails with err.
type tx struct {
	*kv.Overlay
	limit limit
	err   error
}

// Put adds a copy of key and value to the overlay. It returns kv.ErrEnded or
// kv.ErrTooBig.
func (tx *tx) Put(key, value []byte) error {
	if err := tx.admit(key, value); err != nil {
		return err
	}
	return tx.fits(tx.Overlay.Put(key, value))
}

// Delete adds the removal of key to the overlay. It returns kv.ErrEnded or
// kv.ErrTooBig.
func (tx *tx) Delete(key []byte) error {
	if err := tx.admit(key, nil); err != nil {
		return err
	}
	return tx.fits(tx.Overlay.Delete(key))
}

func (tx *tx) admit(key, value []byte) error {
	switch {
	case tx.err != nil:
		return tx.err
	case len(value) > valueBytesMax:
		return tx.refuse("value of %d bytes, at most %d", int64(len(value)), valueBytesMax)
	case len(key) > keyBytesMax:
		return tx.refuse("key of %d bytes, at most %d", int64(len(key)), keyBytesMax)
	}
	return nil
}

// fits returns the error of a write, or that of a transaction that is too big with it.
func (tx *tx) fits(err error) error {
	size, keys := sizeOf(tx.Layer), int64(tx.Len())
	switch {
	case err != nil:
		return err
	case size > tx.limit.bytes:
		return tx.refuse("transaction of %d bytes, at most %d", size, tx.limit.bytes)
	case keys > tx.limit.keys:
		return tx.refuse("transaction of %d keys, at most %d", keys, tx.limit.keys)
	}
	return nil
}

func (tx *tx) refuse(format string, size, limit int64) error {
	tx.err = fmt.Errorf("write a "+format+": %w", size, limit, kv.ErrTooBig)
	return tx.err
}
