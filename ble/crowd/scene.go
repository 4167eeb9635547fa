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

// Stay is how long the customer remains at the till.
const Stay = 10 * time.Second

// walkFrom is how far away, in metres, somebody who comes begins.
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
		p := w.arrive(w.span(0, 2*time.Second), 0, hand)
		p.due += w.Arrives
	}}
}

// Queue is a customer who takes the place of the one before, while three wait
// behind.
func Queue() Scene {
	return Scene{"queue", "the one before leaves, the customer steps up, three wait behind", func(w *World) {
		w.beacons()
		w.stepUp(hand)
		w.wait(3, w.mostly)
	}}
}

// RushHour is the queue with a neighbouring till, people who pass by, and a
// clerk with a phone in the pocket.
func RushHour() Scene {
	return Scene{"rush hour", "the queue, five wait behind, six pass by, a clerk's phone in the pocket, a till beside", func(w *World) {
		w.beacons()
		w.stepUp(w.mostly())
		w.wait(5, w.mostly)
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
		w.wait(2, w.mostly)
		w.neighbours(3)
	}}
}

// PocketAndHand is a customer with the device in the pocket before somebody who
// waits with one in the hand.
func PocketAndHand() Scene {
	return Scene{"pocket, hand", "the customer's phone in the pocket, the next one's in the hand", func(w *World) {
		w.beacons()
		w.walkUp(pocket)
		w.wait(1, func() carry { return hand })
	}}
}

// Liar is a customer before somebody three metres away whose device states an
// absurdly low power, to seem near.
func Liar() Scene {
	return Scene{"liar", "a device 3 m away states -100 dBm to seem near", func(w *World) {
		w.beacons()
		w.walkUp(hand)
		liar := w.add(hand, 0, []stop{{0, 3}})
		liar.power = float64(ble.PowerReference)
		liar.stated = -100
	}}
}

// Waiting is somebody who stands at the given distance and looks around for a
// minute, with the phone in the hand and nobody at the till.
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
			w.add(w.mostly(), 1+(metres-1)*math.Sqrt(w.random.Float64()), []stop{{0, 0}})
		}
		w.End = length
	}}
}

// Visits is n devices that are there for a minute and a half, away as long, and
// there again in another place.
func Visits(n int) Scene {
	return Scene{"two visits", "everybody comes twice", func(w *World) {
		for range n {
			p := w.add(w.mostly(), w.between(1, 4), []stop{{VisitEnds, 0}, {VisitBegins, w.between(0, 3)}})
			p.leaves, p.returns = VisitEnds, VisitBegins
		}
		w.End = VisitBegins + VisitEnds
	}}
}

// When the first visit of Visits ends and the second begins.
const (
	VisitEnds   = 90 * time.Second
	VisitBegins = 180 * time.Second
)

// Scenes are the named ones with a customer.
func Scenes() []Scene {
	return []Scene{Alone(), Queue(), RushHour(), TwoLanes(), PocketAndHand(), Liar()}
}

// mostly draws where a device is: in the hand two times in three.
func (w *World) mostly() carry {
	if w.random.IntN(3) == 0 {
		return pocket
	}
	return hand
}

// between draws a number.
func (w *World) between(a, b float64) float64 { return a + (b-a)*w.random.Float64() }

func (w *World) span(a, b time.Duration) time.Duration {
	return a + time.Duration(w.random.Int64N(int64(b-a)))
}

