package fuel_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	litres := func(change func(*fuel.Claimed)) fuel.Claimed {
		c := fuel.Claimed{
			Delivery: pay.Delivery{Quantity: 31_200, Begin: 8_000_000, End: 8_031_200, Took: 60_000},
			Terms:    pay.FuelTerms{Pump: 1, Product: "diesel", Unit: pay.UnitLitre, Price: 1_639, Most: 48_000},
			Total:    5114, Held: 8000, Tank: 50_000, Flow: 40 * 60_000, // 40 l a minute
		}
		change(&c)
		return c
	}
	energy := func(d pay.Delivery, total pay.Amount, flow pay.Quantity) fuel.Claimed {
		return fuel.Claimed{Delivery: d, Terms: pay.FuelTerms{Pump: 1, Product: "electric", Unit: pay.UnitKilowattHour, Price: 5_000}, Total: total, Flow: flow}
	}
	const minute, hour = 60_000, 3_600_000
	for name, c := range map[string]struct {
		claimed fuel.Claimed
		refused fuel.Mismatch
		doubt   fuel.Doubt
	}{
		"as it should be":            {claimed: litres(func(*fuel.Claimed) {})},
		"one cent too much":          {claimed: litres(func(c *fuel.Claimed) { c.Total++ }), refused: fuel.WrongTotal},
		"one cent too little":        {claimed: litres(func(c *fuel.Claimed) { c.Total-- }), refused: fuel.WrongTotal},
		"no total":                   {claimed: litres(func(c *fuel.Claimed) { c.Total = 0 }), refused: fuel.WrongTotal},
		"above the most":             {claimed: litres(func(c *fuel.Claimed) { c.Terms.Most = 31_199 }), refused: fuel.AbovePreset},
		"just the most":              {claimed: litres(func(c *fuel.Claimed) { c.Terms.Most = 31_200 })},
		"above the tank":             {claimed: litres(func(c *fuel.Claimed) { c.Tank = 31_199 }), refused: fuel.AbovePreset},
		"above what is held":         {claimed: litres(func(c *fuel.Claimed) { c.Held = 5113 }), refused: fuel.AboveHeld},
		"nothing held, tank unknown": {claimed: litres(func(c *fuel.Claimed) { c.Held, c.Tank, c.Terms.Most = 0, 0, 0 })},
		"as fast as the pump is":     {claimed: litres(func(c *fuel.Claimed) { c.Delivery.Took = 46_800 })},
		"faster, within the slack":   {claimed: litres(func(c *fuel.Claimed) { c.Delivery.Took = 37_546 })},
		"faster than the pump is":    {claimed: litres(func(c *fuel.Claimed) { c.Delivery.Took = 37_545 }), doubt: fuel.DoubtFlow},
		"no time":                    {claimed: litres(func(c *fuel.Claimed) { c.Delivery.Took = 0 })},
		"a pump of unknown flow":     {claimed: litres(func(c *fuel.Claimed) { c.Flow, c.Delivery.Took = 0, 6_000 })},
		"faster than any pump":       {claimed: litres(func(c *fuel.Claimed) { c.Flow, c.Delivery.Took = 0, 5_000 }), doubt: fuel.DoubtFlow},
		"a pump without a register":  {claimed: litres(func(c *fuel.Claimed) { c.Delivery.Begin, c.Delivery.End = 0, 0 })},
		"the meter goes backwards":   {claimed: litres(func(c *fuel.Claimed) { c.Delivery.Begin, c.Delivery.End = 8_031_200, 8_000_000 }), refused: fuel.Implausible, doubt: fuel.DoubtMeter},
		"readings of another quantity": {
			claimed: litres(func(c *fuel.Claimed) { c.Delivery.End++ }), refused: fuel.Implausible,
		},
		"a negative quantity": {claimed: litres(func(c *fuel.Claimed) { c.Delivery = pay.Delivery{Quantity: -31_200} }), refused: fuel.Implausible},
		"nothing given":       {claimed: litres(func(c *fuel.Claimed) { c.Delivery = pay.Delivery{} }), refused: fuel.Implausible},
		"no such terms":       {claimed: litres(func(c *fuel.Claimed) { c.Terms.Price = 0 }), refused: fuel.Implausible},
		"wrong and doubtful":  {claimed: litres(func(c *fuel.Claimed) { c.Total, c.Delivery.Took = 1, 1 }), refused: fuel.WrongTotal, doubt: fuel.DoubtFlow},

		"an hour at 22 kW":            {claimed: energy(pay.Delivery{Quantity: 22_000, Begin: 910_000_000, End: 910_022_000, Took: hour}, 11_000, 22_000)},
		"more than its power":         {claimed: energy(pay.Delivery{Quantity: 25_000, Begin: 910_000_000, End: 910_025_000, Took: hour}, 12_500, 22_000), doubt: fuel.DoubtFlow},
		"a meter of this session":     {claimed: energy(pay.Delivery{Quantity: 22_000, End: 22_000, Took: hour}, 11_000, 22_000)},
		"910 kWh for 0.08":            {claimed: energy(pay.Delivery{Quantity: 910_080, End: 910_080, Took: hour}, 455_040, 0), doubt: fuel.DoubtRegister},
		"a young register, overnight": {claimed: energy(pay.Delivery{Quantity: 251_000, End: 251_000, Took: 24 * hour}, 125_500, 22_000), doubt: fuel.DoubtRegister},
		"a start at zero, of no time": {claimed: energy(pay.Delivery{Quantity: 22_000, End: 22_000}, 11_000, 22_000), doubt: fuel.DoubtStart},
		"a power that is none":        {claimed: energy(pay.Delivery{Quantity: 22_000, Begin: 1, End: 22_001, Took: minute}, 11_000, -5), doubt: fuel.DoubtFlow},
		"a power beyond all measure":  {claimed: energy(pay.Delivery{Quantity: 22_000, Begin: 1, End: 22_001, Took: minute}, 11_000, 1<<62)},
		"the longest at the most":     {claimed: energy(pay.Delivery{Quantity: 99_000_000, Begin: 1, End: 99_000_001, Took: pay.DeliveryMax}, 49_500_000, 0)},
	} {
		refused, doubt := c.claimed.Check()
		if refused != c.refused || doubt != c.doubt {
			t.Errorf("%s: %q, %q; want %q, %q", name, refused, doubt, c.refused, c.doubt)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	at := func(q pay.Quantity) *pay.Quantity { return &q }
	for name, c := range map[string]struct {
		begin *pay.Quantity
		end   pay.Quantity
		gave  pay.Quantity
		doubt fuel.Doubt
	}{
		"a charge":              {at(910_000_000), 910_000_080, 80, ""},
		"nothing":               {at(910_000_000), 910_000_000, 0, ""},
		"backwards":             {at(910_000_000), 909_999_999, 0, fuel.DoubtMeter},
		"from below zero":       {at(-1), 5, 0, fuel.DoubtMeter},
		"to below zero":         {at(0), -5, 0, fuel.DoubtMeter},
		"from where?":           {nil, 910_000_080, 0, fuel.DoubtStart},
		"from zero to its life": {at(0), 910_000_080, 0, fuel.DoubtRegister},
		"beyond any meter":      {at(1), pay.MeterMax + 1, 0, fuel.DoubtRegister},
	} {
		d, doubt := fuel.Read(c.begin, c.end, 1_000)
		if d.Quantity != c.gave || doubt != c.doubt || (c.gave == 0) != d.IsZero() {
			t.Errorf("%s: %+v, %q; want %d, %q", name, d, doubt, c.gave, c.doubt)
		}
	}
}

// TestOneTotalIsRight draws deliveries: of the totals around theirs one alone is taken.
func TestOneTotalIsRight(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := pay.Delivery{Quantity: pay.Quantity(rapid.Int64Range(1, 200_000).Draw(t, "quantity"))}
		terms := pay.FuelTerms{Pump: 1, Product: "diesel", Unit: pay.UnitLitre, Price: pay.UnitPrice(rapid.Int64Range(1, 200_000).Draw(t, "price"))}
		total, err := terms.Price.Total(d.Quantity)
		if err != nil {
			t.Fatal(err)
		}
		for off := pay.Amount(-2); off <= 2; off++ {
			refused, _ := fuel.Claimed{Delivery: d, Terms: terms, Total: total + off}.Check()
			if want := off == 0 && total > 0; (refused == "") != want {
				t.Fatalf("%d at %d for %d, which is %+d: %q", d.Quantity, terms.Price, total+off, off, refused)
			}
		}
	})
}
