package kv

import (
	"bytes"

	"github.com/tidwall/btree"
)

// Writer receives the writes of an Overlay. Every Tx is one.
type Writer interface {
	Put(key, value []byte) error
	Delete(key []byte) error
}

// Overlay is a Tx whose writes stay in memory, above a Reader, until Apply
// repeats them on a Writer. Without Apply nothing is written. With it one command
// can be undone among many that share a transaction, and an engine can hold a
// transaction's writes until the commit.
//
// An Overlay is for one goroutine and valid as long as its Reader. Scan may be
// nested, and its function may read and write the same Overlay: a Scan sees the
// writes made before it began.
type Overlay struct {
	base   Reader
	writes *tree
	bytes  int
}

// NewOverlay returns an Overlay without writes above base.
func NewOverlay(base Reader) *Overlay {
	return &Overlay{base: base, writes: newTree()}
}

// Len returns how many keys the Overlay writes or deletes.
func (o *Overlay) Len() int { return o.writes.items.Len() }

// Size returns the bytes of the keys and values in the Overlay.
func (o *Overlay) Size() int { return o.bytes }

// Get returns the value written here, otherwise that of the Reader, with the
// Reader's error.
func (o *Overlay) Get(key []byte) ([]byte, bool, error) {
	it, ok := o.writes.get(key)
	switch {
	case !ok:
		return o.base.Get(key)
	case it.deleted:
		return nil, false, nil
	}
	return bytes.Clone(it.value), true, nil
}

// Put keeps copies of key and value. It never fails.
func (o *Overlay) Put(key, value []byte) error {
	o.set(newItem(key, value))
	return nil
}

// Delete hides key, whether or not the Reader has it. It never fails.
func (o *Overlay) Delete(key []byte) error {
	it := newItem(key, nil)
	it.deleted = true
	o.set(it)
	return nil
}

func (o *Overlay) set(it item) {
	old, replaced := o.writes.set(it)
	o.bytes += len(it.key) + len(it.value)
	if replaced {
		o.bytes -= len(old.key) + len(old.value)
	}
}

// Apply repeats the writes on to, in ascending order of their keys. It stops at
// the first error of to and returns it. The Overlay keeps its writes.
func (o *Overlay) Apply(to Writer) (err error) {
	items, release := o.writes.pin()
	defer release()
	items.Scan(func(it item) bool {
		if it.deleted {
			err = to.Delete(it.key)
		} else {
			err = to.Put(it.key, it.value)
		}
		return err == nil
	})
	return err
}

// Scan merges the writes of the Overlay with the keys of the Reader. It returns
// the Reader's error.
func (o *Overlay) Scan(from, to []byte, limit int, fn func(key, value []byte) bool) error {
	items, release := o.writes.pin()
	defer release()
	m := merge{iter: items.Iter(), limit: limit, fn: fn}
	defer m.iter.Release()
	m.more = m.iter.Seek(item{key: from})
	if err := o.base.Scan(from, to, 0, m.takeBelow); err != nil {
		return err
	}
	for !m.stopped && m.more && before(m.iter.Item().key, to) {
		m.takeWrite()
	}
	return nil
}

// merge is the state of one Scan of an Overlay, which merges two sorted
// sequences: the keys of the Reader, which Scan passes to takeBelow, and the
// writes of the Overlay, which come from iter.
type merge struct {
	iter    btree.IterG[item]
	more    bool // iter is at an item
	limit   int
	emitted int
	stopped bool
	fn      func(key, value []byte) bool
}

// takeBelow processes the next key of the Reader, after the writes of smaller
// keys. A write of the same key replaces it. It reports whether to go on.
func (m *merge) takeBelow(key, value []byte) bool {
	for m.more {
		order := bytes.Compare(m.iter.Item().key, key)
		if order == 0 {
			return m.takeWrite()
		}
		if order > 0 {
			break
		}
		if !m.takeWrite() {
			return false
		}
	}
	return m.emit(key, value)
}

// takeWrite processes the write at the iterator and moves the iterator on. It
// reports whether to go on.
func (m *merge) takeWrite() bool {
	it := m.iter.Item()
	m.more = m.iter.Next()
	return it.deleted || m.emit(it.key, it.value)
}

func (m *merge) emit(key, value []byte) bool {
	m.emitted++
	m.stopped = !m.fn(key, value) || m.emitted == m.limit
	return !m.stopped
}
