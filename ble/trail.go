package ble

import (
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

const (
	// TrailSlots is how many strengths a trail holds. Chosen: 16 s at TrailStep,
	// about as long as it takes to carry a beacon across a room.
	TrailSlots = 32
	// TrailStep is the span of time of one slot. Chosen: long enough for a beacon
	// at 4 adverts a second to fill every slot.
	TrailStep = 500 * time.Millisecond
	// Unheard is the value of a slot in which nothing was heard.
	Unheard pay.RSSI = 127
)

// Trail is the recent strengths of one device or beacon in dBm, one for each
// TrailStep, oldest first and the current one last. It is for a person who walks
// about with a beacon and watches. Each slot keeps the strongest advert, because
// fading can weaken a single advert by many dB but strengthens it by few.
type Trail [TrailSlots]pay.RSSI

// trail is the ring from which a Trail is made. Its zero value is empty.
type trail struct {
	slots [TrailSlots]uint8 // 0: unheard, else strength + 129
	last  int32             // number of the newest slot, counted from time 0
}

func trailSlot(now time.Duration) int32 { return int32(now / TrailStep) }

// add records one strength in dBm at the moment now, which never goes back.
func (r *trail) add(now time.Duration, rssi pay.RSSI) {
	n := trailSlot(now)
	for k := max(r.last+1, n-TrailSlots+1); k <= n; k++ {
		r.slots[k%TrailSlots] = 0
	}
	r.last = n
	r.slots[n%TrailSlots] = max(r.slots[n%TrailSlots], uint8(int(rssi)+129))
}

// join appends the slots of next, a trail that begins where this one ends.
func (r *trail) join(next *trail) {
	for k := max(r.last, next.last-TrailSlots+1); k <= next.last; k++ {
		if s := next.slots[k%TrailSlots]; s > 0 {
			r.add(time.Duration(k)*TrailStep, pay.RSSI(int(s)-129))
		}
	}
}

// until returns the trail that ends at the moment now.
func (r *trail) until(now time.Duration) (out Trail) {
	n := trailSlot(now)
	for i := range out {
		out[i] = Unheard
		k := n - TrailSlots + 1 + int32(i)
		if k < 0 || k > r.last || k <= r.last-TrailSlots {
			continue
		}
		if s := r.slots[k%TrailSlots]; s > 0 {
			out[i] = pay.RSSI(int(s) - 129)
		}
	}
	return out
}
