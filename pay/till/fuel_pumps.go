package till

import (
	"cmp"
	"errors"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// The effects by which a box asks its pumps. Those of one pump are carried out one at a
// time, in the order in which they were asked for.
const (
	EffectRelease pay.EffectKind = "pump-release" // the pump may give
	EffectStop    pay.EffectKind = "pump-stop"    // a session ends
	EffectSettle  pay.EffectKind = "pump-settle"  // a transaction is forgotten
)

// PumpAsk is what a pump is asked for.
type PumpAsk struct {
	Pump        pay.PumpNumber   `cbor:"1,keyasint"`
	Fuelling    FuellingID       `cbor:"2,keyasint"`
	Session     fuel.Session     `cbor:"3,keyasint"`
	Transaction fuel.Transaction `cbor:"4,keyasint,omitempty"` // of EffectSettle
	Terms       pay.FuelTerms    `cbor:"5,keyasint,omitzero"`  // of EffectRelease
}

// PumpAnswer is what came of it. Refused is why the pump was not released; "": it was.
type PumpAnswer struct {
	Refused string `cbor:"1,keyasint,omitempty"`
}

// AskOf returns what an effect asks a pump for. It fails for an effect of another kind.
func AskOf(e pay.Effect) (a PumpAsk, err error) {
	if e.Kind != EffectRelease && e.Kind != EffectStop && e.Kind != EffectSettle {
		return a, errors.New("no pump is asked by an effect of kind " + string(e.Kind))
	}
	return a, pay.Decode(e.Body, &a)
}

func askPump(kind pay.EffectKind, a PumpAsk) pay.Effect {
	return pay.Effect{Kind: kind, Subject: a.Pump.Subject(), Body: pay.Encode(a)}
}

// MayRelease reports whether a pump may still be released as it was asked for: nobody has
// thought better of it, and what is held lasts.
func (t *Till) MayRelease(v View, now pay.Time, a PumpAsk) (bool, error) {
	r, ok, err := fuellingRows.Get(v, a.Fuelling)
	if err != nil || !ok || r.State != FuelReleased || r.Stopping || r.Back {
		return false, err
	}
	e, err := t.Show(v, now, r.Payment.String())
	return err == nil && r.secured(e, now), err
}

// PumpEvent is what a pump tells.
type PumpEvent struct {
	Pump pay.PumpNumber
	fuel.Event
	Given pay.Delivery
	Total pay.Amount // that the pump computed; 0: none
	Doubt string     // why the pump itself doubts what it tells
	Flow  pay.Quantity
}

// PumpNews reports whether a pump tells anything that is to be stored. Its errors are the
// store's.
func (t *Till) PumpNews(v pay.Rows, e PumpEvent) (bool, error) {
	p, err := pumpAt(v, e.Pump)
	after, c := p.Step(e.Event)
	return e.What == fuel.Ended || after != p || !c.Over.IsZero() || c.Stop != (fuel.Session{}), err
}

// PumpTold takes in what a pump tells. What it gave is claimed in the same transaction. An
// event that is told again changes nothing, but that the pump is told again to forget
// what is settled. Its errors are the store's.
func (t *Till) PumpTold(tx Tx, now pay.Time, e PumpEvent) (r pay.Reaction, err error) {
	if e.What == fuel.Ended && e.Transaction != 0 {
		if id, known, err := givenRows.Get(tx, givenKey(e.Pump, e.Transaction)); err != nil || known {
			return toldAgain(tx, id, e, err)
		}
	}
	before, err := pumpAt(tx, e.Pump)
	if err != nil {
		return r, err
	}
	after, c := before.Step(e.Event)
	if c.Refused != "" {
		return r, nil
	}
	if after != before {
		if err := putPump(tx, e.Pump, after); err != nil {
			return r, err
		}
	}
	if r.Effects, err = t.follow(tx, e.Pump, c, "nothing_given"); err != nil {
		return r, err
	}
	if after.Transaction == 0 || after.Transaction != e.Transaction {
		if e.What == fuel.Ended && e.Transaction != 0 { // nothing was given
			r.Effects = append(r.Effects, askPump(EffectSettle, PumpAsk{Pump: e.Pump, Transaction: e.Transaction}))
		}
		return r, nil
	}
	if e.What == fuel.Ended {
		return t.ended(tx, now, after, e, r)
	}
	id, row, ok, err := ofSession(tx, after.Selected.Session)
	if err == nil && ok && row.State != FuelFilling && !row.State.over() {
		row.State = FuelFilling
		err = putFuelling(tx, id, row)
	}
	return r, err
}

func givenKey(n pay.PumpNumber, tr fuel.Transaction) rows.Pair[uint32, int64] {
	return rows.Key(uint32(n), int64(tr))
}

// toldAgain has a pump forget what it tells of again and what is settled.
func toldAgain(tx Tx, id FuellingID, e PumpEvent, err error) (r pay.Reaction, _ error) {
	if err != nil {
		return r, err
	}
	row, ok, err := fuellingRows.Get(tx, id)
	if err == nil && ok && row.Settled {
		r.Effects = append(r.Effects, askPump(EffectSettle, PumpAsk{Pump: e.Pump, Fuelling: id, Transaction: e.Transaction}))
	}
	return r, err
}

// ended takes in what a pump gave: it is claimed, or kept for the attendant.
func (t *Till) ended(tx Tx, now pay.Time, p fuel.Pump, e PumpEvent, r pay.Reaction) (pay.Reaction, error) {
	id, row, ok, err := ofSession(tx, p.Selected.Session)
	if err != nil {
		return r, err
	}
	if !ok {
		id = strayID(e)
		row = fuellingRow{Pump: e.Pump, Created: now, State: FuelUnpaid, Why: string(fuel.DoubtNotReleased), Terms: pay.FuelTerms{Pump: e.Pump, Product: e.Product}}
	} else {
		row.State = FuelComplete
	}
	row.Given, row.Transaction = e.Given, e.Transaction
	row.Total, row.Doubt = row.totalOf(p, e)
	if err := cmp.Or(givenRows.Put(tx, givenKey(e.Pump, e.Transaction), id), putFuelling(tx, id, row)); err != nil {
		return r, err
	}
	if row.Doubt != "" || !ok {
		return r, nil
	}
	var claimed pay.Reaction
	if row.Total == 0 { // less than the half of a minor unit
		row.Back = true
		claimed, err = t.endFuelling(tx, id, row, FuelCancelled, "nothing_given")
	} else {
		claimed, err = t.claim(tx, now, id, row)
	}
	r.Publications = append(r.Publications, claimed.Publications...)
	r.Effects = append(r.Effects, claimed.Effects...)
	return r, err
}

// strayID is the id of what a pump gave to nobody.
func strayID(e PumpEvent) FuellingID {
	return FuellingID(pay.MAC([]byte("paybeacon/1 stray"), pay.Encode([]uint64{uint64(e.Pump), uint64(e.Transaction)})))
}

// totalOf returns what costs what a pump gave, and why it is not charged before the
// attendant has looked.
func (r fuellingRow) totalOf(p fuel.Pump, e PumpEvent) (pay.Amount, string) {
	total, err := r.Terms.Price.Total(e.Given.Quantity)
	if err != nil {
		total = 0
	}
	mismatch, doubt := fuel.Claimed{Delivery: e.Given, Terms: r.Terms, Total: total, Held: r.held(), Flow: e.Flow}.Check()
	if e.Total != 0 && e.Total != total {
		doubt = cmp.Or(doubt, fuel.DoubtTotal)
	}
	if err == nil && total == 0 && mismatch == fuel.WrongTotal {
		mismatch = ""
	}
	return total, cmp.Or(string(p.Doubt), e.Doubt, string(mismatch), string(doubt))
}

// held returns what is held for a fuelling; 0: nothing is.
func (r fuellingRow) held() pay.Amount {
	if r.Process == fuel.PostPay {
		return 0
	}
	return r.Ceiling
}

// follow does what follows from an event at a pump for whoever's session is over or has
// to end, and returns what the pump is asked for.
func (t *Till) follow(tx pay.WritableRows, n pay.PumpNumber, c fuel.Change, why string) (effects []pay.Effect, err error) {
	if !c.Over.IsZero() {
		if err := endSession(tx, c.Over.Session, why); err != nil {
			return nil, err
		}
	}
	if c.Stop == (fuel.Session{}) {
		return nil, nil
	}
	id, row, ok, err := ofSession(tx, c.Stop)
	if err != nil || !ok {
		return nil, err
	}
	row.Stopping, row.Why = true, cmp.Or(row.Why, why)
	if err := putFuelling(tx, id, row); err != nil {
		return nil, err
	}
	if t.options.Pumps {
		return []pay.Effect{askPump(EffectStop, PumpAsk{Pump: n, Fuelling: id, Session: c.Stop})}, nil
	}
	// Nobody but the attendant gives here, who says that nothing was given.
	return nil, t.gaveNothing(tx, n, c.Stop, why)
}

// gaveNothing takes in that a session is over in which nothing was given.
func (t *Till) gaveNothing(tx pay.WritableRows, n pay.PumpNumber, s fuel.Session, why string) error {
	p, err := pumpAt(tx, n)
	if err != nil {
		return err
	}
	next, c := p.Step(fuel.Event{What: fuel.Ended, Session: s})
	if c.Refused != "" || c.Over.IsZero() {
		return nil
	}
	return cmp.Or(putPump(tx, n, next), endSession(tx, c.Over.Session, why))
}

// endSession ends the fuelling of a session in which nothing was given: what is held for
// it goes back.
func endSession(tx pay.WritableRows, s fuel.Session, why string) error {
	id, row, ok, err := ofSession(tx, s)
	if err != nil || !ok || row.State.over() {
		return err
	}
	row.State, row.Stopping, row.Back, row.Why = FuelCancelled, false, true, cmp.Or(row.Why, why)
	return putFuelling(tx, id, row)
}

// pumpDone takes in what a pump answered.
func (t *Till) pumpDone(tx pay.WritableRows, _ pay.Time, in pay.EffectDone) error {
	if in.Effect.Kind != EffectRelease {
		return nil
	}
	ask, err := AskOf(in.Effect)
	if err != nil {
		return err
	}
	var answer PumpAnswer
	if err := pay.Decode(in.Result, &answer); err != nil {
		return err
	}
	if answer.Refused != "" {
		return t.gaveNothing(tx, ask.Pump, ask.Session, answer.Refused)
	}
	r, ok, err := fuellingRows.Get(tx, ask.Fuelling)
	if err != nil || !ok || r.State.over() {
		return err
	}
	r.Answered = true
	return putFuelling(tx, ask.Fuelling, r)
}
