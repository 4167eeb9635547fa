package ble

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// What a Tracker uses where its options are zero.
const (
	NearDefault   pay.RSSI = -65
	FarDefault    pay.RSSI = -71
	DwellDefault           = 800 * time.Millisecond
	LeaveDefault           = 8 * time.Second
	MarginDefault pay.RSSI = 6
)

// IntervalDefault is how often a beacon broadcasts where nobody says otherwise.
const IntervalDefault = 250 * time.Millisecond

const (
	// silenceMin is the shortest silence after which a candidate is no longer
	// the one ahead, however often it used to be heard.
	silenceMin = 3 * time.Second
	// silenceIntervals says the same in intervals of the device.
	silenceIntervals = 3
	// intervalMax bounds the interval that a device may teach the tracker; the
	// longest that BlueZ uses by itself is 1.28 s.
	intervalMax = 1500 * time.Millisecond
	// intervalMin is below what Bluetooth allows (20 ms): two reports closer
	// than this are one advert told twice.
	intervalMin = 10 * time.Millisecond
	// tidyEvery is how often hearing adverts also looks for who has left.
	tidyEvery = 100 * time.Millisecond
)

// TrackerOptions say what near means on one lane. Strengths are normalised to
// -59 dBm at 1 m. Zero means the default above.
type TrackerOptions struct {
	Box    pay.NodeID // makes the handles
	Lane   pay.Lane   // stands in every candidate
	Near   pay.RSSI   // at least this strong for Dwell: near
	Far    pay.RSSI   // weaker than this for Leave: no longer near
	Dwell  time.Duration
	Leave  time.Duration // not heard for this long: gone
	Margin pay.RSSI      // lead over the second, in dB, below which nobody is clear
}

// Check returns what is wrong with explicit options, as a person gave them:
// far must be below near, and times and margin must be above zero.
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
// starts nothing: time enters with the adverts and with each question, and
// never goes back. It is not safe for concurrent use.
//
// A candidate's strength is the median of its last two seconds. It becomes near
// when that has reached Near for Dwell, stays near until it has been below Far
// for Leave, and is gone when nothing was heard for Leave. Near and strong are
// not enough to be clear: the one ahead must lead everybody heard by Margin,
// must be above Far now and must not have fallen silent, nor have been back from
// a silence for less than Dwell: that would be charging on one advert.
type Tracker struct {
	options TrackerOptions
	base    time.Time     // the first moment seen; all others count from it
	now     time.Duration // the latest moment seen
	tidied  time.Duration
	deaf    bool

	tracks   []track
	free     []int32
	byCode   map[pay.Code]int32 // current codes, and former ones for a while
	faint    ranking            // the tracks that are not near
	rotation rotation
	handles  handleBook
	max      int // tracks
}

// NewTracker returns a tracker that has heard nothing yet.
func NewTracker(o TrackerOptions) *Tracker {
	return &Tracker{
		options:  o.withDefaults(),
		byCode:   map[pay.Code]int32{},
		faint:    newRanking(),
		rotation: newRotation(),
		handles:  newHandleBook(o.Box),
		max:      pay.CandidatesMax,
	}
}

// SetDeaf notes whether the radio has stopped hearing anything at all. While it
// is deaf, Nearby says so and names nobody clear.
func (t *Tracker) SetDeaf(deaf bool) { t.deaf = deaf }

// Observe takes in one advert. Adverts without a strength and frames that are
// not rotating codes leave no trace. It allocates nothing for a code already
// known.
func (t *Tracker) Observe(a Advert) {
	if !a.HasRSSI {
		return
	}
	now := t.moment(a.At)
	if now-t.tidied >= tidyEvery {
		t.tidy(now)
	}
	for i := range a.Sections {
		f, err := ParseFrame(a.Sections[i])
		if err != nil || f.Kind != EID {
			continue
		}
		t.hear(f.Code, Normalise(a.RSSI, f.Power), now)
	}
}

// Nearby returns everybody who is heard at the moment now, strongest first, and
// who is ahead, if anybody is. Whoever it lists counts as shown.
func (t *Tracker) Nearby(now time.Time) pay.Nearby {
	d := t.moment(now)
	t.tidy(d)
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

// listed returns the tracks that may be shown, strongest first.
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

// show gives track i a handle if it has none and notes that a person saw it.
// It fails only when every handle is taken.
func (t *Tracker) show(i int32, now time.Duration) bool {
	s := &t.tracks[i]
	if s.handle == "" {
		s.handle = t.handles.draw(s.origin, i, now)
	}
	s.shown = now
	return s.handle != ""
}

// isClear says whether the strongest track leads everybody by the margin and
// may be charged without asking. Whoever may be its own next code, and is not
// known to be somebody else, does not count against it.
func (t *Tracker) isClear(first int32, now time.Duration) bool {
	s := &t.tracks[first]
	if !s.near || s.rssi < t.options.Far || now-s.last > s.silence() || s.last-s.steady < t.options.Dwell {
		return false
	}
	for i := range t.tracks {
		o := &t.tracks[i]
		if !o.used || int32(i) == first || o.pending && o.twin == first {
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

// Presence says what became of a handle.
type Presence uint8

// The answers to Find.
const (
	NeverShown Presence = iota // or longer ago than pay.HandleMemory
	Present
	Left // shown within pay.HandleMemory, and gone from the air
)

// Find returns the candidate that bears handle h at the moment now, or says
// that it left or was never shown. A candidate need not be near to be found.
func (t *Tracker) Find(h pay.Handle, now time.Time) (pay.Candidate, Presence) {
	d := t.moment(now)
	t.tidy(d)
	if i, ok := t.handles.present[h]; ok {
		return t.candidate(&t.tracks[i], d, now), Present
	}
	if t.handles.remembers(h, d) {
		return pay.Candidate{}, Left
	}
	return pay.Candidate{}, NeverShown
}

// moment places at on the tracker's own time line, which never goes back.
func (t *Tracker) moment(at time.Time) time.Duration {
	if t.base.IsZero() {
		t.base = at
	}
	t.now = max(t.now, at.Sub(t.base))
	return t.now
}

// tidy lets go of whoever has left and settles which new codes continue old
// ones.
func (t *Tracker) tidy(now time.Duration) {
	t.tidied = now
	for i := range t.tracks {
		s := &t.tracks[i]
		switch {
		case !s.used:
		case now-s.last >= t.options.Leave:
			t.drop(int32(i))
		case s.carried && now-s.carriedAt >= t.options.Leave:
			t.forgetFormer(s)
		}
	}
	t.settle(now)
}
