package kv

import (
	"bytes"

	"github.com/tidwall/btree"
)

// item is one key of a tree, with its value behind it in the same bytes, which never
// change. In an Overlay, deleted marks a key that is deleted although the Reader may
// still have it. It is small because copying on write copies items by the dozen.
type item struct {
	bytes    []byte
	keyBytes uint32
	deleted  bool
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

// items is a sorted set of items.
type items = btree.BTreeG[item]

// degree is that of the trees. Chosen: nodes of at most 31 items, 1 KiB, because a
// commit to a tree that is shared copies each node that it changes. Measured: with
// smaller ones the tree is so high that it saves few bytes and costs many allocations.
const degree = 16

func newItems() *items {
	less := func(a, b item) bool { return bytes.Compare(a.key(), b.key()) < 0 }
	return btree.NewBTreeGOptions(less, btree.Options{Degree: degree, NoLocks: true})
}

// tree is a sorted set of items that one goroutine may change while it walks
// over it. A walk pins the items. The first change of a pinned tree replaces the
// tree by a copy-on-write copy and leaves the pinned items unchanged. So a walk
// sees the tree as it was when the walk began, and a change outside of a walk
// costs no copy.
type tree struct {
	items  *items
	pinned bool
}

func newTree() *tree { return &tree{items: newItems()} }

// fork returns an independent copy in constant time. The two share nodes until
// one of them changes.
func (t *tree) fork() *tree {
	return &tree{items: t.items.Copy()}
}

func (t *tree) get(key []byte) (item, bool) {
	return t.items.Get(at(key))
}

// set stores it and returns the item it replaced, if any.
func (t *tree) set(it item) (old item, replaced bool) {
	t.unpin()
	return t.items.Set(it)
}

func (t *tree) remove(key []byte) {
	t.unpin()
	t.items.Delete(at(key))
}

// pin returns the items as they are now, protected from changes until release
// is called. Pins nest.
func (t *tree) pin() (pinned *items, release func()) {
	before := t.pinned
	t.pinned = true
	return t.items, func() { t.pinned = before }
}

func (t *tree) unpin() {
	if t.pinned {
		t.items, t.pinned = t.items.Copy(), false
	}
}

// before reports whether key is before to, the end of a range, where nil means
// the end of the key space.
func before(key, to []byte) bool {
	return to == nil || bytes.Compare(key, to) < 0
}
