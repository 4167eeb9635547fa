package store

import (
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// keptAtOnce bounds what Kept returns. Chosen: what one message may hold.
const keptAtOnce = pay.BatchFactsMax

// decodeKept reads a row of applied items: the chain before them and the items, or, as
// programs before format 5 wrote it, the chain after one item and its ids.
func decodeKept(last uint64, raw []byte) (r run, ok bool) {
	if len(raw) <= idBytes || len(raw)%idBytes > 0 { // a run has fewer than 32 items
		r, ok = tailOf(last, pay.Chain{}, raw, keptHead)
		return r, ok && len(r.items) > 0
	}
	r = run{last: last, head: keptHead, chain: pay.Chain(raw), fixed: true}
	r.items = append([]byte{byte(len(raw)/idBytes - 1)}, raw[idBytes:]...)
	return r, r.sound()
}

// kept is where the applied items of a node stand.
func (a appliedRow) kept(node pay.NodeID) series {
	return series{a.tail, func(buf []byte, last uint64) []byte { return keptKey(buf, node, a.line, last) }, decodeKept}
}

// AppliedHead returns how far a node's outbox was applied, whichever incarnation
// pushed it; ok is false for a node that has pushed nothing.
func (v *View) AppliedHead(node pay.NodeID) (head pay.OutboxHead, ok bool, err error) {
	a, ok, err := v.applied(node)
	return pay.OutboxHead{Incarnation: a.inc, N: a.n, Chain: a.chain}, ok, err
}

// AppliedChain returns the chain after item n of a node's outbox; ok is false
// beyond the end, and before what a program of this format has applied.
func (v *View) AppliedChain(node pay.NodeID, n uint64) (chain pay.Chain, ok bool, err error) {
	a, found, err := v.applied(node)
	switch {
	case err != nil:
		return chain, false, err
	case !found:
		return chain, n == 0, nil
	case n == a.n:
		return a.chain, true, nil
	case n > a.n:
		return chain, false, nil
	case n > 0:
		if r, ok, err := v.find(a.kept(node), n); ok || err != nil {
			return r.chainAt(n), ok, err
		}
	}
	// The chain is zero where it begins, before the first item that is kept.
	_, ok, err = v.find(a.kept(node), n+1)
	return pay.Chain{}, ok, err
}

// Kept returns up to limit applied items of a node's outbox with numbers above
// after, in order, and the chain after the last of them. It stops before the facts
// exceed size bytes, but returns at least one item where there is one. A limit of
// 0 or above 256 means 256. Items that a program of format 2 applied are not kept.
func (v *View) Kept(node pay.NodeID, after uint64, limit, size int) (items []pay.KeptItem, chain pay.Chain, err error) {
	if limit <= 0 || limit > keptAtOnce {
		limit = keptAtOnce
	}
	a, ok, err := v.applied(node)
	if err != nil || !ok {
		return nil, chain, err
	}
	if _, ok, err := v.find(a.kept(node), after+1); err != nil || !ok {
		return nil, chain, err
	}
	err = v.walk(a.kept(node), after, limit, func(_ uint64, item []byte, next pay.Chain) error {
		it := pay.KeptItem{IDs: idsOf(item[keptHead:])}
		for _, id := range it.IDs {
			f, err := v.fact(id)
			if err != nil {
				return err
			}
			it.Raws = append(it.Raws, f.raw)
			size -= len(f.raw) + idBytes
		}
		if size < 0 && len(items) > 0 {
			return errEnough
		}
		items, chain = append(items, it), next
		return nil
	})
	return items, chain, err
}

// Renew lets the incarnation next of a node's outbox push from item n+1 on, where
// the registry stands, and no other any more. It returns false and does nothing
// when the registry does not stand there, or the incarnation was replaced before.
func (tx *Tx) Renew(node pay.NodeID, n uint64, chain pay.Chain, next pay.Incarnation) (ok bool, err error) {
	if !tx.s.registry() {
		return false, errors.New("only the registry does")
	}
	a, found, err := tx.applied(node)
	if err != nil {
		return false, err
	}
	if !found || a.n != n || a.chain != chain || next == a.inc {
		return false, nil
	}
	if past, err := tx.has(pastKey(tx.room(), node, next)); err != nil || past {
		return false, err
	}
	err = tx.replace(node, next, a.line)
	a.inc = next
	return true, errors.Join(err, tx.put(idKey(tx.room(), spaceApplied, node), a.encode()))
}

// ApplyUrgent applies claims of a node that travel without a number, as Apply
// applies the facts of items.
func (tx *Tx) ApplyUrgent(facts []pay.Fact) error {
	if !tx.s.registry() {
		return errors.New("only the registry does")
	}
	for _, f := range facts {
		if _, err := tx.React(pay.ClaimArrived{Fact: f}); err != nil {
			return fmt.Errorf("urgent claim %s: %w", f.ID(), err)
		}
	}
	return nil
}

// NotePutBack keeps what a node holds of this registry that the registry lost. What
// the node said first stays. entry is the id of a fact that this registry has
// signed, or zeros: if the fact is here, nothing is kept, and else it is proven.
func (tx *Tx) NotePutBack(node pay.NodeID, p pay.PutBack, entry pay.FactID) error {
	if !entry.IsZero() {
		if here, err := tx.has(idKey(tx.room(), spaceFact, entry)); err != nil || here {
			return err
		}
	}
	p.Since, p.Proven = tx.Now(), !entry.IsZero()
	before, known, err := rowAt(&tx.View, idKey(tx.room(), spacePutBack, node), "evidence", decodeCBOR[pay.PutBack])
	switch {
	case err != nil, known && (before.Proven || !p.Proven):
		return err
	case known:
		p.Since = before.Since
	}
	return tx.put(idKey(tx.room(), spacePutBack, node), pay.Encode(p))
}

// PutBacks calls fn for each node that holds more of this registry than the
// registry does, by node id, until fn returns an error, which it returns.
func (v *View) PutBacks(fn func(node pay.NodeID, p pay.PutBack) error) error {
	return v.scanSpace(spacePutBack, func(key, value []byte) error {
		p, ok := decodeCBOR[pay.PutBack](value)
		if !ok || len(key) != 1+idBytes {
			return damaged(key, "evidence")
		}
		return fn(pay.NodeID(key[1:]), p)
	})
}

func decodeCBOR[T any](raw []byte) (row T, ok bool) {
	err := pay.Decode(raw, &row)
	return row, err == nil
}
