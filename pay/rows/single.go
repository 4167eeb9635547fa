package rows

import "github.com/paybeacon/paybeacon/pay"

// Single is a key space that holds one row at most.
type Single[V any] struct{ Table[struct{}, V] }

// NewSingle declares a single row: its key, what stands in it, and how
// its value is written.
func NewSingle[V any](key, holds string, value Codec[V]) Single[V] {
	return Single[V]{New(key, holds, None(), value)}
}

// Get returns the row, and whether there is one. Its errors are those of
// Table.Get.
func (s Single[V]) Get(view pay.Rows) (v V, ok bool, err error) {
	return s.Table.Get(view, struct{}{})
}

// Put stores the row. Its errors are the store's.
func (s Single[V]) Put(tx pay.WritableRows, v V) error { return s.Table.Put(tx, struct{}{}, v) }
