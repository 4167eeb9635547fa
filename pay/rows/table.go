package rows

import (
	"bytes"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// Table is one key space of a role with the types of its keys and values. It is
// immutable and usually stands in a variable of the role's package.
type Table[K, V any] struct {
	Space
	key   Codec[K]
	value Codec[V]
}

// New declares a key space: prefix is what its keys begin with, holds is what
// stands in it, for a person.
func New[K, V any](prefix, holds string, key Codec[K], value Codec[V]) Table[K, V] {
	t := Table[K, V]{key: key, value: value}
	t.Space = Space{Prefix: prefix, Key: key.form, Value: value.form, Holds: holds, check: func(rest, raw []byte) error {
		if _, err := key.readAll(rest); err != nil {
			return fmt.Errorf("key: %w: %w", ErrDamaged, err)
		}
		_, err := value.readAll(raw)
		if err == nil && value.check != nil {
			err = value.check(raw)
		}
		if err != nil {
			return fmt.Errorf("value: %w: %w", ErrDamaged, err)
		}
		return nil
	}}
	return t
}

// rowKey returns the key of a row.
func (t Table[K, V]) rowKey(k K) []byte {
	return t.key.write(append(make([]byte, 0, len(t.Prefix)+keyBytesUsual), t.Prefix...), k)
}

// keyBytesUsual is the room that is made for a key behind its prefix: most are
// an id and a number. Chosen: longer keys cost one more allocation.
const keyBytesUsual = 40

// Get returns the row at k, and whether there is one. A row that is there and
// cannot be read is an error that wraps ErrDamaged; any other is the store's.
func (t Table[K, V]) Get(view pay.Rows, k K) (v V, ok bool, err error) {
	raw, ok, err := view.Get(t.rowKey(k))
	if err != nil || !ok {
		return v, false, err
	}
	v, err = t.read(raw)
	return v, err == nil, err
}

// read reads a row's value.
func (t Table[K, V]) read(raw []byte) (v V, err error) {
	if v, err = t.value.readAll(raw); err != nil {
		return v, fmt.Errorf("read row %s: %w: %w", t.Layout(), ErrDamaged, err)
	}
	return v, nil
}

// Has reports whether there is a row at k. Its errors are the store's.
func (t Table[K, V]) Has(view pay.Rows, k K) (bool, error) {
	_, ok, err := view.Get(t.rowKey(k))
	return ok, err
}

// Put stores a row. Its errors are the store's.
func (t Table[K, V]) Put(tx pay.WritableRows, k K, v V) error {
	return tx.Put(t.rowKey(k), t.value.write(nil, v))
}

// Delete removes a row. Nothing may depend on its being gone. Its errors are
// the store's.
func (t Table[K, V]) Delete(tx pay.WritableRows, k K) error { return tx.Delete(t.rowKey(k)) }

// Range is a run of neighbouring rows of one table.
type Range struct{ from, to []byte }

// All returns the range of all rows.
func (t Table[K, V]) All() Range { return Range{[]byte(t.Prefix), behind([]byte(t.Prefix))} }

// Behind returns the range of the rows whose keys come behind k.
func (t Table[K, V]) Behind(k K) Range {
	return Range{append(t.rowKey(k), 0), behind([]byte(t.Prefix))}
}

// Between returns the range of the rows from the key from on, up to the key to
// and without it.
func (t Table[K, V]) Between(from, to K) Range { return Range{t.rowKey(from), t.rowKey(to)} }

// Through returns the range of the rows from the key first to the key last, with
// both.
func (t Table[K, V]) Through(first, last K) Range {
	return Range{t.rowKey(first), append(t.rowKey(last), 0)}
}

// Under returns the range of the rows of t whose keys have the given first part.
func Under[A, B, V any](t Table[Pair[A, B], V], first A) Range {
	prefix := t.key.first.(Codec[A]).write([]byte(t.Prefix), first)
	return Range{prefix, behind(prefix)}
}

// behind returns the first key behind all keys that begin with prefix; nil means
// the end of the rows.
func behind(prefix []byte) []byte {
	to := bytes.Clone(prefix)
	for len(to) > 0 && to[len(to)-1] == 0xFF {
		to = to[:len(to)-1]
	}
	if len(to) == 0 {
		return nil
	}
	to[len(to)-1]++
	return to
}
