package fuel

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// Bounds are all that bounds one fuelling. A zero bounds nothing, but for Price.
type Bounds struct {
	Price     pay.UnitPrice
	Attendant pay.Amount   // what was asked for at the till
	Payer     pay.Amount   // what the payer lets one fuelling cost, as by a mandate
	Hold      pay.Amount   // what is held
	Preset    pay.Preset   // what the owner wants; full is as much as Tank
	Tank      pay.Quantity // how much fits in
	Pump      pay.Quantity // the most that the pump gives at once
}

// Ceiling returns the most that a fuelling may cost and the most that may be given: the
// least of all bounds. What may be given costs at most the amount. It fails with a
// *pay.Error where nothing bounds the fuelling, where a bound is malformed, and where the
// bounds leave less than a minor unit's worth.
func (b Bounds) Ceiling() (pay.Amount, pay.Quantity, error) {
	if err := b.check(); err != nil {
		return 0, 0, err
	}
	amount := least(b.Attendant, b.Payer, b.Hold, b.Preset.Amount)
	quantity := least(b.Tank, b.Pump, b.Preset.Quantity)
	if amount == 0 && quantity == 0 {
		return 0, 0, pay.NewCase(pay.CodeAmount, "no_ceiling", "nothing says how much may be given")
	}
	cost := pay.AmountMax
	if quantity != 0 {
		if total, err := b.Price.Total(quantity); err == nil {
			cost = total
		}
	}
	within := b.Price.Within(min(least(amount, pay.AmountMax), cost))
	if cost == 0 || within == 0 {
		return 0, 0, pay.NewCase(pay.CodeAmount, "ceiling_small", fmt.Sprintf("less than one minor unit's worth may be given at %d a unit", b.Price))
	}
	return least(amount, cost), least(quantity, within), nil
}

func (b Bounds) check() error {
	for _, a := range []pay.Amount{b.Attendant, b.Payer, b.Hold} {
		if a < 0 || a > pay.AmountMax {
			return pay.NewCase(pay.CodeAmount, "ceiling_form", fmt.Sprintf("an amount of %d bounds no fuelling", a))
		}
	}
	for _, q := range []pay.Quantity{b.Tank, b.Pump} {
		if q < 0 || q > pay.QuantityMax {
			return pay.NewCase(pay.CodeAmount, "ceiling_form", fmt.Sprintf("a quantity of %d bounds no fuelling", q))
		}
	}
	if err := b.Preset.Check(); err != nil {
		return pay.WrapCase(err, pay.CodeAmount, "ceiling_form", "the preset bounds no fuelling")
	}
	if err := b.Price.Check(); err != nil {
		return pay.WrapCase(err, pay.CodeAmount, "price_bounds", "there is no such price")
	}
	return nil
}

// least returns the least of those that are not zero, or zero.
func least[N ~int64](of ...N) N {
	var is N
	for _, n := range of {
		if n != 0 && (is == 0 || n < is) {
			is = n
		}
	}
	return is
}
