package text_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

func TestParseSpan(t *testing.T) {
	t.Parallel()
	const day = 24 * 3_600_000
	for s, want := range map[string]pay.Millis{
		"7d": 7 * day, "1d": day, "2h": 2 * 3_600_000, "90m": 90 * 60_000, "1h30m": 90 * 60_000, "250ms": 250,
		"": 0, "d": 0, "0d": 0, "-1d": 0, "1.5d": 0, "7": 0, "0s": 0, "-2h": 0, "7 d": 0, "99999999999d": 0, "1d2h": 0,
	} {
		got, err := text.ParseSpan(s)
		if got != want || (err == nil) != (want > 0) || err != nil && pay.CodeOf(err) != pay.CodeUsage {
			t.Errorf("%q is %d, %v; want %d", s, got, err, want)
		}
	}
}
