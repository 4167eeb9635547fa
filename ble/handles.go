package ble

import (
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// handleDrawsMax bounds the draws for one handle. Chosen: of some 35,000
// handles at most one in four is taken (pay.CandidatesMax in use, as many
// remembered), so 256 draws practically always find a free one.
const handleDrawsMax = 256

// handleBook records which handles are in use and which were shown recently. A
// handle that a cashier may still remember is not given to another device, so
// that a charge by handle never reaches another person.
type handleBook struct {
	box     pay.NodeID
	present map[pay.Handle]int32
	left    map[pay.Handle]leftHandle
	ring    []pay.Handle // keys of left; a new one overwrites the oldest
	next    int          // the slot of ring that is written next
}

type leftHandle struct {
	origin pay.Code      // the code that the handle was made from
	shown  time.Duration // when it was shown last
	slot   int           // in ring
}

func newHandleBook(box pay.NodeID) handleBook {
	return handleBook{box: box, present: map[pay.Handle]int32{}, left: map[pay.Handle]leftHandle{}}
}

// draw gives track i a handle made from origin, the first code heard of it. It
// returns "" if every draw is taken.
func (b *handleBook) draw(origin pay.Code, i int32, now time.Duration) pay.Handle {
	for n := range handleDrawsMax {
		h := pay.HandleFor(b.box, origin, n)
		if _, taken := b.present[h]; taken {
			continue
		}
		if l, ok := b.left[h]; ok && l.origin != origin && b.wasShown(h, now) {
			continue
		}
		b.present[h] = i
		return h
	}
	return ""
}

// release takes handle h back from a track and records when it was last shown.
// It does nothing for a track without a handle.
func (b *handleBook) release(h pay.Handle, origin pay.Code, shown time.Duration) {
	if h == "" {
		return
	}
	delete(b.present, h)
	if len(b.ring) < pay.CandidatesMax {
		b.ring = append(b.ring, h)
	} else {
		if old := b.ring[b.next]; b.left[old].slot == b.next {
			delete(b.left, old)
		}
		b.ring[b.next] = h
	}
	b.left[h] = leftHandle{origin: origin, shown: shown, slot: b.next}
	b.next = (b.next + 1) % pay.CandidatesMax
}

// wasShown reports whether h was released and its last showing is less than
// pay.HandleMemory ago. It does not look at handles in use.
func (b *handleBook) wasShown(h pay.Handle, now time.Duration) bool {
	l, ok := b.left[h]
	return ok && now-l.shown < pay.HandleMemory.Std()
}