// add puts somebody with a device into the world.
func (w *World) add(c carry, aside float64, stops []stop) *person {
	r := w.random
	p := &person{aside: aside, stops: stops, carry: c, interval: w.interval}
	if p.interval == 0 {
		p.interval = w.pace()
	}
	p.stated = []pay.RSSI{-65, ble.PowerReference, ble.PowerReference, -53}[r.IntN(4)]
	p.power = float64(p.stated) + spreadSigma*r.NormFloat64() - c.loss(r)
	if r.IntN(misstatedOneIn) == 0 {
		p.power += misstatedSigma * r.NormFloat64()
	}
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

// pace draws how often a device broadcasts.
func (w *World) pace() time.Duration {
	switch n := w.random.IntN(10); {
	case n < 6:
		return 100 * time.Millisecond
	case n < 9:
		return 250 * time.Millisecond
	default:
		return 1280 * time.Millisecond
	}
}

// walkUp lets the customer come from afar and stand at the till.
func (w *World) walkUp(c carry) { w.arrive(w.span(0, 2*time.Second), walkFrom, c) }

// stepUp lets the customer of before leave and the next one, who stood behind,
// take the place.
func (w *World) stepUp(c carry) {
	leaves := w.span(6*time.Second, 9*time.Second)
	gone := leaves + 4*time.Second
	w.add(w.mostly(), w.between(0.3, 0.6), []stop{{0, 0}, {leaves, 0}, {gone, -4 * walkingSpeed}})
	p := w.arrive(leaves+w.span(time.Second, 2*time.Second), w.between(1, 1.4), c)
	p.crowding = crowdingLoss(w.random)
}

func (w *World) arrive(begin time.Duration, from float64, c carry) *person {
	walk := time.Duration(from / walkingSpeed * float64(time.Second))
	w.Customer, w.Arrives = Person(len(w.people)), begin+walk
	w.End = w.Arrives + Stay
	return w.add(c, w.between(0.3, 0.6), []stop{{begin, from}, {w.Arrives, 0}})
}

// wait puts n people in a line behind the customer, the first at 1 to 1.4 m.
func (w *World) wait(n int, how func() carry) {
	along := w.between(1, 1.4)
	for range n {
		p := w.add(how(), w.between(0.2, 0.6), []stop{{0, along}})
		p.crowding = crowdingLoss(w.random)
		along += w.between(0.6, 0.9)
	}
}

// neighbours puts n people at a till two metres aside, in a line of their own.
func (w *World) neighbours(n int) {
	along := w.between(0, 0.3)
	for range n {
		w.add(w.mostly(), w.between(1.8, 2.2), []stop{{0, along}})
		along += w.between(0.9, 1.3)
	}
}

// clerk stands behind the till with a phone in the pocket.
func (w *World) clerk() { w.add(pocket, w.between(0.7, 1.2), []stop{{0, 0}}) }

// passBy lets somebody cross at one to three metres, at some moment.
func (w *World) passBy() {
	at := w.span(0, w.End)
	half := time.Duration(walkFrom / walkingSpeed * float64(time.Second))
	w.add(w.mostly(), w.between(1, 3), []stop{{at - half, -walkFrom}, {at + half, walkFrom}})
}

// beacons hangs static beacons on the walls, which are noise to a till.
func (w *World) beacons() {
	for _, s := range []ble.Section{
		{Kind: ble.ManufacturerData, ID: 0x004C, Data: append([]byte{0x02, 0x15}, w.bytes(20, 0xC5)...)},
		{Kind: ble.ManufacturerData, ID: 0xFFFF, Data: append([]byte{0xBE, 0xAC}, w.bytes(20, 0xC5, 0)...)},
		{Kind: ble.ServiceData, ID: ble.ServiceUUID, Data: append([]byte{0x00, 0xEE}, w.bytes(16)...)},
		{Kind: ble.ServiceData, ID: ble.ServiceUUID, Data: append([]byte{0x20, 0x00}, w.bytes(12)...)},
	} {
		payload, err := ble.AppendPayload(nil, []ble.Section{s})
		if err != nil {
			panic("crowd: internal error: " + err.Error())
		}
		p := w.add(hand, w.between(0.3, 3), []stop{{0, 0}})
		p.static, p.payload = payload, payload
	}
}

// bytes draws n bytes and appends what follows them.
func (w *World) bytes(n int, then ...byte) []byte {
	b := make([]byte, 0, n+len(then))
	for range n {
		b = append(b, byte(w.random.Uint32()))
	}
	return append(b, then...)
}
