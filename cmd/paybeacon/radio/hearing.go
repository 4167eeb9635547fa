package radio

import (
	"context"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// Hearing is a tracker and its lock: a radio feeds it and commands ask it. It is safe
// for concurrent use.
type Hearing struct {
	mu      sync.Mutex
	tracker *ble.Tracker
	now     func() time.Time
	rate    rateMeter
	told    bool // the radio itself says how it hears
	state   ble.Health
}

// NewHearing returns one that has heard nothing; now is its clock.
func NewHearing(o ble.TrackerOptions, now func() time.Time) *Hearing {
	return &Hearing{tracker: ble.NewTracker(o), now: now}
}

// Hear takes in an advertisement.
func (h *Hearing) Hear(a ble.Advert) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if a.Ear == ble.FirstEar {
		h.rate.count(a.At)
	}
	h.tracker.Observe(a)
}

// Heed takes in how the radio hears, and reports whether that is news.
func (h *Hearing) Heed(s ble.Health) (news bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	news = s.Deaf != h.state.Deaf || s.SecondDeaf != h.state.SecondDeaf || s.Why != h.state.Why
	h.told, h.state = true, s
	h.tracker.SetDeaf(s.Deaf)
	h.tracker.SetSecondDeaf(s.SecondDeaf)
	return news
}

// Health is what the radio last said of itself. One that says nothing, because
// it is simulated, is never deaf; its adverts are counted here.
func (h *Hearing) Health() ble.Health {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.state
	if !h.told {
		s.Rate = h.rate.perSecond(h.now())
	}
	return s
}

// Nearby returns whom the radio hears now, and who of them is clearly nearest.
func (h *Hearing) Nearby() pay.Nearby {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tracker.Nearby(h.now())
}

// Watch returns what is on the air at a moment, a row for each device.
func (h *Hearing) Watch(now time.Time) []ble.Row {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tracker.Watch(now)
}

// Shown reports whether a handle was shown lately.
func (h *Hearing) Shown(handle pay.Handle) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, presence := h.tracker.Find(handle, h.now())
	return presence != ble.NeverShown
}

// UntilClear waits up to wait for somebody to be clearly nearest and returns
// what is heard then. Strengths settle with time as well as with adverts, so it
// looks again at a short interval.
func (h *Hearing) UntilClear(ctx context.Context, wait time.Duration) pay.Nearby {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tick := time.NewTicker(clearPoll)
	defer tick.Stop()
	for {
		n := h.Nearby()
		if n.Clear != "" {
			return n
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return h.Nearby()
		}
	}
}

const (
	// clearPoll is how often is looked who is clearly nearest. Chosen: below what a
	// cashier notices.
	clearPoll = 50 * time.Millisecond
	// NearestWait is how long a charge waits for somebody to be clearly nearest.
	// Chosen: the promise of till charge --nearest.
	NearestWait = 2 * time.Second
)
