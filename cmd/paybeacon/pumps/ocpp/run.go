package ocpp

import (
	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/pay"
)

// electric is the one product of a charge point.
const electric pay.Product = "electric"

// Why what a charge point told with the end of a transaction cannot be believed: the
// values of Event.Doubt.
const (
	DoubtStart     = "meter_start_unreadable" // no meterStart, or none that can be one
	DoubtStop      = "meter_stop_unreadable"  // no meterStop, or none that can be one
	DoubtZero      = "meter_start_zero"       // meterStart is 0, and meterStop is the register of the meter's life
	DoubtBackwards = "meter_backwards"        // the register fell during the transaction, or since the one before
	DoubtTooMuch   = "quantity_too_large"     // more than pay.QuantityMax
	DoubtNoStart   = "stop_without_start"     // it ended, and nobody told that it began
	DoubtNumber    = "transaction_unnamed"    // the end names no transaction; the idTag says which one
	DoubtLost      = "transaction_lost"       // the charge point knows nothing of it any more
	DoubtAsked     = "not_released"           // the box did not ask for it
)

// phase is how far a run is.
type phase string

const (
	phaseSent    phase = "sent"    // released; no StartTransaction yet
	phaseStarted phase = "started" // it gives
	phaseEnded   phase = "ended"   // and the end is told until it is settled
	phaseSettled phase = "settled" // kept, so that repeats get their answer
)

// run is one transaction, from its release on. It is stored as JSON as it stands.
type run struct {
	ID        int            `json:"id"` // its number, also as OCPP's transactionId
	Point     string         `json:"point"`
	Connector int            `json:"connector"`
	Pump      pay.PumpNumber `json:"pump"`
	Session   pumps.Session  `json:"session"` // zero: the box did not ask for it
	IDTag     string         `json:"id_tag"`
	Price     pay.UnitPrice  `json:"price,omitempty"`
	Most      pay.Quantity   `json:"most,omitempty"`
	Phase     phase          `json:"phase"`
	Stopping  bool           `json:"stopping,omitempty"` // it is to end
	Key       string         `json:"key,omitempty"`      // what StartTransaction said, for its repeats
	Known     pay.Quantity   `json:"known,omitempty"`    // what the register had read before, at least
	HasBegin  bool           `json:"has_begin,omitempty"`
	Begin     pay.Quantity   `json:"begin,omitempty"` // meterStart
	Began     pay.Time       `json:"began,omitempty"` // by the charge point's clock; 0: not known
	Released  pay.Time       `json:"released"`        // by this side's clock, as the next two
	Heard     pay.Time       `json:"heard,omitempty"` // when StartTransaction came
	HasFirst  bool           `json:"has_first,omitempty"`
	First     pay.Quantity   `json:"first,omitempty"`    // the first register reading after it began
	FirstAt   pay.Time       `json:"first_at,omitempty"` // and when that came
	Fell      bool           `json:"fell,omitempty"`     // the register was seen to fall
	Stopped   pay.Time       `json:"stopped,omitempty"`  // when StopTransaction came
	Doubt     string         `json:"doubt,omitempty"`
	Delivery  pay.Delivery   `json:"delivery,omitzero"`

	unsure   bool         // a RemoteStartTransaction was sent and not answered
	accepted bool         // or it was, with yes
	last     pay.Quantity // the newest register reading; 0: none
	step     pay.Quantity // between the two newest
	signed   string       // the newest record that the meter signed
	asked    pay.Time     // when RemoteStopTransaction was sent last
}

// isAsked reports whether the box released it.
func (r *run) isAsked() bool { return r.Session != pumps.Session{} }

// occupies reports whether the pump works for the run: it is released or gives, or has
// given and that is not settled.
func (r *run) occupies() bool { return r.isAsked() && r.Phase != phaseSettled }

// isFor reports whether the run is what a release asks for.
func (r *run) isFor(want pumps.Release) bool {
	return r.Session == want.Session && r.Pump == want.Pump && r.Price == want.Price && r.Most == want.Most
}

// event returns what the run has to tell at the phase where it is.
func (r *run) event(what pumps.What) pumps.Event {
	e := pumps.Event{What: what, Pump: r.Pump, Product: electric, Session: r.Session, Transaction: pumps.Transaction(r.ID)}
	if what == pumps.Ended {
		e.Given, e.Doubt = r.Delivery, r.Doubt
	}
	return e
}

// start takes in what StartTransaction says. known is what the connector's register has
// read before at least, 0 for nothing.
func (r *run) start(key string, f fields, known pay.Quantity, now pay.Time) {
	r.Phase, r.Key, r.Known, r.Heard = phaseStarted, key, known, now
	r.Begin, r.HasBegin = f.register("meterStart")
	r.Began = f.moment()
	r.last = r.Begin
}

