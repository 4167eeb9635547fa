package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"

	"github.com/paybeacon/paybeacon/pay"
)

// appliedRow is how far the outbox of one node was applied.
type appliedRow struct {
	inc   pay.Incarnation
	n     uint64
	line  pay.Incarnation // the first incarnation of this numbering
	chain pay.Chain       // after item n; zero after the last item applied by a program of format 2
	tail  run             // the newest items, which no row of space u holds
}

const (
	appliedBytesV2 = 16
	appliedBytes   = appliedBytesV2 + 8 + 32
)

func (a appliedRow) encode() []byte {
	buf := make([]byte, 0, appliedBytes+idBytes+len(a.tail.items))
	buf = binary.BigEndian.AppendUint64(append(buf, a.inc[:]...), a.n)
	buf = append(append(buf, a.line[:]...), a.chain[:]...)
	if len(a.tail.items) == 0 {
		return buf
	}
	return a.tail.row(buf)
}

func decodeApplied(raw []byte) (a appliedRow, ok bool) {
	if len(raw) != appliedBytesV2 && len(raw) < appliedBytes {
		return a, false
	}
	a.inc, a.n = pay.Incarnation(raw[:8]), binary.BigEndian.Uint64(raw[8:])
	a.line, raw = a.inc, raw[appliedBytesV2:]
	if len(raw) > 0 {
		a.line, a.chain, raw = pay.Incarnation(raw[:8]), pay.Chain(raw[8:]), raw[appliedBytes-appliedBytesV2:]
	}
	a.tail, ok = tailOf(a.n, a.chain, raw, keptHead)
	return a, ok && (a.n > 0 || a.line != a.inc)
}

func (v *View) applied(node pay.NodeID) (a appliedRow, ok bool, err error) {
	return rowAt(v, idKey(v.room(), spaceApplied, node), "applied number", decodeApplied)
}

// Applied returns the number of the last applied item of an incarnation, 0 when
// none was.
func (v *View) Applied(node pay.NodeID, inc pay.Incarnation) (uint64, error) {
	a, ok, err := v.applied(node)
	if err != nil || !ok || a.inc != inc {
		return 0, err
	}
	return a.n, nil
}

// Apply applies verified items of a node's outbox in order, and moves the node's
// number on. Items applied before are skipped; items that leave a gap are
// refused as a whole with an error that wraps pay.ErrGap, items of an incarnation
// that was replaced with one that wraps pay.ErrReplaced, and a node's store
// refuses all. A fact too few or too many in an item is an error, as is what the
// role fails on. A new incarnation starts at 0. Refused has the items whose first
// fact the role refused now; a refusal of what travels with it stands in its
// signed fact alone. While the clock is in doubt, items end at the first whose
// claims rest on the time; when that is the first of all, the error wraps
// ErrClockDoubt.
func (tx *Tx) Apply(node pay.NodeID, inc pay.Incarnation, items []pay.Item) (pay.Applied, error) {
	if !tx.s.registry() {
		return pay.Applied{}, errors.New("only the registry does")
	}
	row, replaced, err := tx.appliedOf(node, inc)
	if err != nil {
		return pay.Applied{}, err
	}
	before, done := row.n, pay.Applied{}
	for _, it := range items {
		switch {
		case it.N <= row.n:
			continue
		case replaced:
			return pay.Applied{}, fmt.Errorf("item %d of incarnation %x: %w", it.N, inc, pay.ErrReplaced)
		case it.N != row.n+1:
			return pay.Applied{}, fmt.Errorf("item %d came after item %d: %w", it.N, row.n, pay.ErrGap)
		}
		if tx.batch.held && waitsForClock(it) {
			if row.n == before {
				return pay.Applied{}, errClockDoubt()
			}
			break
		}
		reason, err := tx.applyItem(it)
		if err == nil {
			err = tx.keep(node, &row, it)
		}
		if err != nil {
			return pay.Applied{}, fmt.Errorf("item %d: %w", it.N, err)
		}
		if reason != "" && done.Refused == nil {
			done.Refused = make(map[uint64]pay.Reason)
		}
		if reason != "" {
			done.Refused[it.N] = reason
		}
	}
	done.N, done.Grown = row.n, maps.Clone(tx.grown)
	if row.n == before {
		return done, nil
	}
	return done, errors.Join(tx.replace(node, inc, row.line), tx.put(idKey(tx.room(), spaceApplied, node), row.encode()))
}

// appliedOf returns the row of a node's outbox for an incarnation: the one that
// pushed before, or one that begins at 0. replaced is true for one that may not
// push any more.
func (tx *Tx) appliedOf(node pay.NodeID, inc pay.Incarnation) (row appliedRow, replaced bool, err error) {
	row, ok, err := tx.applied(node)
	if err != nil || (ok && row.inc == inc) {
		return row, false, err
	}
	replaced, err = tx.has(pastKey(tx.room(), node, inc))
	return appliedRow{inc: inc, line: inc, tail: run{head: keptHead}}, replaced, err
}

// replace notes that the incarnation which pushed before may not any more, unless
// that is inc. What it pushed is kept behind, when another numbering begins.
func (tx *Tx) replace(node pay.NodeID, inc, line pay.Incarnation) error {
	row, ok, err := tx.applied(node)
	if err != nil || !ok || row.inc == inc {
		return err
	}
	if row.line != line && len(row.tail.items) > 0 {
		if err := tx.put(keptKey(tx.room(), node, row.line, row.n), row.tail.row(nil)); err != nil {
			return err
		}
	}
	return tx.put(pastKey(tx.room(), node, row.inc), binary.BigEndian.AppendUint64(nil, row.n))
}

// keep moves the row on by an applied item and keeps what the item holds.
func (tx *Tx) keep(node pay.NodeID, row *appliedRow, it pay.Item) error {
	kept := []byte{byte(len(it.Facts))}
	for _, f := range it.Facts {
		id := f.ID()
		kept, row.chain = append(kept, id[:]...), row.chain.Next(id)
	}
	row.n, row.tail = it.N, row.tail.add(kept...)
	full, ok := row.tail.spill(row.chain)
	if !ok {
		return nil
	}
	return tx.put(keptKey(tx.room(), node, row.line, row.n), full.row(nil))
}

// applyItem lets the role react to each fact of an item and returns why it
// refused the first.
func (tx *Tx) applyItem(it pay.Item) (first pay.Reason, err error) {
	if len(it.Facts) < 1 || len(it.Facts) > pay.ItemFactsMax {
		return "", fmt.Errorf("it has %d facts", len(it.Facts))
	}
	for i, f := range it.Facts {
		reason, err := tx.React(pay.ClaimArrived{Fact: f, Age: max(0, it.Age), With: it.Facts[i+1:]})
		if err != nil {
			return "", err
		}
		if i == 0 {
			first = reason
		}
	}
	return first, nil
}
