package ble

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// The options of a Tracker that are zero take these values. Near and Far are
// the strengths of a device of -59 dBm at 1 m; Margin is in dB. Measured:
// `paybeacon bench near crowd`, simulated, never with physical radios.
const (
	NearDefault   pay.RSSI = -65
	FarDefault    pay.RSSI = -71
	DwellDefault           = 800 * time.Millisecond
	LeaveDefault           = 8 * time.Second
	MarginDefault pay.RSSI = 6
)

// IntervalDefault is the interval at which a beacon broadcasts unless its options
// set another. Chosen: a customer is selected within 1.9 s in 95 % of cases, and
// within 1.5 s at 100 ms (`paybeacon bench near crowd`, simulated), for less than
// half of the adverts on the air.
const IntervalDefault = 250 * time.Millisecond

const (
	// silenceMin is the shortest silence after which a candidate is no longer
	// clear, however short its interval. Chosen: longer than filterWindow, shorter
	// than LeaveDefault.
	silenceMin = 3 * time.Second
	// silenceIntervals is the same as a multiple of the device's interval. Chosen:
	// two adverts in a row may be lost.
	silenceIntervals = 3
	// intervalMax bounds the interval that the tracker learns of a device. Chosen:
	// above 1.28 s, the longest that BlueZ uses by itself.
	intervalMax = 1500 * time.Millisecond
	// intervalMin is the shortest gap between two adverts; reports closer than
	// this are one advert reported twice. Chosen: half of the 20 ms that Bluetooth
	// Core 5.4 allows at least (volume 6, part B, 4.4.2.2).
	intervalMin = 10 * time.Millisecond
	// expireInterval is how often Observe also drops the tracks that have left and
	// settles pending codes. Chosen: short beside every dwell and leave, and long
	// enough that the pass over all tracks costs little per advert.
	expireInterval = 100 * time.Millisecond
)

// TrackerOptions define what near means on one lane. Strengths are in dBm,
// normalised to a device of -59 dBm at 1 m. Zero means the default above.
type TrackerOptions struct {
	Box    pay.NodeID // makes the handles
	Lane   pay.Lane   // copied into every candidate
	Near   pay.RSSI   // at least this strong for Dwell: near
	Far    pay.RSSI   // weaker than this for Leave: no longer near
	Dwell  time.Duration
	Leave  time.Duration // not heard for this long: gone
	Margin pay.RSSI      // lead over the second, in dB, below which nobody is clear
}

// Check validates options that a person gave, after defaults: far must be below
// near, dwell and margin above zero, and leave longer than dwell. It returns a
// *pay.Error with pay.CodeUsage for the first rule that they break.
func (o TrackerOptions) Check() error {
	switch {
	case o.Near < rssiMin || o.Near > rssiMax || o.Far < rssiMin:
		return pay.NewError(pay.CodeUsage, fmt.Sprintf("near %d and far %d are not strengths in dBm", o.Near, o.Far), "give values such as --near -65 --far -71")
	case o.Far >= o.Near:
		return pay.NewError(pay.CodeUsage, fmt.Sprintf("far (%d dBm) is not weaker than near (%d dBm)", o.Far, o.Near), "let --far be some 6 dB below --near")
	case o.Dwell <= 0 || o.Leave <= o.Dwell:
		return pay.NewError(pay.CodeUsage, fmt.Sprintf("dwell %v and leave %v do not make sense together", o.Dwell, o.Leave), "let --leave be longer than --dwell and both longer than 0s")
	case o.Margin <= 0:
		return pay.NewError(pay.CodeUsage, fmt.Sprintf("a margin of %d dB would let the box guess", o.Margin), "give some 6 dB")
	}
	return nil
}

func (o TrackerOptions) withDefaults() TrackerOptions {
	o.Near = cmp.Or(o.Near, NearDefault)
	o.Far = cmp.Or(o.Far, FarDefault)
	o.Dwell = cmp.Or(o.Dwell, DwellDefault)
	o.Leave = cmp.Or(o.Leave, LeaveDefault)
	o.Margin = cmp.Or(o.Margin, MarginDefault)
	return o
}

// Tracker turns the adverts of one lane into candidates. It reads no clock and
// starts no goroutine: time enters with the adverts and with each query, and
// never goes back. It is not safe for concurrent use.
//
// A candidate's strength is the median of its last two seconds. It becomes near
// when its strength has been at Near or above for Dwell, stays near until its
// strength has been below Far for Leave, and is gone when it was not heard for
// Leave.
//
// At most one candidate is clear: the strongest one, if it is near, is at Far or
// above now, leads every other track by Margin, and is not silent. After a
// silence it must have been heard for Dwell again, so that no charge rests on a
// single advert.
type Tracker struct {
	options   TrackerOptions
	base      time.Time     // the first moment seen; durations count from it
	now       time.Duration // the latest moment seen
	expiredAt time.Duration
	deaf      bool

	tracks   []track
	free     []int32
	byCode   map[pay.Code]int32 // current codes, and former ones for a while
	notNear  ranking            // the tracks that are not near
	rotation rotation
	handles  handleBook
	max      int // tracks
}

