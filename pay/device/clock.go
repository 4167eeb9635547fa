package device

import "github.com/paybeacon/paybeacon/pay"

// Reading is a device's counter in milliseconds. Unlike a pay.Counter it has the
// fraction of a second, which each restart would otherwise lose.
type Reading int64

const (
	// ReadingMax is the last reading: the counter has 32 bits of seconds.
	// Published: Eddystone-EID specification.
	ReadingMax Reading = 1<<32*1000 - 1

	// readingFirstMax bounds the first reading of a new device. Chosen: eight
	// years of seconds hide when the device was made, and 127 years remain.
	readingFirstMax Reading = 1 << 28 * 1000

	// resumeBackMax is how far the wall clock may have gone back while the device
	// was off and still count as not having moved. Chosen: clocks are corrected by
	// small amounts all the time, and resuming a whole step ahead would put the
	// device out of step.
	resumeBackMax = pay.DriftBase
	// resumeAheadMax is the longest absence that counts as plausible. Chosen: a
	// year; a wrong clock must not use up the counter.
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

// Resume returns the reading with which a device restarts at the wall time now,
// after it stored the reading stored at the wall time then. It is never before
// stored. If the time between is not plausible, it is exactly one step of
// exponent k after stored.
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

// NewClock returns the clock whose reading is start when no time has elapsed.
func NewClock(start Reading) Clock { return Clock{start.clamp()} }

// At returns the reading after the process has run for elapsed, measured by the
// monotonic clock.
func (c Clock) At(elapsed pay.Millis) Reading { return c.start.Add(max(elapsed, 0)) }

func stepMillis(k pay.Exponent) pay.Millis { return pay.Millis(k.Seconds()) * 1000 }
