package device

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// Broadcaster puts one code on the air, from an address that is new with each
// call, until ctx ends. It returns nil then, and an error when it cannot go on.
type Broadcaster interface {
	Broadcast(ctx context.Context, code pay.Code) error
}

// Run broadcasts the code of the moment while the device is bound, is silent
// while it is not, and sees to it that an unpaired device shows a good PIN. It
// returns nil when ctx ends and an error when the state cannot be kept, or when
// a device that starts bound cannot broadcast at all; in either case nothing is
// on the air any more. An air that fails later is told once, as EventSilent, and
// tried again with the next code and at pauses that double before that.
func (d *Device) Run(ctx context.Context, air Broadcaster) error {
	var on *broadcast
	defer func() { _ = on.stop() }() // whatever ends Run is said already
	t := trouble{device: d, starting: true, begun: time.Now()}
	for {
		next, err := d.next(on)
		if err != nil {
			return fmt.Errorf("run device: %w", err)
		}
		next = t.hold(next)
		if on.differs(next.turn) {
			if on != nil {
				t.note(on.code, on.stop())
			}
			on = start(ctx, air, next.turn)
		}
		timer := time.NewTimer(next.wait.Std())
		select {
		case <-timer.C:
		case <-d.wake:
		case err := <-on.failed():
			code := on.code
			on.cancel()
			on = nil
			if ctx.Err() != nil {
				break
			}
			err = cmp.Or(err, errSilent)
			if t.isFatal() {
				timer.Stop()
				return fmt.Errorf("run device: %w", err)
			}
			t.note(code, err)
		case <-ctx.Done():
		}
		timer.Stop()
		t.starting = t.starting && on != nil // one that starts unbound lives on
		if ctx.Err() != nil {
			return nil
		}
	}
}

const (
	// trialTime is how long the first broadcast must last for the air to count
	// as working.
	trialTime = 10 * time.Second
	// airRetry is the pause before a code that failed is tried again. It doubles
	// up to airRetryMax.
	airRetry    = 2 * time.Second
	airRetryMax = time.Minute
)

// trouble is what Run knows of an air that fails.
type trouble struct {
	device   *Device
	starting bool // this is the first broadcast of a device that started bound
	begun    time.Time

	told  bool // in this episode
	code  pay.Code
	pause time.Duration
	until time.Time // before which code is not tried again
}

// isFatal says that the air failed at the start, where a person watches and can
// do something about it.
func (t *trouble) isFatal() bool { return t.starting && time.Since(t.begun) < trialTime }

// note takes in how the broadcast of a code ended. An error is told once until
// one ends well.
func (t *trouble) note(c pay.Code, err error) {
	if err == nil {
		t.told, t.pause = false, 0
		return
	}
	t.pause = min(max(2*t.pause, airRetry), airRetryMax)
	t.code, t.until = c, time.Now().Add(t.pause)
	if !t.told {
		t.told = true
		t.device.mu.Lock()
		defer t.device.mu.Unlock()
		t.device.tell(Event{Kind: EventSilent, Err: err})
	}
}

// hold keeps a code that failed off the air until its pause is over.
func (t *trouble) hold(next todo) todo {
	if rest := time.Until(t.until); rest > 0 && next.turn != nil && next.turn.Code == t.code {
		return todo{wait: min(next.wait, pay.Millis(rest.Milliseconds()+1))}
	}
	return next
}

// todo is what Run does next: the turn to broadcast, nil for silence, and how
// long that stays so.
type todo struct {
	turn *Turn
	wait pay.Millis
}

// next decides what to do now. A turn that is not on the air yet is noted
// durably first, so that no restart can return to a step before it.
func (d *Device) next(on *broadcast) (todo, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	if err := d.refresh(now); err != nil {
		return todo{}, err
	}
	if d.state.Binding == nil {
		return todo{wait: d.pairing.expires.Sub(now)}, nil
	}
	ik, err := d.state.IdentityKey(d.state.Binding.Resolver)
	if err != nil {
		return todo{}, err
	}
	r := d.reading(d.options.Now())
	if r == ReadingMax {
		return todo{}, pay.Wrap(errWorn, pay.CodeConfig, "broadcast a code", "begin a new device in another directory and pair it")
	}
	turn := TurnAt(ik, d.state.Exponent, r)
	if on.differs(&turn) {
		if err := d.keep(d.state); err != nil {
			return todo{}, err
		}
	}
	// Keeping may have taken a while; the next switch must not be late for it.
	return todo{turn: &turn, wait: turn.Until.Sub(d.reading(d.options.Now()))}, nil
}

var errSilent = errors.New("the broadcast ended by itself")

// broadcast is one code on the air; nil is silence.
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

// stop takes the code off the air and waits until it is.
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

func (b *broadcast) differs(t *Turn) bool {
	if b == nil || t == nil {
		return (b == nil) != (t == nil)
	}
	return b.code != t.Code
}
