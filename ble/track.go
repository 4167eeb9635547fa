package ble

import (
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// track is the state of one device on the air.
type track struct {
	used   bool
	code   pay.Code   // heard last
	origin pay.Code   // the handle is made from it
	handle pay.Handle // "" until it is first shown
	life   uint32     // of this track among all that had its place
	shown  time.Duration

	first, last time.Duration
	heardSince  time.Duration // heard since without a silence
	interval    time.Duration // smoothed; 0 until heard twice
	rssi        pay.RSSI      // filtered
	filter      filter
	second      secondFilter
	trail       trail // for people, not for decisions

	strongSince time.Duration // at or above Near without a break, or never
	weakSince   time.Duration // below Far without a break, or never
	taps        taps
	stated      pay.RSSI      // the power at 1 m, clamped
	variedAt    time.Duration // when it stated another power, last, or never
	near        bool
	since       time.Duration // near since

	// pending reports whether it is still open if code continues an older track.
	// onlyOlder is that track if there is only one that it may be, else -1.
	pending   bool
	onlyOlder int32

	// continued reports whether code continued the code former, at continuedAt.
	continued   bool
	former      pay.Code
	continuedAt time.Duration

	score int32 // by which it was listed last
	link  rankLink
}

// never is the value of a moment that has not come.
const never time.Duration = -1

// silence is how long the track may go without an advert and still be clear.
func (s *track) silence() time.Duration { return max(silenceIntervals*s.interval, silenceMin) }

// hear records one advert with a rotating code, of strength rssi as received, of a
// device that states power.
func (t *Tracker) hear(code pay.Code, rssi, power pay.RSSI, now time.Duration) {
	rssi = Normalise(rssi, power)
	i, known := t.byCode[code]
	former := known && t.tracks[i].code != code
	if former {
		t.undoContinuation(i, now)
		known = false
	}
	if known && now-t.tracks[i].last >= t.options.Leave {
		t.drop(i)
		known = false
	}
	if !known {
		if i, known = t.admit(code, rssi, power, now); !known {
			return
		}
	}
	if former {
		t.rotation.remove(t.tracks, i) // a code that came back continues no other track
	}
	s := &t.tracks[i]
	s.learnInterval(now)
	s.last = now
	s.state(power, now)
	s.filter.add(now, rssi)
	if rssi >= t.options.Tap {
		s.taps.add(now)
	}
	s.trail.add(now, rssi)
	t.updateNear(i, now)
}

// learnInterval updates the device's interval by the gap before this advert, and
// restarts the dwell after a silence.
func (s *track) learnInterval(now time.Duration) {
	gap := now - s.last
	switch {
	case gap > s.silence():
		s.strongSince, s.heardSince = never, now
	case gap < intervalMin:
	case s.interval == 0:
		s.interval = min(gap, intervalMax)
	default:
		s.interval += (min(gap, intervalMax) - s.interval) / 8
	}
}

// updateNear applies the two thresholds to the filtered strength.
func (t *Tracker) updateNear(i int32, now time.Duration) {
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
	case !s.near && (s.tapped(now) || s.strongSince != never && now-s.strongSince >= o.Dwell):
		s.near, s.since = true, now
	case s.near && s.weakSince != never && now-s.weakSince >= o.Leave:
		s.near = false
	}
	t.rank(i)
}

// rank moves the track to the ranking's list for its strength if it is not near,
// and out of the ranking if it is.
func (t *Tracker) rank(i int32) {
	t.notNear.remove(t.tracks, i)
	if s := &t.tracks[i]; s.used && !s.near {
		t.notNear.push(t.tracks, i, s.rssi)
	}
}

// admit makes a track for a new code. It reports false if the tracker is full
// and every track in it is near or stronger than rssi.
func (t *Tracker) admit(code pay.Code, rssi, power pay.RSSI, now time.Duration) (int32, bool) {
	if len(t.tracks)-len(t.free) >= t.max {
		weakest := t.notNear.weakest()
		if weakest < 0 || t.tracks[weakest].rssi > rssi {
			t.refuse(rssi, now)
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
	t.lives++
	t.tracks[i] = track{
		used: true, life: t.lives, code: code, origin: code, first: now, last: now, heardSince: now, rssi: rssi,
		strongSince: never, weakSince: never, onlyOlder: -1, link: unranked, continuedAt: never,
		taps: noTaps, stated: min(max(power, PowerMin), PowerMax), variedAt: never,
	}
	t.byCode[code] = i
	t.rotation.add(t.tracks, i, now)
	return i, true
}

// refuse records an advert of a device for which there is no room. Nothing else is
// known of such a device, but it may be the one at the box.
func (t *Tracker) refuse(rssi pay.RSSI, now time.Duration) {
	if t.refusedAt == never || now-t.refusedAt > bestWindow || rssi > t.refused {
		t.refused = rssi
	}
	t.refusedAt = now
}

// drop frees a track. Its handle, if it was shown, stays in the handle book.
func (t *Tracker) drop(i int32) {
	s := &t.tracks[i]
	t.forgetFormer(s)
	delete(t.byCode, s.code)
	t.releaseHandle(i)
	t.freeTrack(i)
}

// freeTrack frees the place of a track whose codes and handle are already
// removed from the indexes or belong to another track.
func (t *Tracker) freeTrack(i int32) {
	t.notNear.remove(t.tracks, i)
	t.rotation.remove(t.tracks, i)
	t.tracks[i] = track{link: unranked}
	t.free = append(t.free, i)
}

func (t *Tracker) forgetFormer(s *track) {
	if s.continued {
		delete(t.byCode, s.former)
		s.continued = false
	}
}

// filterSamples bounds the strengths that one track keeps, medianSamples those of
// which a median is taken. Chosen: bestWindow and filterWindow at 16 adverts a
// second; of a faster device the newest count.
const (
	filterSamples = 64
	medianSamples = 32
)

// filterWindow is the span of time of which the median is taken. Measured:
// `paybeacon bench near crowd`, simulated; an average over 20 s reacts too late,
// and a single advert is wrong too often.
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

// addAll appends the samples of g, oldest first.
func (f *filter) addAll(g *filter) {
	for k := g.n; k > 0; k-- {
		j := (g.next + filterSamples - k) % filterSamples
		f.add(g.at[j], g.rssi[j])
	}
}

// median returns the median strength of the window that ends at now, in dBm; of
// two middle values the weaker one. The newest sample always counts.
func (f *filter) median(now time.Duration) pay.RSSI {
	var sorted [filterSamples]pay.RSSI
	n := f.sort(&sorted, now, filterWindow, medianSamples)
	return sorted[(n-1)/2]
}

// sort writes the strengths of the window that ends at now into sorted, weakest
// first, at most the newest most of them, and returns how many there are. The
// newest one always counts.
func (f *filter) sort(sorted *[filterSamples]pay.RSSI, now, window time.Duration, most uint8) (n int) {
	for k := uint8(1); k <= min(f.n, most); k++ {
		j := (f.next + filterSamples - k) % filterSamples
		if k > 1 && now-f.at[j] > window {
			break
		}
		m := n
		for ; m > 0 && sorted[m-1] > f.rssi[j]; m-- {
			sorted[m] = sorted[m-1]
		}
		sorted[m] = f.rssi[j]
		n++
	}
	return n
}
