package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

const (
	// offsetMax bounds the length of a capture. Chosen: a week of recording.
	offsetMax = 7 * 24 * time.Hour
	// pauseMax is the longest silence that does not part a capture. Chosen: longer
	// than a break of somebody who records.
	pauseMax = time.Hour
	// strayMax is how many adverts before a pause may be strays, if they are less
	// than one in strayShare of all. Chosen: a clock that is wrong for a moment dates
	// a few adverts, and a recording is more than a few.
	strayMax   = 9
	strayShare = 3

	// The Unix times that a capture may have, in seconds: 2000-01-01 and
	// 2100-01-01. Chosen: Bluetooth is younger, and the ranges of the units do not
	// meet, nor does one meet the milliseconds of a week.
	unixMin = 946_684_800
	unixMax = 4_102_444_800
)

// when is the time of a line.
type when struct {
	unix bool          // since 1970, else since the capture began
	at   time.Duration // since then
}

// parseTime reads the value of t. The error says what is wrong with it, as the
// rest of a sentence about the line.
func parseTime(raw json.RawMessage) (when, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return when{}, errors.New("has no t")
	}
	v, err := parseNumber(raw)
	if err != nil {
		return when{}, errors.New("t is no number")
	}
	if v >= 0 && v <= float64(offsetMax/time.Millisecond) {
		return when{at: time.Duration(v * float64(time.Millisecond))}, nil
	}
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond, time.Nanosecond} {
		if seconds := v * unit.Seconds(); seconds >= unixMin && seconds < unixMax {
			return when{unix: true, at: time.Duration(v * float64(unit))}, nil
		}
	}
	return when{}, fmt.Errorf("t is %.16g, want milliseconds of at most a week since the capture began, or Unix time", v)
}

// parseNumber reads a JSON number, also one in quotes.
func parseNumber(raw json.RawMessage) (float64, error) {
	return strconv.ParseFloat(string(bytes.Trim(raw, `"`)), 64)
}

// timing is what the times of the adverts that are played have in common.
type timing struct {
	unix bool
	// begin and end are the times between which adverts are played, both included.
	begin, end time.Duration
	// window is how many adverts are read ahead to put them in order.
	window int
}

// anyTime is the timing of a capture about whose times nothing is known.
func anyTime(unix bool) timing { return timing{unix: unix, begin: math.MinInt64, end: math.MaxInt64} }

// excludes says why an advert is not played, as the rest of a sentence about its
// line, or returns "".
func (t timing) excludes(w when) string {
	switch {
	case w.unix && !t.unix:
		return "t is Unix time, that of most lines counts from the beginning"
	case t.unix && !w.unix:
		return "t counts from the beginning, that of most lines is Unix time"
	case w.at < t.begin:
		return "its time is long before all others"
	case w.at > t.end:
		return "its time is more than a week after the first"
	}
	return ""
}

// times is what is known of the times of one kind when a capture has been read.
type times struct {
	n                  int
	first, last        time.Duration // the first of the file and the latest
	disordered, paused bool
}

func (t *times) add(at time.Duration) {
	if t.n == 0 {
		t.first, t.last = at, at
	}
	t.n++
	t.disordered = t.disordered || at < t.last
	t.paused = t.paused || at-t.last > pauseMax
	t.last = max(t.last, at)
}

// steady reports whether the first advert of the file begins the capture and all
// others follow it, in order, without a long silence and within a week.
func (t *times) steady() bool { return !t.disordered && !t.paused && t.last-t.first <= offsetMax }

// beginning finds the first part of a capture, between pauses, that is more than
// strays.
type beginning struct {
	all         int // adverts in the capture
	part        int // adverts in the part that is read
	first       time.Duration
	start, last time.Duration // of that part
	read, found bool
}

// add takes the next advert in the order of time.
func (b *beginning) add(at time.Duration) {
	if !b.read {
		b.first = at
	}
	if !b.read || at-b.last > pauseMax {
		b.start, b.part = at, 0
	}
	b.read, b.last = true, at
	b.part++
	b.found = b.found || b.part > strayMax || b.part*strayShare >= b.all
}
