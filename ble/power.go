package ble

import "github.com/paybeacon/paybeacon/pay"

const (
	// PowerReference is the strength at 1 m to which all strengths are
	// normalised, in dBm. Chosen: a usual power of a beacon; another value would
	// shift all thresholds alike.
	PowerReference pay.RSSI = -59
	// PowerMin is the weakest strength at 1 m that a device may state, in dBm.
	// Chosen: a device that states a false power gains at most 16 dB.
	PowerMin pay.RSSI = -75
	// PowerMax is the strongest one, in dBm. Chosen: a device stronger than the
	// reference loses at most 14 dB.
	PowerMax pay.RSSI = -45

	// lossFirstMetre is the loss of a signal from 0 m to 1 m, in dB. Published:
	// Eddystone specification.
	lossFirstMetre = 41
)

// Normalise converts the strength rssi of a device that states power at 1 m into
// the strength of a device of PowerReference at the same place, all in dBm. It
// clamps power to PowerMin..PowerMax.
func Normalise(rssi, power pay.RSSI) pay.RSSI {
	power = min(max(power, PowerMin), PowerMax)
	return saturate(int(rssi) + int(PowerReference) - int(power))
}

// powerAtOneMetre converts the power at 0 m that Eddystone frames state into the
// power at 1 m that the other formats state.
func powerAtOneMetre(atZero byte) pay.RSSI { return saturate(int(int8(atZero)) - lossFirstMetre) }

// powerAtZero is the reverse of powerAtOneMetre, for a clamped power.
func powerAtZero(atOne pay.RSSI) byte { return byte(int8(atOne) + lossFirstMetre) }

// saturate limits dBm to -128..126. The value 127 would mean "not known".
func saturate(dBm int) pay.RSSI { return pay.RSSI(min(max(dBm, -128), 126)) }
