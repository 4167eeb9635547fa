package history

import (
	"maps"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// A program that does not know a kind keeps its facts and does nothing about them. A node
// therefore notes which kinds its program takes in. Where a later program takes in more,
// what the node has of those kinds is taken in afterwards, in the order of its feed and
// before anything else comes; see node.takeInLate. It may be begun again after a crash,
// because the same fact twice changes nothing.

// knownRow names the kinds that the program takes in which ran last.
var knownRow = rows.NewSingle("hk", "the kinds of facts that were taken in as they came", rows.CBOR[[]pay.Kind]())

// unlisted are the kinds that programs may have lacked which noted none.
var unlisted = []pay.Kind{pay.KindPaidOut, pay.KindMoved}

// kinds returns the kinds of entries that have a rule, in order.
func (fs Features) kinds() []pay.Kind {
	all := make(map[pay.Kind]bool)
	for _, feature := range fs {
		for k := range feature.Mirrors {
			all[k] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Late returns the kinds of entries that have a rule now and had none in the program that
// ran last. Noted is whether NoteKinds has nothing to do. Its errors are the store's, or
// wrap rows.ErrDamaged.
func (fs Features) Late(view pay.Rows) (kinds []pay.Kind, noted bool, err error) {
	now := fs.kinds()
	before, ok, err := knownRow.Get(view)
	switch {
	case err != nil:
		return nil, false, err
	case !ok:
		return slices.DeleteFunc(now, func(k pay.Kind) bool { return !slices.Contains(unlisted, k) }), false, nil
	case slices.Equal(before, now):
		return nil, true, nil
	}
	return slices.DeleteFunc(now, func(k pay.Kind) bool { return slices.Contains(before, k) }), false, nil
}

// NoteKinds notes that the node has taken in all that has a rule. Critical kinds are
// understood from then on. Its errors are the store's.
func (fs Features) NoteKinds(tx pay.WritableRows) error {
	for _, k := range fs.kinds() {
		if !k.Critical() {
			continue
		}
		if err := unknownRows.Delete(tx, k); err != nil {
			return err
		}
	}
	return knownRow.Put(tx, fs.kinds())
}
