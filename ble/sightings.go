package ble

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// Sighting is a static beacon or a telemetry sender on the air. It is for
// display only: it is no candidate and cannot become one.
type Sighting struct {
	Kind FrameKind
	// ID is the identity that the frame states, as returned by Frame.ID.
	// Telemetry states none and is distinguished by Address, for display only.
	ID []byte
	// Address is the sender's address in the last advert.
	Address Address
	// RSSI is the strength of the last advert that had one, in dBm, as received.
	// It is valid only with HasRSSI.
	RSSI    pay.RSSI
	HasRSSI bool
	// Power is the strength at 1 m that the frame states, in dBm; telemetry states
	// none.
	Power pay.RSSI
	// Telemetry is the content of the last TLM frame.
	Telemetry Telemetry
	// First and Last are when it was heard first and last, Count how often.
	First, Last time.Time
	Count       uint64
	// Rate is how many adverts a second are heard of it now; it falls while it is
	// silent. It is 0 until two were heard.
	Rate float64
	// Trail is its recent strengths, as received.
	Trail Trail
}

// Sightings lists the static beacons and telemetry senders on the air: iBeacon,
// AltBeacon, Eddystone-UID and TLM, each once by format and identity. It has no
// candidates, so nothing in it can be charged. It holds at most
// pay.SightingsMax, drops the one unheard for longest when it is full, and each
// one after pay.SightingMemory without an advert. It reads no clock and is not
// safe for concurrent use.
type Sightings struct {
	base  time.Time
	now   time.Duration
	seen  []sighting
	free  []int32
	byKey map[sightingKey]int32
	// All sightings form one list in the order of their last adverts.
	oldest, newest int32
}

type sightingKey struct {
	kind FrameKind
	idN  uint8
	id   [20]byte
}

type sighting struct {
	key          sightingKey
	address      Address
	rssi, power  pay.RSSI
	hasRSSI      bool
	telemetry    Telemetry
	first, last  time.Duration
	interval     time.Duration // smoothed; 0 until heard twice
	count        uint64
	trail        trail
	older, newer int32
}

// NewSightings returns an empty list.
func NewSightings() *Sightings {
	return &Sightings{byKey: map[sightingKey]int32{}, oldest: -1, newest: -1}
}

// Observe records one advert, with or without a strength. It ignores frames
// with a rotating code, which the Tracker handles, and what a second ear heard, which
// would count everything twice. It allocates nothing for a beacon already known.
func (l *Sightings) Observe(a Advert) {
	if a.Ear != FirstEar {
		return
	}
	now := l.advance(a.At)
	for i := range a.Sections {
		f, err := ParseFrame(a.Sections[i])
		if err != nil || f.Kind == EID {
			continue
		}
		key := sightingKey{kind: f.Kind, idN: f.idN, id: f.id}
		if f.Kind == TLM {
			key.idN = uint8(copy(key.id[:], a.Address[:]))
		}
		s := l.touch(key, now)
		s.address, s.power, s.telemetry = a.Address, f.Power, f.Telemetry
		if a.HasRSSI {
			s.rssi, s.hasRSSI = a.RSSI, true
			s.trail.add(now, a.RSSI)
		}
	}
}

// All returns the sightings at the moment now, in the order in which they were
// first heard, so that a line on a screen keeps its place.
func (l *Sightings) All(now time.Time) []Sighting {
	d := l.advance(now)
	l.expire(d)
	var out []Sighting
	for i := l.oldest; i >= 0; i = l.seen[i].newer {
		out = append(out, l.seen[i].at(d, now))
	}
	slices.SortFunc(out, func(a, b Sighting) int {
		return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.Kind, b.Kind), bytes.Compare(a.ID, b.ID), bytes.Compare(a.Address[:], b.Address[:]))
	})
	return out
}

func (s *sighting) at(now time.Duration, at time.Time) Sighting {
	out := Sighting{
		Kind: s.key.kind, Address: s.address, RSSI: s.rssi, HasRSSI: s.hasRSSI, Power: s.power, Telemetry: s.telemetry,
		First: at.Add(s.first - now), Last: at.Add(s.last - now), Count: s.count, Trail: s.trail.until(now),
	}
	if s.key.kind != TLM {
		out.ID = bytes.Clone(s.key.id[:s.key.idN])
	}
	if s.interval > 0 {
		out.Rate = 1 / max(s.interval, now-s.last).Seconds()
	}
	return out
}

// touch returns the sighting of key, known or new, after moving it to the end of
// the list and counting one advert.
func (l *Sightings) touch(key sightingKey, now time.Duration) *sighting {
	l.expire(now)
	i, known := l.byKey[key]
	if known {
		l.unlink(i)
	} else {
		i = l.add(key, now)
	}
	l.link(i)
	s := &l.seen[i]
	if gap := now - s.last; s.count == 1 {
		s.interval = max(gap, intervalMin)
	} else if s.count > 1 && gap >= intervalMin {
		s.interval += (gap - s.interval) / 8
	}
	s.last = now
	s.count++
	return s
}

// add makes a new sighting and drops the oldest one if the list is full.
func (l *Sightings) add(key sightingKey, now time.Duration) (i int32) {
	if len(l.byKey) >= pay.SightingsMax {
		l.drop(l.oldest)
	}
	if n := len(l.free); n > 0 {
		i, l.free = l.free[n-1], l.free[:n-1]
	} else {
		i = int32(len(l.seen))
		l.seen = append(l.seen, sighting{})
	}
	l.seen[i] = sighting{key: key, first: now, last: now, older: -1, newer: -1}
	l.byKey[key] = i
	return i
}

// expire drops the sightings without an advert for pay.SightingMemory.
func (l *Sightings) expire(now time.Duration) {
	for l.oldest >= 0 && now-l.seen[l.oldest].last >= pay.SightingMemory.Std() {
		l.drop(l.oldest)
	}
}

func (l *Sightings) drop(i int32) {
	l.unlink(i)
	delete(l.byKey, l.seen[i].key)
	l.free = append(l.free, i)
}

// link appends sighting i to the list, as the newest.
func (l *Sightings) link(i int32) {
	s := &l.seen[i]
	s.older, s.newer = l.newest, -1
	if l.newest >= 0 {
		l.seen[l.newest].newer = i
	} else {
		l.oldest = i
	}
	l.newest = i
}

func (l *Sightings) unlink(i int32) {
	s := &l.seen[i]
	if s.older >= 0 {
		l.seen[s.older].newer = s.newer
	} else {
		l.oldest = s.newer
	}
	if s.newer >= 0 {
		l.seen[s.newer].older = s.older
	} else {
		l.newest = s.older
	}
}

// advance converts at to the time since the first moment seen, which never goes
// back.
func (l *Sightings) advance(at time.Time) time.Duration {
	if l.base.IsZero() {
		l.base = at
	}
	l.now = max(l.now, at.Sub(l.base))
	return l.now
}
