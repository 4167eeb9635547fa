package device

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// Options is what a Device needs. All fields but Fixed, Boot and Tell are
// required.
type Options struct {
	// State is the last stored state of the device.
	State State
	// Now returns the wall clock, with its monotonic reading.
	Now func() time.Time
	// Fixed means that who started the device has set the power that it states.
	Fixed bool
	// Boot reads how long the machine has run, sleep included; nil where nobody
	// knows. The counter then runs by the monotonic reading of Now.
	Boot func() pay.Boot
	// Random is the source of PINs.
	Random io.Reader
	// Keep replaces the stored state. It returns nil only when the new state is
	// durable; after an error the old or the new one may be stored.
	Keep func(State) error
	// Tell is called for each Event, in order and with the device locked: it must
	// return quickly and must not call the device.
	Tell func(Event)
}

// EventKind is the kind of an event.
type EventKind string

// The events.
const (
	EventPairing  EventKind = "pairing"  // a new PIN is shown
	EventPaired   EventKind = "paired"   // bound to a wallet
	EventReleased EventKind = "released" // unbound by its wallet
	EventSilent   EventKind = "silent"   // bound, and broadcasting the code failed
	// EventSucceeded means that another wallet has taken the place of its own.
	EventSucceeded EventKind = "succeeded"
	// EventLevel means that the wallet has set the level.
	EventLevel EventKind = "level"
	// EventAuthenticated means that the wallet got an authentication code.
	EventAuthenticated EventKind = "authenticated"
)

// Why is the reason for a new PIN.
type Why string

// The reasons for a new PIN.
const (
	WhyStarted Why = "started" // unpaired, and none was shown before
	WhyExpired Why = "expired"
	WhyTries   Why = "tries" // too many wrong proofs
)

// Event is a change that the owner of a device should see.
type Event struct {
	Kind    EventKind
	PIN     pay.PIN  // with EventPairing
	Expires pay.Time // with EventPairing, by the device's clock
	Why     Why      // with EventPairing
	Wallet  pay.NodeID
	Signed  pay.Authentication // with EventAuthenticated
	Level   pay.Level          // with EventLevel
	Err     error              // with EventSilent
}

// Device is a running device. Its methods may be called from any number of
// goroutines. As the package comment says, no new code goes on the air, and no
// binding takes effect, before the state is durable.
type Device struct {
	options Options
	key     pay.Key
	wake    chan struct{} // wakes Run when the binding or the PIN has changed
	clock   Clock
	began   time.Time
	boot    pay.Boot // when the device was opened

	mu      sync.Mutex
	state   State
	last    Reading
	pairing Pairing
	onAir   *Turn     // what is being broadcast, nil for nothing
	level   pay.Level // stated beside the code of the present turn

	// issuedAt is a ring of the moments at which the last codes were given.
	issuedAt    [pay.AuthCodesPerMinute]pay.Time
	issuedNext  int
	issuedCount int
}

// Open returns the device with the given state and its counter resumed. It makes
// no PIN; Run does that first. It returns the error of State.Check.
func Open(o Options) (*Device, error) {
	if err := o.State.Check(); err != nil {
		return nil, fmt.Errorf("open device: %w", err)
	}
	began := o.Now()
	s := o.State
	var boot pay.Boot
	if o.Boot != nil {
		boot = o.Boot()
	}
	start := Resume(s.Counter, s.Exponent, s.At, pay.TimeOf(began))
	if s.Boot != "" && s.Boot == boot.ID && boot.Up >= s.Up {
		start = s.Counter.Add(boot.Up - s.Up) // whatever the wall clock shows
	}
	return &Device{
		options: o, key: s.Key(), wake: make(chan struct{}, 1),
		clock: NewClock(start), began: began, boot: boot, last: start, state: s,
	}, nil
}

// Key returns the device's identity key, for TLS on the link.
func (d *Device) Key() pay.Key { return d.key }

// Binding returns the binding to a wallet; ok is false when the device is
// unpaired.
func (d *Device) Binding() (b Binding, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state.Binding == nil {
		return Binding{}, false
	}
	return *d.state.Binding, true
}

// Release ends the binding at the request of its wallet, so that Run shows a new
// PIN. It does nothing if the device is unpaired. The caller has verified the key
// wallet in TLS. Release returns an error with pay.CodeBound if the device is
// bound to another wallet, and the error of Options.Keep.
func (d *Device) Release(wallet pay.PublicKey) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state.Binding == nil {
		return nil
	}
	if !d.state.boundTo(wallet) {
		return errBound()
	}
	turn, _, err := d.turn()
	if err != nil {
		return err
	}
	next := d.state
	next.Level = next.Level.from(turn.Step, 0) // the code may come again, with another wallet
	next.Binding, next.Spent = nil, pay.PIN{}
	if err := d.keep(next); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	d.emit(Event{Kind: EventReleased, Wallet: wallet.ID()})
	d.wakeRun()
	return nil
}

// refreshPIN makes a new PIN if the device is unpaired and has no valid one. It
// returns the error of Options.Random.
func (d *Device) refreshPIN(now pay.Time) error {
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
	d.emit(Event{Kind: EventPairing, PIN: pin, Expires: expires, Why: why})
	d.wakeRun()
	return nil
}

// now returns the wall time at which the device started plus the time elapsed
// since, so that setting the clock neither ends nor prolongs a PIN.
func (d *Device) now() pay.Time {
	return pay.TimeOf(d.began.Add(d.options.Now().Sub(d.began)))
}

// reading returns the counter and the moment at which it was read. The counter
// never goes back.
func (d *Device) reading() (r Reading, now time.Time, boot pay.Boot) {
	now = d.options.Now()
	elapsed := pay.MillisOf(now.Sub(d.began))
	if d.options.Boot != nil {
		boot = d.options.Boot()
		elapsed = boot.Up - d.boot.Up // the monotonic clock stands still while the machine sleeps
	}
	d.last = max(d.last, d.clock.At(elapsed))
	return d.last, now, boot
}

// keep makes next durable, with the present counter and wall time, and then the
// state of the device. It returns the error of Options.Keep, and leaves the
// state unchanged then.
func (d *Device) keep(next State) error {
	reading, now, boot := d.reading()
	next.Counter, next.At, next.Boot, next.Up = reading, pay.TimeOf(now), boot.ID, boot.Up
	if boot.ID == "" {
		next.Up = 0
	}
	if err := d.options.Keep(next); err != nil {
		return fmt.Errorf("keep the device's state: %w", err)
	}
	d.state = next
	return nil
}

func (d *Device) emit(e Event) {
	if d.options.Tell != nil {
		d.options.Tell(e)
	}
}

func (d *Device) wakeRun() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

var errCounterUsedUp = errors.New("the counter has used up its 32 bits")

func errBound() error {
	return pay.NewCase(pay.CodeBound, "device_bound", "the device is bound to another wallet")
}

func errPIN() error {
	return pay.NewCase(pay.CodePIN, "pin_wrong", "the PIN is not the one this device shows")
}
