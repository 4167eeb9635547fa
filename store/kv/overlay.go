package kv

import (
	"bytes"

	"github.com/tidwall/btree"
)

// Writer takes the writes of an Overlay. Every Tx is one.
type Writer interface {
	Put(key, value []byte) error
	Delete(key []byte) error
}

// Overlay is a Tx whose writes wait in memory above a Reader until Apply hands
// them on. Whoever drops an Overlay has written nothing, which makes it the way
// to undo one command among many that share a transaction, and the way for an
// engine to hold a transaction's writes until the commit.
//
// An Overlay belongs to one goroutine and lives no longer than its Reader.
// Scan may be nested, and its function may read and write the same Overlay: a
// Scan sees the writes made before it began.
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

// Size returns the bytes of the keys and values that wait in the Overlay.
func (o *Overlay) Size() int { return o.bytes }

// Get returns the value written here, otherwise the one below.
func (o *Overlay) Get(key []byte) ([]byte, bool, error) {
	it, ok := o.writes.get(key)
	switch {
	case !ok:
		return o.base.Get(key)
	case it.gone:
		return nil, false, nil
	}
	return bytes.Clone(it.value), true, nil
}

// Put keeps copies of key and value.
func (o *Overlay) Put(key, value []byte) error {
	o.set(newItem(key, value))
	return nil
}

// Delete hides key, whether or not it exists below.
func (o *Overlay) Delete(key []byte) error {
	it := newItem(key, nil)
	it.gone = true
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

// Apply repeats the writes on to, in ascending order of their keys, and stops
// at the first error. The Overlay keeps its writes.
func (o *Overlay) Apply(to Writer) (err error) {
	items, release := o.writes.pin()
	defer release()
	items.Scan(func(it item) bool {
		if it.gone {
			err = to.Delete(it.key)
		} else {
			err = to.Put(it.key, it.value)
		}
		return err == nil
	})
	return err
}

// Scan merges the writes waiting here with the keys below.
func (o *Overlay) Scan(from, to []byte, limit int, fn func(key, value []byte) bool) error {
	items, release := o.writes.pin()
	defer release()
	m := merge{iter: items.Iter(), limit: limit, fn: fn}
	defer m.iter.Release()
	m.more = m.iter.Seek(item{key: from})
	if err := o.base.Scan(from, to, 0, m.below); err != nil {
		return err
	}
	for !m.stopped && m.more && before(m.iter.Item().key, to) {
		m.take()
	}
	return nil
}

// merge is one Scan of an Overlay on its way through two sorted sequences: the
// keys below, pushed into it, and the waiting writes, pulled from iter.
type merge struct {
	iter    btree.IterG[item]
	more    bool // iter stands on an item
	limit   int
	emitted int
	stopped bool
	fn      func(key, value []byte) bool
}

// below takes the next key of the reader below, after the waiting writes that
// come before it. A waiting write of the same key stands in its place.
func (m *merge) below(key, value []byte) bool {
	for m.more {
		order := bytes.Compare(m.iter.Item().key, key)
		if order == 0 {
			return m.take()
		}
		if order > 0 {
			break
		}
		if !m.take() {
			return false
		}
	}
	return m.emit(key, value)
}

// take hands on the write under the iterator and moves it forward.
func (m *merge) take() bool {
	it := m.iter.Item()
	m.more = m.iter.Next()
	return it.gone || m.emit(it.key, it.value)
}

func (m *merge) emit(key, value []byte) bool {
	m.emitted++
	m.stopped = !m.fn(key, value) || m.emitted == m.limit
	return !m.stopped
}
