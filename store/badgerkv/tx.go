package badgerkv

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/paybeacon/paybeacon/store/kv"
)

// mark is the byte in front of every key.
const mark = 'k'

// The largest key and value. Badger's own limit for a key is 65,000 bytes, and
// a value of valueBytesMax would leave the tree for the value log.
const (
	keyBytesMax   = 64_000
	valueBytesMax = 1<<20 - 1
)

func marked(key []byte) []byte {
	buf := make([]byte, 1+len(key))
	buf[0] = mark
	copy(buf[1:], key)
	return buf
}

// reader is a kv.Reader on a Badger transaction that only reads.
type reader struct{ txn *badger.Txn } // nil when ended

func newReader(db *badger.DB) *reader {
	return &reader{txn: db.NewTransaction(false)}
}

func (r *reader) end() {
	r.txn.Discard()
	r.txn = nil
}

// Get returns a copy of the value, which is never nil when there is one.
func (r *reader) Get(key []byte) ([]byte, bool, error) {
	if r.txn == nil {
		return nil, false, kv.ErrEnded
	}
	var value []byte
	err := guarded(func() error {
		it, err := r.txn.Get(marked(key))
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

// guarded calls into Badger, which answers a damaged block with a panic. What it
// panics with may hold data, so it is not repeated.
func guarded(read func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("%w: a table cannot be read", errDamaged)
		}
	}()
	return read()
}

// Scan may nest, also with other reads: Badger allows any number of iterators
// in a transaction that only reads, and ours never write.
func (r *reader) Scan(from, to []byte, limit int, fn func(key, value []byte) bool) error {
	if r.txn == nil {
		return kv.ErrEnded
	}
	start := marked(from)
	end := []byte{mark + 1}
	if to != nil {
		end = marked(to)
	}
	it := r.txn.NewIterator(badger.IteratorOptions{Prefix: common(start, end)})
	defer it.Close()
	var key, value []byte
	step := func() { it.Seek(start) }
	for n := 1; ; n++ {
		valid := false
		err := guarded(func() (err error) {
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

// common returns the longest prefix that a and b share. Every key between them
// has it too, which lets Badger leave out tables.
func common(a, b []byte) []byte {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return a[:n]
}

// limit is what one Badger transaction can hold.
type limit struct{ bytes, keys int64 }

// newLimit leaves Badger room for the entry that ends a transaction.
func newLimit(db *badger.DB) limit {
	return limit{bytes: db.MaxBatchSize() - 128, keys: db.MaxBatchCount() - 2}
}

// entryBytes is what Badger adds to a key and its value when it sums up a
// transaction, and our mark.
const entryBytes = 13

// tx is a kv.Tx whose writes wait in an overlay. The first write that does not
// fit dooms it.
type tx struct {
	*reader
	overlay *kv.Overlay
	limit   limit
	refused error
}

func newTx(r *reader, l limit) *tx {
	return &tx{reader: r, overlay: kv.NewOverlay(r), limit: l}
}

// Get reads the waiting writes first, but not after the end.
func (tx *tx) Get(key []byte) ([]byte, bool, error) {
	if tx.txn == nil {
		return nil, false, kv.ErrEnded
	}
	return tx.overlay.Get(key)
}

// Scan merges the waiting writes into the snapshot.
func (tx *tx) Scan(from, to []byte, limit int, fn func(key, value []byte) bool) error {
	return tx.overlay.Scan(from, to, limit, fn)
}

// Put lets a copy of key and value wait for the commit.
func (tx *tx) Put(key, value []byte) error {
	if len(value) > valueBytesMax {
		return tx.refuse("value of %d bytes, at most %d", int64(len(value)), valueBytesMax)
	}
	return tx.write(key, func() error { return tx.overlay.Put(key, value) })
}

// Delete lets the removal of key wait for the commit.
func (tx *tx) Delete(key []byte) error {
	return tx.write(key, func() error { return tx.overlay.Delete(key) })
}

func (tx *tx) write(key []byte, do func() error) error {
	if tx.txn == nil {
		return kv.ErrEnded
	}
	if tx.refused != nil {
		return tx.refused
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
	tx.refused = fmt.Errorf("write a "+format+": %w", size, limit, kv.ErrTooBig)
	return tx.refused
}

// batch gives the writes of an overlay, which nobody changes any more, to a
// Badger transaction, which keeps them without a copy.
type batch struct{ txn *badger.Txn }

// Put adds a write to the batch.
func (b batch) Put(key, value []byte) error { return b.txn.Set(marked(key), value) }

// Delete adds a removal to the batch.
func (b batch) Delete(key []byte) error { return b.txn.Delete(marked(key)) }
