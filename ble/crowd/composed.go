package crowd

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// Placing says how persons are placed who are composed from recordings.
type Placing struct {
	// Persons is how many there are, 2 to 4, the customer among them.
	Persons int
	// AtBox moves the customer from 0.9 m, the nearest recorded distance, to 0.3 m by
	// the path loss of Measured. The next ones stand at 0.9, 1.5 and 2.4 m, as
	// recorded. Without it everybody is played as recorded: the customer at 0.9 or
	// 1.2 m, the others 2.7, 4 and 5 times as far away.
	AtBox bool
	// Unlike takes a set of its own for each person, made equally strong on average
	// and then shifted by the measured spread of phones: the receivers of two sets
	// differ as well, and a box has one. Without it all persons are of one set.
	Unlike bool
	// Visits is after how many certain payments each device has corrected the power
	// that it states, with Unlike; 0 for none.
	Visits int
}

// Where composed persons stand, in metres, the customer's place first. Measured:
// the next in a queue is 2.7 times as far from the till as the first.
var (
	tracedPlaces = [][]float64{{0.914, 2.438, 3.658, 4.572}, {1.219, 3.048, 4.572, 4.572}}
	tracedAtBox  = []float64{0.914, 0.914, 1.524, 2.438}
)

// tracedFacing is how a customer stands who comes to pay, in degrees. Chosen:
// whoever pays faces the till, more or less; the others stand anyhow.
var tracedFacing = []int{0, 45, 315}

// tracedBoxMetres is where a customer at the box holds the phone.
const tracedBoxMetres = 0.3

// Composed is a scene of persons who are played from recordings: a customer walks
// up through the recorded distances, facing the box within 45 degrees, and stays at
// the nearest; the others keep their places and stand anyhow. Each turns now and
// then by 45 degrees.
func (t *Traces) Composed(name string, p Placing) Scene {
	return Scene{name, "persons composed of recordings", func(w *World) {
		places := tracedAtBox
		if !p.AtBox {
			places = tracedPlaces[w.random.IntN(len(tracedPlaces))]
		}
		set := t.pick(w.random, places[0])
		for n := range p.Persons {
			if p.Unlike && n > 0 {
				set = t.pick(w.random, places[n])
			}
			w.traced(t, set, p, places[n])
		}
		w.walkIn(p)
		w.End = w.Arrives + Stay
		for _, someone := range w.people {
			someone.played.turn(w.random, w.End)
		}
	}}
}

// traced adds a person of a set who stands at the recorded distance nearest to
// metres.
func (w *World) traced(t *Traces, set int, p Placing, metres float64) {
	r := w.random
	s := &t.sets[set]
	metres = s.closest(metres)
	someone := w.add(hand, 0, []stop{{0, metres}})
	if w.interval == 0 {
		someone.interval = tracedIntervals[r.IntN(len(tracedIntervals))]
		someone.due = time.Duration(r.Int64N(int64(someone.interval)))
	}
	someone.played = &playback{set: s}
	stated := pay.RSSI(tracedStated)
	if p.Unlike {
		excess := Measured().Phones * r.NormFloat64()
		someone.played.gain = int(math.Round(excess - s.level))
		if p.Visits > 0 {
			stated = ownPower(w.own, Measured(), excess, p.Visits, stated)
		}
	}
	someone.stated = stated
	someone.rotate(r) // the payload states the power
	if !slices.Contains(w.Sets, set) {
		w.Sets = append(w.Sets, set)
	}
	angle := 45 * r.IntN(8)
	if len(w.people) == 1 {
		angle = tracedFacing[r.IntN(len(tracedFacing))]
	}
	someone.played.play(r, metres, angle, 0)
}

// walkIn makes the first person the customer, who walks up from the farthest
// recorded distance.
func (w *World) walkIn(p Placing) {
	c := Measured()
	customer := w.people[0].played
	stand := customer.parts[0]
	customer.parts = customer.parts[:0]
	at := w.randomSpan(0, 2*time.Second)
	s := customer.set
	for i, m := range s.metres {
		if m <= stand.of.Metres {
			break
		}
		customer.play(w.random, m, stand.of.Angle, at)
		at += time.Duration((m - s.metres[i+1]) / walkingSpeed * float64(time.Second))
	}
	stand.from = at
	if p.AtBox {
		stand.gain = int(math.Round(c.pathLoss(stand.of.Metres) - c.pathLoss(tracedBoxMetres)))
	}
	customer.parts = append(customer.parts, stand)
	customer.parts[0].from = 0
	w.Customer, w.Arrives = 0, at
}

// pick draws a set that was recorded at about metres, or any if none was.
func (t *Traces) pick(r *rand.Rand, metres float64) int {
	var fit []int
	for i := range t.sets {
		if math.Abs(math.Log(t.sets[i].closest(metres)/metres)) < math.Log(1.4) {
			fit = append(fit, i)
		}
	}
	if len(fit) == 0 {
		return r.IntN(len(t.sets))
	}
	return fit[r.IntN(len(fit))]
}

// tracedStated is what composed persons state, so that the tracker decides by the
// recorded strengths as they are.
const tracedStated = -59

// tracedIntervals are the paces to which recordings are thinned, one drawn for
// each person. Chosen: 1 to 10 adverts a second.
var tracedIntervals = []time.Duration{
	100 * time.Millisecond, 100 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 250 * time.Millisecond, time.Second,
}
