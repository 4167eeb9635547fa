package ble

import (
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// handleDrawsMax bounds the draws for one handle. There are some thirty
// thousand handles for a few thousand devices, so that one in eight is taken at
// worst.
const handleDrawsMax = 256

// handleBook knows which handles are in use and which were shown a short while
// ago. A handle that a cashier may still have in mind is not given to another
// device, so that a charge by handle never reaches a stranger.
type handleBook struct {
	box     pay.NodeID
	present map[pay.Handle]int32
	left    map[pay.Handle]leftHandle
	ring    []pay.Handle // of left, oldest overwritten
	next    int
}

type leftHandle struct {
	origin pay.Code // it was made from
	shown  time.Duration
	place  int // in the ring
}

func newHandleBook(box pay.NodeID) handleBook {
	return handleBook{box: box, present: map[pay.Handle]int32{}, left: map[pay.Handle]leftHandle{}}
}

// draw returns a handle for track i, made from the first code heard of it, and
// "" if every draw is taken.
func (b *handleBook) draw(origin pay.Code, i int32, now time.Duration) pay.Handle {
	for n := range handleDrawsMax {
		h := pay.HandleFor(b.box, origin, n)
		if _, taken := b.present[h]; taken {
			continue
		}
		if l, ok := b.left[h]; ok && l.origin != origin && b.remembers(h, now) {
			continue
		}
		b.present[h] = i
		return h
	}
	return ""
}

// release takes a handle back from a track and remembers that it was shown.
func (b *handleBook) release(h pay.Handle, origin pay.Code, shown time.Duration) {
	if h == "" {
		return
	}
	delete(b.present, h)
	if len(b.ring) < pay.CandidatesMax {
		b.ring = append(b.ring, h)
	} else {
		if old := b.ring[b.next]; b.left[old].place == b.next {
			delete(b.left, old)
		}
		b.ring[b.next] = h
	}
	b.left[h] = leftHandle{origin: origin, shown: shown, place: b.next}
	b.next = (b.next + 1) % pay.CandidatesMax
}

// remembers says that h was shown within pay.HandleMemory and is borne by
// nobody now.
func (b *handleBook) remembers(h pay.Handle, now time.Duration) bool {
	l, ok := b.left[h]
	return ok && now-l.shown < pay.HandleMemory.Std()
}
