package ble

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// Sighting is a static beacon or a telemetry sender on the air. It is for
// people to look at: it is no candidate and cannot become one.
type Sighting struct {
	Kind FrameKind
	// ID is the identity that the frame states, as Frame.ID does. Telemetry
	// states none, so it is told apart by Address, for display only.
	ID []byte
	// Address is where it was heard from last.
	Address Address
	// RSSI is the strength of the last advert that had one, as received. It
	// means something only with HasRSSI.
	RSSI    pay.RSSI
	HasRSSI bool
	// Power is the strength at 1 m that the frame states; telemetry states none.
	Power pay.RSSI
	// Telemetry is what a TLM frame said last.
	Telemetry Telemetry
	// First and Last are when it was heard first and last, Count how often.
	First, Last time.Time
	Count       uint64
	// Rate is how many adverts a second are heard of it lately.
	Rate float64
	// Trail is how strongly it was heard lately, as received.
	Trail Trail
}

// Sightings keeps what is on the air besides codes that can pay: iBeacon,
// AltBeacon, Eddystone-UID and TLM, each once by format and identity. It knows
// no candidates, so nothing in it can be charged. It holds at most
// pay.SightingsMax and forgets whoever was unheard for longest, at the latest
// after pay.SightingMemory. It reads no clock and is not safe for concurrent use.
type Sightings struct {
	base  time.Time
	now   time.Duration
	seen  []sighting
	free  []int32
	byKey map[sightingKey]int32
	// Every sighting stands in one list in the order of its last advert.
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

// NewSightings returns a list that has seen nothing yet.
func NewSightings() *Sightings {
	return &Sightings{byKey: map[sightingKey]int32{}, oldest: -1, newest: -1}
}

// Observe takes in one advert, with or without a strength. Frames with a
// rotating code leave no trace: those are the Tracker's. It allocates nothing
// for a beacon already known.
func (l *Sightings) Observe(a Advert) {
	now := l.moment(a.At)
	for i := range a.Sections {
		f, err := ParseFrame(a.Sections[i])
		if err != nil || f.Kind == EID {
			continue
		}
		key := sightingKey{kind: f.Kind, idN: f.idN, id: f.id}
		if f.Kind == TLM {
			key.idN = uint8(copy(key.id[:], a.Address[:]))
		}
		s := l.see(key, now)
		s.address, s.power, s.telemetry = a.Address, f.Power, f.Telemetry
		if a.HasRSSI {
			s.rssi, s.hasRSSI = a.RSSI, true
			s.trail.add(now, a.RSSI)
		}
	}
}

// All returns what is on the air at the moment now, in the order in which it
// was first heard, so that a line stays where a person looks for it.
func (l *Sightings) All(now time.Time) []Sighting {
	d := l.moment(now)
	l.forget(d)
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

// see returns the sighting of key, known or new, as the one heard last.
func (l *Sightings) see(key sightingKey, now time.Duration) *sighting {
	l.forget(now)
	i, known := l.byKey[key]
	if known {
		l.unlink(i)
	} else {
		i = l.place(key, now)
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

// place makes room for a new sighting.
func (l *Sightings) place(key sightingKey, now time.Duration) (i int32) {
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

// forget lets go of what was not heard for too long.
func (l *Sightings) forget(now time.Duration) {
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

// moment places at on a time line of its own, which never goes back.
func (l *Sightings) moment(at time.Time) time.Duration {
	if l.base.IsZero() {
		l.base = at
	}
	l.now = max(l.now, at.Sub(l.base))
	return l.now
}
