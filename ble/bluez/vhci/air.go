package vhci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/ble"
)

// Port connects a controller with its host. Read returns one packet of the host
// and Write sends one to it, as the kernel's device does, and Close ends a Read
// that waits. Write must not wait and must not keep the packet.
type Port interface {
	io.ReadWriteCloser
	// Name is the host's name for the controller, such as "hci0".
	Name() string
}

// Cure is the event after which a deaf controller hears again.
type Cure byte

// The cures, from the mildest.
const (
	// Hears means that the controller is not deaf.
	Hears Cure = iota
	// CureScan means that it is deaf until the host begins another scan.
	CureScan
	// CureReset means that it is deaf until the host resets the controller, as
	// the host does when it switches the controller off and on.
	CureReset
	// CureNever means that it stays deaf.
	CureNever
)

// strengthDefault is the strength at which controllers hear each other unless
// the test sets one, in dBm. Chosen: as of a device at the box, so that it is clear.
const strengthDefault = -50

// Options configure an Air.
type Options struct {
	// Seed determines all random values.
	Seed uint64
	// Heard is called for each advertisement that is reported to a host, from one
	// goroutine at a time; nil means no calls. It must return quickly and must not
	// call methods of the Air or of its controllers.
	Heard func(to *Controller, r Report, at time.Time)
}

// Air delivers advertisements from each controller to the others. Its methods
// may be called at the same time.
type Air struct {
	options Options
	wake    chan struct{}

	mu          sync.Mutex
	random      *rand.Rand
	controllers []*Controller
	strength    map[[2]*Controller]int8
	event       []byte // the one being written, reused
}

// NewAir returns an air without controllers. Nothing is sent before Run.
func NewAir(o Options) *Air {
	return &Air{options: o, wake: make(chan struct{}, 1), random: rand.New(rand.NewPCG(o.Seed, 1)), strength: map[[2]*Controller]int8{}}
}

// Controller is one virtual controller.
type Controller struct {
	air  *Air
	port Port
	done chan struct{}

	// Under the air's lock.
	state   *state
	counts  Counts
	changed chan struct{}
}

// Counts counts the advertisements that reached a controller by what happened to
// them, and two commands of the host.
type Counts struct {
	Told      int // reported to the host
	Duplicate int // dropped by the duplicate filter
	Deaf      int // not heard, because the controller was deaf
	Closed    int // not heard, because it did not scan or its window was closed
	Lost      int // reported, but the host did not take the report
	Scans     int // scans that the host began
	Resets    int // resets by the host
}

// Run sends advertisements when they are due until ctx ends, and then returns
// nil.
func (a *Air) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.wake:
		case <-timer.C:
		}
		if wait, due := a.send(time.Now()); due {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
	}
}

// send sends what is due at the moment now. It returns how long it is until the
// next one is due, and whether there is one.
func (a *Air) send(now time.Time) (wait time.Duration, due bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var next time.Time
	for _, c := range a.controllers {
		for _, set := range c.state.sets {
			if !set.on {
				continue
			}
			if !set.due.After(now) {
				a.transmit(c, set, now)
				set.due = set.nextDue(now, a.random)
			}
			if next.IsZero() || set.due.Before(next) {
				next = set.due
			}
		}
	}
	return next.Sub(now), !next.IsZero()
}

// transmit delivers one advertisement to all other controllers.
func (a *Air) transmit(from *Controller, set *advSet, now time.Time) {
	r := from.state.reportOf(set)
	for _, to := range a.controllers {
		if to == from {
			continue
		}
		r.RSSI = strengthDefault
		if dBm, ok := a.strength[[2]*Controller{from, to}]; ok {
			r.RSSI = dBm
		}
		if to.deliver(r, now) != notListening && r.Kind != NonConnectable && len(set.response) > 0 {
			response := r
			response.Kind, response.Data = ScanResponse, set.response
			to.deliver(response, now)
		}
	}
}

// SetStrength sets the strength at which to hears from, in dBm; 127 means that to
// does not know it.
func (a *Air) SetStrength(from, to *Controller, dBm int8) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.strength[[2]*Controller{from, to}] = dBm
}

// Plug adds a controller for port. It carries out its host's commands until
// Unplug.
func (a *Air) Plug(port Port, m Model) *Controller {
	c := &Controller{air: a, port: port, done: make(chan struct{}), changed: make(chan struct{}), state: newState(m)}
	a.mu.Lock()
	a.controllers = append(a.controllers, c)
	a.mu.Unlock()
	go c.serve()
	return c
}

