package till

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
)

// stopBefore is how long before the end of what is held a pump is stopped that has given
// nothing yet. Chosen: longer than it takes to ask a pump, and no time to fill a tank.
const stopBefore pay.Millis = 60_000

// FuelPending reports whether FuelDue would do something now about a fuelling, and when it
// is to be looked at again if nothing happens before; 0: never. Its errors are the store's.
func (t *Till) FuelPending(v View, now pay.Time, id FuellingID) (due bool, next pay.Time, err error) {
	dry := &dryTx{View: v}
	r, next, err := t.FuelDue(dry, now, id)
	return dry.changed || len(r.Publications)+len(r.Effects) > 0, next, err
}

// OpenFuellings returns the fuellings of which something is still to come.
func (t *Till) OpenFuellings(v pay.Rows) ([]FuellingID, error) {
	return openFuelRows.Keys(v, openFuelRows.All(), 0)
}

// dryTx is a transaction in which nothing is written.
type dryTx struct {
	View
	changed bool
}

// Put notes that something would change.
func (d *dryTx) Put(_, _ []byte) error { return d.note() }

// Delete notes that something would change.
func (d *dryTx) Delete([]byte) error { return d.note() }

// Wake notes that something would change.
func (d *dryTx) Wake(pay.Time, pay.Subject) error { return d.note() }

// Attach notes that something would change.
func (d *dryTx) Attach(pay.FactID, pay.Fact) (bool, error) { return true, d.note() }

func (d *dryTx) note() error {
	d.changed = true
	return nil
}

// FuelDue moves a fuelling on as far as it goes by how its payment stands, and returns when
// to look again if nothing happens before; 0: never. The reaction is to be published in the
// same transaction. Its errors are the store's.
func (t *Till) FuelDue(tx Tx, now pay.Time, id FuellingID) (re pay.Reaction, next pay.Time, err error) {
	r, ok, err := fuellingRows.Get(tx, id)
	if err != nil || !ok {
		return re, 0, err
	}
	e, err := t.Show(tx, now, r.Payment.String())
	if err != nil {
		return re, 0, err
	}
	re, err = t.due(tx, now, id, r, e)
	if at := r.lookAgain(e); at > now {
		next = at
	}
	return re, next, err
}

// lookAgain returns when time alone changes what is due.
func (r fuellingRow) lookAgain(e Entry) pay.Time {
	if r.State == FuelReleased && e.HoldUntil != 0 {
		return e.HoldUntil.Add(-stopBefore)
	}
	return 0
}

func (t *Till) due(tx Tx, now pay.Time, id FuellingID, r fuellingRow, e Entry) (pay.Reaction, error) {
	switch {
	case r.Back:
		return t.giveBack(tx, now, id, r, e)
	case r.State == FuelSelected:
		return t.dueSelected(tx, now, id, r, e)
	case r.State == FuelReleased && !r.Stopping && !r.secured(e, now):
		return t.endAtPump(tx, id, r, whyNotPaid(e, "hold_ends"))
	case r.State == FuelComplete:
		return t.dueComplete(tx, now, id, r, e)
	default:
		return pay.Reaction{}, nil
	}
}

// secured reports whether what is given now will be paid, or can be asked for.
func (r fuellingRow) secured(e Entry, now pay.Time) bool {
	if r.Process == fuel.PostPay {
		return e.Outcome() == pay.OutcomePending && !e.Cancelling
	}
	return e.State() == pay.StateHeld && e.Payment.Decision.Capturable() >= r.Ceiling && now < e.HoldUntil.Add(-stopBefore)
}

// whyNotPaid is the reason for which a payment has ended, or else.
func whyNotPaid(e Entry, other string) string {
	if e.Outcome() != pay.OutcomeNotPaid {
		return other
	}
	return cmp.Or(string(e.Reason), string(e.State()))
}

