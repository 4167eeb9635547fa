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
func decodeKept(last uint64, raw []byte) (r chained, ok bool) {
	if len(raw) <= idBytes || len(raw)%idBytes > 0 { // a run has fewer than 32 items
		r, ok = tailOf(last, pay.Chain{}, raw, keptHead)
		return r, ok && len(r.items) > 0
	}
	r.chain, r.after = pay.Chain(raw), true
	r.run, ok = runOf(last, append([]byte{byte(len(raw)/idBytes - 1)}, raw[idBytes:]...), keptHead)
	return r, ok
}

// keptRun returns the run that holds an applied item of a node.
func (v *View) keptRun(node pay.NodeID, a appliedRow, n uint64) (r chained, ok bool, err error) {
	if a.tail.holds(n) {
		return a.tail, true, nil
	}
	return findRun(v, n, func(buf []byte, last uint64) []byte { return keptKey(buf, node, a.line, last) }, decodeKept)
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
		if r, ok, err := v.keptRun(node, a, n); ok || err != nil {
			return r.chainAt(n), ok, err
		}
	}
	// The chain is zero where it begins, before the first item that is kept.
	_, ok, err = v.keptRun(node, a, n+1)
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
	var r chained
	take := func(n uint64, _ []byte, next pay.Chain) error {
		it := pay.KeptItem{IDs: r.facts(n)}
		for _, id := range it.IDs {
			f, _, err := v.fact(id)
			if err != nil {
				return err
			}
			it.Raws = append(it.Raws, f.raw)
			size -= len(f.raw) + idBytes
		}
		if len(items) == limit || size < 0 && len(items) > 0 {
			return errEnough
		}
		items, chain = append(items, it), next
		return nil
	}
	for n := after; n < a.n && err == nil; {
		if r, ok, err = v.keptRun(node, a, n+1); err == nil && !ok {
			return items, chain, nil
		}
		if err == nil {
			err = r.each(n+1, take)
		}
		n = r.last
	}
	if err != nil && !errors.Is(err, errEnough) {
		return nil, chain, err
	}
	return items, chain, nil
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
	tx.key = pastKey(tx.key[:0], node, next)
	if _, past, err := tx.get(tx.key); err != nil || past {
		return false, err
	}
	if err := tx.replace(node, next, a.line); err != nil {
		return false, err
	}
	a.inc = next
	tx.key = idKey(tx.key[:0], spaceApplied, node)
	return true, tx.put(tx.key, a.encode())
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
		tx.key = idKey(tx.key[:0], spaceFact, entry)
		if _, here, err := tx.get(tx.key); err != nil || here {
			return err
		}
	}
	p.Since, p.Proven = tx.Now(), !entry.IsZero()
	tx.key = idKey(tx.key[:0], spacePutBack, node)
	raw, known, err := tx.get(tx.key)
	if err != nil {
		return err
	}
	if known {
		var before pay.PutBack
		if err := pay.Decode(raw, &before); err != nil {
			return damaged(idKey(nil, spacePutBack, node), "evidence")
		}
		if before.Proven || !p.Proven {
			return nil
		}
		p.Since = before.Since
	}
	tx.key = idKey(tx.key[:0], spacePutBack, node)
	return tx.put(tx.key, pay.Encode(p))
}

// PutBacks calls fn for each node that holds more of this registry than the
// registry does, by node id, until fn returns an error, which it returns.
func (v *View) PutBacks(fn func(node pay.NodeID, p pay.PutBack) error) error {
	return v.scan([]byte{spacePutBack}, []byte{spacePutBack + 1}, 0, func(key, value []byte) (bool, error) {
		var p pay.PutBack
		if err := pay.Decode(value, &p); err != nil || len(key) != 1+idBytes {
			return false, damaged(key, "evidence")
		}
		err := fn(pay.NodeID(key[1:]), p)
		return err == nil, err
	})
}