// Unplug removes the controller and closes its port. It returns the port's error.
func (c *Controller) Unplug() error {
	c.air.mu.Lock()
	c.air.controllers = slices.DeleteFunc(c.air.controllers, func(o *Controller) bool { return o == c })
	for pair := range c.air.strength {
		if pair[0] == c || pair[1] == c {
			delete(c.air.strength, pair)
		}
	}
	c.air.mu.Unlock()
	err := c.port.Close()
	<-c.done
	if err != nil {
		return fmt.Errorf("unplug %s: %w", c.Name(), err)
	}
	return nil
}

// Name returns the host's name for the controller.
func (c *Controller) Name() string { return c.port.Name() }

// serve reads commands and carries them out until the port ends.
func (c *Controller) serve() {
	defer close(c.done)
	buf := make([]byte, packetBytesMax)
	for {
		n, err := c.port.Read(buf)
		if err != nil {
			return
		}
		order, err := parseCommand(buf[:n])
		if errors.Is(err, errNoCommand) {
			continue // data for a connection, but there are no connections
		}
		if err != nil {
			continue // there is no opcode to answer
		}
		c.run(order)
	}
}

func (c *Controller) run(order command) {
	c.air.mu.Lock()
	defer c.air.mu.Unlock()
	listened := c.state.enabled.on
	s, returned := c.state.run(order, time.Now())
	if c.state.enabled.on && !listened {
		c.counts.Scans++
	}
	if order.op == opReset {
		c.counts.Resets++
	}
	c.air.event = appendComplete(c.air.event[:0], order.op, s, returned...)
	_, _ = c.port.Write(c.air.event) // a host that is gone needs no answer
	close(c.changed)
	c.changed = make(chan struct{})
	select {
	case c.air.wake <- struct{}{}:
	default: // a wake-up is pending already
	}
}

// deliver makes the controller hear r. The caller holds the air's lock.
func (c *Controller) deliver(r Report, now time.Time) verdict {
	v := c.state.receive(r, c.air.random.Float64())
	switch v {
	case notListening:
		c.counts.Closed++
	case whileDeaf:
		c.counts.Deaf++
	case duplicate:
		c.counts.Duplicate++
	case heard:
		var err error
		if c.air.event, err = appendReport(c.air.event[:0], r, c.state.model.Extended); err == nil {
			_, err = c.port.Write(c.air.event)
		}
		if err != nil {
			c.counts.Lost++
			return v
		}
		c.counts.Told++
		if c.air.options.Heard != nil {
			c.air.options.Heard(c, r, now)
		}
	}
	return v
}

// Inject makes the controller hear r as if another controller had sent it, and
// reports whether its duplicate filter and scan let r through to the host.
func (c *Controller) Inject(r Report) bool {
	c.air.mu.Lock()
	defer c.air.mu.Unlock()
	return c.deliver(r, time.Now()) == heard
}

// Deafen makes the controller hear nothing, although it scans, until the given
// cure happens.
func (c *Controller) Deafen(until Cure) {
	c.air.mu.Lock()
	defer c.air.mu.Unlock()
	c.state.deaf = until
}

// Counts returns the counts since the controller was plugged in.
func (c *Controller) Counts() Counts {
	c.air.mu.Lock()
	defer c.air.mu.Unlock()
	return c.counts
}

// Listening reports whether the host has switched scanning on, and whether with
// the duplicate filter.
func (c *Controller) Listening() (on, filtered bool) {
	c.air.mu.Lock()
	defer c.air.mu.Unlock()
	return c.state.enabled.on, c.state.enabled.on && c.state.enabled.filter
}

// Changed returns a channel that is closed when the host has given the
// controller another command.
func (c *Controller) Changed() <-chan struct{} {
	c.air.mu.Lock()
	defer c.air.mu.Unlock()
	return c.changed
}

// OnAir is one advertisement that a controller sends.
type OnAir struct {
	Report
	Interval time.Duration
}

// OnAir returns the advertisements that the controller sends, one for each set.
func (c *Controller) OnAir() []OnAir {
	c.air.mu.Lock()
	defer c.air.mu.Unlock()
	var sent []OnAir
	for _, set := range c.state.sets {
		if set.on {
			r := c.state.reportOf(set)
			r.Data = slices.Clone(r.Data)
			sent = append(sent, OnAir{Report: r, Interval: set.interval})
		}
	}
	return sent
}

// Unknown returns the commands of the host that were answered as unknown.
func (c *Controller) Unknown() []uint16 {
	c.air.mu.Lock()
	defer c.air.mu.Unlock()
	var ops []uint16
	for op := range c.state.unknown {
		ops = append(ops, uint16(op))
	}
	slices.Sort(ops)
	return ops
}

// Address returns the controller's public address.
func (c *Controller) Address() ble.Address { return c.state.model.Address }
