package node

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

func TestLimitsAreRead(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]pay.Amount{"0": 0, "0.0": 0, "0.00": 0, "0.01": 1, "50": 5_000, "50.00": 5_000, "none": pay.AmountMax} {
		if got, err := parseLimit(s, "EUR"); err != nil || got != want {
			t.Errorf("%q is %d (%v), want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "-1", "00", "0,00", "0.001", "None", "99999999999999", "."} {
		if got, err := parseLimit(s, "EUR"); pay.CodeOf(err) != pay.CodeAmount {
			t.Errorf("%q is %d (%v)", s, got, err)
		}
	}
}
