package registry

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// auditMemory keeps what the last audit that found nothing covered, so that the next
// one need not read all payments again. No decision rests on these rows; without them
// an audit reads everything.
var auditMemory = feature{
	name:   "audit-memory",
	spaces: rows.Spaces{goodRow.Space, markRows.Space, sumRows.Space},
}

var (
	goodRow  = rows.NewSingle("au/g", "what the last good audit covered", rows.CBOR[goodHead]())
	markRows = rows.New("au/m/", "how far the store had come by then", rows.Uint32[uint32]("PART"), rows.CBOR[[]byte]())
	sumRows  = rows.New("au/s/", "what payments had moved by then", rows.Uint32[uint32]("PART"), rows.CBOR[[]book.Sum]())
)

const (
	// goodFormat is changed with what an audit looks at, so that no audit rests on
	// one that saw less.
	goodFormat = 2
	// sumsAtOnce bounds the accounts of one row, and markAtOnce the bytes. Chosen: half
	// of what a list in a row may hold, and about as many bytes.
	sumsAtOnce = 512
	markAtOnce = 32 << 10
)

// Good is what an audit that found nothing covered. Payments, with their decisions,
// keys and money, are what the next audit carries on from; all else it recomputes.
type Good struct {
	At        pay.Time // when it was made
	Mark      []byte   // how far the store had come: the caller's
	Payments  int      // with a decision
	Decisions int      // facts of that kind, whoever signed them
	Keys      int      // that payments stand under
	Paid      book.Tally
}

// goodHead is the row of a Good. A Format of 0 means that nothing is remembered.
type goodHead struct {
	Format    uint32   `cbor:"1,keyasint"`
	At        pay.Time `cbor:"2,keyasint"`
	Payments  int      `cbor:"3,keyasint"`
	Decisions int      `cbor:"4,keyasint"`
	Keys      int      `cbor:"5,keyasint"`
	Holds     int      `cbor:"6,keyasint"`
	Marks     uint32   `cbor:"7,keyasint"` // rows of the mark
	Sums      uint32   `cbor:"8,keyasint"` // rows of sums
	Digest    [32]byte `cbor:"9,keyasint"` // of mark and sums
}

// LastGood returns what the registry remembers of its last good audit; ok is false
// when that is nothing, not whole, or of an audit that looked at other things. The
// error is the store's.
func (r *Registry) LastGood(view pay.Rows) (g Good, ok bool, err error) {
	head, ok, err := goodRow.Get(view)
	if err != nil || !ok || head.Format != goodFormat {
		return g, false, damageIsNone(err)
	}
	mark, whole, err := joined(view, markRows, head.Marks)
	if err != nil || !whole {
		return g, false, err
	}
	sums, whole, err := joined(view, sumRows, head.Sums)
	if err != nil || !whole || digestOf(mark, sums) != head.Digest {
		return g, false, err
	}
	return Good{
		At: head.At, Mark: mark, Payments: head.Payments, Decisions: head.Decisions, Keys: head.Keys,
		Paid: book.Resume(sums, head.Holds),
	}, true, nil
}

// joined returns what the first rows of a table hold, one after the other; ok is false
// when not all can be read.
func joined[T any](view pay.Rows, table rows.Table[uint32, []T], n uint32) (all []T, ok bool, err error) {
	for part := range n {
		some, ok, err := table.Get(view, part)
		if err != nil || !ok {
			return nil, false, damageIsNone(err)
		}
		all = append(all, some...)
	}
	return all, true, nil
}

// cut returns the commands that put a list into the first rows of a table, so many
// elements in each.
func cut[T any](table rows.Table[uint32, []T], all []T, size int) (commands []func(pay.WritableRows) error) {
	for some := range slices.Chunk(all, size) {
		part := uint32(len(commands)) //nolint:gosec // a list in memory has fewer parts
		commands = append(commands, func(tx pay.WritableRows) error { return table.Put(tx, part, some) })
	}
	return commands
}

func digestOf(mark []byte, sums []book.Sum) [32]byte {
	h := sha256.New()
	h.Write(pay.Encode(mark))
	h.Write(pay.Encode(sums))
	return [32]byte(h.Sum(nil))
}

// Remember returns the commands that keep a Good in place of the one before, to be
// carried out one after the other: until the last one is, nothing is remembered.
func (r *Registry) Remember(g Good) (commands []func(pay.WritableRows) error) {
	sums, holds := g.Paid.Sums()
	marks, parts := cut(markRows, g.Mark, markAtOnce), cut(sumRows, sums, sumsAtOnce)
	head := goodHead{
		Format: goodFormat, At: g.At, Payments: g.Payments, Decisions: g.Decisions, Keys: g.Keys, Holds: holds,
		Marks: uint32(len(marks)), Sums: uint32(len(parts)), Digest: digestOf(g.Mark, sums), //nolint:gosec // as above
	}
	commands = append([]func(pay.WritableRows) error{r.Forget}, slices.Concat(marks, parts)...)
	return append(commands, func(tx pay.WritableRows) error { return goodRow.Put(tx, head) })
}

// Forget lets the next audit read everything.
func (r *Registry) Forget(tx pay.WritableRows) error {
	head, ok, err := goodRow.Get(tx)
	if err = damageIsNone(err); err != nil || !ok && head.Format == 0 {
		return err
	}
	if err := goodRow.Put(tx, goodHead{}); err != nil {
		return fmt.Errorf("forget the last audit: %w", err)
	}
	return nil
}
