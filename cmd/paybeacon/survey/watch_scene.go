package survey

import (
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/radio"
	"github.com/paybeacon/paybeacon/pay"
)

// watchEvery is how often the air is printed where nothing can be redrawn. Chosen:
// --count counts seconds.
const watchEvery = time.Second

// watching is all that is heard, and its lock: the radio feeds it, the table
// looks at it.
type watching struct {
	spec    radio.Spec
	options ble.TrackerOptions
	now     func() time.Time
	begun   time.Time

	mu      sync.Mutex
	air     *radio.Hearing
	statics *ble.Sightings
	// unmeasured counts the adverts of which the controller knew no strength.
	unmeasured uint64
}

func newWatching(spec radio.Spec, o ble.TrackerOptions, now func() time.Time) *watching {
	return &watching{spec: spec, options: o, now: now, begun: now(), air: radio.NewHearing(o, now), statics: ble.NewSightings()}
}

func (w *watching) hear(a ble.Advert) {
	w.air.Hear(a)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !a.HasRSSI {
		w.unmeasured++
	}
	w.statics.Observe(a)
}

func (w *watching) heed(h ble.Health) { w.air.Heed(h) }

// watchScene is what is on the air at one moment, as the table shows it.
type watchScene struct {
	At      time.Time
	Elapsed time.Duration
	Radio   string
	Health  ble.Health
	Near    pay.RSSI
	Far     pay.RSSI
	Rows    []ble.Row
	Statics []ble.Sighting
	// Unmeasured is how many adverts were heard without a strength: nobody can be
	// near by them.
	Unmeasured uint64
}

func (w *watching) scene() watchScene {
	s := watchScene{
		At: w.now(), Radio: w.spec.String(), Health: w.air.Health(), Near: w.options.Near, Far: w.options.Far,
	}
	s.Elapsed = s.At.Sub(w.begun)
	s.Rows = w.air.Watch(s.At)
	w.mu.Lock()
	defer w.mu.Unlock()
	s.Statics, s.Unmeasured = w.statics.All(s.At), w.unmeasured
	return s
}
