package ble

import (
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// Ear is which of the two radios of a box heard an advert.
type Ear uint8

// The ears of a box. The first one stands where the payer stands. All levels are
// its levels, and only what it hears becomes a candidate. The second one, which may
// be missing, only says how much of a strength belongs to the device itself.
const (
	FirstEar Ear = iota
	SecondEar
)

// How strongly a device is heard at the second ear tells what belongs to the
// device, because that is the same at both: its power, what it says of its power,
// the pocket that it is in. Half of the second level is taken off the first when
// two devices are compared. The whole of it would take away what belongs to the
// device altogether, but adds the scatter of a second place, which is as large.

const (
	// secondShareDefault is how much of the second ear's level is taken off the
	// first's, in hundredths. Measured: `paybeacon bench crowd`, simulated; with 100
	// the till asks more often in a queue and is wrong more often there.
	secondShareDefault = 50
	// secondSamples bounds the strengths that one track keeps of the second ear.
	// Chosen: bestWindow at 8 adverts a second; of a faster device the newest count.
	secondSamples = 32
	// secondEnough is of how many adverts within bestWindow a level at the second ear
	// is known. Chosen: the middle of three is not moved by one faded advert, and a
	// device at 1.28 s sends three.
	secondEnough = 3
)

// secondFilter is a ring of the strengths that the second ear heard last. Times
// are in milliseconds, which wrap after 49 days: only differences are used, and a
// track that was not heard for LeaveMax is gone.
type secondFilter struct {
	at   [secondSamples]uint32
	rssi [secondSamples]pay.RSSI
	n    uint8 // filled places
	next uint8
}

func (f *secondFilter) add(at uint32, rssi pay.RSSI) {
	f.at[f.next], f.rssi[f.next] = at, rssi
	f.next = (f.next + 1) % secondSamples
	f.n = min(f.n+1, secondSamples)
}

// addAll appends the samples of g, oldest first.
func (f *secondFilter) addAll(g *secondFilter) {
	for k := g.n; k > 0; k-- {
		j := (g.next + secondSamples - k) % secondSamples
		f.add(g.at[j], g.rssi[j])
	}
}

// level returns the middle strength of bestWindow up to now, in dBm, and whether
// enough adverts were heard to know it.
func (f *secondFilter) level(now time.Duration) (pay.RSSI, bool) {
	var sorted [secondSamples]pay.RSSI
	n := 0
	for k := uint8(1); k <= f.n; k++ {
		j := (f.next + secondSamples - k) % secondSamples
		if wrapped(now)-f.at[j] > uint32(bestWindow.Milliseconds()) {
			break
		}
		m := n
		for ; m > 0 && sorted[m-1] > f.rssi[j]; m-- {
			sorted[m] = sorted[m-1]
		}
		sorted[m] = f.rssi[j]
		n++
	}
	if n < secondEnough {
		return 0, false
	}
	return sorted[(n-1)/2], true
}

// wrapped is a moment in milliseconds, of which the lowest 32 bits stay.
func wrapped(at time.Duration) uint32 { return uint32(at.Milliseconds()) }

// SetDeaf sets whether the radio hears nothing at all; with two ears, whether the
// first one does. While it is deaf, Nearby reports that and no candidate is clear.
// A second ear stands in for it then: whoever it hears is listed, so that a person
// can be named. When the first one hears again, all begin anew as if far away.
func (t *Tracker) SetDeaf(deaf bool) {
	if t.deaf && !deaf && t.stoodIn {
		t.stoodIn = false
		t.forgetStrengths()
	}
	t.deaf = deaf
}

// SetSecondDeaf sets whether the second ear hears nothing at all. While it is deaf,
// candidates are compared by the first ear alone.
func (t *Tracker) SetSecondDeaf(deaf bool) { t.secondDeaf = deaf }

// forgetStrengths makes every track begin anew at the weakest strength, because its
// strengths may be those of another ear. Handles and codes stay.
func (t *Tracker) forgetStrengths() {
	for i := range t.tracks {
		s := &t.tracks[i]
		if !s.used {
			continue
		}
		s.filter, s.second, s.taps, s.trail = filter{}, secondFilter{}, noTaps, trail{}
		s.filter.add(t.now, RSSIMin)
		s.heardSince, s.strongSince, s.weakSince, s.near = t.now, never, never, false
		t.updateNear(int32(i), t.now)
	}
}

// observeSecond records one advert that the second ear heard. It makes no
// candidate, keeps none from leaving, and does not move time, so a second ear with a
// wrong clock changes nothing else.
func (t *Tracker) observeSecond(a Advert) {
	for i := range a.Sections {
		if f, err := ParseFrame(a.Sections[i]); err == nil && f.Kind == EID {
			t.hearSecond(f.Code, a.RSSI, f.Power)
		}
	}
}

func (t *Tracker) hearSecond(code pay.Code, rssi, power pay.RSSI) {
	i, known := t.byCode[code]
	if !known || t.tracks[i].code != code {
		return
	}
	s := &t.tracks[i]
	if min(max(power, PowerMin), PowerMax) != s.stated {
		return // the first ear has to hear it state that
	}
	s.second.add(wrapped(t.now), Normalise(rssi, power))
}

// secondLevel returns how strongly the second ear hears a track, and whether that
// is known.
func (t *Tracker) secondLevel(s *track, now time.Duration) (pay.RSSI, bool) {
	if t.secondDeaf {
		return 0, false
	}
	return s.second.level(now)
}

// scoreOf is a track's strength for the order of the list, in hundredths of a dB,
// less the part that belongs to the device. A device of which the second ear heard
// too little counts as if it heard it as strongly as the first.
func (t *Tracker) scoreOf(s *track, now time.Duration) int32 {
	second, known := t.secondLevel(s, now)
	if !known {
		second = s.rssi
	}
	return int32(100*int(s.rssi) - t.options.SecondShare*int(second))
}
