package registry

import (
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// match is a device that broadcast a code at the moment it was heard.
type match struct {
	device pay.DeviceID
	row    deviceRow
	source CodeSource
	step   pay.Step
}

// resolve returns the devices that may have broadcast the code at the moment.
// When there is none, outOfStep reports whether the code belongs to a device at
// another moment near now.
func (t *turn) resolve(code pay.Code, at pay.Time) (found []match, outOfStep bool, err error) {
	found, moves, err := t.broadcast(t.rows, code, at)
	if err != nil || len(found) > 0 {
		return found, false, err
	}
	var room [4]uint32
	numbers, upTo, reach := t.codes.findWide(room[:0], code, t.now, moves.era())
	if reach == 0 {
		return nil, false, nil
	}
	found, err = t.candidates(t.rows, numbers, upTo, wideTailMax, code, t.now.Add(-reach), t.now.Add(reach))
	return nil, len(found) > 0, err
}

// broadcast returns the devices that may have broadcast the code at the moment, and how the
// clock was moved.
func (r *Registry) broadcast(view pay.Rows, code pay.Code, at pay.Time) (found []match, moves shifts, err error) {
	if moves, err = r.moves(view); err != nil {
		return nil, moves, err
	}
	var room [4]uint32
	numbers, upTo := r.codes.find(room[:0], code, at, moves.era())
	found, err = r.candidates(view, numbers, upTo, 0, code, at, at+1)
	return found, moves, err
}

// sameDevice reports whether a device was found already.
func sameDevice(found []match, device pay.DeviceID) bool {
	return slices.ContainsFunc(found, func(m match) bool { return m.device == device })
}

// candidates checks the sources that a table named, and those that it cannot
// know because they came after upTo, against the rows: only a current mapping
// with this code in [from, to) counts, and each device once.
func (r *Registry) candidates(view pay.Rows, numbers []uint32, upTo uint32, tail int, code pay.Code, from, to pay.Time) ([]match, error) {
	type hit struct {
		source sourceRow
		step   pay.Step
	}
	var hits []hit
	try := func(s sourceRow) bool {
		if step, ok := s.search(code, from, to); ok {
			hits = append(hits, hit{s, step})
		}
		return true
	}
	for _, n := range numbers {
		s, ok, err := r.getSource(view, n)
		if err != nil {
			return nil, err
		}
		if ok { // else it was replaced since the table was built
			try(s)
		}
	}
	if err := r.eachSource(view, upTo, tail, try); err != nil {
		return nil, err
	}
	var found []match
	for _, h := range hits {
		device := h.source.device
		row, ok, err := deviceRows.Get(view, device)
		if err != nil {
			return nil, err
		}
		if ok && row.State == pay.DeviceActive && row.Number == h.source.Number && !sameDevice(found, device) {
			found = append(found, match{device: device, row: row, source: h.source.CodeSource, step: h.step})
		}
	}
	return found, nil
}

// walletGone returns why the wallet's node cannot be asked, or "".
func (t *turn) walletGone(wallet pay.Scope) (pay.Reason, error) {
	node, ok, err := walletRows.Get(t.rows, wallet)
	if err != nil || !ok {
		return pay.ReasonNodeRevoked, err
	}
	m, ok, err := t.members.Get(t.rows, node)
	if !ok {
		return pay.ReasonNodeRevoked, err
	}
	return goneReason(m.Status), err
}

// goneReason returns why a node does not answer, or "".
func goneReason(s pay.NodeStatus) pay.Reason {
	switch {
	case s.Replaced:
		return pay.ReasonNodeReplaced
	case s.Revoked:
		return pay.ReasonNodeRevoked
	default:
		return ""
	}
}
