package pay

import (
	"fmt"
	"time"
)

// Time is a moment in milliseconds since 1970-01-01 UTC. On a decision it is
// the registry's clock; on a claim it is the claimant's and for display only.
type Time int64

// The years 0000 to 9999, which are what RFC 3339 can write.
const (
	timeMin Time = -62_167_219_200_000
	timeMax Time = 253_402_300_799_999
)

// check returns nil when t can be written as RFC 3339.
func (t Time) check() error {
	if t < timeMin || t > timeMax {
		return fmt.Errorf("time %d is outside the years 0000..9999", int64(t))
	}
	return nil
}

// Millis is a span in milliseconds.
type Millis int64

// TimeOf returns t rounded down to the millisecond.
func TimeOf(t time.Time) Time { return Time(t.UnixMilli()) }

// Std returns t as a time.Time in UTC.
func (t Time) Std() time.Time { return time.UnixMilli(int64(t)).UTC() }

// String returns t as RFC 3339 in UTC with milliseconds.
func (t Time) String() string { return t.Std().Format("2006-01-02T15:04:05.000Z07:00") }

// Add returns the moment d after t.
func (t Time) Add(d Millis) Time { return t + Time(d) }

// Sub returns how long t is after u.
func (t Time) Sub(u Time) Millis { return Millis(t - u) }

// MillisOf returns d rounded down to the millisecond.
func MillisOf(d time.Duration) Millis { return Millis(d.Milliseconds()) }

// Std returns m as a time.Duration.
func (m Millis) Std() time.Duration { return time.Duration(m) * time.Millisecond }