// dueSelected releases the pump once that is paid for, or can be asked for.
func (t *Till) dueSelected(tx Tx, now pay.Time, id FuellingID, r fuellingRow, e Entry) (pay.Reaction, error) {
	switch {
	case e.ID != r.Payment, e.Outcome() == pay.OutcomeNotPaid:
		return t.endAtPump(tx, id, r, whyNotPaid(e, string(pay.ReasonKeyUsed)))
	case r.Process == fuel.PostPay:
		if e.Queued || e.State() != pay.StateRequested || e.Outcome() != pay.OutcomePending {
			return pay.Reaction{}, nil
		}
	case e.State() != pay.StateHeld:
		return pay.Reaction{}, nil
	case e.Payment.Decision.Fuel != r.Terms:
		return t.endAtPump(tx, id, r, "other_terms")
	case !r.secured(e, now):
		return t.endAtPump(tx, id, r, "hold_ends")
	}
	return t.release(tx, id, r, e)
}

// release has the pump give. It waits while somebody before may still be given fuel.
func (t *Till) release(tx Tx, id FuellingID, r fuellingRow, e Entry) (pay.Reaction, error) {
	p, err := pumpAt(tx, r.Pump)
	if err != nil {
		return pay.Reaction{}, err
	}
	if shown := p.Selected; shown.Session == id.session() && e.Method() == pay.MethodTwoChannel {
		shown.Standing = fuel.Shown // the device gave its word for this pump
		p, _ = p.Step(fuel.Event{What: fuel.Selected, Selection: shown})
	}
	next, c := p.Step(fuel.Event{What: fuel.Released, Session: id.session(), Held: r.Process != fuel.PostPay})
	switch c.Refused {
	case "":
	case fuel.StillEnding:
		return pay.Reaction{}, nil
	default:
		return t.endAtPump(tx, id, r, string(c.Refused))
	}
	r.State = FuelReleased
	if err := cmp.Or(putPump(tx, r.Pump, next), putFuelling(tx, id, r)); err != nil || !t.options.Pumps {
		return pay.Reaction{}, err
	}
	ask := PumpAsk{Pump: r.Pump, Fuelling: id, Session: id.session(), Terms: r.Terms}
	return pay.Reaction{Effects: []pay.Effect{askPump(EffectRelease, ask)}}, nil
}

// endAtPump ends a fuelling's session at its pump. What is held goes back once it is
// certain that nothing was given.
func (t *Till) endAtPump(tx Tx, id FuellingID, r fuellingRow, why string) (pay.Reaction, error) {
	p, err := pumpAt(tx, r.Pump)
	if err != nil {
		return pay.Reaction{}, err
	}
	next, c := p.Step(fuel.Event{What: fuel.Cancelled, Session: id.session()})
	if c.Refused != "" { // the pump is not this fuelling's
		return pay.Reaction{}, endSession(tx, id.session(), why)
	}
	if err := putPump(tx, r.Pump, next); err != nil {
		return pay.Reaction{}, err
	}
	effects, err := t.follow(tx, r.Pump, c, why)
	return pay.Reaction{Effects: effects}, err
}

// backKey is the key under which what is held for a fuelling goes back.
const backKey pay.IdempotencyKey = "fuel-back"

// giveBack ends the payment of a fuelling in which nothing was given.
func (t *Till) giveBack(tx Tx, now pay.Time, id FuellingID, r fuellingRow, e Entry) (re pay.Reaction, err error) {
	switch {
	case e.State().Final(), e.Outcome() == pay.OutcomeNotPaid:
		r.Back = false
		return re, putFuelling(tx, id, r)
	case e.State() == pay.StateHeld:
		if _, asked, err := t.acted(tx, e.ID, backKey); err != nil || asked {
			return re, err
		}
		_, re, err = t.Act(tx, now, e.ID.String(), Act{Kind: pay.KindVoid, Key: backKey})
		return re, err
	case e.Cancelling, e.Refusal != "":
		return re, nil
	default:
		_, re, err = t.Cancel(tx, now, e.ID.String())
		return re, err
	}
}

