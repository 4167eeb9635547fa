package store

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// feedEntriesMax bounds what Feed returns at once. Chosen: several frames full.
const feedEntriesMax = 4096

// entriesByKey is how many entries are read one by one before the rest is walked:
// who keeps up reads few, and opening a walk costs more than some reads. Chosen: a
// walk of Badger's costs as much as about ten reads.
const entriesByKey = 8

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

func (s feedState) encode(buf []byte) []byte {
	buf = binary.BigEndian.AppendUint64(buf, s.seq)
	return append(append(buf, s.chain[:]...), s.digest[:]...)
}

func decodeFeedState(raw []byte) (s feedState, ok bool) {
	if len(raw) != headBytes {
		return s, false
	}
	s.seq = binary.BigEndian.Uint64(raw)
	s.chain = pay.Chain(raw[seqBytes:])
	s.digest = pay.Digest(raw[seqBytes+idBytes:])
	return s, s.seq > 0
}

// Head returns the state of a feed. A feed without entries has number 0.
func (v *View) Head(scope pay.Scope) (pay.Head, error) {
	state, err := v.feedState(scope)
	if err != nil {
		return pay.Head{}, err
	}
	epoch, err := v.epoch()
	return state.head(epoch), err
}

func (v *View) feedState(scope pay.Scope) (feedState, error) {
	v.key = headKey(v.key[:0], scope)
	raw, ok, err := v.get(v.key)
	if err != nil || !ok {
		return feedState{}, err
	}
	s, ok := decodeFeedState(raw)
	if !ok {
		return s, damaged(headKey(nil, scope), "feed state")
	}
	return s, nil
}

// entry returns the fact of an entry and the chain up to it.
func (v *View) entry(scope pay.Scope, seq uint64) (id pay.FactID, chain pay.Chain, ok bool, err error) {
	v.key = entryKey(v.key[:0], scope, seq)
	raw, ok, err := v.get(v.key)
	if err != nil || !ok {
		return id, chain, false, err
	}
	if len(raw) != entryBytes {
		return id, chain, false, damaged(entryKey(nil, scope, seq), "feed entry")
	}
	return pay.FactID(raw), pay.Chain(raw[idBytes:]), true, nil
}

// ChainAt returns the chain after entry seq; ok is false beyond the end. Before
// the first entry the chain is zero.
func (v *View) ChainAt(scope pay.Scope, seq uint64) (chain pay.Chain, ok bool, err error) {
	if seq == 0 {
		return chain, true, nil
	}
	_, chain, ok, err = v.entry(scope, seq)
	return chain, ok, err
}

// Entries calls fn for the facts of a feed with numbers above after, in order
// and at most limit times (limit <= 0: no limit), until fn returns an error,
// which it returns.
func (v *View) Entries(scope pay.Scope, after uint64, limit int, fn func(seq uint64, f pay.Fact) error) error {
	return v.eachEntry(scope, after, limit, func(seq uint64, id pay.FactID, _ pay.Chain) error {
		f, err := v.mustFact(id)
		if err != nil {
			return err
		}
		return fn(seq, f)
	})
}

