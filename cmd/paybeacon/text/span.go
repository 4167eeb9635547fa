package text

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// ParseSpan reads a time span above zero as people write it: whole days, such as 7d, or
// what time.ParseDuration takes, such as 2h or 90m. Its error is a *pay.Error with
// CodeUsage.
func ParseSpan(s string) (pay.Millis, error) {
	if n, isDays := strings.CutSuffix(s, "d"); isDays {
		const daysMax = 36_500
		if days, err := strconv.Atoi(n); err == nil && days > 0 && days <= daysMax {
			return pay.Millis(days) * 24 * 3_600_000, nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && pay.MillisOf(d) > 0 {
		return pay.MillisOf(d), nil
	}
	return 0, pay.NewError(pay.CodeUsage, fmt.Sprintf("%q is no time span above zero", Printable(s)), "write it like 7d, 2h or 90m")
}
