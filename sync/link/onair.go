package link

import (
	"context"
	"errors"

	"github.com/paybeacon/paybeacon/pay"
)

// OnAir returns the code that the device broadcasts now, and for how long it will
// stay, at most onAirMax. p.Device must be set. It returns the error of ctx if
// ctx ended, and otherwise a *pay.Error: CodeUsage for a p without device or with an
// invalid address; CodeUnreachable; CodeNotTrusted if another device answers;
// CodeBound if the device is bound to another wallet; CodePIN if it is unpaired;
// CodeRadio if nothing is on the air; CodeUpgrade if it is of a version that cannot
// tell; CodeFailed if it answers otherwise.
func OnAir(ctx context.Context, p Peer) (c pay.Code, stays pay.Millis, err error) {
	now, err := question[onAir](ctx, p, air{}, "ask what is on the air")
	return now.Code, min(max(now.Stays, 0), onAirMax), err
}

// question sends a request that devices of old do not know to p.Device, which must be
// set, and returns its answer. what says in an error what was tried. Its errors are
// those of OnAir.
func question[Answer message](ctx context.Context, p Peer, m message, what string) (answer Answer, err error) {
	err = withDevice(ctx, p, what, func(c *client) (err error) {
		answer, err = request[Answer](c, m)
		return err
	})
	if errors.Is(err, errNotUnderstood) {
		err = pay.NewError(pay.CodeUpgrade, "the device is of an older version, which cannot do that", "run the present version of paybeacon on the device")
	}
	return answer, err
}

// onAirMax is the longest that a code is on the air, in milliseconds. Published:
// Eddystone-EID specification, the longest step, and pay.SwitchJitterMax.
const onAirMax = pay.Millis(1)<<pay.ExponentMax*1000 + pay.SwitchJitterMax

// SetLevel has the device state its strength by l dB more than its factory value, from
// its next code on, and returns how long that is from now, at most onAirMax; 0 means
// that it does so already. Its errors are those of OnAir but for CodeRadio, with
// CodeUsage also for a level out of bounds, and CodeNotAvailable if the power was set
// by who started the device.
func SetLevel(ctx context.Context, p Peer, l pay.Level) (from pay.Millis, err error) {
	if err := l.Check(); err != nil {
		return 0, pay.Wrap(err, pay.CodeUsage, "set the level", "set -4, 0 or 4 dB")
	}
	now, err := question[states](ctx, p, level{l}, "set the level")
	return min(max(now.From, 0), onAirMax), err
}