// claim asks for the total of what was given, and lets the pump forget it where it is held.
func (t *Till) claim(tx Tx, now pay.Time, id FuellingID, r fuellingRow) (pay.Reaction, error) {
	r.Claims++
	a := Act{Kind: pay.KindCapture, Key: r.claimKey(), Amount: r.Total, Final: true, Delivery: r.Given}
	if r.Process == fuel.PostPay {
		a.Kind, a.Final = pay.KindPrice, false
	}
	_, re, err := t.Act(tx, now, r.Payment.String(), a)
	if err != nil {
		return re, err
	}
	if r.Process != fuel.PostPay {
		if re.Effects, err = t.settle(tx, id, &r); err != nil {
			return re, err
		}
	}
	return re, putFuelling(tx, id, r)
}

func (r fuellingRow) claimKey() pay.IdempotencyKey {
	return pay.IdempotencyKey(fmt.Sprintf("fuel-%d", r.Claims))
}

// settle frees the pump of what it gave.
func (t *Till) settle(tx pay.WritableRows, id FuellingID, r *fuellingRow) ([]pay.Effect, error) {
	if r.Settled || r.Transaction == 0 {
		return nil, nil
	}
	p, err := pumpAt(tx, r.Pump)
	if err != nil {
		return nil, err
	}
	r.Settled = true
	if next, c := p.Step(fuel.Event{What: fuel.Settled, Transaction: r.Transaction}); c.Refused == "" {
		err = putPump(tx, r.Pump, next)
	}
	if !t.options.Pumps {
		return nil, err
	}
	return []pay.Effect{askPump(EffectSettle, PumpAsk{Pump: r.Pump, Fuelling: id, Transaction: r.Transaction})}, err
}

// dueComplete follows what becomes of the claim of a total.
func (t *Till) dueComplete(tx Tx, now pay.Time, id FuellingID, r fuellingRow, e Entry) (pay.Reaction, error) {
	if r.Claims == 0 && r.Doubt == "" { // given before anybody was selected
		if e.Queued || e.Outcome() != pay.OutcomePending {
			return t.ifOver(tx, id, r, e)
		}
		return t.claim(tx, now, id, r)
	}
	if r.Doubt != "" {
		return t.ifOver(tx, id, r, e)
	}
	a, _, err := t.acted(tx, e.ID, r.claimKey())
	if err != nil {
		return pay.Reaction{}, err
	}
	switch {
	case e.Outcome() == pay.OutcomePaid:
		return t.endFuelling(tx, id, r, FuelPaid, "")
	case a.Refused == "" || e.Outcome() == pay.OutcomeNotPaid:
		return t.ifOver(tx, id, r, e)
	case strings.HasPrefix(string(a.Refused), "late_"):
		return t.endFuelling(tx, id, r, FuelUnpaid, string(a.Refused))
	default: // the attendant may say it otherwise
		r.Doubt = string(a.Refused)
		return pay.Reaction{}, putFuelling(tx, id, r)
	}
}

// ifOver ends a fuelling whose payment came to nothing: it is owed.
func (t *Till) ifOver(tx Tx, id FuellingID, r fuellingRow, e Entry) (pay.Reaction, error) {
	if e.Outcome() != pay.OutcomeNotPaid {
		return pay.Reaction{}, nil
	}
	return t.endFuelling(tx, id, r, FuelUnpaid, whyNotPaid(e, ""))
}

func (t *Till) endFuelling(tx Tx, id FuellingID, r fuellingRow, s FuellingState, why string) (pay.Reaction, error) {
	r.State, r.Why = s, why
	effects, err := t.settle(tx, id, &r)
	return pay.Reaction{Effects: effects}, cmp.Or(err, putFuelling(tx, id, r))
}
