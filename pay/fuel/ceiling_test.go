package fuel_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
)

func TestCeiling(t *testing.T) {
	t.Parallel()
	const diesel, won = 1_639, 16_390 // 1.639 EUR, 1639.0 KRW a litre
	for name, c := range map[string]struct {
		b        fuel.Bounds
		amount   pay.Amount
		quantity pay.Quantity
		fails    pay.Case
	}{
		"the attendant's amount":        {b: fuel.Bounds{Price: diesel, Attendant: 8000}, amount: 8000, quantity: 48_813},
		"the tank":                      {b: fuel.Bounds{Price: diesel, Attendant: 20_000, Tank: 50_000}, amount: 8195, quantity: 50_000},
		"a preset of litres":            {b: fuel.Bounds{Price: diesel, Tank: 50_000, Preset: pay.Preset{Quantity: 20_000}}, amount: 3278, quantity: 20_000},
		"a preset of an amount":         {b: fuel.Bounds{Price: diesel, Tank: 50_000, Preset: pay.Preset{Amount: 3000}}, amount: 3000, quantity: 18_306},
		"full":                          {b: fuel.Bounds{Price: diesel, Tank: 50_000, Preset: pay.Preset{Full: true}}, amount: 8195, quantity: 50_000},
		"full of an unknown tank":       {b: fuel.Bounds{Price: diesel, Hold: 9000, Preset: pay.Preset{Full: true}}, amount: 9000, quantity: 54_914},
		"what is held":                  {b: fuel.Bounds{Price: diesel, Attendant: 8000, Hold: 5000, Tank: 50_000}, amount: 5000, quantity: 30_509},
		"a mandate":                     {b: fuel.Bounds{Price: diesel, Attendant: 8000, Payer: 4000}, amount: 4000, quantity: 24_408},
		"the pump":                      {b: fuel.Bounds{Price: diesel, Attendant: 8000, Pump: 10_000}, amount: 1639, quantity: 10_000},
		"an amount that no total meets": {b: fuel.Bounds{Price: won, Attendant: 50_000}, amount: 50_000, quantity: 30_506},
		"a tank of gold":                {b: fuel.Bounds{Price: pay.UnitPriceMax, Tank: pay.QuantityMax}, amount: pay.AmountMax, quantity: 1_000_000},
		"nothing bounds it":             {b: fuel.Bounds{Price: diesel}, fails: "no_ceiling"},
		"full alone bounds nothing":     {b: fuel.Bounds{Price: diesel, Preset: pay.Preset{Full: true}}, fails: "no_ceiling"},
		"less than a cent's worth":      {b: fuel.Bounds{Price: diesel, Tank: 3}, fails: "ceiling_small"},
		"a cent buys nothing":           {b: fuel.Bounds{Price: pay.UnitPriceMax, Attendant: 1}, fails: "ceiling_small"},
		"no price":                      {b: fuel.Bounds{Attendant: 8000}, fails: "price_bounds"},
		"a negative amount":             {b: fuel.Bounds{Price: diesel, Attendant: -1}, fails: "ceiling_form"},
		"a negative tank":               {b: fuel.Bounds{Price: diesel, Tank: -1}, fails: "ceiling_form"},
		"too large a hold":              {b: fuel.Bounds{Price: diesel, Hold: pay.AmountMax + 1}, fails: "ceiling_form"},
		"two presets":                   {b: fuel.Bounds{Price: diesel, Preset: pay.Preset{Amount: 1, Full: true}}, fails: "ceiling_form"},
	} {
		amount, quantity, err := c.b.Ceiling()
		if amount != c.amount || quantity != c.quantity || caseOf(err) != c.fails {
			t.Errorf("%s: %d for %d (%v), want %d for %d (%s)", name, quantity, amount, err, c.quantity, c.amount, c.fails)
		}
	}
}

// caseOf returns the case of a *pay.Error, and "" for nil.
func caseOf(err error) pay.Case {
	if e, ok := err.(*pay.Error); ok {
		return e.Case
	}
	return ""
}

// TestCeilingExceedsNoBound draws bounds: what comes out exceeds none of them, costs no
// more than the amount, and is as much as they allow.
func TestCeilingExceedsNoBound(t *testing.T) {
	t.Parallel()
	amount := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(1, int64(pay.AmountMax)), rapid.Int64Range(1, 20_000))
	quantity := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(1, int64(pay.QuantityMax)))
	price := rapid.OneOf(rapid.Int64Range(1, int64(pay.UnitPriceMax)), rapid.Int64Range(1_000, 3_000))
	rapid.Check(t, func(t *rapid.T) {
		b := fuel.Bounds{
			Price: pay.UnitPrice(price.Draw(t, "price")), Attendant: pay.Amount(amount.Draw(t, "attendant")), Payer: pay.Amount(amount.Draw(t, "payer")),
			Hold: pay.Amount(amount.Draw(t, "hold")), Tank: pay.Quantity(quantity.Draw(t, "tank")), Pump: pay.Quantity(quantity.Draw(t, "pump")),
		}
		switch rapid.IntRange(0, 3).Draw(t, "preset") {
		case 1:
			b.Preset.Quantity = pay.Quantity(quantity.Draw(t, "preset"))
		case 2:
			b.Preset.Amount = pay.Amount(amount.Draw(t, "preset"))
		case 3:
			b.Preset.Full = true
		}
		a, q, err := b.Ceiling()
		if err != nil {
			return
		}
		cost, err := b.Price.Total(q)
		if err != nil || cost > a || a <= 0 {
			t.Fatalf("%+v: %d cost %d (%v), above %d", b, q, cost, err, a)
		}
		met := false // some bound allows no more
		for _, most := range []pay.Amount{b.Attendant, b.Payer, b.Hold, b.Preset.Amount, pay.AmountMax} {
			more, err := b.Price.Total(q + 1)
			met = met || (most != 0 && (err != nil || more > most))
			if most != 0 && a > most {
				t.Fatalf("%+v: %d is above %d", b, a, most)
			}
		}
		for _, most := range []pay.Quantity{b.Tank, b.Pump, b.Preset.Quantity, pay.QuantityMax} {
			met = met || q == most
			if most != 0 && q > most {
				t.Fatalf("%+v: %d is above %d", b, q, most)
			}
		}
		if !met {
			t.Fatalf("%+v: %d for %d, and more was allowed", b, q, a)
		}
	})
}
