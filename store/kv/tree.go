package kv

import (
	"bytes"

	"github.com/tidwall/btree"
)

// item is one key of a tree. In an Overlay, deleted marks a key that is deleted
// although the Reader may still have it.
type item struct {
	key, value []byte
	deleted    bool
}

// newItem copies key and value into one allocation. The value is never nil, so
// that an empty value is distinct from a missing one.
func newItem(key, value []byte) item {
	buf := make([]byte, len(key)+len(value))
	n := copy(buf, key)
	copy(buf[n:], value)
	return item{key: buf[:n:n], value: buf[n:]}
}

// tree is a sorted set of items that one goroutine may change while it walks
// over it. A walk pins the items. The first change of a pinned tree replaces the
// tree by a copy-on-write copy and leaves the pinned items unchanged. So a walk
// sees the tree as it was when the walk began, and a change outside of a walk
// costs no copy.
type tree struct {
	items  *btree.BTreeG[item]
	pinned bool
}

func newTree() *tree {
	less := func(a, b item) bool { return bytes.Compare(a.key, b.key) < 0 }
	return &tree{items: btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})}
}

// fork returns an independent copy in constant time. The two share nodes until
// one of them changes.
func (t *tree) fork() *tree {
	return &tree{items: t.items.Copy()}
}

func (t *tree) get(key []byte) (item, bool) {
	return t.items.Get(item{key: key})
}

// set stores it and returns the item it replaced, if any.
func (t *tree) set(it item) (old item, replaced bool) {
	t.unpin()
	return t.items.Set(it)
}

func (t *tree) remove(key []byte) {
	t.unpin()
	t.items.Delete(item{key: key})
}

// pin returns the items as they are now, protected from changes until release
// is called. Pins nest.
func (t *tree) pin() (items *btree.BTreeG[item], release func()) {
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