// meter takes in a reading of the register while the run gives, and reports whether the
// run has to be stored for it.
func (r *run) meter(s sample, now pay.Time) (store bool) {
	if s.signed != "" {
		r.signed = s.signed
	}
	if s.register < 0 || r.Phase != phaseStarted {
		return false
	}
	if !r.HasFirst {
		r.HasFirst, r.First, r.FirstAt = true, s.register, now
		store = true
	}
	if s.register < r.last {
		store = store || !r.Fell
		r.Fell = true
		return store
	}
	r.step, r.last = s.register-r.last, s.register
	return store
}

// base is where the run's quantity is counted from while it gives.
func (r *run) base() pay.Quantity {
	if r.HasBegin {
		return r.Begin
	}
	return r.First // so that even one whose begin is not known has an end
}

// given returns how much the run has given so far; ok is false where that is not known.
func (r *run) given() (q pay.Quantity, ok bool) {
	q = r.last - r.base()
	return q, r.HasFirst && q > 0 && q <= pay.QuantityMax
}

// isFull reports whether the run has given what it may, or would before the next reading
// if it goes on like that: a charge point is told to end it, and takes a moment.
func (r *run) isFull() bool {
	q, ok := r.given()
	return ok && r.Most > 0 && (q >= r.Most || q+r.step > r.Most)
}

// stop takes in what StopTransaction says.
func (r *run) stop(f fields, now pay.Time) {
	begun := r.Phase == phaseStarted
	r.Phase, r.Stopped = phaseEnded, now
	if s := readSamples(f["transactionData"]); s.signed != "" {
		r.signed = s.signed
	}
	end, ok := f.register("meterStop")
	took := r.took(f.moment())
	r.Doubt = r.doubts(begun, end, ok)
	r.Delivery = pay.Delivery{Took: took, Signed: r.signed}
	if q := end - r.Begin; begun && ok && r.HasBegin && q > 0 && q <= pay.QuantityMax {
		r.Delivery.Quantity, r.Delivery.Begin, r.Delivery.End = q, r.Begin, end
	} else if r.Doubt == "" {
		r.Delivery = pay.Delivery{} // nothing was given
	}
	if d := r.Delivery; d.Quantity > 0 && d.Check() != nil {
		r.Delivery.Signed = "" // it cannot stand in a receipt
	}
}

// doubts returns why an end cannot be believed, or "".
func (r *run) doubts(begun bool, end pay.Quantity, ok bool) string {
	switch {
	case !r.isAsked():
		return DoubtAsked
	case !begun:
		return DoubtNoStart
	case !ok:
		return DoubtStop
	case !r.HasBegin:
		return DoubtStart
	case end < r.Begin || end < r.last || r.Fell || (r.Begin > 0 && r.Begin < r.Known):
		return DoubtBackwards
	case r.Begin == 0 && r.isLife(end):
		return DoubtZero
	case end-r.Begin > pay.QuantityMax:
		return DoubtTooMuch
	default:
		return ""
	}
}

// isLife reports whether the end of a run that is said to have begun at 0 is the register
// of the meter's life. Three things show it, each alone: the register was known to be that
// high before; the first reading of the run, or its end, is more than any connector gives
// in that time; it is more than was released.
func (r *run) isLife(end pay.Quantity) bool {
	return (r.Known > 0 && end >= r.Known) || end > r.Most ||
		(r.HasFirst && r.First > most(r.FirstAt.Sub(r.Released))) || end > most(r.Stopped.Sub(r.Released))
}

// most returns what the strongest connector gives in a time.
func most(t pay.Millis) pay.Quantity {
	const hour = 3_600_000
	return pay.Quantity(int64(min(max(t, 0), pay.DeliveryMax)+powerSlack) * powerMax / hour)
}

// took returns how long the run gave: by the charge point's clock, of which only the
// difference counts, or by this side's where that one cannot be: it says nothing, or more
// than has passed here since the release.
func (r *run) took(stopped pay.Time) pay.Millis {
	passed := max(1, r.Stopped.Sub(r.Released))
	theirs := stopped.Sub(r.Began)
	if r.Began == 0 || stopped == 0 || theirs <= 0 || theirs > passed+clockSlack {
		if theirs = passed; r.Heard > 0 {
			theirs = max(1, r.Stopped.Sub(r.Heard))
		}
	}
	return min(theirs, passed, pay.DeliveryMax)
}

// lose ends a run that the charge point does not know any more.
func (r *run) lose(now pay.Time) {
	r.Phase, r.Stopped, r.Doubt = phaseEnded, now, DoubtLost
	r.Delivery = pay.Delivery{Took: r.took(0), Signed: r.signed}
	if q, ok := r.given(); ok {
		r.Delivery.Quantity, r.Delivery.Begin, r.Delivery.End = q, r.base(), r.last
	}
}
