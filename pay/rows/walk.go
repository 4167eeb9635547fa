package rows

import (
	"bytes"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// pageRows bounds the rows that Each and Walk hold in memory at a time. Chosen:
// a page of the largest rows stays below a megabyte or two.
const pageRows = 256

// Each calls fn for the rows of the range in the order of their keys. It reads
// them in pages, so that fn may read and write other rows. It returns the first
// error: fn's, the store's, or one that wraps ErrDamaged for a row that cannot
// be read.
func (t Table[K, V]) Each(view pay.Rows, within Range, fn func(K, V) error) error {
	return t.Walk(view, within, func(k K, v V, damage error) error {
		if damage != nil {
			return damage
		}
		return fn(k, v)
	})
}

// Walk is Each for an audit: a row that cannot be read is no reason to stop, but
// is handed to fn with an error that wraps ErrDamaged. It is a *KeyError when
// the key cannot be read; otherwise k is the key and only v is of no use.
func (t Table[K, V]) Walk(view pay.Rows, within Range, fn func(k K, v V, damage error) error) error {
	return eachPage(view, within, func(key, value []byte) error {
		k, v, damage := t.parse(key, value)
		return fn(k, v, damage)
	})
}

// Count returns how many rows of the table there are, whether they can be read
// or not. Its errors are the store's.
func (t Table[K, V]) Count(view pay.Rows) (n int, err error) {
	all := t.All()
	err = view.Scan(all.from, all.to, 0, func(_, _ []byte) bool {
		n++
		return true
	})
	return n, err
}

// Scan calls fn for up to limit rows of the range (limit <= 0: all of them) in
// the order of their keys, until fn returns false. It holds no row in memory; fn
// must not use the rows. It returns the store's error, or one that wraps
// ErrDamaged for a row that cannot be read.
func (t Table[K, V]) Scan(view pay.Rows, within Range, limit int, fn func(K, V) (more bool)) error {
	var damage error
	err := view.Scan(within.from, within.to, limit, func(key, value []byte) bool {
		var k K
		var v V
		if k, v, damage = t.parse(key, value); damage != nil {
			return false
		}
		return fn(k, v)
	})
	if err != nil {
		return err
	}
	return damage
}

// Keys returns up to limit keys of the range in their order. It returns the
// store's error, or one that wraps ErrDamaged for a key that cannot be read.
func (t Table[K, V]) Keys(view pay.Rows, within Range, limit int) (keys []K, err error) {
	var damage error
	err = view.Scan(within.from, within.to, limit, func(key, _ []byte) bool {
		var k K
		if k, damage = t.parseKey(key); damage == nil {
			keys = append(keys, k)
		}
		return damage == nil
	})
	if err == nil {
		err = damage
	}
	return keys, err
}

// KeyError means that the key of a row cannot be read. It wraps ErrDamaged.
type KeyError struct {
	Key []byte
	err error
}

// Error returns the key and what is wrong with it.
func (e *KeyError) Error() string {
	return fmt.Sprintf("read key of row %q: %v: %v", e.Key, ErrDamaged, e.err)
}

// Unwrap returns ErrDamaged.
func (*KeyError) Unwrap() error { return ErrDamaged }

func (t Table[K, V]) parse(key, value []byte) (k K, v V, err error) {
	if k, err = t.parseKey(key); err != nil {
		return k, v, err
	}
	v, err = t.read(value)
	return k, v, err
}

func (t Table[K, V]) parseKey(key []byte) (K, error) {
	k, err := t.key.readAll(key[len(t.Prefix):])
	if err != nil {
		return k, &KeyError{bytes.Clone(key), err}
	}
	return k, nil
}

// eachPage calls fn for the rows of the range, until it returns an error.
func eachPage(view pay.Rows, within Range, fn func(key, value []byte) error) error {
	type row struct{ key, value []byte }
	from := within.from
	for page := make([]row, 0, pageRows); ; page = page[:0] {
		err := view.Scan(from, within.to, pageRows, func(key, value []byte) bool {
			page = append(page, row{bytes.Clone(key), bytes.Clone(value)})
			return true
		})
		if err != nil {
			return err
		}
		for _, r := range page {
			if err := fn(r.key, r.value); err != nil {
				return err
			}
		}
		if len(page) < pageRows {
			return nil
		}
		from = append(page[len(page)-1].key, 0)
	}
}
