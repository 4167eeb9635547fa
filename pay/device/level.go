package device

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// stated is by how much a device corrects the power that it states: Next from the
// step From on and Now before. Within a step it never changes, across restarts
// either: a change beside a code that stays would show whose correction it is.
type stated struct {
	Now  pay.Level `cbor:"1,keyasint,omitempty"`
	Next pay.Level `cbor:"2,keyasint,omitempty"`
	From pay.Step  `cbor:"3,keyasint,omitempty"`
}

// at returns the level of a step.
func (l stated) at(s pay.Step) pay.Level {
	if s < l.From {
		return l.Now
	}
	return l.Next
}

// from returns l with level next from the step after s on.
func (l stated) from(s pay.Step, next pay.Level) stated {
	if now := l.at(s); now != next {
		return stated{Now: now, Next: next, From: s + 1}
	}
	return stated{Now: next, Next: next}
}

func (l stated) check() error {
	if err := l.Now.Check(); err != nil {
		return err
	}
	return l.Next.Check()
}

// SetLevel has the device state its strength by l dB more than its factory value,
// from its next code on, and returns how long that is from now; 0 means that it does
// so already. It returns a *pay.Error with CodePIN if the device is unpaired, CodeBound
// if it is bound to another wallet, CodeUsage for a level out of bounds, and
// CodeNotAvailable if the power was set by who started the device, which keeps
// no other level then than it had, and none after 0; and the error of
// Options.Keep.
func (s *Session) SetLevel(l pay.Level) (from pay.Millis, err error) {
	d := s.device
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.state.Binding == nil:
		return 0, errPIN()
	case !d.state.boundTo(s.wallet):
		return 0, errBound()
	case l.Check() != nil:
		return 0, pay.WrapCase(l.Check(), pay.CodeUsage, "level_form", "set the level")
	case d.options.Fixed && l != 0:
		return 0, errFixed()
	}
	turn, r, err := d.turn()
	if err != nil {
		return 0, err
	}
	next := d.state
	next.Level = d.state.Level.from(turn.Step, l)
	if next.Level != d.state.Level {
		if err := d.keep(next); err != nil {
			return 0, fmt.Errorf("set the level: %w", err)
		}
		d.emit(Event{Kind: EventLevel, Wallet: s.wallet.ID(), Level: l})
	}
	switch {
	case d.options.Fixed:
		return 0, errFixed()
	case next.Level.at(turn.Step) == l:
		return 0, nil
	default:
		return max(turn.Until.Sub(r), 0), nil
	}
}

func errFixed() error {
	return pay.NewCase(pay.CodeNotAvailable, "power_fixed", "the device states the power that it was started with")
}

// turn returns the turn of a bound device at this moment, and the reading.
func (d *Device) turn() (Turn, Reading, error) {
	ik, err := d.state.IdentityKey(d.state.Binding.Resolver)
	if err != nil {
		return Turn{}, 0, err
	}
	r, _, _ := d.reading()
	return TurnAt(ik, d.state.Exponent, r), r, nil
}

// Level returns by how much the device corrects the power that it states beside the
// code that Run broadcasts now.
func (d *Device) Level() pay.Level {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.level
}
