package process

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

const (
	// ClockEnv is the variable that shifts a process's wall clock, for tests and
	// stories that need a wrong one: by a span such as +2h, or by the span that
	// stands in a file, @FILE, which is read again and again. How long the machine
	// has run is not shifted: a wrong clock is not time that passes.
	ClockEnv = "PAYBEACON_CLOCK"
	// BootEnv is the variable that makes a process believe that the machine was
	// restarted: any name takes the place of that of the boot.
	BootEnv = "PAYBEACON_BOOT"
)

// shiftEvery is how often the file of ClockEnv is read. Chosen: soon enough for a
// step while a test looks on.
const shiftEvery = 100 * time.Millisecond

// Clock returns this process's clock: the machine's, shifted by ClockEnv. It
// keeps the monotonic reading, so differences of its times stay right unless the
// shift changes. Its error is a *pay.Error with CodeConfig.
func Clock() (func() time.Time, error) {
	now, _, err := clockFromEnv()
	return now, err
}

// clockFromEnv returns the process's clock and what ClockEnv says.
func clockFromEnv() (now func() time.Time, shift string, err error) {
	shift = os.Getenv(ClockEnv)
	path, file := strings.CutPrefix(shift, "@")
	if !file {
		by, err := parseShift(shift)
		return func() time.Time { return time.Now().Add(by) }, shift, err
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return time.Now, shift, pay.Wrap(err, pay.CodeConfig, "read the file of "+ClockEnv, "write a span such as +2h into it")
	}
	by, err := parseShift(string(raw))
	return (&fileClock{path: path, by: by, read: time.Now()}).now, shift, err
}

func parseShift(s string) (time.Duration, error) {
	if s = strings.TrimSpace(s); s == "" {
		return 0, nil
	}
	by, err := time.ParseDuration(s)
	if err != nil {
		return 0, pay.Wrap(err, pay.CodeConfig, fmt.Sprintf("read %s", ClockEnv), "write it like +10m or -90s, or @FILE with that in the file")
	}
	return by, nil
}

// fileClock is a clock shifted by what stands in a file. What cannot be read
// changes nothing: the file may be just being written.
type fileClock struct {
	path string

	mu   sync.Mutex
	by   time.Duration
	read time.Time
}

func (c *fileClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := time.Now()
	if t.Sub(c.read) >= shiftEvery {
		c.read = t
		if raw, err := os.ReadFile(c.path); err == nil {
			if by, err := parseShift(string(raw)); err == nil {
				c.by = by
			}
		}
	}
	return t.Add(c.by)
}
