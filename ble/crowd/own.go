package crowd

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// A device's own level: how much stronger or weaker it is than it states is learned
// where the payer was certain, visit by visit, and the device then states as much
// more or less, in steps of ownStep and by pay.LevelMax at most.

const (
	// ownStep is the step in which stated power is corrected, in dB. Published: as
	// devices do.
	ownStep = int(pay.LevelStep)
	// ownLooks adverts at ownPace are what a box measures at one visit: its median of
	// two seconds.
	ownLooks = 20
	ownPace  = 100 * time.Millisecond
	// ownTurned is how far from the box a payer may have turned, in degrees, to either
	// side. Chosen: as composed customers do.
	ownTurned = 45
)

// ownStream makes the visits at which levels are learned from draws of their own,
// so that the worlds are the same with and without.
const ownStream = 0x0D37

// ownPower returns the power that a device states after visits, which is stronger
// than it states by excess dB. At each visit it is heard through the channel c: what
// is learned is the mean of what the visits show, not the truth.
func ownPower(r *rand.Rand, c Channel, excess float64, visits int, stated pay.RSSI) pay.RSSI {
	learned := 0.0
	for range visits {
		learned += (excess + visitError(r, &c)) / float64(visits)
	}
	return correctedBy(learned, int(pay.LevelMax), stated)
}

// correctedBy returns the power that a device states which is stronger than stated by
// excess dB, corrected in steps of ownStep and at most by most dB.
func correctedBy(excess float64, most int, stated pay.RSSI) pay.RSSI {
	by := min(max(ownStep*int(math.Round(excess/float64(ownStep))), -most), most)
	return min(max(stated+pay.RSSI(by), ble.PowerMin), ble.PowerMax)
}

// visitError draws by how many dB the level of one visit is off: where exactly and
// how somebody stands, how the phone is held, and what is left of the scatter.
func visitError(r *rand.Rand, c *Channel) float64 {
	var air path
	var heard Recording
	for n := range ownLooks {
		gain := air.gain(r, c, r.IntN(channels), time.Duration(n)*ownPace, false, false)
		heard.Samples = append(heard.Samples, Sample{RSSI: int(math.Round(gain))})
	}
	turned := float64(r.IntN(2*ownTurned+1)-ownTurned) * math.Pi / 180
	return heard.median() + c.turned(turned) - c.Facing - (c.carried(r, hand) - c.Hand.Mean)
}
