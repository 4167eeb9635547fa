package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// appliedRow is how far the outbox of one node was applied.
type appliedRow struct {
	inc pay.Incarnation
	n   uint64
}

const appliedBytes = 16

func (a appliedRow) encode() []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, appliedBytes), a.inc[:]...), a.n)
}

func decodeApplied(raw []byte) (a appliedRow, ok bool) {
	if len(raw) != appliedBytes {
		return a, false
	}
	a.inc, a.n = pay.Incarnation(raw[:8]), binary.BigEndian.Uint64(raw[8:])
	return a, a.n > 0
}

// Applied returns the number of the last applied item of an incarnation, 0 when
// none was.
func (v *View) Applied(node pay.NodeID, inc pay.Incarnation) (uint64, error) {
	v.key = idKey(v.key[:0], spaceApplied, node)
	raw, ok, err := v.get(v.key)
	if err != nil || !ok {
		return 0, err
	}
	a, ok := decodeApplied(raw)
	if !ok {
		return 0, damaged(idKey(nil, spaceApplied, node), "applied number")
	}
	if a.inc != inc {
		return 0, nil
	}
	return a.n, nil
}

// Apply applies verified items of a node's outbox in order, and moves the node's
// number on. Items applied before are skipped; items that leave a gap are
// refused as a whole with an error that wraps pay.ErrGap, and a node's store
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
	n, err := tx.Applied(node, inc)
	if err != nil {
		return pay.Applied{}, err
	}
	before, done := n, pay.Applied{}
	for _, it := range items {
		switch {
		case it.N <= n:
			continue
		case it.N != n+1:
			return pay.Applied{}, fmt.Errorf("item %d came after item %d: %w", it.N, n, pay.ErrGap)
		}
		if tx.batch.held && waitsForClock(it) {
			if n == before {
				return pay.Applied{}, errClockDoubt()
			}
			break
		}
		reason, err := tx.applyItem(it)
		if err != nil {
			return pay.Applied{}, fmt.Errorf("item %d: %w", it.N, err)
		}
		if reason != "" {
			if done.Refused == nil {
				done.Refused = make(map[uint64]pay.Reason)
			}
			done.Refused[it.N] = reason
		}
		n = it.N
	}
	done.N = n
	if n == before {
		return done, nil
	}
	tx.key = idKey(tx.key[:0], spaceApplied, node)
	return done, tx.put(tx.key, appliedRow{inc, n}.encode())
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
