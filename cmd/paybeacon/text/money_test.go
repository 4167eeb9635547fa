package text

import (
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
