//go:build linux

package bluez

import (
	"context"
	"time"
)

// Advertise broadcasts payload, not connectable, from a fresh random address,
// until ctx ends, and then returns nil, or an error with pay.CodeRadio if BlueZ
// does not confirm that the advertisement is off the air. When it has returned
// nil, the payload is no longer sent, so that the next code may begin. BlueZ
// applies the interval from version 5.77 on, and before that only with its
// experimental interfaces. BlueZ writes flags and service list itself: it gets
// only the service and manufacturer data of payload.
//
// Advertise returns an error with pay.CodeRadio if the payload cannot be sent
// (no section, or more than 31 bytes), and if the first advertisement of this
// Radio is refused: then a person has to act. After one was accepted, it logs a
// failure once and tries again until ctx ends, with the same payload: bluetoothd
// restarts, the adapter vanishes or is switched off, all slots are taken.
func (r *Radio) Advertise(ctx context.Context, payload []byte, interval time.Duration) error {
	b, err := r.newBroadcast(payload, interval)
	if err != nil {
		return radioError("advertise", err)
	}
	return b.run(ctx)
}
