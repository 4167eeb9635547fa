package fuel_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
)

func TestParsePrices(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		s      string
		digits int
		want   string
		fails  pay.Case
	}{
		{"diesel=1.639,petrol95=1.759", 2, "[{diesel 1639} {petrol95 1759}]", ""},
		{" diesel = 1.6 , petrol95=2", 2, "[{diesel 1600} {petrol95 2000}]", ""},
		{"electric=0.001", 2, "[{electric 1}]", ""},
		{"diesel=1639.5", 0, "[{diesel 16395}]", ""},                  // KRW has no digits: one decimal
		{"diesel=0.1234,lpg=1", 3, "[{diesel 1234} {lpg 10000}]", ""}, // KWD has three: four decimals
		{"diesel=1639.55", 0, "", "price_form"},
		{"diesel=1.6391", 2, "", "price_form"},
		{"diesel=1.6390", 2, "", "price_form"},
		{"diesel=0", 2, "", "price_form"},
		{"diesel=0.000", 2, "", "price_form"},
		{"diesel=-1.639", 2, "", "price_form"},
		{"diesel=+1.639", 2, "", "price_form"},
		{"diesel=NaN", 2, "", "price_form"},
		{"diesel=Inf", 2, "", "price_form"},
		{"diesel=1e3", 2, "", "price_form"},
		{"diesel=0x10", 2, "", "price_form"},
		{"diesel=1_000", 2, "", "price_form"},
		{"diesel=1.", 2, "", "price_form"},
		{"diesel=.5", 2, "", "price_form"},
		{"diesel=", 2, "", "price_form"},
		{"diesel=1.6.3", 2, "", "price_form"},
		{"diesel=１.6", 2, "", "price_form"},
		{"diesel=1,639", 2, "", "prices_form"}, // a comma begins another product
		{"diesel=100000.001", 2, "", "price_form"},
		{"diesel=99999999999999999999", 2, "", "price_form"},
		{"diesel=" + strings.Repeat("9", 5_000), 2, "", "price_form"},
		{"diesel=1.639,diesel=1.759", 2, "", "prices_twice"},
		{"Diesel=1.639", 2, "", "prices_form"},
		{"=1.639", 2, "", "prices_form"},
		{"diesel", 2, "", "prices_form"},
		{"", 2, "", "prices_form"},
		{"diesel=1.639,", 2, "", "prices_form"},
		{strings.Repeat("a=1,", pay.PricesMax) + "a=1", 2, "", "prices_many"},
	} {
		posted, err := fuel.ParsePrices(c.s, c.digits)
		if got := fmt.Sprint(posted); caseOf(err) != c.fails || (err == nil) != (c.fails == "") || (err == nil && got != c.want) {
			t.Errorf("%.60q: %s, %v; want %s, %s", c.s, got, err, c.want, c.fails)
		}
	}
}

func TestParseQuantity(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]pay.Quantity{
		"31.20": 31_200, "31.2": 31_200, "31": 31_000, "0.001": 1, "100000": pay.QuantityMax,
		"0": 0, "0.0001": 0, "31.2000": 0, "-1": 0, "NaN": 0, "inf": 0, "1e3": 0, "31,20": 0, "": 0, ".": 0, "100000.001": 0, "9223372036854775807": 0, "1 000": 0,
	} {
		q, err := fuel.ParseQuantity(s)
		if q != want || (err == nil) != (want != 0) || (err != nil && caseOf(err) != "quantity_form") {
			t.Errorf("%q: %d, %v; want %d", s, q, err, want)
		}
	}
	for q, want := range map[pay.Quantity]string{31_200: "31.20", 31_204: "31.204", 80: "0.08", 5: "0.005", 1_000: "1.00", 0: "0.00", -5: "-0.005"} {
		if got := fuel.FormatQuantity(q); got != want {
			t.Errorf("%d is %q, want %q", q, got, want)
		}
	}
}

// What is written is read back, for currencies of every number of digits.
func TestPricesAndQuantitiesAreReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.IntRange(0, 4).Draw(t, "digits")
		prices := rapid.MapOfN(rapid.StringMatching(`[a-z][a-z0-9-]{0,23}`), rapid.Int64Range(1, int64(pay.UnitPriceMax)), 1, pay.PricesMax).Draw(t, "prices")
		var posted []fuel.Posted
		for product, p := range prices {
			posted = append(posted, fuel.Posted{Product: pay.Product(product), Price: pay.UnitPrice(p)})
		}
		s := fuel.FormatPrices(posted, digits)
		if again, err := fuel.ParsePrices(s, digits); err != nil || !slices.Equal(again, posted) {
			t.Fatalf("%q was read as %v (%v), want %v", s, again, err, posted)
		}
		q := pay.Quantity(rapid.Int64Range(1, int64(pay.QuantityMax)).Draw(t, "quantity"))
		if again, err := fuel.ParseQuantity(fuel.FormatQuantity(q)); err != nil || again != q {
			t.Fatalf("%q was read as %d (%v), want %d", fuel.FormatQuantity(q), again, err, q)
		}
		anything := rapid.String().Draw(t, "anything")
		if p, err := fuel.ParsePrice(anything, digits); err == nil && p.Check() != nil {
			t.Fatalf("%q was read as %d", anything, p)
		}
	})
}
