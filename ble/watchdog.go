package ble

import (
	"cmp"
	"fmt"
	"time"
)

// WatchdogLimits define when silence means that the radio is deaf. Zero means
// the default below.
type WatchdogLimits struct {
	// Silence is how long the radio may hear nothing of any kind.
	Silence time.Duration
	// SlowSilence is the same for a radio that reports a steady beacon only about
	// once in ten seconds.
	SlowSilence time.Duration
	// MarkerSilence is the same while a marker of our own is on the air.
	MarkerSilence time.Duration
	// PauseMax bounds the pause between two remedies, which doubles.
	PauseMax time.Duration
	// Lag is how late adverts may arrive before Health.Why mentions it.
	Lag time.Duration
}

// The limits of a Watchdog that are zero take these values.
const (
	// SilenceDefault is for WatchdogLimits.Silence. Chosen: where people are,
	// phones, earphones and televisions advertise all the time.
	SilenceDefault = 10 * time.Second
	// SlowSilenceDefault is for WatchdogLimits.SlowSilence. Chosen: three times
	// the ten seconds in which such a radio reports a steady beacon once.
	SlowSilenceDefault = 35 * time.Second
	// MarkerSilenceDefault is for WatchdogLimits.MarkerSilence. Chosen: a dozen
	// markers, at one each 250 ms.
	MarkerSilenceDefault = 3 * time.Second
	// PauseMaxDefault is for WatchdogLimits.PauseMax. Chosen: an empty place is
	// not disturbed often, and a repaired radio is found within minutes.
	PauseMaxDefault = 5 * time.Minute
	// LagDefault is for WatchdogLimits.Lag. Chosen: as long as the window of the
	// tracker's median; a longer lag delays every decision noticeably.
	LagDefault = 2 * time.Second
)

func (l WatchdogLimits) withDefaults() WatchdogLimits {
	l.Silence = cmp.Or(l.Silence, SilenceDefault)
	l.SlowSilence = cmp.Or(l.SlowSilence, SlowSilenceDefault)
	l.MarkerSilence = cmp.Or(l.MarkerSilence, MarkerSilenceDefault)
	l.PauseMax = cmp.Or(l.PauseMax, PauseMaxDefault)
	l.Lag = cmp.Or(l.Lag, LagDefault)
	return l
}

// Remedy is an action that a Watchdog requests.
type Remedy uint8

// The remedies for deafness, in the order in which they are tried.
const (
	NoRemedy Remedy = iota
	RestartDiscovery
	PowerCycle
)

// String returns what was done, as part of a sentence.
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
	// Markers counts those of our marker. MarkerOn reports whether the marker is
	// on the air, so that it should be heard.
	Markers  int
	MarkerOn bool
	// Down is a sentence about why the radio does not listen at all, empty if it
	// does. Slow is the same for a radio that hears only part of the adverts.
	Down, Slow string
	// Lost and Lag are as in Health.
	Lost uint64
	Lag  time.Duration
}

// Verdict is the result of a beat.
type Verdict struct {
	Remedy Remedy
	Health Health
	// Message is a sentence for the log, empty if there is nothing new. Each
	// sentence comes once in an episode.
	Message string
}

// rateBeats is the number of beats over which the rate is taken. Chosen: at one
// beat a second, short enough to follow a change and long enough to be steady.
const rateBeats = 5

// Watchdog detects that a radio is deaf and returns the remedy: restart the
// discovery, then switch the adapter off and on, then both again with pauses
// that double. It reads no clock and starts no goroutine.
type Watchdog struct {
	limits         WatchdogLimits
	now            time.Time
	began          time.Time // start of this silence
	since          time.Time // of the last remedy in it, or when it began
	markerAt       time.Time // when the marker was last heard, or not expected
	down           string
	steps          int    // remedies tried in this silence
	last           Remedy // the latest of them
	lost           uint64
	markerReported bool // a message that only the marker is missing was returned

	past  [rateBeats]struct{ at, adverts int64 } // nanoseconds since first
	first time.Time
	beats int
}

// NewWatchdog returns a watchdog whose first silence begins with the first beat.
func NewWatchdog(l WatchdogLimits) *Watchdog { return &Watchdog{limits: l.withDefaults()} }

// Step processes one beat. Beats come about once a second.
func (w *Watchdog) Step(b Beat) Verdict {
	if w.first.IsZero() {
		w.first, w.now, w.began, w.since, w.markerAt = b.At, b.At, b.At, b.At, b.At
	}
	if b.At.After(w.now) { // time never goes back
		w.now = b.At
	}
	v := Verdict{Health: Health{Rate: w.rate(b.Adverts), Lost: b.Lost, Lag: b.Lag}}
	switch {
	case b.Down != "":
		w.noteDown(b, &v)
	case w.down != "":
		v.Message = "listening again after " + w.silenceText()
		w.down = ""
		w.endSilence()
	case b.Adverts+b.Markers > 0:
		if w.steps > 0 {
			v.Message = "hearing again after " + w.silenceText()
		}
		w.endSilence()
	default:
		w.checkSilence(b, &v)
	}
	w.assess(b, &v)
	return v
}

// noteDown records that the radio does not listen at all. That has a cause of
// its own, which no remedy of the watchdog removes.
func (w *Watchdog) noteDown(b Beat, v *Verdict) {
	if w.down == "" && w.steps == 0 {
		w.began = w.now
	}
	if b.Down != w.down {
		v.Message = b.Down
	}
	w.down = b.Down
	w.steps, w.last = 0, NoRemedy
	w.since, w.markerAt = w.now, w.now
}

// endSilence records that something was heard.
func (w *Watchdog) endSilence() {
	w.began, w.since = w.now, w.now
	w.steps, w.last = 0, NoRemedy
}

// checkSilence requests the next remedy if the silence has lasted too long.
func (w *Watchdog) checkSilence(b Beat, v *Verdict) {
	if w.now.Sub(w.since) < w.silenceMax(b) {
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
		v.Message = "nothing heard for " + w.silenceText() + ", restarting the discovery"
	case 2:
		v.Message = "still nothing after " + w.silenceText() + ", switching the adapter off and on"
	}
}

// silenceMax is how long the silence may last until the next remedy.
func (w *Watchdog) silenceMax(b Beat) time.Duration {
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

// assess sets Deaf and Why by the worst problem there is.
func (w *Watchdog) assess(b Beat, v *Verdict) {
	late, dropped := b.Lag > w.limits.Lag, b.Lost > w.lost
	w.lost = max(w.lost, b.Lost)
	if !b.MarkerOn || b.Markers > 0 {
		w.markerAt, w.markerReported = w.now, false
	}
	unmarked := w.now.Sub(w.markerAt) >= w.limits.Silence
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
		if !w.markerReported && v.Message == "" {
			w.markerReported, v.Message = true, h.Why
		}
	default:
		h.Why = b.Slow
	}
}

func (w *Watchdog) silenceText() string {
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
