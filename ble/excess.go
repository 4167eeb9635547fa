package ble

import (
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// How strong somebody at the counter is expected to be follows from the lane's own
// levels, calibrated or not. Clear is set between a device at the box and one a metre
// away, so whoever pays is as far above it as the middle of the two is; Tap is set a
// little below a device that is held to the box.
//
// A tap says less than words: a strong device taps from farther away, and one that is
// much too weak never does.

const (
	// counterAboveClear is by how many dB the best strength of a payer of an average
	// device lies above Clear. Measured: ble/crowd, simulated, a customer alone with the
	// phone in the hand and Clear at its default.
	counterAboveClear = 5
	// heldAboveTap is by how many dB the strength of a device that is held to the box
	// lies above Tap. Published: `paybeacon scan calibrate` sets Tap as much below.
	heldAboveTap = 3
)

// excess returns by how much a track is stronger than expected of somebody at the
// counter. Of a device of which little was heard, or that states one power and then
// another, it says nothing.
func (t *Tracker) excess(s *track, now time.Duration) pay.Excess {
	best, n := s.filter.best(now, t.options.Best)
	if n <= bestFew || now-s.last > s.silence() || s.variedAt != never && now-s.variedAt <= bestWindow {
		return pay.Excess{}
	}
	if s.tapped(now) {
		return pay.ExcessOf(int(s.rssi) - int(t.certainFrom()) - heldAboveTap)
	}
	return pay.ExcessOf(int(best) - int(t.options.Clear) - counterAboveClear)
}
