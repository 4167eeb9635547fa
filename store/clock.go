package store

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// moment is one reading of the store's clocks. now is what the domain sees, the
// checked time. ticks counts milliseconds, never goes back and is not moved by
// setting the clock; ages are differences of ticks. wall is what the wall clock
// shows. In doubt the wall clock contradicts what the store knows of it.
type moment struct {
	now   pay.Time
	ticks pay.Millis
	wall  pay.Time
	doubt bool
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

// clock reads moments. It goes on from what the store kept.
type clock struct {
	wall    func() time.Time
	uptime  func() pay.Boot // nil: from the monotonic reading of wall
	start   time.Time       // when the store was opened
	lenient bool            // of a node, which decides nothing

	base    pay.Millis // ticks when the boot had lasted for opened
	opened  pay.Millis
	mu      sync.Mutex
	ref     reference
	last    moment
	lastUp  pay.Millis
	written reference // as it stands in the store
}

// newClock returns a clock that goes on from kept and ref, which are zero for a
// new store. A store without a reference was written by a program that kept none.
func newClock(o Options, kept moment, ref reference) *clock {
	c := &clock{wall: o.Now, uptime: o.Boot, lenient: o.Own != pay.ScopeRegistry, written: ref, last: kept}
	c.start = c.wall()
	r := c.look()
	c.ref = ref.opened(r, kept, c.lenient)
	c.lastUp, c.opened = r.boot.Up, r.boot.Up
	away := c.ref.at(r.boot.Up).Sub(kept.now)
	if ref == (reference{}) { // now was not always the time then
		away = r.wall.Sub(kept.wall)
	}
	c.base = kept.ticks
	if kept.wall > 0 && !c.ref.Loose {
		c.base += max(away, 0)
	}
	return c
}

// lookSpread is how far the wall clock may move while the clocks are read.
// Chosen: a process that was held up longer between them reads them again, or
// it would see a step that nobody made.
const lookSpread pay.Millis = 50

// look reads the clocks of the machine, at one moment as well as that goes.
func (c *clock) look() (r reading) {
	if c.uptime == nil {
		return c.readingAt(c.wall())
	}
	for range 3 {
		before := pay.TimeOf(c.wall())
		r.boot = c.uptime()
		r.wall = pay.TimeOf(c.wall())
		if spread := r.wall.Sub(before); spread >= 0 && spread <= lookSpread {
			break
		}
	}
	return r
}

// readingAt is look for a reading of the wall clock that the caller has taken.
func (c *clock) readingAt(t time.Time) reading {
	if c.uptime != nil {
		return reading{wall: pay.TimeOf(t), boot: c.uptime()}
	}
	return reading{wall: pay.TimeOf(t), boot: pay.Boot{Up: pay.MillisOf(t.Sub(c.start))}}
}

// moment reads the clocks.
func (c *clock) moment() moment { return c.at(c.look()) }

// at is moment for a reading that the caller has taken.
func (c *clock) at(r reading) moment {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastUp = max(c.lastUp, r.boot.Up)
	r.boot.Up = c.lastUp
	c.ref = c.ref.followed(r, c.last.now)
	now := c.ref.at(r.boot.Up)
	if back := c.last.now.Sub(now); back > 0 && back <= pay.ClockFollow {
		now = c.last.now // after a small correction time stands still until it is made up for
	}
	c.last = moment{
		now: now, wall: r.wall, doubt: c.ref.doubtful(),
		ticks: max(c.last.ticks, c.base+r.boot.Up-c.opened),
	}
	return c.last
}

// accepted returns the clock as it is now, and what it would be if the wall clock
// were right; it changes nothing.
func (c *clock) accepted() (s ClockState, ref reference, m moment) {
	r := c.look()
	m = c.at(r)
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ref = c.ref.state(m), c.ref.settled(r, m.now, EndAccepted)
	m.now, m.doubt = r.wall, false
	return s, ref, m
}

// unwritten returns the reference if the store does not know it yet. One that is
// of no known boot is worth nothing after this process.
func (c *clock) unwritten() (ref reference, differs bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ref, c.ref.Boot != "" && c.ref.differs(c.written)
}

// wrote takes over what is durable: the reference, and that the wall clock was accepted,
// unless they are nil.
func (c *clock) wrote(ref *reference, accepted *acceptedClock) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ref != nil {
		c.written = *ref
	}
	if accepted != nil {
		c.ref, c.last.now, c.last.doubt = accepted.ref, accepted.moment.now, false
	}
}

// state is what the clock thinks of the wall clock now.
func (c *clock) state() ClockState {
	m := c.moment()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ref.state(m)
}

// confirm takes the wall clock of a node in doubt for right when a registry's
// clock, which shows t, agrees with it: then it is the reference that was wrong.
func (c *clock) confirm(t pay.Time) {
	if !c.lenient {
		return
	}
	r := c.look()
	c.at(r)
	c.mu.Lock()
	defer c.mu.Unlock()
	if off := t.Sub(r.wall); c.ref.doubtful() && off >= -pay.ClockFollow && off <= pay.ClockFollow {
		c.ref = c.ref.settled(r, c.last.now, EndConfirmed)
		c.last.now = r.wall
	}
}

// until returns how long to wait, by the wall, for now to reach t.
func (c *clock) until(t pay.Time) time.Duration { return t.Sub(c.moment().now).Std() }
