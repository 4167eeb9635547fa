package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// feedEntriesMax bounds what Feed returns at once. Chosen: several frames full.
const feedEntriesMax = 4096

// runsByKey is how many runs are read one by one before the rest is walked: who keeps
// up reads few, and opening a walk costs more than some reads. Chosen: a walk of
// Badger's costs as much as about ten reads.
const runsByKey = 8

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

// errEnough ends a walk.
var errEnough = errors.New("enough")

// eachEntry calls fn for the entries of a feed as Entries does. It reads the first
// runs one by one, walks to the others, and ends with what the feed's own row holds.
func (v *View) eachEntry(scope pay.Scope, after uint64, limit int, fn func(seq uint64, id pay.FactID, chain pay.Chain) error) error {
	next := after + 1
	if next == 0 {
		return nil
	}
	f, err := v.feedRow(scope)
	if err != nil {
		return err
	}
	take := func(r chained) error {
		if !r.holds(next) {
			return damaged(entryKey(nil, scope, next), "absence")
		}
		return r.each(next, func(seq uint64, item []byte, chain pay.Chain) error {
			next++
			if err := fn(seq, pay.FactID(item), chain); err != nil || next-after <= uint64(limit) || limit <= 0 {
				return err
			}
			return errEnough
		})
	}
	err = v.eachRun(scope, &next, f.tail.first(), take)
	if err == nil && next <= f.tail.last {
		err = take(f.tail)
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// eachRun calls take for the runs of a feed that hold the entries from *next on and
// before end, until it returns an error, which it returns. take moves *next on.
func (v *View) eachRun(scope pay.Scope, next *uint64, end uint64, take func(chained) error) error {
	for n := 0; *next < end; n++ {
		if n == runsByKey {
			return v.scan(entryKey(nil, scope, *next), entryKey(nil, scope, end), 0, func(key, value []byte) (bool, error) {
				_, last, ok := splitEntryKey(key)
				r, good := decodeEntries(last, value)
				if !ok || !good {
					return false, damaged(key, "feed entries")
				}
				err := take(r)
				return err == nil, err
			})
		}
		r, _, err := v.entriesOf(scope, *next)
		if err == nil {
			err = take(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Scopes calls fn for each feed that has entries, in byte order, until fn
// returns an error, which it returns.
func (v *View) Scopes(fn func(scope pay.Scope, head pay.Head) error) error {
	epoch, err := v.epoch()
	if err != nil {
		return err
	}
	return v.scan([]byte{spaceHead}, []byte{spaceHead + 1}, 0, func(key, value []byte) (bool, error) {
		state, ok := decodeFeedRow(value)
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
func (tx *Tx) feedBegun(scope pay.Scope, id pay.FactID) (feedRow, error) {
	state, err := tx.feedRow(scope)
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

// appendEntry appends an entry to a feed's row, which the caller writes once it is
// through. A run that is full becomes a row of its own.
func (tx *Tx) appendEntry(scope pay.Scope, row feedRow, f pay.Fact) (feedRow, error) {
	row = row.add(f.ID())
	if tx.s.registry() {
		tx.appended = append(tx.appended, appended{scope, row.seq, freshEntry{f.Raw(), row.chain}})
	}
	if row.seq%runItems != 0 {
		return row, nil
	}
	full := entriesRow(row.tail, row.chain)
	row.tail = chained{run: run{last: row.seq}, chain: row.chain}
	tx.key = entryKey(tx.key[:0], scope, row.seq)
	return row, tx.put(tx.key, full)
}

func (tx *Tx) putFeedState(scope pay.Scope, state feedRow) error {
	if tx.grown == nil {
		tx.grown = make(map[pay.Scope]uint64, 2)
	}
	tx.grown[scope] = state.seq
	tx.key = headKey(tx.key[:0], scope)
	return tx.put(tx.key, state.encode())
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
