package ble

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// The options of a Tracker that are zero take these values. Near and Far are
// the strengths of a device of -59 dBm at 1 m, as are Clear and Tap; Margin is in
// dB. Measured: `paybeacon bench near crowd`, simulated and from recordings, never
// with an adapter in a shop.
const (
	NearDefault   pay.RSSI = -65
	FarDefault    pay.RSSI = -71
	ClearDefault  pay.RSSI = -53
	TapDefault    pay.RSSI = -38
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

// The values that a person may give. Strengths are in dBm, normalised.
const (
	// NearMax is the strongest Near. Chosen: a transmitter of 10 dBm, the most that
	// a beacon may have, is received at some -20 dBm with its antenna at the box's;
	// a device that states a false power gains the rest.
	NearMax pay.RSSI = -10
	// FarMin is the weakest Far. Chosen: the most sensitive radios receive down to
	// some -105 dBm, and a device that states the highest power loses 14 dB.
	FarMin pay.RSSI = -120
	// DwellMax is the longest Dwell. Chosen: nobody stands still at a till for
	// longer before the till may know it.
	DwellMax = time.Minute
	// LeaveMin is the shortest Leave. Chosen: twice the interval of a beacon; with
	// less, each would be gone between two adverts.
	LeaveMin = 2 * IntervalDefault
	// LeaveMax is the longest Leave. Chosen: whoever was not heard for longer than
	// a queue takes has gone.
	LeaveMax = 10 * time.Minute
)

// TapOff is the Tap of a lane on which nothing is a tap.
const TapOff pay.RSSI = 127

// farBelowNear is how far apart the thresholds are where only one is given, in
// dB. Measured: as the defaults.
const farBelowNear = NearDefault - FarDefault

// tapAboveClear is how far apart the levels are where a person is told what to
// write, in dB. Measured: as the defaults.
const tapAboveClear = TapDefault - ClearDefault

// TrackerOptions define what near means on one lane. Strengths are in dBm,
// normalised to a device of -59 dBm at 1 m. Zero means the default above; where
// one of Near and Far is zero and the other is not, it lies 6 dB from the other.
type TrackerOptions struct {
	Lane   pay.Lane // copied into every candidate
	Near   pay.RSSI // at least this strong for Dwell: near
	Far    pay.RSSI // weaker than this for Leave: no longer near
	Clear  pay.RSSI // at least this strong at its best: may be clear
	Tap    pay.RSSI // three adverts at least this strong: clear at once; TapOff: never
	Dwell  time.Duration
	Leave  time.Duration // not heard for this long: gone
	Margin pay.RSSI      // lead over the second, in dB, below which nobody is clear
	// SecondShare is how much of the second ear's level is taken off the first's when
	// two devices are compared, in hundredths. It is for comparing rules: no lane
	// needs another than the default, 50.
	SecondShare int
	// Best is what counts as the best strength, for comparing rules as well.
	Best Best
}

// Check validates options that a person gave, before defaults: every value must
// be one that can be met, zero included. Near is at most NearMax, far below near
// and at least FarMin, dwell and margin above zero, dwell at most DwellMax, leave
// within LeaveMin..LeaveMax and longer than dwell. It returns a *pay.Error with
// pay.CodeUsage for the first rule that they break, whose hint says what to write.
func (o TrackerOptions) Check() error {
	refuse := func(hint, why string, values ...any) error {
		return pay.NewError(pay.CodeUsage, fmt.Sprintf(why, values...), hint)
	}
	switch {
	case o.Near > NearMax:
		return refuse(fmt.Sprintf("strengths are negative: write --near %d, or what paybeacon scan calibrate prints", NearDefault),
			"--near %d: nobody is ever received at more than %d dBm, so nobody would be near", o.Near, NearMax)
	case o.Near <= FarMin:
		return refuse(fmt.Sprintf("write --near %d, or what paybeacon scan calibrate prints", NearDefault),
			"--near %d: no radio hears anything that weak", o.Near)
	case o.Far >= o.Near:
		return refuse(fmt.Sprintf("write --near %d --far %d", o.Near, max(o.Near-farBelowNear, FarMin)),
			"--far %d is not weaker than --near %d, so nobody would be clearly near", o.Far, o.Near)
	case o.Far < FarMin:
		return refuse(fmt.Sprintf("write --far %d", max(o.Near-farBelowNear, FarMin)),
			"--far %d: no radio hears anything below %d dBm, so nobody would cease to be near", o.Far, FarMin)
	case o.Clear > NearMax || o.Clear < FarMin:
		return refuse(fmt.Sprintf("write --clear %d, or what paybeacon scan calibrate prints", ClearDefault),
			"--clear %d is outside %d..%d", o.Clear, FarMin, NearMax)
	case o.Tap != TapOff && o.Tap > NearMax:
		return refuse(fmt.Sprintf("write --tap %d, or --tap 0 for no taps", TapDefault),
			"--tap %d: nobody is ever received at more than %d dBm, so nothing would be a tap", o.Tap, NearMax)
	case o.Tap <= o.Clear:
		return refuse(fmt.Sprintf("write --clear %d --tap %d, or --tap 0 for no taps", o.Clear, min(o.Clear+tapAboveClear, NearMax)),
			"--tap %d is not stronger than --clear %d, so whoever is at the box would have tapped", o.Tap, o.Clear)
	case o.Dwell <= 0:
		return refuse(fmt.Sprintf("write it like --dwell %v", DwellDefault), "--dwell %v is not above zero", o.Dwell)
	case o.Dwell > DwellMax:
		return refuse(fmt.Sprintf("write it like --dwell %v", DwellDefault), "--dwell %v is longer than %v, so nobody would ever be near", o.Dwell, DwellMax)
	case o.Leave < LeaveMin || o.Leave > LeaveMax:
		return refuse(fmt.Sprintf("write it like --leave %v", LeaveDefault), "--leave %v is outside %v..%v", o.Leave, LeaveMin, LeaveMax)
	case o.Leave <= o.Dwell:
		return refuse(fmt.Sprintf("write --dwell %v --leave %v, or another pair with the longer --leave", o.Dwell, min(10*o.Dwell, LeaveMax)),
			"--leave %v is not longer than --dwell %v, so whoever pauses would be gone before being near", o.Leave, o.Dwell)
	case o.Margin <= 0:
		return refuse("give some 6 dB", "a margin of %d dB would let the box guess", o.Margin)
	}
	return nil
}

func (o TrackerOptions) withDefaults() TrackerOptions {
	switch {
	case o.Near == 0 && o.Far == 0:
		o.Near, o.Far = NearDefault, FarDefault
	case o.Near == 0:
		o.Near = saturate(int(o.Far) + int(farBelowNear))
	case o.Far == 0:
		o.Far = saturate(int(o.Near) - int(farBelowNear))
	}
	o.Clear = cmp.Or(o.Clear, ClearDefault)
	o.Tap = cmp.Or(o.Tap, TapDefault)
	o.Dwell = cmp.Or(o.Dwell, DwellDefault)
	o.Leave = cmp.Or(o.Leave, LeaveDefault)
	o.Margin = cmp.Or(o.Margin, MarginDefault)
	o.SecondShare = cmp.Or(o.SecondShare, secondShareDefault)
	o.Best = cmp.Or(o.Best, BestDefault())
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
// At most one candidate is clear: the first one. It is clear at once if it was
// tapped and no other one was heard at Tap within the last seconds. Else it must
// be near, at Far or above now, at its best at Clear, and lead every other track by
// Margin; and it must not be silent. After a silence it must have been heard for
// Dwell again, so that no charge rests on a single advert. A device that states
// one power and then another is not clear for some seconds.
//
// With adverts of a SecondEar, half of what that one hears of a device is taken off
// its strength wherever devices are compared: in the order of the list and in the
// lead. All levels stay those of the first ear.
type Tracker struct {
	options   TrackerOptions
	base      time.Time     // the first moment seen; durations count from it
	now       time.Duration // the latest moment seen
	expiredAt time.Duration
	deaf      bool
	// secondDeaf reports whether the second ear hears nothing at all, and stoodIn
	// whether it was heard in place of a deaf first one.
	secondDeaf, stoodIn bool

	// refusedAt is when an advert of a device was heard for which there was no room,
	// last, or never, and refused the strongest of those within bestWindow.
	refusedAt time.Duration
	refused   pay.RSSI

	tracks   []track
	free     []int32
	byCode   map[pay.Code]int32 // current codes, and former ones for a while
	notNear  ranking            // the tracks that are not near
	rotation rotation
	handles  handleBook
	lives    uint32 // given to tracks so far
	max      int    // tracks
}

// NewTracker returns a tracker without candidates.
func NewTracker(o TrackerOptions) *Tracker {
	return &Tracker{
		options:   o.withDefaults(),
		refusedAt: never,
		byCode:    map[pay.Code]int32{},
		notNear:   newRanking(),
		rotation:  newRotation(),
		handles:   newHandleBook(),
		max:       pay.CandidatesMax,
	}
}

// Observe records one advert. It ignores adverts without a strength and frames
// without a rotating code. It allocates nothing for a code already known.
func (t *Tracker) Observe(a Advert) {
	if !a.HasRSSI {
		return
	}
	if a.Ear != FirstEar {
		if !t.deaf || t.secondDeaf {
			t.observeSecond(a)
			return
		}
		t.stoodIn = true
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
		t.hear(f.Code, a.RSSI, f.Power, now)
	}
}

// Nearby returns all candidates at the moment now, those tapped first and then
// strongest first (with two ears by their score), and which of them is clear, if any. Their handles count as
// shown.
func (t *Tracker) Nearby(now time.Time) pay.Nearby {
	d := t.advance(now)
	t.expire(d)
	out := pay.Nearby{Deaf: t.deaf}
	listed := t.listed(d)
	for _, i := range listed {
		t.show(i, d) // first all of them, because that of one may change that of another
	}
	for _, i := range listed {
		if s := &t.tracks[i]; s.handle != "" {
			out.Candidates = append(out.Candidates, t.candidate(s, d, now))
		}
	}
	out.Others, out.Gone = t.others(d, now), t.gone(d)
	if v := t.judge(listed, d); v.track >= 0 && t.tracks[v.track].handle != "" {
		out.Clear, out.Evidence, out.Certain = t.tracks[v.track].handle, v.evidence, v.certain
	}
	return out
}

// listed returns the tracks that are not pending, those tapped first, and then
// strongest first, less what the second ear takes off.
func (t *Tracker) listed(now time.Duration) []int32 {
	listed := make([]int32, 0, len(t.tracks)-len(t.free))
	for i := range t.tracks {
		if s := &t.tracks[i]; s.used && !s.pending {
			s.score = t.scoreOf(s, now)
			listed = append(listed, int32(i))
		}
	}
	slices.SortFunc(listed, func(a, b int32) int {
		x, y := &t.tracks[a], &t.tracks[b]
		return cmp.Or(count(y.tapped(now))-count(x.tapped(now)), cmp.Compare(y.score, x.score), cmp.Compare(y.rssi, x.rssi), cmp.Compare(x.first, y.first), slices.Compare(x.code[:], y.code[:]))
	})
	return listed
}

// show gives track i a handle if it has none and records when it was shown. The
// track is left without one only if every handle is taken.
func (t *Tracker) show(i int32, now time.Duration) {
	s := &t.tracks[i]
	if s.handle == "" {
		s.handle, s.origin = t.draw(i, now), s.code
	}
	s.shown = now
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (t *Tracker) candidate(s *track, now time.Duration, at time.Time) pay.Candidate {
	wall := func(d time.Duration) pay.Time { return pay.TimeOf(at.Add(d - now)) }
	c := pay.Candidate{
		Handle: s.handle, Code: s.code, Heard: wall(s.last), RSSI: s.rssi,
		Since: wall(s.first), Lane: t.options.Lane, Near: s.near, Tapped: s.tapped(now),
	}
	if s.near && !t.deaf {
		c.Excess = t.excess(s, now)
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
	Present                    // a device on the air has it, or had it within pay.HandleMemory
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
	if i := t.formerly(h, d); i >= 0 {
		t.show(i, d)
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
