package ble

import (
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// A device changes its code every step, and with it its address: one code falls
// silent and another begins, and nothing in the air ties the two together. The
// tracker ties them when there is only one way to do so: exactly one track fell
// silent and exactly one new code began within the same short window and within
// a few dB. Then the new code continues the track as if nothing had happened.
//
// Whether a track fell silent shows only with time. Until then the new code is
// pending: it is not listed, and it counts against everybody's lead except that
// of the one track it may continue, which keeps its place meanwhile. A track
// that is heard again has not fallen silent, so two people standing side by
// side are told apart after one interval. In any doubt the new code is a new
// device, which costs its owner one dwell and harms nobody.

const (
	// rotationWindowMin is the least time within which the new code must follow
	// the old one, and after which the old one counts as silent.
	rotationWindowMin = 1500 * time.Millisecond
	// rotationSpan is how far the strengths of the two may lie apart, in dB.
	rotationSpan = 8
	// rotationDoubt is how long a new code is listened to before its strength
	// rules a track out, and rotationFade how far off, in dB, its first adverts
	// may be meanwhile: they may have been faded ones.
	rotationDoubt = time.Second
	rotationFade  = 20
	// pendingMax bounds the codes that may be pending at once. When more begin,
	// the air is too crowded to tie anything together.
	pendingMax = 32
	// crowdedFor is how long that judgement stands: the longest window.
	crowdedFor = silenceIntervals * intervalMax
)

// rotation keeps the codes that may continue older ones.
type rotation struct {
	pending   []int32 // tracks, oldest first
	crowdedAt time.Duration
}

func newRotation() rotation {
	return rotation{pending: make([]int32, 0, pendingMax), crowdedAt: -crowdedFor - 1}
}

// begin notes that track i is a new code.
func (r *rotation) begin(tracks []track, i int32, now time.Duration) {
	if len(r.pending) == pendingMax {
		r.crowdedAt = now
		return
	}
	tracks[i].pending = true
	r.pending = append(r.pending, i)
}

// end takes track i off the list.
func (r *rotation) end(tracks []track, i int32) {
	if !tracks[i].pending {
		return
	}
	tracks[i].pending = false
	kept := r.pending[:0]
	for _, p := range r.pending {
		if p != i {
			kept = append(kept, p)
		}
	}
	r.pending = kept
}

// window is the time within which a successor must begin.
func (s *track) window() time.Duration { return max(silenceIntervals*s.interval, rotationWindowMin) }

// settle decides about every pending code that can be decided about.
func (t *Tracker) settle(now time.Duration) {
	var todo [pendingMax]int32
	n := copy(todo[:], t.rotation.pending)
	for _, i := range todo[:n] {
		if !t.tracks[i].pending {
			continue
		}
		twin, decided := t.predecessor(i, now)
		switch {
		case !decided:
			t.tracks[i].twin = twin
		case twin >= 0:
			t.carry(twin, i, now)
		default:
			t.rotation.end(t.tracks, i)
		}
	}
}

// predecessor looks for the track that the pending track i continues. While
// that is open it returns the only one that comes into question, or -1 if there
// are several. Decided without one, i is a new device.
func (t *Tracker) predecessor(i int32, now time.Duration) (twin int32, decided bool) {
	s := &t.tracks[i]
	found, open, unsure := 0, false, false
	twin = -1
	for j := range t.tracks {
		o := &t.tracks[j]
		if !o.used || int32(j) == i || o.last > s.first || s.first-o.last > o.window() {
			continue
		}
		if !alike(o.rssi, s.rssi, rotationSpan) {
			unsure = unsure || now-s.first < rotationDoubt && alike(o.rssi, s.rssi, rotationFade)
			continue
		}
		found++
		twin = int32(j)
		open = open || now-o.last <= o.window()
	}
	switch {
	case found == 0:
		return -1, !unsure
	case found == 1 && (t.tracks[twin].interval == 0 || !t.onlySuccessor(i, twin, now)):
		// Heard once is too little to know what its silence means, and two
		// successors are one too many.
		return -1, true
	case found > 1:
		return -1, !open
	default:
		return twin, !open
	}
}

// onlySuccessor says that no other code than that of track i began when track
// old may have fallen silent.
func (t *Tracker) onlySuccessor(i, old int32, now time.Duration) bool {
	o := &t.tracks[old]
	if now-t.rotation.crowdedAt <= crowdedFor {
		return false
	}
	for j := range t.tracks {
		s := &t.tracks[j]
		if !s.used || int32(j) == i || int32(j) == old {
			continue
		}
		if s.first >= o.last && s.first-o.last <= o.window() && alike(s.rssi, o.rssi, rotationSpan) {
			return false
		}
	}
	return true
}

// carry lets the track old continue under the code of the track next: handle,
// dwell and filter stay.
func (t *Tracker) carry(old, next int32, now time.Duration) {
	o, s := &t.tracks[old], &t.tracks[next]
	if o.pending {
		// Its own past is still in doubt, so it counts as new.
		t.rotation.end(t.tracks, old)
	}
	t.forgetFormer(o)
	o.carried, o.former, o.carriedAt = true, o.code, now
	o.code, o.last = s.code, s.last
	t.byCode[o.code] = old
	o.filter.addAll(&s.filter)
	o.trail.join(&s.trail)
	if o.strongSince == never {
		o.strongSince = s.strongSince
	}
	t.vacate(next)
	t.judge(old, o.last)
}

// contradict undoes a wrong tie: the code that track i was thought to have left
// behind is heard again. Nobody can say any more whose handle it was, so nobody
// keeps it, and both begin anew.
func (t *Tracker) contradict(i int32, now time.Duration) {
	s := &t.tracks[i]
	t.forgetFormer(s)
	t.handles.release(s.handle, s.origin, s.shown)
	s.handle, s.origin = "", s.code
	s.first, s.steady, s.strongSince, s.weakSince, s.near = now, now, never, never, false
	s.filter = filter{}
	s.filter.add(now, s.rssi)
	s.trail = trail{}
	t.rank(i)
}

// alike says that two strengths lie within span dB of one another.
func alike(a, b pay.RSSI, span int) bool {
	d := int(a) - int(b)
	return d >= -span && d <= span
}
