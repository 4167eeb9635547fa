package registry

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// clocks is the operator's way on from a clock that was wrong. Dates that the
// wrong clock gave stay as they were signed; where a rule compares one with now,
// it is moved by what the clock was moved. Which ones those are follows from the
// number of a code source and from when the wrong clock began, never from the date
// alone.
var clocks = feature{
	name:      "clock",
	publishes: []pay.Kind{pay.KindClock},
	spaces:    rows.Spaces{shiftsRow.Space},
}

var shiftsRow = rows.NewSingle("e", "how the clock was moved, each time that it was accepted", rows.CBOR[[]shift]())

// shift is one move of the registry's clock.
type shift struct {
	UpTo uint32     `cbor:"1,keyasint"` // the newest code source then
	From pay.Time   `cbor:"2,keyasint"` // since when dates were those of the clock before
	By   pay.Millis `cbor:"3,keyasint"` // how far it was moved
}

// Accepted is how the operator's word moves the registry's clock.
type Accepted struct {
	Was, Now pay.Time // the time before and after, at one moment
	Since    pay.Time // from when on the clock was in doubt
	// From is since when dates were those of the clock before: what is older was
	// dated by another boot's. 0: nobody knows, and dates behind Now are.
	From pay.Time
	// Loose means that Was is only the earliest that it can have been.
	Loose bool
}

// AcceptClock signs that the clock was accepted and moves what rests on the time
// before. The caller makes a.Now the time of the rows in the same transaction, and
// calls ClockMoved and RefreshCodes after it. Its error is the store's, or wraps
// pay.ErrCannotSign: the working key has no authority at a.Now.
func (r *Registry) AcceptClock(tx pay.WritableRows, a Accepted) (pay.Reaction, error) {
	published, err := r.sign(a.Now, pay.ClockAccepted{At: a.Now, Before: a.Was, Since: a.Since}, pay.ScopeRegistry)
	if err != nil {
		return pay.Reaction{}, fmt.Errorf("accept the clock: %w", err)
	}
	moved := shift{From: a.From, By: a.Now.Sub(a.Was)}
	switch {
	case a.Loose && moved.By > 0:
		// Time has passed while the machine was off: no date was wrong.
		return pay.Reaction{Publications: []pay.Publication{published}}, nil
	case a.From == 0:
		moved.From = a.Now.Add(1)
	}
	if moved.UpTo, _, err = newestRow.Get(tx); err != nil {
		return pay.Reaction{}, fmt.Errorf("accept the clock: %w", err)
	}
	list, _, err := shiftsRow.Get(tx)
	if err != nil {
		return pay.Reaction{}, fmt.Errorf("accept the clock: %w", err)
	}
	list = append(list, moved)
	list = list[max(0, len(list)-pay.ClockMovesMax):]
	r.moving.Store(true)
	return pay.Reaction{Publications: []pay.Publication{published}}, shiftsRow.Put(tx, list)
}

// ClockMoved ends what AcceptClock began, once that is durable or has failed.
func (r *Registry) ClockMoved() {
	r.shifts.Store(nil)
	r.moving.Store(false)
}

// moves returns how the clock was moved, in order. It is read once, because only
// AcceptClock changes it, and from the rows each time until that has ended.
func (r *Registry) moves(view pay.Rows) (shifts, error) {
	moving := r.moving.Load()
	if known := r.shifts.Load(); known != nil && !moving {
		return *known, nil
	}
	list, _, err := shiftsRow.Get(view)
	if err != nil {
		return nil, err
	}
	if !moving {
		r.shifts.Store((*shifts)(&list))
	}
	return list, nil
}

// shifts are the moves of the clock, in order.
type shifts []shift

// era distinguishes lists of shifts: how many there were, and the last.
func (l shifts) era() (e era) {
	if len(l) > 0 {
		e = era{len(l), l[len(l)-1]}
	}
	return e
}

type era struct {
	n    int
	last shift
}

// moved returns what a date is by the present clock that stands beside the code
// source of that number.
func (l shifts) moved(number uint32, at pay.Time) pay.Time {
	for _, s := range l {
		if number <= s.UpTo && at >= s.From {
			at = at.Add(s.By)
		}
	}
	return at
}

// source returns a source whose dates are by the present clock.
func (l shifts) source(s CodeSource) CodeSource {
	s.AnchorAt, s.Resolved = l.moved(s.Number, s.AnchorAt), l.moved(s.Number, s.Resolved)
	return s
}

// trusted returns from when on the codes of a device count, by the present clock.
func (l shifts) trusted(row deviceRow) pay.Time {
	if row.Trusted == 0 {
		return 0
	}
	return l.moved(row.Number, row.Trusted.Add(-pay.DeviceProbation)).Add(pay.DeviceProbation)
}

// ahead reports whether a date lies further behind now than the clock is ever
// corrected unnoticed: a clock gave it that was ahead.
func ahead(at, now pay.Time) bool { return at > now.Add(pay.ClockFollow) }

// getSource returns the source with the number, dated by the present clock; ok is
// false when it was replaced.
func (r *Registry) getSource(view pay.Rows, number uint32) (s sourceRow, ok bool, err error) {
	s, ok, err = sourceRows.Get(view, number)
	s.Number = number
	if err != nil || !ok {
		return s, ok, err
	}
	moves, err := r.moves(view)
	s.CodeSource = moves.source(s.CodeSource)
	return s, ok, err
}

// eachSource calls fn for the sources with numbers above since, dated by the
// present clock, at most limit of them, until fn returns false.
func (r *Registry) eachSource(view pay.Rows, since uint32, limit int, fn func(sourceRow) (more bool)) error {
	newest, _, err := newestRow.Get(view)
	if err != nil || newest <= since { // as it mostly is: to open a walk costs much
		return err
	}
	moves, err := r.moves(view)
	if err != nil {
		return err
	}
	return sourceRows.Scan(view, sourceRows.Behind(since), limit, func(number uint32, s sourceRow) bool {
		s.Number = number
		s.CodeSource = moves.source(s.CodeSource)
		return fn(s)
	})
}
