package node

import (
	"fmt"
	"os"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// clock is this process's idea of the time: the machine's, shifted by
// PAYBEACON_CLOCK for tests that need a wrong one.
type clock struct{ shift time.Duration }

const ClockEnv = "PAYBEACON_CLOCK"

func ClockFromEnv() (clock, error) {
	s := os.Getenv(ClockEnv)
	if s == "" {
		return clock{}, nil
	}
	shift, err := time.ParseDuration(s)
	if err != nil {
		return clock{}, pay.Wrap(err, pay.CodeConfig, fmt.Sprintf("read %s", ClockEnv), "write it like +10m or -90s")
	}
	return clock{shift}, nil
}

// Now keeps the monotonic reading, so differences stay right.
func (c clock) Now() time.Time { return time.Now().Add(c.shift) }

func (c clock) millis() pay.Time { return pay.TimeOf(c.Now()) }
