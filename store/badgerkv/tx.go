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

// sizeOf returns what Badger counts for the writes in o, in bytes.
func sizeOf(o *kv.Overlay) int64 { return int64(o.Size()) + int64(o.Len())*entryBytes }

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
	if tx.state == nil {
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
	if err := tx.admit(key, value); err != nil {
		return err
	}
	_ = tx.overlay.Put(key, value)
	return tx.fits()
}

// Delete adds the removal of key to the overlay. It returns kv.ErrEnded or
// kv.ErrTooBig.
func (tx *tx) Delete(key []byte) error {
	if err := tx.admit(key, nil); err != nil {
		return err
	}
	_ = tx.overlay.Delete(key)
	return tx.fits()
}

func (tx *tx) admit(key, value []byte) error {
	switch {
	case tx.state == nil:
		return kv.ErrEnded
	case tx.err != nil:
		return tx.err
	case len(value) > valueBytesMax:
		return tx.refuse("value of %d bytes, at most %d", int64(len(value)), valueBytesMax)
	case len(key) > keyBytesMax:
		return tx.refuse("key of %d bytes, at most %d", int64(len(key)), keyBytesMax)
	}
	return nil
}

func (tx *tx) fits() error {
	if size := sizeOf(tx.overlay); size > tx.limit.bytes {
		return tx.refuse("transaction of %d bytes, at most %d", size, tx.limit.bytes)
	}
	if keys := int64(tx.overlay.Len()); keys > tx.limit.keys {
		return tx.refuse("transaction of %d keys, at most %d", keys, tx.limit.keys)
	}
	return nil
}

func (tx *tx) refuse(format string, size, limit int64) error {
	tx.err = fmt.Errorf("write a "+format+": %w", size, limit, kv.ErrTooBig)
	return tx.err
}
