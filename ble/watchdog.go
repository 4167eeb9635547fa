package ble

import (
	"cmp"
	"fmt"
	"time"
)

// WatchdogLimits say when silence means that the radio is deaf. Zero means the
// default below.
type WatchdogLimits struct {
	// Silence is how long nothing of any kind may be heard. Any place with
	// people has phones, earphones and televisions that advertise all the time.
	Silence time.Duration
	// SlowSilence is the same for a radio that reports a steady beacon only once
	// in ten seconds.
	SlowSilence time.Duration
	// MarkerSilence is the same while a marker of our own is on the air.
	MarkerSilence time.Duration
	// PauseMax bounds the pause between two remedies, which doubles.
	PauseMax time.Duration
	// Lag is how late adverts may arrive before it is said.
	Lag time.Duration
}

// What a Watchdog uses where its limits are zero.
const (
	SilenceDefault       = 10 * time.Second
	SlowSilenceDefault   = 35 * time.Second
	MarkerSilenceDefault = 3 * time.Second
	PauseMaxDefault      = 5 * time.Minute
	LagDefault           = 2 * time.Second
)

func (l WatchdogLimits) withDefaults() WatchdogLimits {
	l.Silence = cmp.Or(l.Silence, SilenceDefault)
	l.SlowSilence = cmp.Or(l.SlowSilence, SlowSilenceDefault)
	l.MarkerSilence = cmp.Or(l.MarkerSilence, MarkerSilenceDefault)
	l.PauseMax = cmp.Or(l.PauseMax, PauseMaxDefault)
	l.Lag = cmp.Or(l.Lag, LagDefault)
	return l
}

// Remedy is what a Watchdog asks for.
type Remedy uint8

// The remedies against deafness, in the order in which they are tried.
const (
	NoRemedy Remedy = iota
	RestartDiscovery
	PowerCycle
)

// String returns what was done, for a sentence.
func (r Remedy) String() string {
	switch r {
	case RestartDiscovery:
		return "the discovery was restarted"
	case PowerCycle:
		return "the adapter was switched off and on"
	default:
		return "nothing was done"
	}
}

// Beat is what a radio heard since the beat before it.
type Beat struct {
	At time.Time // with its monotonic reading
	// Adverts counts adverts of any kind, without those of our marker.
	Adverts int
	// Markers counts those of our marker, and MarkerOn says that it is on the
	// air, so that it should be heard.
	Markers  int
	MarkerOn bool
	// Down says in a sentence why the radio does not listen at all, if it does
	// not. Slow says the same of a radio that hears seldom.
	Down, Slow string
	// Lost and Lag are as in Health.
	Lost uint64
	Lag  time.Duration
}

// Verdict is what follows from a beat.
type Verdict struct {
	Remedy Remedy
	Health Health
	// Said is a sentence for the log. Each is said once in an episode.
	Said string
}

// rateBeats is how many beats the rate is taken over.
const rateBeats = 5

// Watchdog notices that a radio is deaf and says what to do about it: restart
// the discovery, then switch the adapter off and on, then both again with
// pauses that double. It reads no clock and starts nothing.
type Watchdog struct {
	limits WatchdogLimits
	now    time.Time
	began  time.Time // of this silence
	since  time.Time // of the last remedy in it, or when it began
	marked time.Time // when the marker was last heard, or not expected
	down   string
	steps  int    // remedies tried in this silence
	last   Remedy // the latest of them
	lost   uint64
	muted  bool // it was said that only the marker is missing

	past  [rateBeats]struct{ at, adverts int64 } // nanoseconds since first
	first time.Time
	beats int
}

// NewWatchdog returns a watchdog that has not begun to listen.
func NewWatchdog(l WatchdogLimits) *Watchdog { return &Watchdog{limits: l.withDefaults()} }

