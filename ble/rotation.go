package ble

import (
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// A device changes its code every step, and with it its address: one code stops
// and another begins, and nothing in the air links the two. The tracker links
// them if there is only one way to do so: exactly one track fell silent, and
// exactly one new code began, within the same short window and within a few dB.
// Then the new code continues the track: dwell and filter stay. The handle becomes
// that of the new code, and the one before still means the track for a while.
//
// Whether a track fell silent is known only after a while. Until then the new
// code is pending: it is not listed. It counts against the lead of every other
// track, except of the one that it may continue, which keeps its place
// meanwhile. A track that is heard again has not fallen silent, so two people
// side by side are distinguished after one interval. In doubt the new code is a
// new device; then its owner waits for one more dwell, and nothing worse.

const (
	// rotationWindowMin is the least time within which the new code must follow
	// the old one, and after which the old one counts as silent. Chosen: longer
	// than 1.28 s, the longest interval that BlueZ uses by itself.
	rotationWindowMin = 1500 * time.Millisecond
	// rotationSpan is how far the strengths of the two may differ, in dB. Chosen:
	// wide enough for the fading between two codes of one device, and narrow
	// enough to exclude devices at other distances.
	rotationSpan = 8
	// rotationSettleMin is how long a new code must have been heard before its
	// strength excludes a track. rotationFadeSpan is how much its strength may
	// differ until then, in dB. Chosen: the first adverts may be faded ones; after
	// a second the median is taken over several.
	rotationSettleMin = time.Second
	rotationFadeSpan  = 20
	// pendingMax bounds the codes that are pending at once. Chosen: when more
	// begin within one window, the tracker links no codes at all.
	pendingMax = 32
	// crowdedSpan is how long the tracker links no codes after pendingMax was
	// reached. Chosen: the longest window.
	crowdedSpan = silenceIntervals * intervalMax
)

// rotation is the list of the codes that may continue older tracks.
type rotation struct {
	pending   []int32       // tracks, oldest first
	crowdedAt time.Duration // when a code found the list full, last
}

func newRotation() rotation {
	return rotation{pending: make([]int32, 0, pendingMax), crowdedAt: -crowdedSpan - 1}
}

// add puts track i, which has a new code, on the list. If the list is full, it
// records that instead.
func (r *rotation) add(tracks []track, i int32, now time.Duration) {
	if len(r.pending) == pendingMax {
		r.crowdedAt = now
		return
	}
	tracks[i].pending = true
	r.pending = append(r.pending, i)
}

// remove takes track i off the list, if it is on it.
func (r *rotation) remove(tracks []track, i int32) {
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

// window is the time after the track's last advert within which the code that
// continues it must begin.
func (s *track) window() time.Duration { return max(silenceIntervals*s.interval, rotationWindowMin) }

// settlePending decides, for each pending code for which this can be known by
// now, whether it continues an older track or is a new device.
func (t *Tracker) settlePending(now time.Duration) {
	var todo [pendingMax]int32
	n := copy(todo[:], t.rotation.pending)
	for _, i := range todo[:n] {
		if !t.tracks[i].pending {
			continue
		}
		older, decided := t.predecessor(i, now)
		switch {
		case !decided:
			t.tracks[i].onlyOlder = older
		case older >= 0:
			t.continueTrack(older, i, now)
		default:
			t.rotation.remove(t.tracks, i)
		}
	}
}

// predecessor returns the track that the pending track i continues. If decided,
// that is the answer, and -1 means that i is a new device. If not, it is the only
// track that i may continue, or -1 if there are several or none for now.
func (t *Tracker) predecessor(i int32, now time.Duration) (older int32, decided bool) {
	s := &t.tracks[i]
	found, open := 0, false
	unsure, faded := 0, int32(-1)
	older = -1
	for j := range t.tracks {
		o := &t.tracks[j]
		if !o.used || int32(j) == i || o.last > s.first || s.first-o.last > o.window() {
			continue
		}
		if !withinSpan(o.rssi, s.rssi, rotationSpan) {
			if now-s.first < rotationSettleMin && withinSpan(o.rssi, s.rssi, rotationFadeSpan) {
				unsure, faded = unsure+1, int32(j)
			}
			continue
		}
		found++
		older = int32(j)
		open = open || now-o.last <= o.window()
	}
	switch {
	case found == 0 && unsure == 1:
		return faded, false
	case found == 0:
		return -1, unsure == 0
	case found == 1 && (t.tracks[older].interval == 0 || !t.onlySuccessor(i, older, now)):
		// Of a track heard once the interval is not known, so its silence proves
		// nothing; and if two codes could continue it, neither does.
		return -1, true
	case found > 1:
		return -1, !open
	default:
		return older, !open
	}
}

// onlySuccessor reports whether no other code than that of track i began when
// track old may have fallen silent.
func (t *Tracker) onlySuccessor(i, old int32, now time.Duration) bool {
	o := &t.tracks[old]
	if now-t.rotation.crowdedAt <= crowdedSpan {
		return false
	}
	for j := range t.tracks {
		s := &t.tracks[j]
		if !s.used || int32(j) == i || int32(j) == old {
			continue
		}
		if s.first >= o.last && s.first-o.last <= o.window() && withinSpan(s.rssi, o.rssi, rotationSpan) {
			return false
		}
	}
	return true
}

// continueTrack gives the track old the code of the track next, and frees next.
// Dwell and filter of old stay; its handle is that of the new code from now on.
func (t *Tracker) continueTrack(old, next int32, now time.Duration) {
	o, s := &t.tracks[old], &t.tracks[next]
	if o.pending {
		// Whether old itself continues a track is not decided, so it counts as new.
		t.rotation.remove(t.tracks, old)
	}
	t.forgetFormer(o)
	o.continued, o.former, o.continuedAt = true, o.code, now
	t.releaseHandle(old)
	o.code, o.origin, o.last = s.code, s.code, s.last
	t.byCode[o.code] = old
	o.state(s.stated, now)
	o.variedAt = max(o.variedAt, s.variedAt)
	o.filter.addAll(&s.filter)
	o.second.addAll(&s.second)
	o.taps = s.taps // a tap counts for the code of which it was heard
	o.trail.join(&s.trail)
	if o.strongSince == never {
		o.strongSince = s.strongSince
	}
	t.freeTrack(next)
	t.updateNear(old, o.last)
}

// undoContinuation corrects a wrong link: the former code of track i is heard
// again, so two devices shared the track. It is not known which of them a person
// saw under the handle, so neither keeps it or one before it, and both start again as new devices.
func (t *Tracker) undoContinuation(i int32, now time.Duration) {
	s := &t.tracks[i]
	t.forgetFormer(s)
	t.releaseHandle(i)
	t.lives++
	s.origin, s.life = s.code, t.lives
	s.first, s.heardSince, s.strongSince, s.weakSince, s.near = now, now, never, never, false
	s.filter = filter{}
	s.filter.add(now, s.rssi)
	s.trail, s.taps, s.second = trail{}, noTaps, secondFilter{}
	t.rank(i)
}

// withinSpan reports whether two strengths differ by at most span dB.
func withinSpan(a, b pay.RSSI, span int) bool {
	d := int(a) - int(b)
	return d >= -span && d <= span
}
