//go:build linux

package bluez

import (
	"context"
	"time"
)

// Advertise broadcasts payload, not connectable, from a fresh random address,
// until ctx ends, and then returns nil. When it has returned, nothing of it is
// sent any more, so that the next code may begin. BlueZ heeds the interval from
// version 5.77 on, before that only with its experimental interfaces. BlueZ
// writes flags and service list by itself: of payload it gets the service and
// manufacturer data.
//
// It fails with pay.CodeRadio when the payload does not fit, and when the
// adapter refuses the first advertisement of this Radio: then a person has to
// do something. Once one was accepted, a bluetoothd that restarts, an adapter
// that vanishes or is switched off, taken slots and the like are said once and
// waited out, with the same payload as long as ctx lives.
func (r *Radio) Advertise(ctx context.Context, payload []byte, interval time.Duration) error {
	b, err := r.newBroadcast(payload, interval)
	if err != nil {
		return radioError("advertise", err)
	}
	return b.run(ctx)
}
