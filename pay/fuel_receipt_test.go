package pay_test

import (
	"errors"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// A receipt of fuel agrees with itself, whoever signed it: total, quantity, price, readings
// and time.
func TestReceiptOfFuel(t *testing.T) {
	t.Parallel()
	authority := sign(t, keyOf(t, rootSeed), authorityBody(t))
	for name, tc := range map[string]struct {
		change func(*pay.Decision)
		ok     bool
	}{
		"as it was given":           {func(*pay.Decision) {}, true},
		"one cent more":             {func(d *pay.Decision) { d.Captured++; d.Released-- }, false},
		"another price":             {func(d *pay.Decision) { d.Fuel.Price++ }, false},
		"less fuel":                 {func(d *pay.Decision) { d.Delivery = pay.Delivery{Quantity: 31_100, Took: 65_000} }, false},
		"more than was to be given": {func(d *pay.Decision) { d.Fuel.Most = 31_199 }, false},
		"no pump gives so fast":     {func(d *pay.Decision) { d.Delivery.Took = 1_000 }, false},
		"nothing said of it":        {func(d *pay.Decision) { d.Delivery = pay.Delivery{} }, false},
		"nothing taken, nothing said": {func(d *pay.Decision) {
			d.State, d.Reason, d.Sums, d.Delivery = pay.StateExpired, pay.ReasonHoldOver, pay.Sums{Released: 8_195}, pay.Delivery{}
		}, true},
	} {
		d := offerBody(pay.FactID{1})
		d.Fuel, d.Amount, d.HoldUntil, d.StepUp = fuelTerms(), 8_195, noon+3_600_000, pay.StepUpFuel
		d.State, d.Seq, d.Claim = pay.StateCaptured, 3, pay.FactID{2}
		d.Sums = pay.Sums{Captured: 5_114, Released: 3_081}
		d.Delivery = pay.Delivery{Quantity: 31_200, Begin: 1_000, End: 32_200, Took: 65_000}
		tc.change(&d)
		r, err := pay.OpenReceipt(pay.EncodeReceipt(authority, sign(t, keyOf(t, workingSeed), d)))
		if tc.ok != (err == nil) || (err != nil && !errors.Is(err, pay.ErrNotCanonical)) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && r.Decision.Delivery != d.Delivery {
			t.Errorf("%s: it shows %+v", name, r.Decision.Delivery)
		}
	}
}
