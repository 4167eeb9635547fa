package till

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
)

// FuelOrder is what an attendant asks for: a vehicle that has entered, at a pump.
type FuelOrder struct {
	Key     pay.IdempotencyKey
	Plate   string     // the literal part of a plate, or
	To      pay.Handle // the literal words
	Pump    pay.PumpNumber
	Amount  pay.Amount // the most that it may cost; 0: preset and tank say it
	PostPay bool
	TTL     pay.Millis // how long the payer may take; 0: the default
}

func (o FuelOrder) asked() fuelAsked {
	return fuelAsked{Plate: o.Plate, To: o.To, Amount: o.Amount, PostPay: o.PostPay}
}

// AtPump is a pump as the station describes it.
type AtPump struct {
	Unit     pay.Unit
	Products []pay.Product // nil: nobody knows
}

// FuelRepeated returns the fuelling that the order's key stands for, or false when the key
// is unused. Its errors are *pay.Error: CodeKeyUsed when the key stands for anything else,
// CodeUsage and CodeAmount for an order that is invalid.
func (t *Till) FuelRepeated(v View, now pay.Time, o FuelOrder) (Fuelling, bool, error) {
	if err := o.check(); err != nil {
		return Fuelling{}, false, err
	}
	payment, ok, err := keyRows.Get(v, o.Key)
	if err != nil || !ok {
		return Fuelling{}, false, err
	}
	r, ok, err := fuellingRows.Get(v, FuellingID(payment))
	switch {
	case err != nil:
		return Fuelling{}, false, err
	case !ok || r.Asked != o.asked() || r.Pump != o.Pump:
		return Fuelling{}, false, keyUsed(payment)
	}
	f, err := t.fuelling(v, now, FuellingID(payment), r)
	return f, err == nil, err
}

func (o FuelOrder) check() error {
	if err := o.Key.Check(); err != nil {
		return pay.WrapCase(err, pay.CodeUsage, "key_form", "read key")
	}
	if err := o.Pump.Check(); err != nil {
		return pay.WrapCase(err, pay.CodeUsage, "pump_form", "read the pump's number", pay.PumpNumberMax)
	}
	if o.Amount != 0 {
		if err := o.Amount.CheckPayable(); err != nil {
			return pay.WrapCase(err, pay.CodeAmount, "amount_form", "read amount")
		}
	}
	return nil
}

// FuelSelect selects a vehicle at a pump and asks its owner to pay: the request is to be
// published in the same transaction. It fails as FuelRepeated does, and with *pay.Error
// where there is no price (CodeConflict), the vehicle does not take what the pump gives
// (CodeNotPaid), nothing says how much may be given (CodeAmount), and where the pump
// cannot be had now (CodeConflict); then nothing is recorded.
func (t *Till) FuelSelect(tx Tx, now pay.Time, o FuelOrder, at AtPump, who fuel.Entry, e pay.Evidence) (Fuelling, pay.Reaction, error) {
	none := pay.Reaction{}
	if f, ok, err := t.FuelRepeated(tx, now, o); ok || err != nil {
		return f, none, err
	}
	row := fuellingRow{
		Pump: o.Pump, State: FuelSelected, Asked: o.asked(), Process: fuel.PreAuthFuel, Visitor: who.Visitor, Handle: who.Handle,
		Plate: who.Vehicle.Plate, Created: now,
	}
	if o.PostPay {
		row.Process = fuel.PostPay
	}
	var err error
	if row.Terms, row.Ceiling, err = t.fuelTerms(tx, o, at, who); err != nil {
		return Fuelling{}, none, err
	}
	_, r, err := t.Charge(tx, now, row.order(o), Choice{
		Candidate: pay.Candidate{Handle: who.Handle, Code: who.Code, Heard: who.Heard, Lane: who.Lane}, Evidence: e,
	})
	if err != nil {
		return Fuelling{}, none, err
	}
	if len(r.Publications) != 1 { // another box of the merchant has the key
		return Fuelling{}, none, pay.NewCase(pay.CodeKeyUsed, "key_used", "this key stands for what another box of the merchant asked for")
	}
	id := FuellingID(r.Publications[0].Fact.ID())
	row.Payment = pay.PaymentID(id)
	pump, err := pumpAt(tx, o.Pump)
	if err != nil {
		return Fuelling{}, none, err
	}
	if err := takeStray(tx, id, &row, pump); err != nil {
		return Fuelling{}, none, err
	}
	next, c := pump.Step(fuel.Event{What: fuel.Selected, Selection: fuel.Selection{
		Session: id.session(), Visitor: who.Visitor, Handle: who.Handle, Process: row.Process, Product: row.Terms.Product, Standing: fuel.Said,
	}})
	if c.Refused != "" {
		return Fuelling{}, none, pumpRefused(o.Pump, c.Refused)
	}
	if err := cmp.Or(putPump(tx, o.Pump, next), putFuelling(tx, id, row)); err != nil {
		return Fuelling{}, none, err
	}
	if r.Effects, err = t.follow(tx, o.Pump, c, "supplanted"); err != nil {
		return Fuelling{}, none, err
	}
	f, err := t.fuelling(tx, now, id, row)
	f.Payment.Queued = true
	return f, r, err
}

