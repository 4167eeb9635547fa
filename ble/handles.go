package ble

import (
	"cmp"
	"slices"
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
	present map[pay.Handle]int32
	longer  map[pay.Handle]int32 // how many have three words that begin with these two
	left    map[pay.Handle]leftHandle
	ring    []pay.Handle // keys of left; a new one overwrites the oldest
	next    int          // the slot of ring that is written next
}

// leftHandle is a handle that its device is not shown under any more. The device
// may be there still, under the words of its next code: track is its place then and
// life the life of that place.
type leftHandle struct {
	origin pay.Code      // the code that the handle was made from
	shown  time.Duration // when it was shown last
	slot   int           // in ring
	track  int32
	life   uint32
}

func newHandleBook() handleBook {
	return handleBook{present: map[pay.Handle]int32{}, longer: map[pay.Handle]int32{}, left: map[pay.Handle]leftHandle{}}
}

// draw gives track i a handle made from its code. It returns "" if every draw is
// taken.
func (t *Tracker) draw(i int32, now time.Duration) pay.Handle {
	b, code := &t.handles, t.tracks[i].code
	if other, taken := b.present[pay.HandleFor(code, 0)]; taken {
		t.lengthen(other, now)
	}
	for n := range handleDrawsMax {
		h := pay.HandleFor(code, n)
		if _, taken := b.present[h]; taken {
			continue
		}
		if l, ok := b.left[h]; ok && l.origin != code && b.wasShown(h, now) {
			continue
		}
		if n == 0 && b.longer[h] > 0 {
			continue
		}
		b.take(h, i)
		return h
	}
	return ""
}

func (b *handleBook) take(h pay.Handle, i int32) {
	b.present[h] = i
	if two := h.Pair(); two != h {
		b.longer[two]++
	}
}

func (b *handleBook) free(h pay.Handle) {
	delete(b.present, h)
	two := h.Pair()
	if two == h {
		return
	}
	if b.longer[two]--; b.longer[two] <= 0 {
		delete(b.longer, two)
	}
}

// lengthen gives track i, which has the two words of its code, three, because
// another device that is present shares the two. It does nothing if those are taken.
func (t *Tracker) lengthen(i int32, now time.Duration) {
	s := &t.tracks[i]
	h := pay.HandleFor(s.origin, 1)
	if _, taken := t.handles.present[h]; taken || t.handles.wasShown(h, now) || s.handle != h.Pair() {
		return
	}
	t.releaseHandle(i)
	s.handle = h
	t.handles.take(h, i)
}

// releaseHandle takes its handle from track i and records when it was last shown. It
// does nothing for a track without a handle.
func (t *Tracker) releaseHandle(i int32) {
	s, b := &t.tracks[i], &t.handles
	h := s.handle
	if h == "" {
		return
	}
	s.handle = ""
	b.free(h)
	if len(b.ring) < pay.CandidatesMax {
		b.ring = append(b.ring, h)
	} else {
		if old := b.ring[b.next]; b.left[old].slot == b.next {
			delete(b.left, old)
		}
		b.ring[b.next] = h
	}
	b.left[h] = leftHandle{origin: s.origin, shown: s.shown, slot: b.next, track: i, life: s.life}
	b.next = (b.next + 1) % pay.CandidatesMax
}

// wasShown reports whether h was released and its last showing is less than
// pay.HandleMemory ago. It does not look at handles in use.
func (b *handleBook) wasShown(h pay.Handle, now time.Duration) bool {
	l, ok := b.left[h]
	return ok && now-l.shown < pay.HandleMemory.Std()
}

// formerly returns the track that was shown as h within pay.HandleMemory and is now
// shown under other words, or -1.
func (t *Tracker) formerly(h pay.Handle, now time.Duration) int32 {
	l, ok := t.handles.left[h]
	if !ok || !t.handles.wasShown(h, now) {
		return -1
	}
	if s := &t.tracks[l.track]; !s.used || s.life != l.life || s.handle == h {
		return -1
	}
	return l.track
}

// gone returns the words that were shown within pay.HandleMemory for somebody who is
// not on the air any more, as far as is known. Somebody may still say them, so what
// also means another is ambiguous.
func (t *Tracker) gone(now time.Duration) (out []pay.Called) {
	for h, l := range t.handles.left {
		_, present := t.handles.present[h]
		_, back := t.byCode[l.origin]
		if present || back || !t.handles.wasShown(h, now) || t.formerly(h, now) >= 0 {
			continue
		}
		out = append(out, pay.Called{Handle: h, Candidate: pay.Candidate{Handle: h, Code: l.origin}})
	}
	sortByWords(out)
	return out
}

func sortByWords(list []pay.Called) {
	slices.SortFunc(list, func(a, b pay.Called) int { return cmp.Compare(a.Handle, b.Handle) })
}

// others returns the words, beside those that are shown, under which somebody may
// be asked for: those of the codes before, and those of codes of which it is still
// open whose next they are. The latter are made from the code alone, so they mean its
// device whatever comes out.
func (t *Tracker) others(now time.Duration, at time.Time) (out []pay.Called) {
	for h := range t.handles.left {
		if i := t.formerly(h, now); i >= 0 {
			out = append(out, pay.Called{Handle: h, Candidate: t.candidate(&t.tracks[i], now, at)})
		}
	}
	for _, i := range t.rotation.pending {
		for draw := range 2 {
			c := t.candidate(&t.tracks[i], now, at)
			c.Handle = pay.HandleFor(c.Code, draw)
			out = append(out, pay.Called{Handle: c.Handle, Candidate: c})
		}
	}
	sortByWords(out)
	return out
}
