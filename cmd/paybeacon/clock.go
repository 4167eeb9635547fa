package main

import (
	"fmt"
	"os"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// clock is this process's idea of the time: the machine's, shifted by
// PAYBEACON_CLOCK for tests that need a wrong one.
type clock struct{ shift time.Duration }

const clockEnv = "PAYBEACON_CLOCK"

func clockFromEnv() (clock, error) {
	s := os.Getenv(clockEnv)
	if s == "" {
		return clock{}, nil
	}
	shift, err := time.ParseDuration(s)
	if err != nil {
		return clock{}, pay.Wrap(err, pay.CodeConfig, fmt.Sprintf("read %s", clockEnv), "write it like +10m or -90s")
	}
	return clock{shift}, nil
}

// now keeps the monotonic reading, so differences stay right.
func (c clock) now() time.Time { return time.Now().Add(c.shift) }

func (c clock) millis() pay.Time { return pay.TimeOf(c.now()) }
