package ble

import (
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

const (
	// TrailSlots is how many strengths a trail holds: 16 s, about as long as it
	// takes to carry a beacon across a room.
	TrailSlots = 32
	// TrailStep is the time that each of them stands for.
	TrailStep = 500 * time.Millisecond
	// Unheard stands in a trail where nothing was heard.
	Unheard pay.RSSI = 127
)

// Trail is how strongly something was heard lately, one strength for each
// TrailStep, oldest first and the running one last, for a person who walks
// about with a beacon and watches. Of each half second it keeps the strongest
// advert, because reflections only ever take a single one far down.
type Trail [TrailSlots]pay.RSSI

// trail is the ring behind a Trail. Its zero value has heard nothing.
type trail struct {
	slots [TrailSlots]uint8 // 0: unheard, else strength + 129
	last  int32             // number of the newest slot, counted from time 0
}

func trailSlot(now time.Duration) int32 { return int32(now / TrailStep) }

// add notes one strength at the moment now, which never goes back.
func (r *trail) add(now time.Duration, rssi pay.RSSI) {
	n := trailSlot(now)
	for k := max(r.last+1, n-TrailSlots+1); k <= n; k++ {
		r.slots[k%TrailSlots] = 0
	}
	r.last = n
	r.slots[n%TrailSlots] = max(r.slots[n%TrailSlots], uint8(int(rssi)+129))
}

// join appends what a trail heard that began when this one had ended.
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
