package store

import (
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// ErrFeed means that entries do not continue the node's mirror of its feed:
// another epoch, a gap, or a history that differs from the one stored.
var ErrFeed = errors.New("store: entries do not continue the feed")

// Mirror appends verified entries of the node's feed behind the entry that from
// names and returns the new head. Entries that the node has are skipped; what
// contradicts them, or leaves a gap, is refused as a whole with an error that
// wraps ErrFeed. The role reacts to each new entry in the same transaction. The
// registry's store mirrors nothing.
func (tx *Tx) Mirror(from pay.Cursor, facts []pay.Fact) (pay.Head, error) {
	scope := tx.s.opts.Own
	if tx.s.registry() {
		return pay.Head{}, errors.New("the registry mirrors no feed")
	}
	epoch, err := tx.joinHistory(from, len(facts) > 0)
	if err != nil {
		return pay.Head{}, err
	}
	state, err := tx.feedRow(scope)
	if err != nil {
		return pay.Head{}, err
	}
	for i, f := range facts {
		if seq := from.Seq + 1 + uint64(i); seq <= state.seq {
			err = tx.sameEntry(state, seq, f.ID())
		} else {
			state, err = tx.mirrorEntry(state, f)
		}
		if err != nil {
			return pay.Head{}, err
		}
	}
	return state.head(epoch), nil
}

// joinHistory returns the epoch of the mirror, once from names an entry of it.
// An empty mirror takes the epoch of the first entries.
func (tx *Tx) joinHistory(from pay.Cursor, entries bool) (pay.Epoch, error) {
	head, err := tx.Head(tx.s.opts.Own)
	if err != nil {
		return pay.Epoch{}, err
	}
	chain, ok, err := tx.ChainAt(tx.s.opts.Own, from.Seq)
	if err != nil {
		return pay.Epoch{}, err
	}
	have := head.Cursor
	switch {
	case !ok:
		return have.Epoch, fmt.Errorf("entries begin behind %d and the mirror ends at %d: %w", from.Seq, have.Seq, ErrFeed)
	case chain != from.Chain:
		return have.Epoch, fmt.Errorf("the chain at entry %d differs: %w", from.Seq, ErrFeed)
	case have.Seq > 0 && have.Epoch != from.Epoch:
		return have.Epoch, fmt.Errorf("epoch is %x, the mirror's is %x: %w", from.Epoch, have.Epoch, ErrFeed)
	case have.Seq > 0 || !entries:
		return have.Epoch, nil
	case from.Epoch == pay.Epoch{}:
		return have.Epoch, fmt.Errorf("entries without an epoch: %w", ErrFeed)
	}
	return from.Epoch, tx.putMeta(metaEpoch, from.Epoch[:])
}

// sameEntry returns nil when the mirror's entry is the fact that came again.
func (tx *Tx) sameEntry(state feedRow, seq uint64, id pay.FactID) error {
	have, _, ok, err := tx.entry(state.entries(tx.s.opts.Own), seq)
	if err != nil {
		return err
	}
	if !ok || have != id {
		return fmt.Errorf("entry %d is fact %s, the mirror holds %s: %w", seq, id, have, ErrFeed)
	}
	return nil
}

// mirrorEntry appends one entry and lets the role react to it.
func (tx *Tx) mirrorEntry(state feedRow, f pay.Fact) (feedRow, error) {
	row, err := tx.fact(f.ID())
	if err != nil {
		return state, err
	}
	seq, err := tx.placeOf(f.ID(), row, tx.s.opts.Own)
	if err == nil && seq > 0 {
		err = fmt.Errorf("entry %d repeats entry %d: %w", state.seq+1, seq, ErrFeed)
	}
	if err == nil {
		state, err = tx.appendEntry(tx.s.opts.Own, state, f)
	}
	if err == nil {
		err = errors.Join(tx.storeAt(f, row, place{tx.s.opts.Own, state.seq}), tx.putFeedState(tx.s.opts.Own, state))
	}
	if err == nil {
		_, err = tx.React(pay.EntryMirrored{Fact: f})
	}
	return state, err
}
