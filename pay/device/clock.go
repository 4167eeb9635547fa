package device

import "github.com/paybeacon/paybeacon/pay"

// Reading is a device's counter in milliseconds. It is a pay.Counter with the
// fraction of a second that each restart would otherwise lose.
type Reading int64

const (
	// ReadingMax is the last reading: the counter has 32 bits of seconds.
	ReadingMax Reading = 1<<32*1000 - 1

	// readingFirstMax bounds the first reading of a new device.
	readingFirstMax Reading = 1 << 28 * 1000

	// resumeBackMax is how far a wall clock may have gone back while the device
	// was off and still be believed to stand still: clocks are corrected by a
	// little all the time, and a whole step ahead would put the device out of
	// step.
	resumeBackMax = pay.DriftBase
	// resumeAheadMax is the longest absence that is believed. A clock that went
	// mad must not use up the counter.
	resumeAheadMax pay.Millis = 366 * 24 * 3_600_000
)

// Counter returns the whole seconds of r.
func (r Reading) Counter() pay.Counter { return pay.Counter(r.clamp() / 1000) }

// Add returns the reading d later, at most ReadingMax.
func (r Reading) Add(d pay.Millis) Reading {
	if d >= pay.Millis(ReadingMax-r) {
		return ReadingMax
	}
	return r + Reading(d)
}

// Sub returns how long r is after s.
func (r Reading) Sub(s Reading) pay.Millis { return pay.Millis(r - s) }

func (r Reading) clamp() Reading { return min(max(r, 0), ReadingMax) }

// Resume returns the reading with which a device starts again that stored
// stored at the wall time then and finds the wall time now. It is never before
// stored, and without a believable clock it is exactly one step of exponent k
// after it.
func Resume(stored Reading, k pay.Exponent, then, now pay.Time) Reading {
	switch away := now.Sub(then); {
	case away < -resumeBackMax, away > resumeAheadMax:
		return stored.Add(stepMillis(k))
	case away < 0:
		return stored
	default:
		return stored.Add(away)
	}
}

// Clock is the counter of a running device. It is immutable.
type Clock struct{ start Reading }

// NewClock returns the clock that stands at start when nothing has elapsed.
func NewClock(start Reading) Clock { return Clock{start.clamp()} }

// At returns the reading after the process ran for elapsed, measured on the
// monotonic clock.
func (c Clock) At(elapsed pay.Millis) Reading { return c.start.Add(max(elapsed, 0)) }

func stepMillis(k pay.Exponent) pay.Millis { return pay.Millis(k.Seconds()) * 1000 }
