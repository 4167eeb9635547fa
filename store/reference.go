package store

import "github.com/paybeacon/paybeacon/pay"

// reading is what the clocks of the machine show at one moment.
type reading struct {
	wall pay.Time
	boot pay.Boot
}

// reference is what a store knows of the wall clock: while that is right, it
// shows the same span more than the boot has lasted, whatever else happens; only
// setting the clock changes it. So a step is seen exactly, while the program runs
// and at its next start on the same boot.
type reference struct {
	Boot   pay.BootID `cbor:"1,keyasint"`
	Offset pay.Millis `cbor:"2,keyasint"` // the checked time minus the boot's age
	// Since is from when on the wall clock is in doubt, by the checked time; 0: it
	// is not.
	Since pay.Time `cbor:"3,keyasint,omitempty"`
	// Loose means that the wall clock was never believed on this boot: the time is
	// at least what Offset gives, and how much later nobody knows.
	Loose bool `cbor:"4,keyasint,omitempty"`

	// Past is the last doubt that ended.
	Past ClockDoubt `cbor:"5,keyasint"`
	// Began is since when the store's dates are by this reference: those of a boot
	// before are older. While Loose it is that of the boot before. 0: unknown.
	Began pay.Time `cbor:"6,keyasint,omitempty"`
}

// ClockDoubt is a time in which the wall clock was in doubt.
type ClockDoubt struct {
	From pay.Time   `cbor:"1,keyasint"` // by the checked time; 0 when there was none
	To   pay.Time   `cbor:"2,keyasint"`
	Off  pay.Millis `cbor:"3,keyasint"` // by how much the checked time moved in the end
	End  ClockEnd   `cbor:"4,keyasint"`
}

// ClockEnd is what ended a doubt.
type ClockEnd string

// The ends of a doubt.
const (
	// EndAgreed: the wall clock agreed with the reference again.
	EndAgreed ClockEnd = "agreed"
	// EndAccepted: the operator said that the wall clock was right.
	EndAccepted ClockEnd = "accepted"
	// EndConfirmed: at a node, the registry's clock agreed with the wall clock.
	EndConfirmed ClockEnd = "confirmed"
	// EndRestarted: a node's machine was started again, and a node takes the clock
	// as it then is.
	EndRestarted ClockEnd = "restarted"
)

// at returns the checked time when the boot has lasted for up.
func (f reference) at(up pay.Millis) pay.Time { return pay.Time(f.Offset + up) }

func (f reference) doubtful() bool { return f.Since != 0 }

// opened returns the reference with which a store goes on that was last written
// at kept.
func (f reference) opened(r reading, kept moment, lenient bool) reference {
	if f.Boot != "" && f.Boot == r.boot.ID {
		return f
	}
	next := reference{Boot: r.boot.ID, Offset: pay.Millis(r.wall) - r.boot.Up, Past: f.Past, Began: r.wall}
	away := r.wall.Sub(kept.now)
	switch {
	case kept.wall == 0 && kept.now == 0: // a new store
	case away >= -pay.ClockFollow && away <= pay.ClockAbsenceMax:
	case lenient:
		next.Past = ClockDoubt{From: kept.now, To: r.wall, Off: away, End: EndRestarted}
	default:
		next.Offset = pay.Millis(kept.now) - r.boot.Up
		next.Since, next.Loose, next.Began = kept.now, true, f.Began
	}
	return next
}

// followed returns the reference after one more reading. Small corrections of
// the wall clock are followed. Where nobody knows which boot it is, the boot's age
// may leave out the machine's sleep, so there a jump forward is no step.
func (f reference) followed(r reading, last pay.Time) reference {
	off := r.wall.Sub(f.at(r.boot.Up))
	agrees := off >= -pay.ClockFollow && off <= pay.ClockFollow
	later := off >= -pay.ClockFollow && off <= pay.ClockAbsenceMax
	switch {
	case !f.doubtful() && (agrees || (later && f.Boot == "")):
		f.Offset += off
	case !f.doubtful():
		f.Since, f.Loose = max(f.at(r.boot.Up), last), f.Boot == ""
	case agrees, f.Loose && later:
		return f.settled(r, f.at(r.boot.Up), EndAgreed)
	}
	return f
}

// settled returns the reference once the wall clock is believed that r shows, at
// the checked time now.
func (f reference) settled(r reading, now pay.Time, how ClockEnd) reference {
	next := reference{Boot: r.boot.ID, Offset: pay.Millis(r.wall) - r.boot.Up, Past: f.Past, Began: r.wall}
	switch {
	case f.Loose:
	case how == EndAgreed:
		next.Began = f.Began
	case f.Began != 0: // the whole boot's dates are moved
		next.Began = f.Began.Add(r.wall.Sub(now))
	}
	if f.doubtful() {
		next.Past = ClockDoubt{From: f.Since, To: now, Off: r.wall.Sub(now), End: how}
	}
	return next
}

// differs reports whether f says something that written does not. Reading two
// clocks takes time, so that an offset is never quite the same.
func (f reference) differs(written reference) bool {
	off := f.Offset - written.Offset
	f.Offset = written.Offset
	return f != written || off > offsetGrain || off < -offsetGrain
}

// offsetGrain is the change of an offset that is not worth writing. Chosen: far
// below what counts as a step.
const offsetGrain pay.Millis = 500

func decodeReference(raw []byte) (f reference, ok bool) {
	err := pay.DecodeGrown(raw, &f)
	return f, err == nil
}

// ClockState is what a store thinks of its clock.
type ClockState struct {
	// Now is the checked time, and Wall what the wall clock shows.
	Now, Wall pay.Time
	// Doubt means that the two contradict each other, Since when that began. The
	// registry then decides nothing on payments.
	Doubt bool
	Since pay.Time
	// Loose means that Now is only the earliest that it can be: the machine was
	// restarted, and its clock then showed an earlier time or one that is years
	// ahead.
	Loose bool
	// Began is since when dates are by the time that is in doubt; 0: unknown.
	Began pay.Time
	// Past is the last doubt that ended.
	Past ClockDoubt
}

// Off returns by how much the wall clock is ahead of the checked time.
func (s ClockState) Off() pay.Millis { return s.Wall.Sub(s.Now) }

func (f reference) state(m moment) ClockState {
	return ClockState{Now: m.now, Wall: m.wall, Doubt: m.doubt, Since: f.Since, Loose: f.Loose, Began: f.Began, Past: f.Past}
}