// Step takes in one beat. Beats come about once a second.
func (w *Watchdog) Step(b Beat) Verdict {
	if w.first.IsZero() {
		w.first, w.now, w.began, w.since, w.marked = b.At, b.At, b.At, b.At, b.At
	}
	if b.At.After(w.now) { // time never goes back
		w.now = b.At
	}
	v := Verdict{Health: Health{Rate: w.rate(b.Adverts), Lost: b.Lost, Lag: b.Lag}}
	switch {
	case b.Down != "":
		w.fall(b, &v)
	case w.down != "":
		v.Said = "listening again after " + w.silence()
		w.down = ""
		w.hear()
	case b.Adverts+b.Markers > 0:
		if w.steps > 0 {
			v.Said = "hearing again after " + w.silence()
		}
		w.hear()
	default:
		w.doubt(b, &v)
	}
	w.complain(b, &v)
	return v
}

// fall notes that the radio does not listen at all, which others mend.
func (w *Watchdog) fall(b Beat, v *Verdict) {
	if w.down == "" && w.steps == 0 {
		w.began = w.now
	}
	if b.Down != w.down {
		v.Said = b.Down
	}
	w.down = b.Down
	w.steps, w.last = 0, NoRemedy
	w.since, w.marked = w.now, w.now
}

// hear ends a silence.
func (w *Watchdog) hear() {
	w.began, w.since = w.now, w.now
	w.steps, w.last = 0, NoRemedy
}

// doubt decides whether a silence has lasted too long.
func (w *Watchdog) doubt(b Beat, v *Verdict) {
	if w.now.Sub(w.since) < w.patience(b) {
		return
	}
	w.since = w.now
	w.steps++
	w.last = RestartDiscovery
	if w.steps%2 == 0 {
		w.last = PowerCycle
	}
	v.Remedy = w.last
	switch w.steps {
	case 1:
		v.Said = "nothing heard for " + w.silence() + ", restarting the discovery"
	case 2:
		v.Said = "still nothing after " + w.silence() + ", switching the adapter off and on"
	}
}

// patience is how long the silence may last until the next remedy.
func (w *Watchdog) patience(b Beat) time.Duration {
	p := w.limits.Silence
	if b.Slow != "" {
		p = w.limits.SlowSilence
	}
	if b.MarkerOn {
		p = min(p, w.limits.MarkerSilence)
	}
	for i := 1; i < w.steps && p < w.limits.PauseMax; i++ {
		p = min(2*p, w.limits.PauseMax)
	}
	return p
}

// complain says what is wrong, the worst thing first.
func (w *Watchdog) complain(b Beat, v *Verdict) {
	late, dropped := b.Lag > w.limits.Lag, b.Lost > w.lost
	w.lost = max(w.lost, b.Lost)
	if !b.MarkerOn || b.Markers > 0 {
		w.marked, w.muted = w.now, false
	}
	unmarked := w.now.Sub(w.marked) >= w.limits.Silence
	h := &v.Health
	switch {
	case b.Down != "":
		h.Deaf, h.Why = true, b.Down
	case w.steps > 0:
		h.Deaf, h.Why = true, "nothing is heard although others should be; "+w.last.String()
	case late, dropped:
		h.Why = "more adverts come than this machine can take: some are late or lost"
	case unmarked:
		h.Why = "the marker of the second adapter is not heard; move the adapters closer or leave the marker out"
		if !w.muted && v.Said == "" {
			w.muted, v.Said = true, h.Why
		}
	default:
		h.Why = b.Slow
	}
}

func (w *Watchdog) silence() string {
	return fmt.Sprint(w.now.Sub(w.began).Round(time.Second))
}

// rate returns the adverts a second over the last beats.
func (w *Watchdog) rate(adverts int) float64 {
	at := int64(w.now.Sub(w.first))
	w.past[w.beats%rateBeats] = struct{ at, adverts int64 }{at, int64(adverts)}
	w.beats++
	if w.beats == 1 {
		return 0
	}
	// The oldest beat only marks the beginning: its adverts came before it.
	oldest := w.past[max(0, w.beats-rateBeats)%rateBeats]
	sum := -oldest.adverts
	for i := range min(w.beats, rateBeats) {
		sum += w.past[i].adverts
	}
	span := time.Duration(at - oldest.at).Seconds()
	if span <= 0 {
		return 0
	}
	return float64(sum) / span
}
