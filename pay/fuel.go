package pay

import (
	"fmt"
	"math/bits"
)

// Fuel is sold by a quantity and a price for one unit of it. Both are whole numbers, and
// the total follows from them by one rounding, so that station, registry, wallet and
// audit compute the same.

// Unit is what fuel is measured in.
type Unit string

// The units.
const (
	UnitLitre        Unit = "l"
	UnitKilowattHour Unit = "kWh"
)

// Check returns nil for the two units.
func (u Unit) Check() error {
	if u != UnitLitre && u != UnitKilowattHour {
		return fmt.Errorf("unit %q is neither l nor kWh", string(u))
	}
	return nil
}

// Product is the stable name of a fuel, such as "diesel", "petrol95" or "electric":
// lower-case letters, digits and hyphens, a letter first.
type Product string

// Check returns nil when p is 1..ProductBytesMax such characters.
func (p Product) Check() error {
	if p == "" || len(p) > ProductBytesMax || p[0] < 'a' || p[0] > 'z' {
		return fmt.Errorf("product %q is no name of 1..%d lower-case letters, digits and hyphens", string(p), ProductBytesMax)
	}
	for i := 0; i < len(p); i++ {
		if c := p[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return fmt.Errorf("product %q holds something else than lower-case letters, digits and hyphens", string(p))
		}
	}
	return nil
}

// Quantity is an amount of fuel in thousandths of its unit: millilitres, or watt hours.
type Quantity int64

// Check returns nil when q is above zero and at most QuantityMax.
func (q Quantity) Check() error {
	if q <= 0 || q > QuantityMax {
		return fmt.Errorf("quantity %d is outside 1..%d thousandths", q, int64(QuantityMax))
	}
	return nil
}

// UnitPrice is the price of one unit of fuel in tenths of a minor unit: 1.639 EUR a litre
// is 1639.
type UnitPrice int64

// Check returns nil when p is above zero and at most UnitPriceMax.
func (p UnitPrice) Check() error {
	if p <= 0 || p > UnitPriceMax {
		return fmt.Errorf("price %d is outside 1..%d tenths of a minor unit", p, int64(UnitPriceMax))
	}
	return nil
}

// thousandthTenths is how many thousandths of a unit at tenths of a minor unit make one
// minor unit.
const thousandthTenths = 10_000

// Total returns what a quantity costs, rounded to the nearest minor unit, a half up. It
// fails for a quantity or price outside its bounds, and for a total above AmountMax.
func (p UnitPrice) Total(q Quantity) (Amount, error) {
	if err := firstError(p.Check(), q.Check()); err != nil {
		return 0, err
	}
	hi, lo := bits.Mul64(uint64(q), uint64(p))
	lo, carry := bits.Add64(lo, thousandthTenths/2, 0)
	if hi += carry; hi >= thousandthTenths {
		return 0, fmt.Errorf("%d at %d: %w", q, p, ErrOverflow)
	}
	total, _ := bits.Div64(hi, lo, thousandthTenths)
	if total > uint64(AmountMax) {
		return 0, fmt.Errorf("%d at %d is above the limit of %d minor units", q, p, int64(AmountMax))
	}
	return Amount(total), nil
}

// Within returns the largest quantity whose Total is at most an amount, and is at most
// QuantityMax; 0 where not even one thousandth is.
func (p UnitPrice) Within(most Amount) Quantity {
	if p.Check() != nil || most < 0 {
		return 0
	}
	// The total of q is the floor of (q*p + 5000) / 10000, so it is at most the amount
	// exactly when q*p < (amount+1)*10000 - 5000.
	hi, lo := bits.Mul64(uint64(min(most, AmountMax))+1, thousandthTenths)
	lo, borrow := bits.Sub64(lo, thousandthTenths/2+1, 0)
	hi -= borrow
	if hi >= uint64(p) {
		return QuantityMax
	}
	q, _ := bits.Div64(hi, lo, uint64(p))
	return Quantity(min(q, uint64(QuantityMax)))
}

// FuelTerms are what a fuelling is about, beside the amount, which is the most that it
// may cost or, where it is set later, the total. They are comparable.
type FuelTerms struct {
	Pump    PumpNumber `cbor:"1,keyasint"`
	Product Product    `cbor:"2,keyasint"`
	Unit    Unit       `cbor:"3,keyasint"`
	Price   UnitPrice  `cbor:"4,keyasint"`
	// Most is the most that may be given; 0: what the amount pays for.
	Most Quantity `cbor:"5,keyasint,omitempty"`
}

// IsZero reports whether the payment is for no fuel.
func (f FuelTerms) IsZero() bool { return f == FuelTerms{} }

// Check returns nil when every field is within its bounds.
func (f FuelTerms) Check() error {
	if f.Most < 0 || f.Most > QuantityMax {
		return fmt.Errorf("quantity %d is outside 0..%d thousandths", f.Most, int64(QuantityMax))
	}
	return firstError(f.Pump.Check(), f.Product.Check(), f.Unit.Check(), f.Price.Check())
}

func (f FuelTerms) checkOptional() error {
	if f.IsZero() {
		return nil
	}
	return f.Check()
}

// PumpNumber is what a pump or the connector of a charge point is called at its station.
type PumpNumber uint16

// Check returns nil for 1..PumpNumberMax.
func (n PumpNumber) Check() error {
	if n == 0 || n > PumpNumberMax {
		return fmt.Errorf("pump %d is outside 1..%d", n, PumpNumberMax)
	}
	return nil
}

// Delivery is what a pump gave, as its meter counted it. It is comparable.
type Delivery struct {
	Quantity Quantity `cbor:"1,keyasint"`
	// Begin and End are what the meter's register read before and after, in thousandths
	// of a unit; both 0 where the pump has none. Their difference is Quantity.
	Begin Quantity `cbor:"2,keyasint,omitempty"`
	End   Quantity `cbor:"3,keyasint,omitempty"`
	// Took is how long the pump gave, by the station's clock; 0: not known.
	Took Millis `cbor:"4,keyasint,omitempty"`
	// Signed is what the meter itself signed, as it gave it, or "".
	Signed string `cbor:"5,keyasint,omitempty"`
}

// IsZero reports whether nothing was given.
func (d Delivery) IsZero() bool { return d == Delivery{} }

// Check returns nil when every field is within its bounds and the readings fit the
// quantity.
func (d Delivery) Check() error {
	if d.Begin < 0 || d.End < 0 || d.End > MeterMax || (d.Begin|d.End != 0 && d.End-d.Begin != d.Quantity) {
		return fmt.Errorf("the meter read %d before and %d after, and %d were given", d.Begin, d.End, d.Quantity)
	}
	if d.Took < 0 || d.Took > DeliveryMax {
		return fmt.Errorf("a delivery of %v is outside 0..%v", d.Took.Std(), DeliveryMax.Std())
	}
	return firstError(d.Quantity.Check(), checkText("meter's record", d.Signed, MeterRecordBytesMax))
}
