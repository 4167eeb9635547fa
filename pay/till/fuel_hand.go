package till

import (
	"cmp"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
)

// FuelComplete is the attendant's word on what was given: at a station that releases no
// pumps, and where what a pump told is in doubt or the pump has failed while it gave. The
// same again changes nothing. Its errors are *pay.Error: CodeAmount for a total that does
// not follow from quantity and price, or is above what was agreed; CodeConflict where
// nothing is to be completed; and those of ShowFuelling.
func (t *Till) FuelComplete(tx Tx, now pay.Time, digits string, q pay.Quantity, total pay.Amount) (Fuelling, pay.Reaction, error) {
	none := pay.Reaction{}
	id, r, err := findFuelling(tx, digits)
	if err != nil {
		return Fuelling{}, none, err
	}
	if r.Claims > 0 && r.Given.Quantity == q && r.Total == total && r.Doubt == "" {
		f, err := t.fuelling(tx, now, id, r)
		return f, none, err
	}
	p, err := pumpAt(tx, r.Pump)
	if err != nil {
		return Fuelling{}, none, err
	}
	if err := r.canComplete(id, p, t.options.Pumps); err != nil {
		return Fuelling{}, none, err
	}
	d := pay.Delivery{Quantity: q}
	if err := r.completedBy(d, total); err != nil {
		return Fuelling{}, none, err
	}
	if r.State != FuelComplete {
		r.Transaction = cmp.Or(p.Transaction, p.Settled+1)
		next, c := p.Step(fuel.Event{What: fuel.Ended, Session: id.session(), Transaction: r.Transaction, Product: r.Terms.Product, Quantity: q})
		if c.Refused != "" {
			return Fuelling{}, none, pumpRefused(r.Pump, c.Refused)
		}
		if err := cmp.Or(putPump(tx, r.Pump, next), givenRows.Put(tx, givenKey(r.Pump, r.Transaction), id)); err != nil {
			return Fuelling{}, none, err
		}
	}
	r.State, r.Given, r.Total, r.Doubt = FuelComplete, d, total, ""
	re, err := t.claim(tx, now, id, r)
	if err != nil {
		return Fuelling{}, none, err
	}
	f, err := t.ShowFuelling(tx, now, id.String())
	return f, re, err
}

// canComplete returns nil where the attendant's word is what counts.
func (r fuellingRow) canComplete(id FuellingID, p fuel.Pump, pumps bool) error {
	failed := p.State == fuel.OutOfOrder && p.Transaction != 0 && p.Selected.Session == id.session()
	switch {
	case r.State == FuelComplete && r.Doubt != "":
		return nil
	case r.State == FuelReleased && !pumps, r.State == FuelFilling && (!pumps || failed):
		return nil
	case r.State == FuelReleased || r.State == FuelFilling:
		return pay.NewCase(pay.CodeConflict, "pump_tells", fmt.Sprintf("pump %d tells itself what it gives", r.Pump))
	default:
		return pay.NewCase(pay.CodeConflict, "fuelling_state", fmt.Sprintf("fuelling %s is %s", id.Short(), r.State))
	}
}

// completedBy returns nil when a total can be asked for.
func (r fuellingRow) completedBy(d pay.Delivery, total pay.Amount) error {
	why := r.Terms.Refuses(d, total, r.held())
	switch costs, err := r.Terms.Price.Total(d.Quantity); {
	case why == "":
		return nil
	case why == pay.ReasonWrongTotal && err == nil:
		return pay.NewCase(pay.CodeAmount, "wrong_total", "the total does not follow from quantity and price", costs)
	default:
		return pay.NewCase(pay.CodeAmount, "fuel_above", fmt.Sprintf("nobody agreed to so much: %s", why), r.Terms.Limit(r.Ceiling), r.Ceiling)
	}
}

// FuelCancel ends a fuelling that nobody is to pay: one that has not begun, and one of
// which the attendant gives up what the pump told. What is held goes back. Again it
// changes nothing. Its errors are *pay.Error: CodeConflict where the pump gives, or the
// total is being paid; and those of ShowFuelling.
func (t *Till) FuelCancel(tx Tx, now pay.Time, digits string) (Fuelling, pay.Reaction, error) {
	id, r, err := findFuelling(tx, digits)
	if err != nil {
		return Fuelling{}, pay.Reaction{}, err
	}
	re := pay.Reaction{}
	switch {
	case r.State == FuelSelected || r.State == FuelReleased:
		if !r.Stopping {
			re, err = t.endAtPump(tx, id, r, string(pay.ReasonByMerchant))
		}
	case r.State == FuelComplete && r.Doubt != "":
		r.Back = true
		re, err = t.endFuelling(tx, id, r, FuelCancelled, string(pay.ReasonByMerchant))
	case r.State == FuelUnpaid:
		re.Effects, err = t.settle(tx, id, &r)
		err = cmp.Or(err, putFuelling(tx, id, r))
	case r.State != FuelCancelled:
		err = pay.NewCase(pay.CodeConflict, "fuelling_state", fmt.Sprintf("fuelling %s is %s", id.Short(), r.State))
	}
	if err != nil {
		return Fuelling{}, pay.Reaction{}, err
	}
	f, err := t.ShowFuelling(tx, now, id.String())
	return f, re, err
}
