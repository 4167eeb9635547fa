package text

import (
	"math"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

func TestAmountsAreReadExactly(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in   string
		cur  pay.Currency
		want pay.Amount
		code pay.ErrorCode
	}{
		{"12.50", "EUR", 1250, ""},
		{"12.5", "EUR", 1250, ""},
		{"0.01", "EUR", 1, ""},
		{"50000", "KRW", 50000, ""},
		{"1.234", "KWD", 1234, ""},
		{"100000000.00", "EUR", 10_000_000_000, ""},
		{"0", "EUR", 0, pay.CodeAmount},
		{"0.00", "EUR", 0, pay.CodeAmount},
		{"-1.00", "EUR", 0, pay.CodeAmount},
		{"+1.00", "EUR", 0, pay.CodeAmount},
		{"1.001", "EUR", 0, pay.CodeAmount},
		{"1.0", "KRW", 0, pay.CodeAmount},
		{"1e3", "EUR", 0, pay.CodeAmount},
		{"1,00", "EUR", 0, pay.CodeAmount},
		{" 1.00", "EUR", 0, pay.CodeAmount},
		{"1.", "EUR", 0, pay.CodeAmount},
		{".5", "EUR", 0, pay.CodeAmount},
		{"", "EUR", 0, pay.CodeAmount},
		{"NaN", "EUR", 0, pay.CodeAmount},
		{"100000000.01", "EUR", 0, pay.CodeAmount},
		{"92233720368547758.08", "EUR", 0, pay.CodeAmount},
		{"99999999999999999999999999", "EUR", 0, pay.CodeAmount},
		{"١٢", "EUR", 0, pay.CodeAmount},
		{"1.00", "XXQ", 0, pay.CodeCurrency},
	} {
		t.Run(tc.in+" "+string(tc.cur), func(t *testing.T) {
			t.Parallel()
			got, err := ParseAmount(tc.in, tc.cur)
			if got != tc.want || pay.CodeOf(err) != tc.code {
				t.Errorf("parseAmount(%q, %s) = %d, %v; want %d, code %q", tc.in, tc.cur, got, err, tc.want, tc.code)
			}
		})
	}
}

func TestCurrenciesThatAreNone(t *testing.T) {
	t.Parallel()
	for _, no := range []string{"", "XXX", "eur", "EU", "EURO", "R G", "UR ", " AE"} {
		if _, err := ParseCurrency(no); pay.CodeOf(err) != pay.CodeCurrency {
			t.Errorf("%q: %v", no, err)
		}
	}
}

func TestAmountsAreWrittenExactly(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a    pay.Amount
		cur  pay.Currency
		want string
	}{
		{1250, "EUR", "12.50 EUR"},
		{5, "EUR", "0.05 EUR"},
		{0, "EUR", "0.00 EUR"},
		{-5, "EUR", "-0.05 EUR"},
		{-123456, "KWD", "-123.456 KWD"},
		{50_000, "KRW", "50000 KRW"},
		{7, "CLF", "0.0007 CLF"},
		{math.MaxInt64, "EUR", "92233720368547758.07 EUR"},
		{math.MinInt64, "EUR", "-92233720368547758.08 EUR"},
		{12, "XXQ", "12 minor units XXQ"},
	} {
		if got := FormatMoney(tc.a, tc.cur); got != tc.want {
			t.Errorf("%d %s is %q, want %q", tc.a, tc.cur, got, tc.want)
		}
	}
}
