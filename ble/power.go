package ble

import "github.com/paybeacon/paybeacon/pay"

const (
	// PowerReference is the strength at 1 m to which all strengths are
	// normalised, in dBm.
	PowerReference pay.RSSI = -59
	// PowerMin is the weakest strength at 1 m that a device may state, so that a
	// lie gains at most 16 dB.
	PowerMin pay.RSSI = -75
	// PowerMax is the strongest one.
	PowerMax pay.RSSI = -45

	// lossFirstMetre is by how much a signal weakens from 0 m to 1 m, in dB
	// (Eddystone specification).
	lossFirstMetre = 41
)

// Normalise returns the strength with which a device of PowerReference would
// be heard where a device that states power at 1 m is heard with rssi.
func Normalise(rssi, power pay.RSSI) pay.RSSI {
	power = min(max(power, PowerMin), PowerMax)
	return saturate(int(rssi) + int(PowerReference) - int(power))
}

// powerAtOneMetre turns the power at 0 m that Eddystone frames state into the
// power at 1 m that all others state.
func powerAtOneMetre(atZero byte) pay.RSSI { return saturate(int(int8(atZero)) - lossFirstMetre) }

// powerAtZero is the reverse, for a power that was clamped.
func powerAtZero(atOne pay.RSSI) byte { return byte(int8(atOne) + lossFirstMetre) }

// saturate keeps clear of 127, which means "not known" elsewhere.
func saturate(dBm int) pay.RSSI { return pay.RSSI(min(max(dBm, -128), 126)) }
