package device

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// Options is what a Device needs. All fields but Tell are required.
type Options struct {
	// State is the device's state as it was kept last.
	State State
	// Now returns the wall clock, with its monotonic reading.
	Now func() time.Time
	// Random is where PINs come from.
	Random io.Reader
	// Keep replaces the kept state. It returns nil only when the new state is
	// durable; after an error either may be there.
	Keep func(State) error
	// Tell is called for each Event, in order and with the device locked: it
	// must be quick and not call the device.
	Tell func(Event)
}

// EventKind says what happened to a device.
type EventKind string

// The events.
const (
	EventPairing  EventKind = "pairing"  // a new PIN is good
	EventPaired   EventKind = "paired"   // bound to a wallet
	EventReleased EventKind = "released" // unbound by its wallet
	EventSilent   EventKind = "silent"   // bound, and the air refuses the code
)

// Why says why a new PIN was made.
type Why string

// The reasons for a new PIN.
const (
	WhyStarted Why = "started" // unpaired and none was shown before
	WhyExpired Why = "expired"
	WhyTries   Why = "tries" // too many wrong ones
)

// Event is something the owner of a device wants to see.
type Event struct {
	Kind    EventKind
	PIN     pay.PIN  // with EventPairing
	Expires pay.Time // with EventPairing, by the device's clock
	Why     Why      // with EventPairing
	Wallet  pay.NodeID
	Err     error // with EventSilent
}

// Device is a running device. Its methods may be called from any number of
// goroutines. It keeps the promises of the package comment: nothing new goes on
// the air, and no binding takes effect, before it is durable.
type Device struct {
	options Options
	key     pay.Key
	wake    chan struct{} // tells Run that the binding or the PIN changed
	clock   Clock
	began   time.Time

	mu      sync.Mutex
	state   State
	last    Reading
	pairing Pairing
}

// Open returns the device with the given state, its counter resumed. It makes
// no PIN: that is the first thing Run does.
func Open(o Options) (*Device, error) {
	if err := o.State.Check(); err != nil {
		return nil, fmt.Errorf("open device: %w", err)
	}
	began := o.Now()
	s := o.State
	start := Resume(s.Counter, s.Exponent, s.At, pay.TimeOf(began))
	return &Device{
		options: o, key: s.Key(), wake: make(chan struct{}, 1),
		clock: NewClock(start), began: began, last: start, state: s,
	}, nil
}

// Key returns the device's identity key, for TLS on the link.
func (d *Device) Key() pay.Key { return d.key }

// Binding returns whose device it is; ok is false when it is unpaired.
func (d *Device) Binding() (b Binding, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state.Binding == nil {
		return Binding{}, false
	}
	return *d.state.Binding, true
}

// Release ends the binding on the word of the wallet it belongs to and shows a
// new PIN. Releasing an unpaired device does nothing; for another wallet it
// fails with CodeBound. The caller has had wallet proven in TLS.
func (d *Device) Release(wallet pay.PublicKey) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state.Binding == nil {
		return nil
	}
	if !d.state.boundTo(wallet) {
		return errBound()
	}
	next := d.state
	next.Binding, next.Spent = nil, pay.PIN{}
	if err := d.keep(next); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	d.tell(Event{Kind: EventReleased, Wallet: wallet.ID()})
	d.poke()
	return nil
}

// refresh makes a new PIN when the device is unpaired and has no good one.
func (d *Device) refresh(now pay.Time) error {
	if d.state.Binding != nil {
		d.pairing = Pairing{}
		return nil
	}
	if d.pairing.Open(now) {
		return nil
	}
	fresh, err := NewPairing(d.options.Random, now)
	if err != nil {
		return err
	}
	why := d.pairing.Why()
	d.pairing = fresh
	pin, expires := fresh.PIN()
	d.tell(Event{Kind: EventPairing, PIN: pin, Expires: expires, Why: why})
	d.poke()
	return nil
}

// now returns the wall time at which the device started plus what has elapsed
// since, so that setting the clock neither ends a PIN nor prolongs it.
func (d *Device) now() pay.Time {
	return pay.TimeOf(d.began.Add(d.options.Now().Sub(d.began)))
}

// reading returns the counter now. It never goes back, whatever now says.
func (d *Device) reading(now time.Time) Reading {
	d.last = max(d.last, d.clock.At(pay.MillisOf(now.Sub(d.began))))
	return d.last
}

// keep makes next durable, stamped with counter and wall time, and only then
// the state of the device.
func (d *Device) keep(next State) error {
	now := d.options.Now()
	next.Counter, next.At = d.reading(now), pay.TimeOf(now)
	if err := d.options.Keep(next); err != nil {
		return fmt.Errorf("keep the device's state: %w", err)
	}
	d.state = next
	return nil
}

func (d *Device) tell(e Event) {
	if d.options.Tell != nil {
		d.options.Tell(e)
	}
}

func (d *Device) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

var errWorn = errors.New("the counter has used up its 32 bits")

func errBound() error {
	return pay.NewError(pay.CodeBound, "the device is bound to another wallet", "its owner releases it first: paybeacon wallet revoke --device ID")
}

func errPIN() error {
	return pay.NewError(pay.CodePIN, "the PIN is not the one this device shows", "read the PIN that the device shows now")
}
