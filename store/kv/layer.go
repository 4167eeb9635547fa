package kv

import (
	"bytes"

	"github.com/tidwall/btree"
)

// item is one key of a Layer, with its value behind it in the same bytes, which never
// change. It is small because copying on write copies items by the dozen.
type item struct {
	bytes    []byte
	keyBytes uint32
	deleted  bool // although the Reader below may still have the key
}

// newItem copies key and value into one allocation. The value is never nil, so
// that an empty value is distinct from a missing one.
func newItem(key, value []byte) item {
	buf := make([]byte, len(key)+len(value))
	copy(buf[copy(buf, key):], value)
	return item{bytes: buf, keyBytes: uint32(len(key))}
}

// at returns an item with this key to search for, which shares its bytes.
func at(key []byte) item { return item{bytes: key, keyBytes: uint32(len(key))} }

func (it item) key() []byte { return it.bytes[:it.keyBytes:it.keyBytes] }

// value has no room behind it, so that nobody appends to what the tree holds.
func (it item) value() []byte { return it.bytes[it.keyBytes:len(it.bytes):len(it.bytes)] }

// items is a sorted set of items. A copy costs nothing: the two share nodes until one
// of them changes.
type items = btree.BTreeG[item]

// degree is that of the trees. Chosen: nodes of at most 31 items, 1 KiB, because a
// commit to a tree that is shared copies each node that it changes. Measured: with
// smaller ones the tree is so high that it saves few bytes and costs many allocations.
const degree = 16

func newItems() *items {
	less := func(a, b item) bool { return bytes.Compare(a.key(), b.key()) < 0 }
	return btree.NewBTreeGOptions(less, btree.Options{Degree: degree, NoLocks: true})
}

// Layer is writes that do not change any more, to lie over any Reader. The zero value
// has none. It is safe for concurrent use.
type Layer struct {
	items *items // nil for none
	bytes int
}

// Len returns how many keys are written or deleted.
func (l Layer) Len() int {
	if l.items == nil {
		return 0
	}
	return l.items.Len()
}

// Size returns the bytes of these keys and their values.
func (l Layer) Size() int { return l.bytes }

// Apply repeats the writes on to, in ascending order of their keys. It stops at
// the first error of to and returns it.
func (l Layer) Apply(to Writer) (err error) {
	if l.items == nil {
		return nil
	}
	l.items.Scan(func(it item) bool {
		if it.deleted {
			err = to.Delete(it.key())
		} else {
			err = to.Put(it.key(), it.value())
		}
		return err == nil
	})
	return err
}

// Over returns a Reader of what base has with the writes of the Layer. Its errors are
// those of base, and it is as safe for concurrent use as base.
func (l Layer) Over(base Reader) Reader {
	if l.Len() == 0 {
		return base
	}
	return &Overlay{Layer: l, base: base, pinned: true}
}

// scan calls fn for the keys of a range of base, as Reader.Scan does, with these
// writes over them. It returns the error of base.
func (l Layer) scan(base Reader, from, to []byte, limit int, fn func(key, value []byte) bool) error {
	if l.items == nil {
		return base.Scan(from, to, limit, fn)
	}
	m := merge{iter: l.items.Iter(), limit: limit, fn: fn}
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

// before reports whether key is before to, the end of a range, where nil means
// the end of the key space.
func before(key, to []byte) bool {
	return to == nil || bytes.Compare(key, to) < 0
}

// merge is the state of one scan, which merges two sorted sequences: the keys of
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
