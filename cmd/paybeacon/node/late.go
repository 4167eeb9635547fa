package node

import (
	"context"
	"slices"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
)

// AtTakenIn is the crash point of a node that takes in what a program before it did not
// know, after each part of it.
const AtTakenIn = "upgrade.taken-in"

// lateAtOnce is how many entries of a feed are looked at in one transaction. Chosen: a
// fraction of a second.
const lateAtOnce = 256

// lateRole is a role that knows which kinds of facts it took in.
type lateRole interface {
	Late(view pay.Rows) (kinds []pay.Kind, noted bool, err error)
	NoteKinds(tx pay.WritableRows) error
}

// takeInLate lets the role take in the entries of the feed of own whose kinds the program
// that ran before did not know. It must return before entries come. After a crash it is
// done again from the first: the same entry twice changes nothing.
func takeInLate(ctx context.Context, s *store.Store, own pay.Scope, role lateRole, seams process.Seams) error {
	var kinds []pay.Kind
	var noted bool
	err := s.View(ctx, func(v *store.View) (err error) {
		kinds, noted, err = role.Late(v)
		return err
	})
	for after, more := uint64(0), true; more && err == nil && !noted; {
		err = s.Do(ctx, func(tx *store.Tx) (err error) {
			after, more, err = takeInSome(tx, own, after, kinds)
			if err == nil && !more {
				err = role.NoteKinds(tx)
			}
			return err
		})
		seams.Pass(AtTakenIn)
	}
	return err
}

// takeInSome lets the role take in entries of these kinds, of some behind after. It
// returns up to where it has looked, and whether there may be more.
func takeInSome(tx *store.Tx, own pay.Scope, after uint64, kinds []pay.Kind) (upTo uint64, more bool, err error) {
	if len(kinds) == 0 {
		return after, false, nil
	}
	var late []pay.Fact
	upTo = after
	err = tx.Entries(own, after, lateAtOnce, func(seq uint64, f pay.Fact) error {
		if upTo = seq; slices.Contains(kinds, f.Kind()) {
			late = append(late, f)
		}
		return nil
	})
	for _, f := range late {
		if err == nil {
			_, err = tx.React(pay.EntryMirrored{Fact: f})
		}
	}
	return upTo, upTo-after == lateAtOnce, err
}
