package api

import "github.com/paybeacon/paybeacon/pay"

// Fuel is what a payment of fuel is about. Quantities and readings are in thousandths of
// the unit, the price is in tenths of a minor unit.
type Fuel struct {
	Pump    pay.PumpNumber `json:"pump"`
	Product pay.Product    `json:"product"`
	Unit    pay.Unit       `json:"unit"`
	Price   pay.UnitPrice  `json:"price"`
	Most    pay.Quantity   `json:"most,omitempty"` // that may be given; the amount bounds it too
	// What was given, once that is known: 0 before. Begin and End are what the meter read,
	// where it has a register.
	Quantity pay.Quantity `json:"quantity,omitempty"`
	Begin    pay.Quantity `json:"begin,omitempty"`
	End      pay.Quantity `json:"end,omitempty"`
	Took     pay.Millis   `json:"took_ms,omitempty"`
	Total    pay.Amount   `json:"total,omitempty"`  // what the quantity costs, in minor units
	Signed   string       `json:"signed,omitempty"` // what the meter itself signed
}

// NewFuel returns what is paid for by fuel terms, and what was given; nil where it is no
// fuel.
func NewFuel(f pay.FuelTerms, d pay.Delivery) *Fuel {
	if f.IsZero() {
		return nil
	}
	out := &Fuel{
		Pump: f.Pump, Product: f.Product, Unit: f.Unit, Price: f.Price, Most: f.Most,
		Quantity: d.Quantity, Begin: d.Begin, End: d.End, Took: d.Took, Signed: d.Signed,
	}
	if !d.IsZero() {
		out.Total, _ = f.Price.Total(d.Quantity) // 0 for what no payment can be of
	}
	return out
}
