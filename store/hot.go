package store

import (
	"bytes"
	"slices"

	"github.com/paybeacon/paybeacon/store/kv"
)

// hotRows keeps rows that the executor read or wrote lately, so that those which
// each payment reads again, such as heads and balances, are not looked up in the
// engine. It is right because the executor is the engine's only writer: what one
// of its transactions writes is here, and if that is not committed, everything is
// forgotten. It belongs to the goroutine that calls Step.
//
// Rows live in two generations. What is used moves to the young one; when that is
// full, it becomes the old one, and what stood there and was not used is forgotten.
type hotRows struct {
	young, old map[string][]byte
	bytes      int // of young
	most       int // bytes of one generation
	// written: rows are here that are not durable yet.
	written bool
	// empty are tables of the role in which no row stands, such as that of findings:
	// opening a walk of the engine costs as much as many reads.
	empty []emptyTable
}

// emptyTable is a range of keys without a row.
type emptyTable struct{ from, to string }

const (
	// emptyTablesMax bounds the tables that are known to be empty. Chosen: roles ask for
	// fewer.
	emptyTablesMax = 8
	// tablePrefixMax is how many bytes the key has with which a table begins, at most:
	// that of the role's space and the table's prefix. Chosen: every prefix is shorter.
	tablePrefixMax = 1 + 3
)

// hotRowBytesMax is the largest row that is kept. Chosen: above every row that is
// written often.
const hotRowBytesMax = 1 << 10

func newHotRows(bytes int) hotRows { return hotRows{young: make(map[string][]byte), most: bytes / 2} }

func (h *hotRows) get(key []byte) (value []byte, ok bool) {
	if value, ok = h.young[string(key)]; ok {
		return value, true
	}
	if value, ok = h.old[string(key)]; ok {
		h.put(string(key), value)
	}
	return value, ok
}

func (h *hotRows) put(key string, value []byte) {
	if len(value) > hotRowBytesMax {
		h.forget(key)
		return
	}
	if h.bytes += len(key) + len(value); h.bytes > h.most {
		h.old, h.young, h.bytes = h.young, make(map[string][]byte), len(key)+len(value)
	}
	h.young[key] = value
}

func (h *hotRows) forget(key string) {
	delete(h.young, key)
	delete(h.old, key)
}

// isHot reports whether rows with that key are read again and again, and are
// written in batches alone.
func isHot(key []byte) bool {
	switch key[0] {
	case spaceHead, spaceApplied, spaceRole:
		return true
	case spaceMeta:
		return key[1] == metaOutbox || key[1] == metaNumbers
	default:
		return false
	}
}

// hotTx is the engine's transaction of one batch, whose reads of hot rows come out
// of memory.
type hotTx struct {
	kv.Tx
	hot *hotRows
}

// over returns the transaction of one attempt. After an attempt that wrote and was not
// committed, nobody knows what the engine holds.
func (h *hotRows) over(tx kv.Tx) hotTx {
	if h.written {
		*h = newHotRows(2 * h.most)
	}
	return hotTx{tx, h}
}

// committed notes that what was written is durable.
func (h *hotRows) committed() { h.written = false }

// Get returns a row. Its errors are the engine's.
func (tx hotTx) Get(key []byte) ([]byte, bool, error) {
	if !isHot(key) {
		return tx.Tx.Get(key)
	}
	if value, ok := tx.hot.get(key); ok {
		return value, true, nil
	}
	value, ok, err := tx.Tx.Get(key)
	if err == nil && ok {
		tx.hot.put(string(key), value)
	}
	return value, ok, err
}

// Put writes a row. Its errors are the engine's.
func (tx hotTx) Put(key, value []byte) error {
	err := tx.Tx.Put(key, value)
	if isHot(key) {
		tx.hot.written = true
		tx.hot.fill(key)
		tx.hot.put(string(key), bytes.Clone(value))
	}
	return err
}

// Delete removes a row. Its errors are the engine's.
func (tx hotTx) Delete(key []byte) error {
	err := tx.Tx.Delete(key)
	if isHot(key) {
		tx.hot.written = true
		tx.hot.forget(string(key))
	}
	return err
}

// Scan walks rows. Its errors are the engine's.
func (tx hotTx) Scan(from, to []byte, limit int, fn func(key, value []byte) bool) error {
	if len(from) == 0 || len(from) > tablePrefixMax || from[0] != spaceRole || to == nil {
		return tx.Tx.Scan(from, to, limit, fn)
	}
	table := emptyTable{string(from), string(to)}
	if slices.Contains(tx.hot.empty, table) {
		return nil
	}
	none := true
	err := tx.Tx.Scan(from, to, limit, func(key, value []byte) bool {
		none = false
		return fn(key, value)
	})
	if err == nil && none && len(tx.hot.empty) < emptyTablesMax {
		tx.hot.empty = append(tx.hot.empty, table)
	}
	return err
}

// fill notes that a row stands at key from now on.
func (h *hotRows) fill(key []byte) {
	h.empty = slices.DeleteFunc(h.empty, func(t emptyTable) bool { return t.from <= string(key) && string(key) < t.to })
}
