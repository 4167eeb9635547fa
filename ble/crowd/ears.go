package crowd

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/paybeacon/paybeacon/ble"
)

// Spot is a place in the shop as seen from the box, in metres: Across the counter,
// positive towards the customer, and Along the queue, positive where it waits.
type Spot struct{ Across, Along float64 }

// Where a second ear may be. Chosen: what a cable reaches from a till.
var (
	// BehindCounter is behind the till, away from all customers.
	BehindCounter = Spot{Across: -1}
	// FarSide is along the counter, beside the second in the queue, so that whoever
	// waits is nearer to it than whoever pays.
	FarSide = Spot{Along: 2}
	// OtherSide is along the counter, away from the queue.
	OtherSide = Spot{Along: -1.5}
)

// Plate is how much weaker the first ear hears others because of a metal plate or
// its antenna, in dB.
type Plate struct {
	// Behind is for those behind the counter and at other tills.
	Behind float64
	// Around is for everybody who is farther away than a customer at the till.
	Around float64
}

// loss is what the plate takes off a person, metres away.
func (p Plate) loss(someone *person, metres float64) float64 {
	loss := 0.0
	if someone.behind {
		loss += p.Behind
	}
	if metres > blockedFrom {
		loss += p.Around
	}
	return loss
}

// secondStream makes what the second ear hears from draws of its own, so that the
// first one hears the same with and without it.
const secondStream = 0x5EC0

// secondEar is the second ear of a world.
type secondEar struct {
	spot   Spot
	random *rand.Rand
}

// hears draws the strength in dBm at which the second ear hears an advert that a
// person sends at the moment at, and whether it does. Power, pocket and hand are as
// at the first; place, turn and scatter are the second's own.
func (e *secondEar) hears(p *person, at time.Duration) (rssi int, heard bool) {
	r, c := e.random, p.channel
	across, along, waits, walking := p.position(at)
	dx, dy := e.spot.Across-across, e.spot.Along-along
	turned := p.turned + math.Atan2(dy, dx) - math.Atan2(-along, -across)
	dBm := p.power + c.turned(turned) - c.pathLoss(math.Hypot(dx, dy))
	hidden := p.carry == pocket
	if waits && p.crowding > 0 && e.spot.Along < blockedFrom {
		hidden = true
		dBm -= p.crowding
	}
	dBm += p.second.gain(r, c, r.IntN(channels), at, walking, hidden)
	lost, unknown := r.IntN(lostOneIn) == 0, r.IntN(unknownOneIn) == 0
	if unknown {
		return unknownRSSI, !lost
	}
	return int(math.Round(min(dBm, 20))), !lost && dBm >= hearingFloor
}

// OneEar is a contender that does not hear with the second ear.
func OneEar(c Contender) Contender {
	return Contender{c.Name, func() Rule { return oneEar{c.New()} }}
}

type oneEar struct{ Rule }

// Observe leaves out what the second ear heard.
func (r oneEar) Observe(a ble.Advert) {
	if a.Ear == ble.FirstEar {
		r.Rule.Observe(a)
	}
}

// Ears are the product's rule with one ear, with the second at one half as
// delivered, and with the plain difference of the two.
func Ears() []Contender {
	return []Contender{
		OneEar(Tracker("one ear", ble.TrackerOptions{})),
		Tracker("half of the second", ble.TrackerOptions{}),
		Tracker("plain difference", ble.TrackerOptions{SecondShare: 100}),
	}
}
