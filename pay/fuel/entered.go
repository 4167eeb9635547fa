package fuel

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// Visitor names a vehicle at one station for as long as the registry knows its device
// there, whatever code it broadcasts. It is another at each other station.
type Visitor [16]byte

// Entry is a vehicle that has entered.
type Entry struct {
	Visitor Visitor
	Handle  pay.Handle // of the code heard last
	Code    pay.Code   // heard last
	Device  pay.DeviceType
	Vehicle pay.Vehicle
	Preset  pay.Preset
	Most    pay.Amount // the most that the payer lets one fuelling cost; 0: nothing is said
	Lane    pay.Lane   // where it was heard last
	Since   pay.Time   // when it entered, by the box's clock
	Heard   pay.Time   // when Code was last heard
}

// Entered are the vehicles that are at one station. The zero Entered has none. It lives
// in the memory of a box alone: a car that passes leaves no record.
type Entered struct {
	// Leave is how long after it was last heard a vehicle has left; 0: FuelLeave.
	Leave   pay.Millis
	entries []Entry // each Visitor once
}

// Hear takes in what the registry said of a code that was heard. A vehicle that is there
// already stays the same entry, under the code heard last. Beyond EnteredMax the vehicle
// that was not heard for longest is forgotten. Moments after now count as now.
func (e *Entered) Hear(now pay.Time, heard Entry) {
	e.Prune(now)
	heard.Heard = min(heard.Heard, now)
	if e.left(heard, now) {
		return
	}
	heard.Since = heard.Heard
	at := slices.IndexFunc(e.entries, func(o Entry) bool { return o.Visitor == heard.Visitor })
	if at < 0 {
		e.entries = append(e.entries, heard)
	} else if before := e.entries[at]; heard.Heard >= before.Heard {
		heard.Since = min(before.Since, heard.Since)
		e.entries[at] = heard
	}
	for len(e.entries) > pay.EnteredMax {
		silent := slices.MinFunc(e.entries, func(a, b Entry) int {
			return cmp.Or(cmp.Compare(a.Heard, b.Heard), bytes.Compare(a.Visitor[:], b.Visitor[:]))
		})
		e.Forget(silent.Visitor)
	}
}

// Again notes that a code was heard again, and reports whether a vehicle that has not left
// was last heard by it. Where not, the registry is to be asked.
func (e *Entered) Again(now pay.Time, code pay.Code, handle pay.Handle, lane pay.Lane, heard pay.Time) bool {
	e.Prune(now)
	at := slices.IndexFunc(e.entries, func(o Entry) bool { return o.Code == code })
	if at < 0 {
		return false
	}
	if heard = min(heard, now); heard >= e.entries[at].Heard {
		e.entries[at].Heard, e.entries[at].Handle, e.entries[at].Lane = heard, handle, lane
	}
	return true
}

// Forget takes a vehicle off the list, as when its device is revoked.
func (e *Entered) Forget(v Visitor) {
	e.entries = slices.DeleteFunc(e.entries, func(o Entry) bool { return o.Visitor == v })
}

// ForgetCode takes the vehicle off the list that was last heard by a code, as when the
// registry knows no vehicle for it any more.
func (e *Entered) ForgetCode(c pay.Code) {
	e.entries = slices.DeleteFunc(e.entries, func(o Entry) bool { return o.Code == c })
}

// Prune frees what the vehicles that have left took.
func (e *Entered) Prune(now pay.Time) {
	e.entries = slices.DeleteFunc(e.entries, func(o Entry) bool { return e.left(o, now) })
}

// List returns the vehicles that have entered and not left, in the order in which they
// entered.
func (e *Entered) List(now pay.Time) []Entry {
	here := make([]Entry, 0, len(e.entries))
	for _, o := range e.entries {
		if !e.left(o, now) {
			here = append(here, o)
		}
	}
	slices.SortFunc(here, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Since, b.Since), bytes.Compare(a.Visitor[:], b.Visitor[:]))
	})
	return here
}

// ByCode returns the vehicle that was last heard by a code, unless it has left.
func (e *Entered) ByCode(now pay.Time, c pay.Code) (Entry, bool) {
	return e.find(now, func(o Entry) bool { return o.Code == c })
}

// ByVisitor returns a vehicle, unless it has left.
func (e *Entered) ByVisitor(now pay.Time, v Visitor) (Entry, bool) {
	return e.find(now, func(o Entry) bool { return o.Visitor == v })
}

func (e *Entered) find(now pay.Time, is func(Entry) bool) (Entry, bool) {
	at := slices.IndexFunc(e.entries, func(o Entry) bool { return is(o) && !e.left(o, now) })
	if at < 0 {
		return Entry{}, false
	}
	return e.entries[at], true
}

// left reports whether a vehicle was last heard too long ago; or, where the clock was put
// back, so far ahead of it that nobody knows when.
func (e *Entered) left(o Entry, now pay.Time) bool {
	leave := cmp.Or(e.Leave, pay.FuelLeave)
	since := now.Sub(o.Heard)
	return since >= leave || since <= -leave
}
