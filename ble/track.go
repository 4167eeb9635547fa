package ble

import (
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// track is what is known of one device on the air.
type track struct {
	used   bool
	code   pay.Code   // heard last
	origin pay.Code   // heard first; the handle is made from it
	handle pay.Handle // "" until it is first shown
	shown  time.Duration

	first, last time.Duration
	steady      time.Duration // heard since without a silence
	interval    time.Duration // smoothed; 0 until heard twice
	rssi        pay.RSSI      // filtered
	filter      filter
	trail       trail // for people, not for decisions

	strongSince time.Duration // at or above Near without a break, or never
	weakSince   time.Duration // below Far without a break, or never
	near        bool
	since       time.Duration // near since

	// pending says that it is not settled yet whether code continues an older
	// track; twin is that one if only one comes into question, else -1.
	pending bool
	twin    int32

	// carried says that code continued former, at carriedAt.
	carried   bool
	former    pay.Code
	carriedAt time.Duration

	link rankLink
}

// never is a moment that has not come.
const never time.Duration = -1

// silence is how long the track may be unheard and still be the one ahead.
func (s *track) silence() time.Duration { return max(silenceIntervals*s.interval, silenceMin) }

// hear takes in one advert of a rotating code, already normalised.
func (t *Tracker) hear(code pay.Code, rssi pay.RSSI, now time.Duration) {
	i, known := t.byCode[code]
	former := known && t.tracks[i].code != code
	if former {
		t.contradict(i, now)
		known = false
	}
	if known && now-t.tracks[i].last >= t.options.Leave {
		t.drop(i)
		known = false
	}
	if !known {
		if i, known = t.admit(code, rssi, now); !known {
			return
		}
	}
	if former {
		t.rotation.end(t.tracks, i) // an old code continues nothing
	}
	s := &t.tracks[i]
	s.keepPace(now)
	s.last = now
	s.filter.add(now, rssi)
	s.trail.add(now, rssi)
	t.judge(i, now)
}

// keepPace learns the device's interval from the gap before this advert, and
// starts the dwell afresh after a silence.
func (s *track) keepPace(now time.Duration) {
	gap := now - s.last
	switch {
	case gap > s.silence():
		s.strongSince, s.steady = never, now
	case gap < intervalMin:
	case s.interval == 0:
		s.interval = min(gap, intervalMax)
	default:
		s.interval += (min(gap, intervalMax) - s.interval) / 8
	}
}

// judge applies the two thresholds to the filtered strength.
func (t *Tracker) judge(i int32, now time.Duration) {
	s, o := &t.tracks[i], &t.options
	s.rssi = s.filter.median(now)
	if s.rssi < o.Near {
		s.strongSince = never
	} else if s.strongSince == never {
		s.strongSince = now
	}
	if s.rssi >= o.Far {
		s.weakSince = never
	} else if s.weakSince == never {
		s.weakSince = now
	}
	switch {
	case !s.near && s.strongSince != never && now-s.strongSince >= o.Dwell:
		s.near, s.since = true, now
	case s.near && s.weakSince != never && now-s.weakSince >= o.Leave:
		s.near = false
	}
	t.rank(i)
}

// rank files the track where the weakest one that is not near can be found.
func (t *Tracker) rank(i int32) {
	t.faint.remove(t.tracks, i)
	if s := &t.tracks[i]; s.used && !s.near {
		t.faint.push(t.tracks, i, s.rssi)
	}
}

// admit makes room for a new code. It refuses when the tracker is full and
// everybody in it is near or stronger.
func (t *Tracker) admit(code pay.Code, rssi pay.RSSI, now time.Duration) (int32, bool) {
	if len(t.tracks)-len(t.free) >= t.max {
		weakest := t.faint.weakest()
		if weakest < 0 || t.tracks[weakest].rssi > rssi {
			return 0, false
		}
		t.drop(weakest)
	}
	var i int32
	if n := len(t.free); n > 0 {
		i, t.free = t.free[n-1], t.free[:n-1]
	} else {
		i = int32(len(t.tracks))
		t.tracks = append(t.tracks, track{})
	}
	t.tracks[i] = track{
		used: true, code: code, origin: code, first: now, last: now, steady: now, rssi: rssi,
		strongSince: never, weakSince: never, twin: -1, link: unranked,
	}
	t.byCode[code] = i
	t.rotation.begin(t.tracks, i, now)
	return i, true
}

// drop forgets a track; its handle is remembered if a person saw it.
func (t *Tracker) drop(i int32) {
	s := &t.tracks[i]
	t.forgetFormer(s)
	delete(t.byCode, s.code)
	t.handles.release(s.handle, s.origin, s.shown)
	t.vacate(i)
}

// vacate frees the place of a track whose code, handle and history are already
// accounted for.
func (t *Tracker) vacate(i int32) {
	t.faint.remove(t.tracks, i)
	t.rotation.end(t.tracks, i)
	t.tracks[i] = track{link: unranked}
	t.free = append(t.free, i)
}

func (t *Tracker) forgetFormer(s *track) {
	if s.carried {
		delete(t.byCode, s.former)
		s.carried = false
	}
}

// filterSamples bounds what one track remembers: two seconds at 16 adverts a
// second; of a faster device the newest.
const filterSamples = 32

// filterWindow is how far back the median reaches.
const filterWindow = 2 * time.Second

// filter is a ring of the strengths heard last.
type filter struct {
	at   [filterSamples]time.Duration
	rssi [filterSamples]pay.RSSI
	n    uint8 // filled places
	next uint8
}

func (f *filter) add(at time.Duration, rssi pay.RSSI) {
	f.at[f.next], f.rssi[f.next] = at, rssi
	f.next = (f.next + 1) % filterSamples
	f.n = min(f.n+1, filterSamples)
}

// addAll appends what g holds, oldest first.
func (f *filter) addAll(g *filter) {
	for k := g.n; k > 0; k-- {
		j := (g.next + filterSamples - k) % filterSamples
		f.add(g.at[j], g.rssi[j])
	}
}

// median returns the median of the window that ends at now, of two middle
// values the weaker. The newest sample always counts.
func (f *filter) median(now time.Duration) pay.RSSI {
	var sorted [filterSamples]pay.RSSI
	n := 0
	for k := uint8(1); k <= f.n; k++ {
		j := (f.next + filterSamples - k) % filterSamples
		if k > 1 && now-f.at[j] > filterWindow {
			break
		}
		m := n
		for ; m > 0 && sorted[m-1] > f.rssi[j]; m-- {
			sorted[m] = sorted[m-1]
		}
		sorted[m] = f.rssi[j]
		n++
	}
	return sorted[(n-1)/2]
}
