package ble

import (
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// Row is one device on the air as a person sees it who watches the lane.
type Row struct {
	// Candidate is what Nearby says of it. Its handle is empty while Pending.
	pay.Candidate
	// Clear says that a charge for the nearest would mean this one.
	Clear bool
	// Pending says that the code is so new that it may be the next one of a
	// device that is listed already; within seconds it either is or is not.
	Pending bool
	// Interval is the pace at which it is heard; 0 until heard twice.
	Interval time.Duration
	// Trail is what was heard of it lately, normalised like the candidate's
	// strength and not filtered.
	Trail Trail
}

// Watch returns every device that is heard at the moment now: those of Nearby in
// the same order, then the pending ones. It decides nothing that Nearby would
// not, and like there whoever it lists counts as shown.
func (t *Tracker) Watch(now time.Time) []Row {
	d := t.moment(now)
	t.tidy(d)
	listed := t.listed()
	rows := make([]Row, 0, len(t.tracks)-len(t.free))
	for n, i := range listed {
		t.show(i, d)
		r := t.row(i, d, now)
		r.Clear = n == 0 && r.Handle != "" && !t.deaf && t.isClear(i, d)
		rows = append(rows, r)
	}
	for _, i := range t.rotation.pending {
		r := t.row(i, d, now)
		r.Pending = true
		rows = append(rows, r)
	}
	return rows
}

func (t *Tracker) row(i int32, now time.Duration, at time.Time) Row {
	s := &t.tracks[i]
	return Row{Candidate: t.candidate(s, now, at), Interval: s.interval, Trail: s.trail.until(now)}
}
