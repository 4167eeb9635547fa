package crowd

import (
	"cmp"
	"math/rand/v2"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// Start is the moment at which every world begins.
var Start = time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)

// Person is the number of a person in a world.
type Person int

// Nobody is the owner of a code that was not sent in this world.
const Nobody Person = -1

// Options define a world.
type Options struct {
	Scene Scene
	Seed  uint64
	Trial uint64 // the number of the world among those of the seed
	// Interval is the advertising interval of every device. Zero gives six devices
	// in ten 100 ms, three 250 ms and one 1.28 s.
	Interval time.Duration
	// Channel is what lies between devices and box; the zero value is Measured.
	Channel Channel
	// Exact makes the true power of every device equal to the stated one, also in
	// a pocket, so that only the channel changes the strength.
	Exact bool
	// Own, if not nil, makes every device of a simulated scene state -59 dBm at 1 m,
	// corrected by its own level in steps of 4 dB, at most by Own dB either way: with 0
	// all state the same.
	Own *int
	// Second is where a second ear is; nil for a box with one. Persons of recordings
	// are heard with one.
	Second *Spot
	// Plate is what keeps others from the first ear.
	Plate Plate
}

// World is one scene played once. It is not safe for concurrent use.
type World struct {
	// Customer is the person who stands at the till from Arrives until End, or
	// Nobody.
	Customer Person
	// Arrives is when the customer has stopped at the till, from Start.
	Arrives time.Duration
	// End is when the scene ends, from Start.
	End time.Duration
	// Sets are the sets of recordings that its persons are played from, if any: the
	// units that a bracket draws anew.
	Sets []int

	random   *rand.Rand
	own      *rand.Rand // of the visits at which own levels were learned
	interval time.Duration
	exact    bool
	corrects *int // Options.Own
	channel  Channel
	people   []*person
	queue    sendQueue
	owners   map[pay.Code]Person
	sections []ble.Section
	plate    Plate
	second   *secondEar  // nil with one ear
	also     *ble.Advert // what the second ear heard, to be returned next
}

// New returns the world of o at its beginning.
func New(o Options) *World {
	w := &World{
		Customer: Nobody, random: rand.New(rand.NewPCG(o.Seed, o.Trial)), interval: o.Interval, exact: o.Exact, corrects: o.Own, channel: o.Channel,
		owners: map[pay.Code]Person{}, plate: o.Plate,
	}
	w.own = rand.New(rand.NewPCG(o.Seed^ownStream, o.Trial))
	if o.Second != nil {
		w.second = &secondEar{spot: *o.Second, random: rand.New(rand.NewPCG(o.Seed^secondStream, o.Trial))}
	}
	if w.channel.Name == "" {
		w.channel = Measured()
	}
	o.Scene.build(w)
	w.queue = newSendQueue(w.people)
	return w
}

// Next returns the next advert that the box hears, or false when the scene has
// ended. What both ears hear is returned twice, the first ear's first. Its sections
// are valid until the next call.
func (w *World) Next() (ble.Advert, bool) {
	if a := w.also; a != nil {
		w.also = nil
		return *a, true
	}
	for len(w.queue.order) > 0 {
		i := w.queue.order[0]
		p := w.people[i]
		at := p.due
		if at >= w.End {
			break
		}
		payload := p.send(w.random, at)
		w.queue.sink(0)
		if p.static == nil {
			w.owners[p.code] = Person(i)
		}
		rssi, heard := p.strength(w.random, at)
		if w.second != nil && p.played == nil {
			if rssi, too := w.second.hears(p, at); too {
				also := w.advert(p, at, payload, rssi)
				also.Ear = ble.SecondEar
				if !heard {
					return also, true
				}
				w.also = &also
			}
		}
		if heard {
			return w.advert(p, at, payload, rssi), true
		}
	}
	return ble.Advert{}, false
}

// advert is what an ear hears.
func (w *World) advert(p *person, at time.Duration, payload []byte, rssi int) ble.Advert {
	a := ble.Advert{At: Start.Add(at), Address: p.address}
	a.SetRSSI(rssi)
	sections, err := ble.ParsePayload(w.sections[:0], payload)
	if err != nil {
		panic("crowd: internal error: " + err.Error())
	}
	w.sections, a.Sections = sections, sections
	return a
}

// Owner returns the person who has sent code in this world so far, or Nobody.
func (w *World) Owner(code pay.Code) Person {
	if p, ok := w.owners[code]; ok {
		return p
	}
	return Nobody
}

// sendQueue is a heap of people by the time at which they send next.
type sendQueue struct {
	people []*person
	order  []int
}

func newSendQueue(people []*person) sendQueue {
	q := sendQueue{people: people, order: make([]int, len(people))}
	for i := range q.order {
		q.order[i] = i
	}
	for i := len(q.order)/2 - 1; i >= 0; i-- {
		q.sink(i)
	}
	return q
}

// sink moves the entry at place i down to its place in the heap.
func (q *sendQueue) sink(i int) {
	for {
		first := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(q.order) && q.before(child, first) {
				first = child
			}
		}
		if first == i {
			return
		}
		q.order[i], q.order[first] = q.order[first], q.order[i]
		i = first
	}
}

// before reports whether the person at place a sends before the one at place b.
func (q *sendQueue) before(a, b int) bool {
	x, y := q.order[a], q.order[b]
	return cmp.Or(cmp.Compare(q.people[x].due, q.people[y].due), cmp.Compare(x, y)) < 0
}
