package kv

import (
	"bytes"

	"github.com/tidwall/btree"
)

// Layer is writes that do not change any more, to lie over any Reader. The zero value
// has none. It is safe for concurrent use.
type Layer struct {
	items *items
	bytes int
}

// Len returns how many keys the Layer writes or deletes.
func (l Layer) Len() int {
	if l.items == nil {
		return 0
	}
	return l.items.Len()
}

// Size returns the bytes of the keys and values in the Layer.
func (l Layer) Size() int { return l.bytes }

// Apply repeats the writes on to, in ascending order of their keys. It stops at
// the first error of to and returns it.
func (l Layer) Apply(to Writer) error {
	if l.items == nil {
		return nil
	}
	return applyItems(l.items, to)
}

// Over returns a Reader of what base has with the writes of the Layer. Its errors are
// those of base, and it is as safe for concurrent use as base.
func (l Layer) Over(base Reader) Reader {
	if l.Len() == 0 {
		return base
	}
	return layered{l.items, base}
}

type layered struct {
	items *items
	base  Reader
}

// Get returns the value of the Layer, otherwise that of the Reader below.
func (l layered) Get(key []byte) ([]byte, bool, error) {
	it, ok := l.items.Get(at(key))
	switch {
	case !ok:
		return l.base.Get(key)
	case it.deleted:
		return nil, false, nil
	}
	return it.value(), true, nil
}

// Scan merges the writes of the Layer with the keys of the Reader below.
func (l layered) Scan(from, to []byte, limit int, fn func(key, value []byte) bool) error {
	return scanOver(l.items, l.base, from, to, limit, fn)
}

// applyItems repeats writes on to, and stops at its first error, which it returns.
func applyItems(writes *items, to Writer) (err error) {
	writes.Scan(func(it item) bool {
		if it.deleted {
			err = to.Delete(it.key())
		} else {
			err = to.Put(it.key(), it.value())
		}
		return err == nil
	})
	return err
}

// scanOver calls fn for the keys of a range of base, as Reader.Scan does, with these
// writes over them. It returns the error of base.
func scanOver(writes *items, base Reader, from, to []byte, limit int, fn func(key, value []byte) bool) error {
	m := merge{iter: writes.Iter(), limit: limit, fn: fn}
	defer m.iter.Release()
	m.more = m.iter.Seek(at(from))
	if !m.more || !before(m.iter.Item().key(), to) {
		return base.Scan(from, to, limit, fn)
	}
	if err := base.Scan(from, to, 0, m.takeBelow); err != nil {
		return err
	}
	for !m.stopped && m.more && before(m.iter.Item().key(), to) {
		m.takeWrite()
	}
	return nil
}

// merge is the state of one scanOver, which merges two sorted sequences: the keys of
// the Reader, which its Scan passes to takeBelow, and the writes, which come from
// iter.
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
		order := bytes.Compare(m.iter.Item().key(), key)
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
	return it.deleted || m.emit(it.key(), it.value())
}

func (m *merge) emit(key, value []byte) bool {
	m.emitted++
	m.stopped = !m.fn(key, value) || m.emitted == m.limit
	return !m.stopped
}