// takeStray lets a fuelling be of what a pump has given to nobody. That is paid afterwards.
func takeStray(tx pay.WritableRows, id FuellingID, r *fuellingRow, p fuel.Pump) error {
	if p.State != fuel.ReadyToPay || !p.Selected.IsZero() || p.Transaction == 0 {
		return nil
	}
	key := givenKey(r.Pump, p.Transaction)
	before, ok, err := givenRows.Get(tx, key)
	if err != nil || !ok {
		return err
	}
	stray, _, err := fuellingRows.Get(tx, before)
	switch {
	case err != nil:
		return err
	case r.Process != fuel.PostPay:
		return pay.NewCase(pay.CodeConflict, "pump_to_pay", fmt.Sprintf("pump %d has given what nobody has paid", r.Pump))
	}
	r.State, r.Given, r.Transaction = FuelComplete, stray.Given, stray.Transaction
	total, err := r.Terms.Price.Total(r.Given.Quantity)
	if err != nil || r.Terms.Refuses(r.Given, total, 0) != "" {
		return pay.NewCase(pay.CodeConflict, "pump_to_pay", fmt.Sprintf("what pump %d has given is not what this vehicle may be given", r.Pump))
	}
	r.Total = total
	stray.State, stray.Why, stray.Settled = FuelCancelled, "selected", true
	return cmp.Or(putFuelling(tx, before, stray), givenRows.Put(tx, key, id))
}

// fuelTerms returns what a fuelling would be about, and the most that it may cost.
func (t *Till) fuelTerms(tx Tx, o FuelOrder, at AtPump, who fuel.Entry) (pay.FuelTerms, pay.Amount, error) {
	product := who.Vehicle.Product
	if at.Products != nil && !slices.Contains(at.Products, product) {
		return pay.FuelTerms{}, 0, pay.NewCase(pay.CodeNotPaid, "pump_product", fmt.Sprintf("%s takes %s, which pump %d does not give", who.Vehicle.Plate, product, o.Pump))
	}
	prices, err := t.FuelPrices(tx)
	if err != nil {
		return pay.FuelTerms{}, 0, err
	}
	i := slices.IndexFunc(prices, func(p fuel.Posted) bool { return p.Product == product })
	if i < 0 {
		return pay.FuelTerms{}, 0, pay.NewCase(pay.CodeConflict, "price_none", fmt.Sprintf("there is no price for %s", product), product)
	}
	if p := who.Preset; p.Amount != 0 && o.Amount > p.Amount {
		return pay.FuelTerms{}, 0, pay.NewCase(pay.CodeNotPaid, "above_preset", "the owner of the vehicle wants less than that")
	}
	bounds := fuel.Bounds{Price: prices[i].Price, Attendant: o.Amount, Payer: who.Most, Preset: who.Preset, Tank: who.Vehicle.Tank}
	ceiling, most, err := bounds.Ceiling()
	if err != nil {
		return pay.FuelTerms{}, 0, err
	}
	return pay.FuelTerms{Pump: o.Pump, Product: product, Unit: at.Unit, Price: prices[i].Price, Most: most}, ceiling, nil
}

// order returns the payment that a fuelling is.
func (r fuellingRow) order(o FuelOrder) Order {
	out := Order{Key: o.Key, To: o.To, TTL: o.TTL, Fuel: r.Terms}
	if r.Process == fuel.PostPay {
		// The payer is asked when all is given.
		out.Later, out.TTL = true, cmp.Or(o.TTL, pay.RequestTTLMax)
		return out
	}
	out.Amount, out.Hold = r.Ceiling, pay.FuelHoldMax(r.Terms.Unit)
	return out
}

// pumpRefused is the error for what a pump does not follow.
func pumpRefused(n pay.PumpNumber, why fuel.Refusal) error {
	if why == fuel.WrongProduct {
		return pay.NewCase(pay.CodeNotPaid, "wrong_nozzle", fmt.Sprintf("another product's nozzle is lifted at pump %d", n))
	}
	if why == fuel.OutOfUse {
		return pay.NewCase(pay.CodeConflict, "pump_out", fmt.Sprintf("pump %d is out of order", n))
	}
	return pay.NewCase(pay.CodeConflict, "pump_busy", fmt.Sprintf("pump %d cannot be had now: %s", n, why))
}
