package crowd

import (
	"math"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// Scene is a situation at a till.
type Scene struct {
	Name  string
	What  string // in one sentence
	build func(w *World)
}

// Stay is how long the customer remains at the till. Chosen: longer than
// everything that is measured.
const Stay = 10 * time.Second

// walkFrom is the distance at which a person who comes begins, in metres. Chosen:
// far enough not to be near.
const walkFrom = 5.0

// Alone is a customer who walks up to a till where nobody else is.
func Alone() Scene {
	return Scene{"alone", "one customer walks up, phone in hand", func(w *World) {
		w.beacons()
		w.walkUp(hand)
	}}
}

// SwitchesOn is a customer at the till whose device begins to broadcast there.
func SwitchesOn() Scene {
	return Scene{"switched on", "a customer at the till switches the device on", func(w *World) {
		w.beacons()
		p := w.arrive(w.randomSpan(0, 2*time.Second), 0, hand)
		p.due += w.Arrives
	}}
}

// Queue is a customer who takes the place of the customer before, while three
// people wait behind.
func Queue() Scene {
	return Scene{"queue", "the one before leaves, the customer steps up, three wait behind", func(w *World) {
		w.beacons()
		w.stepUp(hand)
		w.wait(3, w.randomCarry)
	}}
}

// RushHour is the queue with a neighbouring till, people who pass by, and a
// clerk with a phone in the pocket.
func RushHour() Scene {
	return Scene{"rush hour", "the queue, five wait behind, six pass by, a clerk's phone in the pocket, a till beside", func(w *World) {
		w.beacons()
		w.stepUp(w.randomCarry())
		w.wait(5, w.randomCarry)
		w.neighbours(2)
		w.clerk()
		for range 6 {
			w.passBy()
		}
	}}
}

// TwoLanes is a customer beside a neighbouring till with customers of its own,
// two metres away.
func TwoLanes() Scene {
	return Scene{"two lanes", "a customer at each of two tills 2 m apart, two more wait at each", func(w *World) {
		w.beacons()
		w.walkUp(hand)
		w.wait(2, w.randomCarry)
		w.neighbours(3)
	}}
}

// PocketAndHand is a customer with the device in the pocket, and a person behind
// with one in the hand.
func PocketAndHand() Scene {
	return Scene{"pocket, hand", "the customer's phone in the pocket, the next one's in the hand", func(w *World) {
		w.beacons()
		w.walkUp(pocket)
		w.wait(1, func() carry { return hand })
	}}
}

// Liar is a customer, and a person three metres away whose device states a much
// too low power to seem near.
func Liar() Scene {
	return Scene{"liar", "a device 3 m away states -100 dBm to seem near", func(w *World) {
		w.beacons()
		w.walkUp(hand)
		liar := w.add(hand, 0, []stop{{0, 3}})
		liar.power = float64(ble.PowerReference)
		liar.stated = -100
	}}
}

// Waiting is a person who stands at the given distance for a minute, with the
// phone in the hand and nobody at the till.
func Waiting(metres float64) Scene {
	return Scene{"waiting", "somebody stands before the till for a minute and does not come", func(w *World) {
		w.beacons()
		w.add(hand, 0, []stop{{0, metres}})
		w.End = time.Minute
	}}
}

// Crowd is n devices within the given distance that all stay where they are,
// and nobody at the till.
func Crowd(n int, metres float64, length time.Duration) Scene {
	return Scene{"crowd", "many devices and nobody at the till", func(w *World) {
		w.beacons()
		for range n {
			w.add(w.randomCarry(), 1+(metres-1)*math.Sqrt(w.random.Float64()), []stop{{0, 0}})
		}
		w.End = length
	}}
}

// Visits is n devices that are there for a minute and a half, away for the same
// time, and there again at another place.
func Visits(n int) Scene {
	return Scene{"two visits", "everybody comes twice", func(w *World) {
		for range n {
			p := w.add(w.randomCarry(), w.randomBetween(1, 4), []stop{{VisitEnds, 0}, {VisitBegins, w.randomBetween(0, 3)}})
			p.leaves, p.returns = VisitEnds, VisitBegins
		}
		w.End = VisitBegins + VisitEnds
	}}
}

// When the first visit of Visits ends and when the second begins. Chosen: each
// visit and the pause hold more than one step.
const (
	VisitEnds   = 90 * time.Second
	VisitBegins = 180 * time.Second
)

// Scenes returns the scenes with a customer that are measured together.
func Scenes() []Scene {
	return []Scene{Alone(), Queue(), RushHour(), TwoLanes(), PocketAndHand(), Liar()}
}

// randomCarry draws where a device is: in the hand two times in three.
func (w *World) randomCarry() carry {
	if w.random.IntN(3) == 0 {
		return pocket
	}
	return hand
}

// randomBetween draws a number from a to b.
func (w *World) randomBetween(a, b float64) float64 { return a + (b-a)*w.random.Float64() }

func (w *World) randomSpan(a, b time.Duration) time.Duration {
	return a + time.Duration(w.random.Int64N(int64(b-a)))
}

// add adds a person with a device to the world.
func (w *World) add(c carry, aside float64, stops []stop) *person {
	r := w.random
	p := &person{aside: aside, stops: stops, carry: c, interval: w.interval, channel: &w.channel, plate: &w.plate}
	if p.interval == 0 {
		p.interval = w.randomInterval()
	}
	p.stated = []pay.RSSI{-65, ble.PowerReference, ble.PowerReference, -53}[r.IntN(4)]
	if w.corrects != nil {
		p.stated = ble.PowerReference
	}
	power := w.channel.power(r, float64(p.stated))
	p.power = power - w.channel.carried(r, c)
	if w.corrects != nil {
		p.stated = correctedBy(power-float64(p.stated), *w.corrects, p.stated)
	}
	p.turned = 2 * math.Pi * r.Float64()
	if w.exact {
		p.power = float64(p.stated)
	}
	p.due = time.Duration(r.Int64N(int64(p.interval)))
	p.nominal = time.Duration(r.Int64N(int64(codePeriod)))
	p.rotate(r)
	p.rotates = p.nominal
	w.people = append(w.people, p)
	return p
}

// randomInterval draws how often a device broadcasts.
func (w *World) randomInterval() time.Duration {
	switch n := w.random.IntN(10); {
	case n < 6:
		return 100 * time.Millisecond
	case n < 9:
		return 250 * time.Millisecond
	default:
		return 1280 * time.Millisecond
	}
}

// walkUp adds the customer, who walks up from walkFrom and stops at the till.
func (w *World) walkUp(c carry) { w.arrive(w.randomSpan(0, 2*time.Second), walkFrom, c) }

// stepUp adds a first customer, who leaves, and the customer behind, who takes
// the place.
func (w *World) stepUp(c carry) {
	leaves := w.randomSpan(6*time.Second, 9*time.Second)
	gone := leaves + 4*time.Second
	w.add(w.randomCarry(), w.randomBetween(0.3, 0.6), []stop{{0, 0}, {leaves, 0}, {gone, -4 * walkingSpeed}})
	p := w.arrive(leaves+w.randomSpan(time.Second, 2*time.Second), w.randomBetween(1, 1.4), c)
	p.crowding = crowding.loss(w.random)
}

func (w *World) arrive(begin time.Duration, from float64, c carry) *person {
	walk := time.Duration(from / walkingSpeed * float64(time.Second))
	w.Customer, w.Arrives = Person(len(w.people)), begin+walk
	w.End = w.Arrives + Stay
	p := w.add(c, w.randomBetween(0.3, 0.6), []stop{{begin, from}, {w.Arrives, 0}})
	p.turned = 0 // whoever pays faces the till
	return p
}

// wait adds n people in a queue behind the customer, the first at 1 to 1.4 m.
func (w *World) wait(n int, how func() carry) {
	along := w.randomBetween(1, 1.4)
	for range n {
		p := w.add(how(), w.randomBetween(0.2, 0.6), []stop{{0, along}})
		p.crowding = crowding.loss(w.random)
		along += w.randomBetween(0.6, 0.9)
	}
}

// neighbours adds n people in a queue of their own at a till two metres aside, which
// of two sides matters to a second ear only.
func (w *World) neighbours(n int) {
	along := w.randomBetween(0, 0.3)
	side := 1.0
	if w.second != nil && w.second.random.IntN(2) == 0 {
		side = -1
	}
	for range n {
		w.add(w.randomCarry(), side*w.randomBetween(1.8, 2.2), []stop{{0, along}}).behind = true
		along += w.randomBetween(0.9, 1.3)
	}
}

// clerk adds a clerk behind the till with a phone in the pocket.
func (w *World) clerk() { w.add(pocket, -w.randomBetween(0.7, 1.2), []stop{{0, 0}}).behind = true }

// passBy adds a person who passes at one to three metres, at a random moment.
func (w *World) passBy() {
	at := w.randomSpan(0, w.End)
	half := time.Duration(walkFrom / walkingSpeed * float64(time.Second))
	w.add(w.randomCarry(), w.randomBetween(1, 3), []stop{{at - half, -walkFrom}, {at + half, walkFrom}})
}

// beacons adds static beacons on the walls, which a till must ignore.
func (w *World) beacons() {
	for _, s := range []ble.Section{
		{Kind: ble.ManufacturerData, ID: 0x004C, Data: append([]byte{0x02, 0x15}, w.randomBytes(20, 0xC5)...)},
		{Kind: ble.ManufacturerData, ID: 0xFFFF, Data: append([]byte{0xBE, 0xAC}, w.randomBytes(20, 0xC5, 0)...)},
		{Kind: ble.ServiceData, ID: ble.ServiceUUID, Data: append([]byte{0x00, 0xEE}, w.randomBytes(16)...)},
		{Kind: ble.ServiceData, ID: ble.ServiceUUID, Data: append([]byte{0x20, 0x00}, w.randomBytes(12)...)},
	} {
		payload, err := ble.AppendPayload(nil, []ble.Section{s})
		if err != nil {
			panic("crowd: internal error: " + err.Error())
		}
		p := w.add(hand, w.randomBetween(0.3, 3), []stop{{0, 0}})
		p.static, p.payload = payload, payload
	}
}

// randomBytes draws n bytes and appends then.
func (w *World) randomBytes(n int, then ...byte) []byte {
	b := make([]byte, 0, n+len(then))
	for range n {
		b = append(b, byte(w.random.Uint32()))
	}
	return append(b, then...)
}
