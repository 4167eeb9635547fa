package pay_test

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"pgregory.net/rapid"
)

// edge draws amounts, those near the ends more often than not.
func edge(r *rapid.T, name string) pay.Amount {
	return pay.Amount(rapid.OneOf(rapid.Int64(), rapid.Int64Range(-3, 3), rapid.Int64Range(math.MinInt64, math.MinInt64+3),
		rapid.Int64Range(math.MaxInt64-3, math.MaxInt64)).Draw(r, name))
}

// Sums are exact or refused: big.Int, which cannot overflow, is the judge.
func TestSumsAreExactOrRefused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		a, b := edge(r, "a"), edge(r, "b")
		x, y := big.NewInt(int64(a)), big.NewInt(int64(b))
		sum, err := a.Add(b)
		judge(r, "add", new(big.Int).Add(x, y), sum, err)
		diff, err := a.Sub(b)
		judge(r, "subtract", new(big.Int).Sub(x, y), diff, err)
	})
}

func judge(r *rapid.T, what string, want *big.Int, have pay.Amount, err error) {
	switch {
	case want.IsInt64() && (err != nil || int64(have) != want.Int64()):
		r.Fatalf("%s: have %d, %v, want %v", what, have, err, want)
	case !want.IsInt64() && (!errors.Is(err, pay.ErrOverflow) || have != 0):
		r.Fatalf("%s: have %d, %v, and %v does not fit", what, have, err, want)
	}
}

func TestSumsAtTheEdges(t *testing.T) {
	t.Parallel()
	const most, least pay.Amount = math.MaxInt64, math.MinInt64
	for _, c := range []struct {
		name string
		sum  func() (pay.Amount, error)
		want pay.Amount
		ok   bool
	}{
		{"most + 0", func() (pay.Amount, error) { return most.Add(0) }, most, true},
		{"most + 1", func() (pay.Amount, error) { return most.Add(1) }, 0, false},
		{"least + -1", func() (pay.Amount, error) { return least.Add(-1) }, 0, false},
		{"most + least", func() (pay.Amount, error) { return most.Add(least) }, -1, true},
		{"least - 1", func() (pay.Amount, error) { return least.Sub(1) }, 0, false},
		{"most - -1", func() (pay.Amount, error) { return most.Sub(-1) }, 0, false},
		{"0 - least", func() (pay.Amount, error) { return pay.Amount(0).Sub(least) }, 0, false},
		{"-1 - least", func() (pay.Amount, error) { return pay.Amount(-1).Sub(least) }, most, true},
		{"least - least", func() (pay.Amount, error) { return least.Sub(least) }, 0, true},
	} {
		if have, err := c.sum(); have != c.want || (err == nil) != c.ok {
			t.Errorf("%s: have %d, %v", c.name, have, err)
		}
	}
}

func TestWhatIsPayable(t *testing.T) {
	t.Parallel()
	for a, ok := range map[pay.Amount]bool{
		math.MinInt64: false, -1: false, 0: false, 1: true, pay.AmountMax: true, pay.AmountMax + 1: false, math.MaxInt64: false,
	} {
		if err := a.CheckPayable(); (err == nil) != ok {
			t.Errorf("%d: %v", a, err)
		}
	}
	// An account at its limit and one more payment still fit an Amount.
	if _, err := pay.BalanceMax.Add(pay.AmountMax); err != nil {
		t.Error(err)
	}
}

func TestCurrencies(t *testing.T) {
	t.Parallel()
	for c, ok := range map[pay.Currency]bool{
		"EUR": true, "KRW": true, "XXX": true, "": false, "EU": false, "EURO": false, "eur": false, "E1R": false, "EU ": false, "ЕU": false, "\x00\x00\x00": false,
	} {
		if err := c.Check(); (err == nil) != ok {
			t.Errorf("%q: %v", string(c), err)
		}
	}
}