// NewTracker returns a tracker without candidates.
func NewTracker(o TrackerOptions) *Tracker {
	return &Tracker{
		options:  o.withDefaults(),
		byCode:   map[pay.Code]int32{},
		notNear:  newRanking(),
		rotation: newRotation(),
		handles:  newHandleBook(o.Box),
		max:      pay.CandidatesMax,
	}
}

// SetDeaf sets whether the radio hears nothing at all. While it is deaf, Nearby
// reports that and no candidate is clear.
func (t *Tracker) SetDeaf(deaf bool) { t.deaf = deaf }

// Observe records one advert. It ignores adverts without a strength and frames
// without a rotating code. It allocates nothing for a code already known.
func (t *Tracker) Observe(a Advert) {
	if !a.HasRSSI {
		return
	}
	now := t.advance(a.At)
	if now-t.expiredAt >= expireInterval {
		t.expire(now)
	}
	for i := range a.Sections {
		f, err := ParseFrame(a.Sections[i])
		if err != nil || f.Kind != EID {
			continue
		}
		t.hear(f.Code, Normalise(a.RSSI, f.Power), now)
	}
}

// Nearby returns all candidates at the moment now, strongest first, and which of
// them is clear, if any. Their handles count as shown.
func (t *Tracker) Nearby(now time.Time) pay.Nearby {
	d := t.advance(now)
	t.expire(d)
	out := pay.Nearby{Deaf: t.deaf}
	listed := t.listed()
	for _, i := range listed {
		if s := &t.tracks[i]; t.show(i, d) {
			out.Candidates = append(out.Candidates, t.candidate(s, d, now))
		}
	}
	if len(listed) > 0 && !t.deaf && t.isClear(listed[0], d) {
		out.Clear = t.tracks[listed[0]].handle
	}
	return out
}

// listed returns the tracks that are not pending, strongest first.
func (t *Tracker) listed() []int32 {
	listed := make([]int32, 0, len(t.tracks)-len(t.free))
	for i := range t.tracks {
		if s := &t.tracks[i]; s.used && !s.pending {
			listed = append(listed, int32(i))
		}
	}
	slices.SortFunc(listed, func(a, b int32) int {
		x, y := &t.tracks[a], &t.tracks[b]
		return cmp.Or(cmp.Compare(y.rssi, x.rssi), cmp.Compare(x.first, y.first), slices.Compare(x.code[:], y.code[:]))
	})
	return listed
}

// show gives track i a handle if it has none and records when it was shown. It
// reports false only if every handle is taken.
func (t *Tracker) show(i int32, now time.Duration) bool {
	s := &t.tracks[i]
	if s.handle == "" {
		s.handle = t.handles.draw(s.origin, i, now)
	}
	s.shown = now
	return s.handle != ""
}

// isClear reports whether first, the strongest track, may be charged without
// asking which candidate is meant. A pending code that can continue only this
// track does not count against its lead.
func (t *Tracker) isClear(first int32, now time.Duration) bool {
	s := &t.tracks[first]
	if !s.near || s.rssi < t.options.Far || now-s.last > s.silence() || s.last-s.heardSince < t.options.Dwell {
		return false
	}
	for i := range t.tracks {
		o := &t.tracks[i]
		if !o.used || int32(i) == first || o.pending && o.onlyOlder == first {
			continue
		}
		if int(s.rssi)-int(o.rssi) < int(t.options.Margin) {
			return false
		}
	}
	return true
}

func (t *Tracker) candidate(s *track, now time.Duration, at time.Time) pay.Candidate {
	wall := func(d time.Duration) pay.Time { return pay.TimeOf(at.Add(d - now)) }
	c := pay.Candidate{
		Handle: s.handle, Code: s.code, Heard: wall(s.last), RSSI: s.rssi,
		Since: wall(s.first), Lane: t.options.Lane, Near: s.near,
	}
	if s.near {
		c.Since = wall(s.since)
	}
	return c
}

// Presence is the state of a handle.
type Presence uint8

// The states of a handle.
const (
	NeverShown Presence = iota // never, or not within pay.HandleMemory
	Present                    // a device on the air has it
	Left                       // shown within pay.HandleMemory, and its device is gone
)

// Find returns the candidate with handle h at the moment now and Present, or an
// empty candidate and Left or NeverShown. It finds candidates that are not near
// as well.
func (t *Tracker) Find(h pay.Handle, now time.Time) (pay.Candidate, Presence) {
	d := t.advance(now)
	t.expire(d)
	if i, ok := t.handles.present[h]; ok {
		return t.candidate(&t.tracks[i], d, now), Present
	}
	if t.handles.wasShown(h, d) {
		return pay.Candidate{}, Left
	}
	return pay.Candidate{}, NeverShown
}

// advance converts at to the time since the first moment seen, which never goes
// back.
func (t *Tracker) advance(at time.Time) time.Duration {
	if t.base.IsZero() {
		t.base = at
	}
	t.now = max(t.now, at.Sub(t.base))
	return t.now
}

// expire drops the tracks and former codes that were not heard for Leave, and
// settles pending codes.
func (t *Tracker) expire(now time.Duration) {
	t.expiredAt = now
	for i := range t.tracks {
		s := &t.tracks[i]
		switch {
		case !s.used:
		case now-s.last >= t.options.Leave:
			t.drop(int32(i))
		case s.continued && now-s.continuedAt >= t.options.Leave:
			t.forgetFormer(s)
		}
	}
	t.settlePending(now)
}
