package device

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// Broadcaster broadcasts one code until ctx ends, from a fresh address with each
// call. It returns nil then, and an error if it cannot go on.
type Broadcaster interface {
	Broadcast(ctx context.Context, code pay.Code) error
}

// Run broadcasts the present code while the device is bound, and nothing while it
// is not. It keeps a valid PIN on show while the device is unpaired. When ctx
// ends, it returns nil. It returns the error of Options.Keep or Options.Random, an
// error with pay.CodeConfig if the counter is used up, and the error of air if the
// device starts bound and a broadcast fails within trialTime. When it has
// returned, nothing is on the air. A broadcast that fails later is reported once,
// as EventSilent, and tried again with the next code, and before that after pauses
// that double.
func (d *Device) Run(ctx context.Context, air Broadcaster) error {
	var on *broadcast
	defer func() { _ = on.stop() }() // Run returns or has reported the cause
	defer d.setOnAir(nil)
	t := failures{device: d, starting: true, begun: time.Now()}
	for {
		next, err := d.next(on)
		if err != nil {
			return fmt.Errorf("run device: %w", err)
		}
		next = t.delay(next)
		if on.differsFrom(next.turn) {
			if on != nil {
				t.record(on.code, on.stop())
			}
			on = start(ctx, air, next.turn)
			d.setOnAir(next.turn)
		}
		timer := time.NewTimer(next.wait.Std())
		select {
		case <-timer.C:
		case <-d.wake:
		case err := <-on.failed():
			code := on.code
			on.cancel()
			on = nil
			d.setOnAir(nil)
			if ctx.Err() != nil {
				break
			}
			err = cmp.Or(err, errBroadcastEnded)
			if t.isFatal() {
				timer.Stop()
				return fmt.Errorf("run device: %w", err)
			}
			t.record(code, err)
		case <-ctx.Done():
		}
		timer.Stop()
		t.starting = t.starting && on != nil // false for a device that starts unbound
		if ctx.Err() != nil {
			return nil
		}
	}
}

const (
	// trialTime is how long after its start a failing broadcast ends Run. Chosen:
	// a person who has just started the device still watches.
	trialTime = 10 * time.Second
	// airRetry is the pause before a code that failed is tried again. It doubles
	// up to airRetryMax. Chosen: several tries within a step of 64 s, and little
	// load while the radio is missing.
	airRetry    = 2 * time.Second
	airRetryMax = time.Minute
)

// failures is the state of Run concerning broadcasts that fail.
type failures struct {
	device   *Device
	starting bool // the device started bound and has broadcast since
	begun    time.Time

	reported bool // since the last broadcast that ended without an error
	code     pay.Code
	pause    time.Duration
	until    time.Time // code is not tried again before this
}

// isFatal reports whether a failure comes so soon after the start that a person
// watches and can act.
func (t *failures) isFatal() bool { return t.starting && time.Since(t.begun) < trialTime }

// record records how the broadcast of a code ended. It reports the first error
// since a broadcast ended without one.
func (t *failures) record(c pay.Code, err error) {
	if err == nil {
		t.reported, t.pause = false, 0
		return
	}
	t.pause = min(max(2*t.pause, airRetry), airRetryMax)
	t.code, t.until = c, time.Now().Add(t.pause)
	if !t.reported {
		t.reported = true
		t.device.mu.Lock()
		defer t.device.mu.Unlock()
		t.device.emit(Event{Kind: EventSilent, Err: err})
	}
}

// delay replaces next by silence while next is a code that failed and its pause
// is not over.
func (t *failures) delay(next action) action {
	if rest := time.Until(t.until); rest > 0 && next.turn != nil && next.turn.Code == t.code {
		return action{wait: min(next.wait, pay.Millis(rest.Milliseconds()+1))}
	}
	return next
}

// action is what Run does next: the turn to broadcast, nil for silence, and for
// how long.
type action struct {
	turn *Turn
	wait pay.Millis
}

// next decides what to do now. Before it returns a turn that is not on the air
// yet, it stores the counter durably, so that no restart returns to an earlier
// step. Its errors are those of Run.
func (d *Device) next(on *broadcast) (action, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	if err := d.refreshPIN(now); err != nil {
		return action{}, err
	}
	if d.state.Binding == nil {
		return action{wait: d.pairing.expires.Sub(now)}, nil
	}
	ik, err := d.state.IdentityKey(d.state.Binding.Resolver)
	if err != nil {
		return action{}, err
	}
	r, _, _ := d.reading()
	if r == ReadingMax {
		return action{}, pay.WrapCase(errCounterUsedUp, pay.CodeConfig, "counter_used_up", "broadcast a code")
	}
	turn := TurnAt(ik, d.state.Exponent, r)
	d.level = d.state.Level.at(turn.Step)
	if on.differsFrom(&turn) {
		if err := d.keep(d.state); err != nil {
			return action{}, err
		}
	}
	// Storing may have taken a while, which must not delay the next switch.
	r, _, boot := d.reading()
	wait := turn.Until.Sub(r)
	if boot.ID != "" {
		wait = min(wait, sleepLook)
	}
	return action{turn: &turn, wait: wait}, nil
}

// sleepLook is how often the counter is read anew where it counts the machine's
// sleep: timers stand still meanwhile, and an old code would stay on the air.
// Chosen: within the time for which a late switch is allowed, and cheap.
const sleepLook = pay.StepSlack / 2

var errBroadcastEnded = errors.New("the broadcast ended by itself")

// broadcast is one code on the air; nil means none.
type broadcast struct {
	code   pay.Code
	cancel context.CancelFunc
	done   chan error
}

func start(ctx context.Context, air Broadcaster, t *Turn) *broadcast {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	b := &broadcast{code: t.Code, cancel: cancel, done: make(chan error, 1)}
	go func() { b.done <- air.Broadcast(ctx, b.code) }()
	return b
}

// stop ends the broadcast and waits until it has ended. It returns the error of
// the Broadcaster, if it failed.
func (b *broadcast) stop() error {
	if b == nil {
		return nil
	}
	b.cancel()
	if err := <-b.done; !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (b *broadcast) failed() <-chan error {
	if b == nil {
		return nil
	}
	return b.done
}

func (b *broadcast) differsFrom(t *Turn) bool {
	if b == nil || t == nil {
		return (b == nil) != (t == nil)
	}
	return b.code != t.Code
}
