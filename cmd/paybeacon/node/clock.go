package node

import (
	"fmt"
	"os"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// ClockEnv is the variable that shifts a process's clock, for tests and stories
// that need a wrong one.
const ClockEnv = "PAYBEACON_CLOCK"

// ProcessClock returns this process's clock: the machine's, shifted by ClockEnv. It
// keeps the monotonic reading, so differences of its times stay right. Its error is
// a *pay.Error with CodeConfig.
func ProcessClock() (func() time.Time, error) {
	shift, err := clockShift()
	return shifted(shift), err
}

func shifted(by time.Duration) func() time.Time {
	return func() time.Time { return time.Now().Add(by) }
}

func clockShift() (time.Duration, error) {
	s := os.Getenv(ClockEnv)
	if s == "" {
		return 0, nil
	}
	shift, err := time.ParseDuration(s)
	if err != nil {
		return 0, pay.Wrap(err, pay.CodeConfig, fmt.Sprintf("read %s", ClockEnv), "write it like +10m or -90s")
	}
	return shift, nil
}
