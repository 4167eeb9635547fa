package fuel

import (
	"cmp"
	"math/bits"

	"github.com/paybeacon/paybeacon/pay"
)

// Doubt is why what a station tells of a fuelling is not charged before a person has
// looked at it. It is a stable name.
type Doubt string

// The doubts.
const (
	DoubtFlow        Doubt = "too_fast"        // no pump gives so much in that time
	DoubtMeter       Doubt = "meter_backwards" // the meter read less than before
	DoubtRegister    Doubt = "lifetime"        // from zero to what a meter counts in its life
	DoubtStart       Doubt = "no_start"        // nobody knows what the meter read before
	DoubtProduct     Doubt = "wrong_product"   // another product was given than was selected
	DoubtNotReleased Doubt = "not_released"    // the pump gave to somebody for whom it was not released
	DoubtTotal       Doubt = "pump_total"      // the pump itself computed another total
	DoubtTold        Doubt = "told"            // the pump says that it does not know
)

// Mismatch is why a total can never be charged as it stands: it is outside what was
// agreed. It is a stable name, and the one of the registry's reason for the same.
type Mismatch string

// The mismatches.
const (
	WrongTotal  Mismatch = "wrong_total"  // quantity and price make another total
	AbovePreset Mismatch = "above_preset" // more than was to be given, or than the tank takes
	AboveHeld   Mismatch = "above_held"   // more than is held
	Implausible Mismatch = "implausible"  // the readings contradict the quantity
)

// Claimed is what a station says that it gave, and all that it is held against.
type Claimed struct {
	Delivery pay.Delivery
	Terms    pay.FuelTerms
	Total    pay.Amount
	Held     pay.Amount   // 0: nothing is held
	Tank     pay.Quantity // 0: not known
	Flow     pay.Quantity // the most that the pump gives in an hour; 0: FlowMax or PowerMax
}

// Check returns why a total cannot be charged, and why it is to be looked at first. Both
// are "" for what can be charged.
func (c Claimed) Check() (Mismatch, Doubt) {
	d := c.Delivery
	if d.End < d.Begin {
		return Implausible, DoubtMeter
	}
	if d.Check() != nil || c.Terms.Check() != nil {
		return Implausible, ""
	}
	return c.mismatch(), c.doubt()
}

func (c Claimed) mismatch() Mismatch {
	total, err := c.Terms.Price.Total(c.Delivery.Quantity)
	switch {
	case err != nil || total != c.Total || total <= 0:
		return WrongTotal
	case c.Terms.Most != 0 && c.Delivery.Quantity > c.Terms.Most, c.Tank != 0 && c.Delivery.Quantity > c.Tank:
		return AbovePreset
	case c.Held != 0 && total > c.Held:
		return AboveHeld
	default:
		return ""
	}
}

func (c Claimed) doubt() Doubt {
	d := c.Delivery
	register := pay.RegisterLitresMax
	if c.Terms.Unit == pay.UnitKilowattHour {
		register = pay.RegisterEnergyMax
	}
	switch {
	case d.Begin == 0 && d.End > register:
		return DoubtRegister
	case d.Begin == 0 && d.End > 0 && d.Took == 0:
		return DoubtStart
	case d.Took != 0 && d.Quantity > inTime(cmp.Or(c.Flow, flowMax(c.Terms.Unit)), d.Took):
		return DoubtFlow
	default:
		return ""
	}
}

func flowMax(u pay.Unit) pay.Quantity {
	if u == pay.UnitKilowattHour {
		return pay.PowerMax
	}
	return pay.FlowMax
}

// hour is one in milliseconds.
const hour = 3_600_000

// inTime returns the most that a pump gives in a time, with the slack of both: at most
// QuantityMax.
func inTime(flow pay.Quantity, took pay.Millis) pay.Quantity {
	percent := uint64(min(max(flow, 0), pay.MeterMax)) * (100 + pay.FlowSlackPercent)
	hi, lo := bits.Mul64(percent, uint64(took+pay.FlowSlackTime))
	if hi >= 100*hour {
		return pay.QuantityMax
	}
	most, _ := bits.Div64(hi, lo, 100*hour)
	return pay.Quantity(min(most, uint64(pay.QuantityMax)))
}

// Read returns the delivery that two readings of a meter's register make, in thousandths
// of a unit, and why it is doubted, or "". Where the readings make none the delivery is
// zero. Begin nil: nobody knows what it read before.
func Read(begin *pay.Quantity, end pay.Quantity, took pay.Millis) (pay.Delivery, Doubt) {
	switch {
	case begin == nil:
		return pay.Delivery{}, DoubtStart
	case *begin < 0 || end < *begin:
		return pay.Delivery{}, DoubtMeter
	case end == *begin:
		return pay.Delivery{}, ""
	}
	d := pay.Delivery{Quantity: end - *begin, Begin: *begin, End: end, Took: took}
	if d.Check() != nil {
		return pay.Delivery{}, DoubtRegister
	}
	return d, ""
}
