package rows

import (
	"bytes"
	"sync"

	"github.com/paybeacon/paybeacon/pay"
)

// cachedRows is how many rows a Cache keeps in each generation. Chosen: more than take
// part in payments at once.
const cachedRows = 1024

// Cache spares reading the form of the same rows again and again. It is only asked for
// bytes that were just read from the store, so that it cannot show a row which is not
// stored. What it returns must not be changed. Two generations stand in for recency:
// when the young one is full it becomes the old one, and what was not asked for since
// is dropped.
type Cache[K comparable, V any] struct {
	table Table[K, V]

	mu         sync.Mutex
	young, old map[K]cached[V]
}

type cached[V any] struct {
	raw []byte
	v   V
}

// NewCache returns a cache of a table's rows.
func NewCache[K comparable, V any](t Table[K, V]) *Cache[K, V] {
	return &Cache[K, V]{table: t, young: make(map[K]cached[V])}
}

// Get is Table.Get.
func (c *Cache[K, V]) Get(view pay.Rows, k K) (v V, ok bool, err error) {
	raw, ok, err := view.Get(c.table.rowKey(k))
	if err != nil || !ok {
		return v, false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	row, ok := c.young[k]
	if !ok {
		row, ok = c.old[k]
	} else if bytes.Equal(row.raw, raw) {
		return row.v, true, nil
	}
	if !ok || !bytes.Equal(row.raw, raw) {
		if row.v, err = c.table.read(raw); err != nil {
			return v, false, err
		}
		row.raw = raw
	}
	if len(c.young) >= cachedRows {
		c.old, c.young = c.young, make(map[K]cached[V], cachedRows)
	}
	c.young[k] = row
	return row.v, true, nil
}