// Feed returns up to limit raw entries with numbers above after, in order, and the
// chain after each. A limit of 0 or above 4096 means 4096.
func (v *View) Feed(scope pay.Scope, after uint64, limit int) (raws [][]byte, chains []pay.Chain, err error) {
	if limit <= 0 || limit > feedEntriesMax {
		limit = feedEntriesMax
	}
	var ids []pay.FactID
	err = v.eachEntry(scope, after, limit, func(_ uint64, id pay.FactID, chain pay.Chain) error {
		ids, chains = append(ids, id), append(chains, chain)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	raws = make([][]byte, 0, len(ids))
	for _, id := range ids {
		f, ok, err := v.fact(id)
		if err == nil && !ok {
			err = fmt.Errorf("fact %s stands in the feed and is missing: %w", id, ErrDamaged)
		}
		if err != nil {
			return nil, nil, err
		}
		raws = append(raws, f.raw)
	}
	return raws, chains, nil
}

// eachEntry calls fn for the entries of a feed as Entries does. It reads the first
// few one by one and walks to the others.
func (v *View) eachEntry(scope pay.Scope, after uint64, limit int, fn func(seq uint64, id pay.FactID, chain pay.Chain) error) error {
	next := after + 1
	if next == 0 {
		return nil
	}
	state, err := v.feedState(scope)
	if err != nil {
		return err
	}
	for n := 1; n <= entriesByKey; n, next = n+1, next+1 {
		if next > state.seq {
			return nil
		}
		id, chain, ok, err := v.entry(scope, next)
		if err == nil && !ok {
			err = damaged(entryKey(nil, scope, next), "absence")
		}
		if err != nil {
			return err
		}
		if err := fn(next, id, chain); err != nil || n == limit {
			return err
		}
	}
	end := feedPrefix(nil, scope)
	end[len(end)-1]++
	return v.scan(entryKey(nil, scope, next), end, limit-entriesByKey, func(key, value []byte) (bool, error) {
		got, seq, ok := splitEntryKey(key)
		if !ok || got != scope || seq != next || len(value) != entryBytes {
			return false, damaged(key, "feed entry")
		}
		next++
		err := fn(seq, pay.FactID(value), pay.Chain(value[idBytes:]))
		return err == nil, err
	})
}

// Scopes calls fn for each feed that has entries, in byte order, until fn
// returns an error, which it returns.
func (v *View) Scopes(fn func(scope pay.Scope, head pay.Head) error) error {
	epoch, err := v.epoch()
	if err != nil {
		return err
	}
	return v.scan([]byte{spaceHead}, []byte{spaceHead + 1}, 0, func(key, value []byte) (bool, error) {
		state, ok := decodeFeedState(value)
		if !ok {
			return false, damaged(key, "feed state")
		}
		err := fn(pay.Scope(key[1:]), state.head(epoch))
		return err == nil, err
	})
}

// appendFact appends a fact to those of the registry's feeds in which it does not
// stand, and returns its places there. A fact that is not known stands in none.
func (tx *Tx) appendFact(scopes []pay.Scope, f pay.Fact, row factRow, known bool) ([]place, error) {
	places := make([]place, 0, len(scopes))
	for i, scope := range scopes {
		if slices.Contains(scopes[:i], scope) {
			continue
		}
		if err := checkScope(scope); err != nil {
			return nil, err
		}
		if known {
			if seq, err := tx.placeOf(f.ID(), row, scope); err != nil {
				return nil, err
			} else if seq > 0 {
				continue
			}
		}
		state, err := tx.feedBegun(scope, f.ID())
		if err == nil {
			state, err = tx.appendEntry(scope, state, f)
		}
		if err != nil {
			return nil, err
		}
		if err := tx.putFeedState(scope, state); err != nil {
			return nil, err
		}
		places = append(places, place{scope, state.seq})
	}
	return places, nil
}

// feedBegun returns the state of a feed to which a fact is to be appended. The first
// entry of each is the registry's authority.
func (tx *Tx) feedBegun(scope pay.Scope, id pay.FactID) (feedState, error) {
	state, err := tx.feedState(scope)
	a := tx.s.authority
	if err != nil || state.seq > 0 || a.IsZero() || a.ID() == id {
		return state, err
	}
	stored, err := tx.storeFact(a)
	if err == nil && !stored {
		err = tx.logged(a.ID())
	}
	if err == nil {
		state, err = tx.appendEntry(scope, state, a)
	}
	if err != nil {
		return state, err
	}
	return state, tx.putPlace(a.ID(), place{scope, state.seq})
}

// appendEntry writes the next entry of a feed and returns the state after it,
// which the caller writes once it is through.
func (tx *Tx) appendEntry(scope pay.Scope, state feedState, f pay.Fact) (feedState, error) {
	id := f.ID()
	state = state.add(id)
	if tx.s.registry() {
		tx.appended = append(tx.appended, appended{scope, state.seq, freshEntry{f.Raw(), state.chain}})
	}
	var entry [entryBytes]byte
	copy(entry[:], id[:])
	copy(entry[idBytes:], state.chain[:])
	tx.key = entryKey(tx.key[:0], scope, state.seq)
	return state, tx.put(tx.key, entry[:])
}

func (tx *Tx) putFeedState(scope pay.Scope, state feedState) error {
	if tx.grown == nil {
		tx.grown = make(map[pay.Scope]uint64, 2)
	}
	tx.grown[scope] = state.seq
	tx.key = headKey(tx.key[:0], scope)
	return tx.put(tx.key, state.encode(make([]byte, 0, headBytes)))
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
