package link

import (
	"context"

	"github.com/paybeacon/paybeacon/pay"
)

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
