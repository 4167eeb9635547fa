package crowd

import (
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// Rule selects from adverts alone the device that a charge is for.
type Rule interface {
	// Observe processes one advert. It keeps no sections.
	Observe(a ble.Advert)
	// Pick returns whom a charge at the moment now selects, or false if the till
	// would ask.
	Pick(now time.Time) (Choice, bool)
	// Near returns a code of a device that counts as near, or false.
	Near(now time.Time) (pay.Code, bool)
}

// Choice is a device that a rule selects.
type Choice struct {
	Code pay.Code // a code of the device
	// Unasked reports whether a payer's own rule may answer such a charge without
	// asking a person.
	Unasked bool
}

// Contender is a rule with a name. New makes a fresh one for each world.
type Contender struct {
	Name string
	New  func() Rule
}

// Tracker is the product's rule on a lane with options o.
func Tracker(name string, o ble.TrackerOptions) Contender {
	return Contender{name, func() Rule { return trackerRule{ble.NewTracker(o)} }}
}

type trackerRule struct{ t *ble.Tracker }

// Observe passes the advert to the tracker.
func (r trackerRule) Observe(a ble.Advert) { r.t.Observe(a) }

// Pick returns the clear candidate.
func (r trackerRule) Pick(now time.Time) (Choice, bool) {
	n := r.t.Nearby(now)
	for _, c := range n.Candidates {
		if c.Handle == n.Clear {
			return Choice{c.Code, n.Certain}, true
		}
	}
	return Choice{}, false
}

// Near returns the code of the strongest one that is near.
func (r trackerRule) Near(now time.Time) (pay.Code, bool) {
	for _, c := range r.t.Nearby(now).Candidates {
		if c.Near {
			return c.Code, true
		}
	}
	return pay.Code{}, false
}

// Average is the rule by which many beacon libraries measure distance: the mean
// strength over span. A device is near at the threshold near in dBm, and the
// strongest is selected.
func Average(name string, span time.Duration, near pay.RSSI) Contender {
	return Contender{name, func() Rule { return &average{span: span, near: near, of: map[pay.Code]*samples{}} }}
}

type average struct {
	span time.Duration
	near pay.RSSI
	of   map[pay.Code]*samples
}

type samples struct {
	at   []time.Time
	rssi []pay.RSSI
}

// Observe keeps the strength of every code for the span.
func (r *average) Observe(a ble.Advert) {
	if !a.HasRSSI {
		return
	}
	for _, s := range a.Sections {
		f, err := ble.ParseFrame(s)
		if err != nil || f.Kind != ble.EID {
			continue
		}
		have := r.of[f.Code]
		if have == nil {
			have = &samples{}
			r.of[f.Code] = have
		}
		have.at = append(have.at, a.At)
		have.rssi = append(have.rssi, ble.Normalise(a.RSSI, f.Power))
		have.trim(a.At.Add(-r.span))
	}
}

// trim drops the samples before from.
func (s *samples) trim(from time.Time) {
	n := 0
	for n < len(s.at) && s.at[n].Before(from) {
		n++
	}
	s.at, s.rssi = s.at[n:], s.rssi[n:]
}

// Pick returns the device with the strongest mean at or above the threshold. This
// rule asks nobody.
func (r *average) Pick(now time.Time) (Choice, bool) {
	code, found := r.Near(now)
	return Choice{code, true}, found
}

// Near returns the code with the strongest mean: this rule has no margin.
func (r *average) Near(now time.Time) (best pay.Code, found bool) {
	var top float64
	for code, s := range r.of {
		s.trim(now.Add(-r.span))
		if len(s.at) == 0 {
			delete(r.of, code)
			continue
		}
		mean := 0.0
		for _, v := range s.rssi {
			mean += float64(v)
		}
		mean /= float64(len(s.rssi))
		if mean < float64(r.near) {
			continue
		}
		if !found || mean > top || mean == top && string(code[:]) < string(best[:]) {
			best, top, found = code, mean, true
		}
	}
	return best, found
}

// Strongest is the simplest rule: it selects the device with the strongest advert
// of the last second, if that is at the threshold near in dBm.
func Strongest(name string, near pay.RSSI) Contender {
	return Contender{name, func() Rule { return &strongest{near: near} }}
}

type strongest struct {
	near pay.RSSI
	last []heard
}

type heard struct {
	at   time.Time
	code pay.Code
	rssi pay.RSSI
}

// Observe keeps every strength for a second.
func (r *strongest) Observe(a ble.Advert) {
	if !a.HasRSSI {
		return
	}
	for _, s := range a.Sections {
		if f, err := ble.ParseFrame(s); err == nil && f.Kind == ble.EID {
			r.last = append(r.last, heard{a.At, f.Code, ble.Normalise(a.RSSI, f.Power)})
		}
	}
}

// Pick returns the strongest device at or above the threshold. This rule asks
// nobody.
func (r *strongest) Pick(now time.Time) (Choice, bool) {
	code, found := r.Near(now)
	return Choice{code, true}, found
}

// Near returns the code of the strongest one: this rule has no margin.
func (r *strongest) Near(now time.Time) (pay.Code, bool) {
	n := 0
	for n < len(r.last) && now.Sub(r.last[n].at) > time.Second {
		n++
	}
	r.last = r.last[n:]
	best := heard{rssi: r.near - 1}
	for _, h := range r.last {
		if h.rssi > best.rssi {
			best = h
		}
	}
	return best.code, best.rssi >= r.near
}
