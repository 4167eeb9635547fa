package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// feedEntriesMax bounds what Feed returns at once. Chosen: several frames full.
const feedEntriesMax = 4096

// feedState is a pay.Head without its epoch, which is the same for all feeds of
// a store and stands in the meta space.
type feedState struct {
	seq    uint64
	chain  pay.Chain
	digest pay.Digest
}

// add returns the state with one more entry.
func (s feedState) add(id pay.FactID) feedState {
	return feedState{seq: s.seq + 1, chain: s.chain.Next(id), digest: s.digest.Add(id)}
}

func (s feedState) head(e pay.Epoch) pay.Head {
	return pay.Head{Cursor: pay.Cursor{Epoch: e, Seq: s.seq, Chain: s.chain}, Digest: s.digest}
}

// feedRow is the row of a feed: its state, and the newest entries, which no run holds.
type feedRow struct {
	feedState
	tail run
}

// add returns the row with one more entry.
func (f feedRow) add(id pay.FactID) feedRow {
	f.feedState, f.tail = f.feedState.add(id), f.tail.add(id[:]...)
	return f
}

func (f feedRow) encode() []byte {
	buf := make([]byte, 0, headBytes+idBytes+len(f.tail.items))
	buf = binary.BigEndian.AppendUint64(buf, f.seq)
	buf = append(append(buf, f.chain[:]...), f.digest[:]...)
	if len(f.tail.items) == 0 {
		return buf
	}
	return f.tail.row(buf)
}

func decodeFeedRow(raw []byte) (f feedRow, ok bool) {
	if len(raw) < headBytes {
		return f, false
	}
	f.seq = binary.BigEndian.Uint64(raw)
	f.chain = pay.Chain(raw[seqBytes:])
	f.digest = pay.Digest(raw[seqBytes+idBytes:])
	f.tail, ok = tailOf(f.seq, f.chain, raw[headBytes:], bareID)
	return f, ok && f.seq > 0
}

// entries are where the entries of the feed of a scope stand.
func (f feedRow) entries(scope pay.Scope) series {
	return series{f.tail, func(buf []byte, last uint64) []byte { return entryKey(buf, scope, last) }, decodeEntries}
}

// entriesRow returns the row of entries after which the chain is end.
func entriesRow(r run, end pay.Chain) []byte {
	if len(r.items) == idBytes {
		return append(slices.Clip(r.items), end[:]...)
	}
	return r.row(nil)
}

func decodeEntries(last uint64, raw []byte) (r run, ok bool) {
	if len(raw) == 2*idBytes {
		r = run{last: last, items: raw[:idBytes], chain: pay.Chain(raw[idBytes:]), fixed: true}
		return r, r.sound()
	}
	r, ok = tailOf(last, pay.Chain{}, raw, bareID)
	return r, ok && len(r.items) > 0
}

func (v *View) feedRow(scope pay.Scope) (feedRow, error) {
	f, _, err := rowAt(v, headKey(v.room(), scope), "feed state", decodeFeedRow)
	return f, err
}

// feed returns where the entries of a feed stand.
func (v *View) feed(scope pay.Scope) (series, error) {
	f, err := v.feedRow(scope)
	return f.entries(scope), err
}

// Head returns the state of a feed. A feed without entries has number 0.
func (v *View) Head(scope pay.Scope) (pay.Head, error) {
	state, err := v.feedRow(scope)
	if err != nil {
		return pay.Head{}, err
	}
	epoch, err := v.epoch()
	return state.head(epoch), err
}

// ChainAt returns the chain after entry seq; ok is false beyond the end. Before
// the first entry the chain is zero.
func (v *View) ChainAt(scope pay.Scope, seq uint64) (chain pay.Chain, ok bool, err error) {
	f, err := v.feedRow(scope)
	switch {
	case err != nil || seq == 0:
		return chain, err == nil, err
	case seq >= f.seq:
		return f.chain, seq == f.seq, nil
	}
	_, chain, ok, err = v.entry(f.entries(scope), seq)
	return chain, ok, err
}

