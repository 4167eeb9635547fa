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

// Port joins a controller to its host. Read and Write take and give one packet
// each, as the kernel's device does, and Close ends a Read that waits. Write
// must not wait, and may not keep the packet.
type Port interface {
	io.ReadWriteCloser
	// Name is what the host calls the controller, such as "hci0".
	Name() string
}

// Cure is what makes a deaf controller hear again.
type Cure byte

// The cures, from the mildest.
const (
	// Hears is no deafness.
	Hears Cure = iota
	// CureScan ends when the host begins another scan.
	CureScan
	// CureReset ends when the host resets the controller, as it does when it
	// is switched off and on.
	CureReset
	// CureNever does not end.
	CureNever
)

// strengthDefault is how controllers hear each other where the test says
// nothing, in dBm.
const strengthDefault = -60

// Options say what an air is like.
type Options struct {
	// Seed decides all chance.
	Seed uint64
	// Heard is called for each advertisement that a host is told of, from one
	// goroutine at a time; nil means that nobody wants to know. It must be quick
	// and may not call back.
	Heard func(to *Controller, r Report, at time.Time)
}

// Air is what controllers share. Its methods may be called at the same time.
type Air struct {
	options Options
	wake    chan struct{}

	mu          sync.Mutex
	random      *rand.Rand
	controllers []*Controller
	strength    map[[2]*Controller]int8
	event       []byte // the one being written, reused
}

// NewAir returns an air in which nobody is yet. Nothing is sent before Run.
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

// Counts say what became of the advertisements that reached a controller.
type Counts struct {
	Told      int // the host was told
	Duplicate int // the duplicate filter dropped it
	Deaf      int // it was deaf
	Closed    int // it did not listen, or its window was closed
	Lost      int // the host did not take it
	Scans     int // scans that the host began
	Resets    int
}

// Run sends what is due until ctx ends, and then returns nil.
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

// send sends what is due at the moment now and says how long it is until
// something is due again.
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
				a.spread(c, set, now)
				set.due = set.after(now, a.random)
			}
			if next.IsZero() || set.due.Before(next) {
				next = set.due
			}
		}
	}
	return next.Sub(now), !next.IsZero()
}

// spread gives one advertisement to everybody else.
func (a *Air) spread(from *Controller, set *advSet, now time.Time) {
	r := from.state.report(set)
	for _, to := range a.controllers {
		if to == from {
			continue
		}
		r.RSSI = strengthDefault
		if dBm, ok := a.strength[[2]*Controller{from, to}]; ok {
			r.RSSI = dBm
		}
		if to.tell(r, now) != closed && r.Kind != NonConnectable && len(set.response) > 0 {
			response := r
			response.Kind, response.Data = ScanResponse, set.response
			to.tell(response, now)
		}
	}
}

// SetStrength sets how to hears from, in dBm; 127 means that to cannot tell.
func (a *Air) SetStrength(from, to *Controller, dBm int8) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.strength[[2]*Controller{from, to}] = dBm
}

// Plug adds a controller behind port. It obeys its host until Unplug.
func (a *Air) Plug(port Port, m Model) *Controller {
	c := &Controller{air: a, port: port, done: make(chan struct{}), changed: make(chan struct{}), state: newState(m)}
	a.mu.Lock()
	a.controllers = append(a.controllers, c)
	a.mu.Unlock()
	go c.obey()
	return c
}

// Unplug takes the controller away from its host.
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

// Name is what the host calls the controller.
func (c *Controller) Name() string { return c.port.Name() }

// obey reads commands until the port ends.
func (c *Controller) obey() {
	defer close(c.done)
	buf := make([]byte, packetBytesMax)
	for {
		n, err := c.port.Read(buf)
		if err != nil {
			return
		}
		order, err := parseCommand(buf[:n])
		if errors.Is(err, errNoCommand) {
			continue // data for a connection: there is none
		}
		if err != nil {
			continue // no opcode that could be answered
		}
		c.do(order)
	}
}

func (c *Controller) do(order command) {
	c.air.mu.Lock()
	defer c.air.mu.Unlock()
	listened := c.state.listen.on
	s, returned := c.state.do(order, time.Now())
	if c.state.listen.on && !listened {
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
	default: // about to wake
	}
}

// tell lets the controller hear r; the air's lock is held.
func (c *Controller) tell(r Report, now time.Time) verdict {
	v := c.state.hear(r, c.air.random.Float64())
	switch v {
	case closed:
		c.counts.Closed++
	case deafened:
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

// Inject lets the controller hear r as if somebody had sent it, and says
// whether its host was told.
func (c *Controller) Inject(r Report) bool {
	c.air.mu.Lock()
	defer c.air.mu.Unlock()
	return c.tell(r, time.Now()) == heard
}

// Deafen makes the controller hear nothing, although it scans, until it is
// cured.
func (c *Controller) Deafen(until Cure) {
	c.air.mu.Lock()
	defer c.air.mu.Unlock()
	c.state.deaf = until
}

// Counts returns what it has counted since it was plugged in.
func (c *Controller) Counts() Counts {
	c.air.mu.Lock()
	defer c.air.mu.Unlock()
	return c.counts
}

// Listening says whether the host has it scan, and with the duplicate filter.
func (c *Controller) Listening() (on, filtered bool) {
	c.air.mu.Lock()
	defer c.air.mu.Unlock()
	return c.state.listen.on, c.state.listen.on && c.state.listen.filter
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

// OnAir returns what the controller sends, for one set at a time.
func (c *Controller) OnAir() []OnAir {
	c.air.mu.Lock()
	defer c.air.mu.Unlock()
	var sent []OnAir
	for _, set := range c.state.sets {
		if set.on {
			r := c.state.report(set)
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

// Address is the controller's public one.
func (c *Controller) Address() ble.Address { return c.state.model.Address }
