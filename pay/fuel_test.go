package pay_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
)

func TestFuelTotal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		quantity pay.Quantity
		price    pay.UnitPrice
		want     pay.Amount
		fails    bool
	}{
		{quantity: 31_200, price: 1_639, want: 5114}, // 51.1368
		{quantity: 1_000, price: 1_605, want: 161},   // 1.605: a half goes up
		{quantity: 1_000, price: 1_604, want: 160},
		{quantity: 3, price: 1_000, want: 0}, // 0.3 cent
		{quantity: 80, price: 5_000, want: 40},
		{quantity: pay.QuantityMax, price: 1, want: 10_000},
		{quantity: pay.QuantityMax, price: 1_000_000, want: pay.AmountMax},
		{quantity: pay.QuantityMax, price: 1_000_001, fails: true},
		{quantity: pay.QuantityMax, price: pay.UnitPriceMax, fails: true},
		{quantity: 0, price: 1, fails: true},
		{quantity: -1, price: 1, fails: true},
		{quantity: 1, price: 0, fails: true},
		{quantity: math.MaxInt64, price: 1, fails: true},
		{quantity: 1, price: pay.UnitPriceMax + 1, fails: true},
	} {
		got, err := c.price.Total(c.quantity)
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("total of %d at %d: got %d, %v; want %d, failure %v", c.quantity, c.price, got, err, c.want, c.fails)
		}
	}
}

// TestFuelTotalIsRoundedExactly holds Total against arithmetic without bounds, and Within
// against Total: one thousandth more would cost more than the amount.
func TestFuelTotalIsRoundedExactly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		price := pay.UnitPrice(rapid.Int64Range(1, int64(pay.UnitPriceMax)).Draw(t, "price"))
		q := pay.Quantity(rapid.Int64Range(1, int64(pay.QuantityMax)).Draw(t, "quantity"))
		exact := new(big.Int).Mul(big.NewInt(int64(price)), big.NewInt(int64(q)))
		exact.Div(exact.Add(exact, big.NewInt(5000)), big.NewInt(10_000))
		total, err := price.Total(q)
		if fits := exact.Cmp(big.NewInt(int64(pay.AmountMax))) <= 0; fits != (err == nil) || (fits && exact.Int64() != int64(total)) {
			t.Fatalf("total of %d at %d is %v: got %d, %v", q, price, exact, total, err)
		}
		most := pay.Amount(rapid.Int64Range(0, int64(pay.AmountMax)).Draw(t, "most"))
		within := price.Within(most)
		if within > 0 {
			if cost, err := price.Total(within); err != nil || cost > most {
				t.Fatalf("%d at %d are said to be within %d and cost %d, %v", within, price, most, cost, err)
			}
		}
		if within < pay.QuantityMax {
			if cost, err := price.Total(within + 1); err == nil && cost <= most {
				t.Fatalf("%d at %d are said to be all within %d, and one more costs %d", within, price, most, cost)
			}
		}
	})
}

func TestFuelBodiesKeepTheirBounds(t *testing.T) {
	t.Parallel()
	terms := pay.FuelTerms{Pump: 3, Product: "diesel", Unit: pay.UnitLitre, Price: 1639}
	given := pay.Delivery{Quantity: 31_200, Begin: 100, End: 31_300, Took: 60_000}
	car := pay.Vehicle{Plate: "B-MW 1234", Product: "diesel", Tank: 60_000}
	type checked interface{ Check() error }
	for name, c := range map[string]struct {
		value checked
		fails bool
	}{
		"terms":                    {terms, false},
		"no pump":                  {pay.FuelTerms{Product: "diesel", Unit: pay.UnitLitre, Price: 1639}, true},
		"product in capitals":      {pay.FuelTerms{Pump: 3, Product: "Diesel", Unit: pay.UnitLitre, Price: 1639}, true},
		"unit unknown":             {pay.FuelTerms{Pump: 3, Product: "diesel", Unit: "gal", Price: 1639}, true},
		"most is negative":         {pay.FuelTerms{Pump: 3, Product: "diesel", Unit: pay.UnitLitre, Price: 1639, Most: -1}, true},
		"delivery":                 {given, false},
		"no readings":              {pay.Delivery{Quantity: 1}, false},
		"readings differ":          {pay.Delivery{Quantity: 31_200, Begin: 100, End: 31_301}, true},
		"meter went backwards":     {pay.Delivery{Quantity: 100, Begin: 200, End: 100}, true},
		"begins below zero":        {pay.Delivery{Quantity: 100, Begin: -100}, true},
		"nothing given":            {pay.Delivery{}, true},
		"took less than no time":   {pay.Delivery{Quantity: 1, Took: -1}, true},
		"vehicle":                  {car, false},
		"no plate":                 {pay.Vehicle{Product: "diesel"}, true},
		"plate of two lines":       {pay.Vehicle{Plate: "B\n1", Product: "diesel"}, true},
		"tank below zero":          {pay.Vehicle{Plate: "B 1", Product: "diesel", Tank: -1}, true},
		"no preset":                {pay.Preset{}, false},
		"preset of litres":         {pay.Preset{Quantity: 30_000}, false},
		"preset of two":            {pay.Preset{Quantity: 30_000, Full: true}, true},
		"preset of negative sum":   {pay.Preset{Amount: -1}, true},
		"preset of negative fuel":  {pay.Preset{Quantity: -1}, true},
		"product begins with a -":  {pay.Product("-a"), true},
		"product of many letters":  {pay.Product("aaaaaaaaaaaaaaaaaaaaaaaaa"), true},
		"pump above what is shown": {pay.PumpNumberMax + 1, true},
	} {
		if err := c.value.Check(); (err != nil) != c.fails {
			t.Errorf("%s: got %v, want failure %v", name, err, c.fails)
		}
	}
}
