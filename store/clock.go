package store

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// moment is one reading of the store's two clocks. now is what the domain sees
// and never goes back. ticks counts milliseconds and also never goes back, but
// is not moved by setting the clock while the program runs; ages are
// differences of ticks. wall is the reading of the wall clock.
type moment struct {
	now   pay.Time
	ticks pay.Millis
	wall  pay.Time
}

const momentBytes = 24

func (m moment) encode() []byte {
	buf := binary.BigEndian.AppendUint64(make([]byte, 0, momentBytes), timeBits(m.now))
	buf = binary.BigEndian.AppendUint64(buf, uint64(m.ticks))
	return binary.BigEndian.AppendUint64(buf, timeBits(m.wall))
}

func decodeMoment(raw []byte) (m moment, ok bool) {
	if len(raw) != momentBytes {
		return m, false
	}
	m.now = timeOfBits(binary.BigEndian.Uint64(raw))
	m.ticks = pay.Millis(binary.BigEndian.Uint64(raw[8:]))
	m.wall = timeOfBits(binary.BigEndian.Uint64(raw[16:]))
	return m, m.ticks >= 0
}

// clock reads moments. It goes on from the moment that the store kept.
type clock struct {
	read  func() time.Time
	start time.Time  // when the store was opened; its monotonic reading counts
	base  pay.Millis // ticks at start

	mu   sync.Mutex
	last moment // the latest reading
}

// newClock returns a clock that goes on from kept. While the program was not
// running only the wall clock measures how long that was; if that one was set
// back, no time has passed.
func newClock(read func() time.Time, kept moment) *clock {
	start := read()
	c := &clock{read: read, start: start, base: kept.ticks, last: kept}
	if away := pay.TimeOf(start).Sub(kept.wall); away > 0 && kept.wall > 0 {
		c.base += away
	}
	return c
}

// moment reads the clocks.
func (c *clock) moment() moment { return c.at(c.read()) }

// at is moment for a reading that the caller has taken.
func (c *clock) at(t time.Time) moment {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = moment{
		now:   max(c.last.now, pay.TimeOf(t)),
		ticks: max(c.last.ticks, c.base+pay.MillisOf(t.Sub(c.start))),
		wall:  pay.TimeOf(t),
	}
	return c.last
}

// until returns how long to wait, by the wall, for now to reach t.
func (c *clock) until(t pay.Time) time.Duration { return t.Std().Sub(c.read()) }