// Entries calls fn for the facts of a feed with numbers above after, in order
// and at most limit times (limit <= 0: no limit), until fn returns an error,
// which it returns.
func (v *View) Entries(scope pay.Scope, after uint64, limit int, fn func(seq uint64, f pay.Fact) error) error {
	feed, err := v.feed(scope)
	if err != nil {
		return err
	}
	return v.walkFacts(feed, after, limit, fn)
}

// Feed returns up to limit raw entries with numbers above after, in order, and the
// chain after each. A limit of 0 or above 4096 means 4096.
func (v *View) Feed(scope pay.Scope, after uint64, limit int) (raws [][]byte, chains []pay.Chain, err error) {
	if limit <= 0 || limit > feedEntriesMax {
		limit = feedEntriesMax
	}
	feed, err := v.feed(scope)
	if err != nil {
		return nil, nil, err
	}
	err = v.walk(feed, after, limit, func(_ uint64, item []byte, chain pay.Chain) error {
		f, err := v.fact(pay.FactID(item))
		if err == nil && !f.stored() {
			err = finding("fact %s stands in the feed and is missing", pay.FactID(item))
		}
		raws, chains = append(raws, f.raw), append(chains, chain)
		return err
	})
	return raws, chains, err
}

// Scopes calls fn for each feed that has entries, in byte order, until fn
// returns an error, which it returns.
func (v *View) Scopes(fn func(scope pay.Scope, head pay.Head) error) error {
	epoch, err := v.epoch()
	if err != nil {
		return err
	}
	return v.scanSpace(spaceHead, func(key, value []byte) error {
		state, ok := decodeFeedRow(value)
		if !ok {
			return damaged(key, "feed state")
		}
		return fn(pay.Scope(key[1:]), state.head(epoch))
	})
}

// appendFact appends a fact to those of the registry's feeds in which it does not
// stand, and returns its places there.
func (tx *Tx) appendFact(scopes []pay.Scope, f pay.Fact, row factRow) ([]place, error) {
	places := make([]place, 0, len(scopes))
	for i, scope := range scopes {
		if slices.Contains(scopes[:i], scope) {
			continue
		}
		if err := checkScope(scope); err != nil {
			return nil, err
		}
		if seq, err := tx.placeOf(f.ID(), row, scope); err != nil {
			return nil, err
		} else if seq > 0 {
			continue
		}
		state, err := tx.feedBegun(scope, f.ID())
		if err == nil {
			state, err = tx.appendEntry(scope, state, f)
		}
		if err == nil {
			err = tx.putFeedState(scope, state)
		}
		if err != nil {
			return nil, err
		}
		places = append(places, place{scope, state.seq})
	}
	return places, nil
}

// feedBegun returns the state of a feed to which a fact is to be appended. The first
// entry of each is the registry's authority.
func (tx *Tx) feedBegun(scope pay.Scope, id pay.FactID) (feedRow, error) {
	state, err := tx.feedRow(scope)
	a := tx.s.opts.Authority
	if err != nil || state.seq > 0 || a.IsZero() || a.ID() == id {
		return state, err
	}
	row, err := tx.fact(a.ID())
	if err == nil && !row.stored() {
		err = errors.Join(tx.storeAt(a, row), tx.logged(a.ID()))
	}
	if err == nil {
		state, err = tx.appendEntry(scope, state, a)
	}
	if err == nil {
		err = tx.putPlace(a.ID(), place{scope, state.seq})
	}
	return state, err
}

// appendEntry appends an entry to a feed's row, which the caller writes once it is
// through. A run that is full becomes a row of its own.
func (tx *Tx) appendEntry(scope pay.Scope, row feedRow, f pay.Fact) (feedRow, error) {
	row = row.add(f.ID())
	if tx.s.registry() {
		tx.appended = append(tx.appended, appended{scope, row.seq, freshEntry{f.Raw(), row.chain}})
	}
	full, ok := row.tail.spill(row.chain)
	if !ok {
		return row, nil
	}
	return row, tx.put(entryKey(tx.room(), scope, row.seq), entriesRow(full, row.chain))
}

func (tx *Tx) putFeedState(scope pay.Scope, state feedRow) error {
	if tx.grown == nil {
		tx.grown = make(map[pay.Scope]uint64, 2)
	}
	tx.grown[scope] = state.seq
	return tx.put(headKey(tx.room(), scope), state.encode())
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
