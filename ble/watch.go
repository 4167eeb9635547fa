package ble

import (
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// Row is one device on the air, for a person who watches the lane.
type Row struct {
	// Candidate is the one that Nearby returns. Its handle is empty while Pending.
	pay.Candidate
	// Clear reports whether a charge for the nearest would select this one.
	Clear bool
	// Best is the strength by which it may be clear: the 90 % point of its last
	// seconds.
	Best pay.RSSI
	// Pending reports whether the code is so new that it may be the next code of
	// a device that is listed already. This is settled within seconds.
	Pending bool
	// Interval is the smoothed time from one advert to the next; 0 until two were
	// heard.
	Interval time.Duration
	// Trail is its recent strengths, normalised like the candidate's and not
	// filtered.
	Trail Trail
}

// Watch returns every device that is heard at the moment now: those of Nearby in
// the same order, then the pending ones. It decides what Nearby would decide,
// and the handles it returns count as shown, as those of Nearby do.
func (t *Tracker) Watch(now time.Time) []Row {
	d := t.advance(now)
	t.expire(d)
	listed := t.listed(d)
	rows := make([]Row, 0, len(t.tracks)-len(t.free))
	lead := t.judge(listed, d).track
	for _, i := range listed {
		t.show(i, d)
	}
	for _, i := range listed {
		r := t.watchRow(i, d, now)
		r.Clear = i == lead && r.Handle != ""
		rows = append(rows, r)
	}
	for _, i := range t.rotation.pending {
		r := t.watchRow(i, d, now)
		r.Pending = true
		rows = append(rows, r)
	}
	return rows
}

func (t *Tracker) watchRow(i int32, now time.Duration, at time.Time) Row {
	s := &t.tracks[i]
	best, _ := s.filter.best(now, t.options.Best)
	return Row{Candidate: t.candidate(s, now, at), Best: best, Interval: s.interval, Trail: s.trail.until(now)}
}
