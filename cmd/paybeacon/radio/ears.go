package radio

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/ble"
)

const (
	// earBeat is how often the ears are compared. Chosen: as often as a radio tells its
	// health.
	earBeat = time.Second
	// earSilence is how long the second ear may hear nothing while the first hears
	// earHeard adverts and more before it counts as deaf. Chosen: as long as a radio
	// without a marker may.
	earSilence = 10 * time.Second
	earHeard   = 10
	// earRetry is the pause before a second ear that failed is opened again. Chosen:
	// long beside what a start costs, short beside what a merchant notices.
	earRetry = 5 * time.Second
)

// ears is a radio of two: what each hears bears its number, and what they say of
// their health is made one. The second one may fail; the first one decides alone
// then, and the health says so.
type ears struct {
	first, second Radio
	spec          Spec
	options       Options // as both were opened, with the health of the pair

	mu     sync.Mutex
	states [2]ble.Health
	told   bool      // the first one says how it hears
	rate   rateMeter // of the first one, where it does not
	failed string    // why the second one does not hear, or ""
	silent bool      // the second one hears nothing while the first does
	quiet  time.Time // since when the second one was heard no more
	since  int       // how many adverts the first one heard meanwhile
}

// openEars opens both radios of a spec. Its errors are those of Open.
func openEars(ctx context.Context, spec Spec, o Options) (Radio, error) {
	e := &ears{spec: spec, options: o, quiet: o.Now()}
	var err error
	if e.first, err = Open(ctx, spec.First(), e.optionsOf(ble.FirstEar)); err != nil {
		return Radio{}, err
	}
	if e.second, err = Open(ctx, *spec.Second, e.optionsOf(ble.SecondEar)); err != nil {
		e.first.Close()
		return Radio{}, err
	}
	return Radio{Scanner: e, Advertiser: e, Close: e.close}, nil
}

// optionsOf returns how one of the two is opened.
func (e *ears) optionsOf(ear ble.Ear) Options {
	o := e.options
	o.Health = func(h ble.Health) { e.heed(ear, h) }
	if ear == ble.SecondEar {
		o.RSSI = o.SecondRSSI
	}
	return o
}

func (e *ears) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.first.Close()
	e.second.Close()
}

// Scan hears with both until ctx ends or the first one fails. each is called from
// one goroutine at a time.
func (e *ears) Scan(ctx context.Context, each func(ble.Advert)) error {
	ctx, cancel := context.WithCancel(ctx)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel()
	var one sync.Mutex
	hear := func(ear ble.Ear) func(ble.Advert) {
		return func(a ble.Advert) {
			one.Lock()
			defer one.Unlock()
			a.Ear = ear
			e.count(a)
			each(a)
		}
	}
	parts.Go(func() { e.keepSecond(ctx, hear(ble.SecondEar)) })
	parts.Go(func() { e.compare(ctx) })
	return e.first.Scanner.Scan(ctx, hear(ble.FirstEar))
}

// keepSecond hears with the second one, and opens it again when it fails.
func (e *ears) keepSecond(ctx context.Context, hear func(ble.Advert)) {
	for {
		err := e.second.Scanner.Scan(ctx, hear)
		for err != nil && ctx.Err() == nil {
			e.options.Log.Warn("the second ear does not hear; trying again", "radio", e.spec.Second.String(), "error", err)
			e.fail(err.Error())
			select {
			case <-ctx.Done():
			case <-time.After(earRetry):
				err = e.reopen(ctx)
			}
		}
		if ctx.Err() != nil {
			return
		}
		e.fail("")
	}
}

// reopen opens the second one anew.
func (e *ears) reopen(ctx context.Context) error {
	fresh, err := Open(ctx, *e.spec.Second, e.optionsOf(ble.SecondEar))
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.second.Close()
	e.second = fresh
	return nil
}

// count notes which ear hears.
func (e *ears) count(a ble.Advert) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if a.Ear == ble.SecondEar {
		e.quiet, e.since = e.options.Now(), 0
		return
	}
	e.since++
	e.rate.count(a.At)
}

// compare finds out, beat by beat, whether the second ear falls silent while the
// first one hears.
func (e *ears) compare(ctx context.Context) {
	beats := time.NewTicker(earBeat)
	defer beats.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beats.C:
			e.beat()
		}
	}
}

func (e *ears) beat() {
	e.mu.Lock()
	silent := e.since >= earHeard && e.options.Now().Sub(e.quiet) >= earSilence
	switch {
	case silent && !e.silent:
		e.options.Log.Warn("the second ear hears nothing while the first one does", "radio", e.spec.Second.String())
	case e.silent && !silent:
		e.options.Log.Info("the second ear hears again", "radio", e.spec.Second.String())
	}
	e.silent = silent
	e.mu.Unlock()
	e.tell()
}

func (e *ears) fail(why string) {
	e.mu.Lock()
	e.failed = why
	e.mu.Unlock()
	e.tell()
}

// heed takes in what one of the two says of its hearing.
func (e *ears) heed(ear ble.Ear, h ble.Health) {
	e.mu.Lock()
	e.states[ear] = h
	e.told = e.told || ear == ble.FirstEar
	e.mu.Unlock()
	e.tell()
}

// tell says how the two hear together.
func (e *ears) tell() {
	if e.options.Health == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock() // the health of a radio comes from one goroutine at a time
	e.options.Health(e.health())
}

// health is that of the first one, with what is wrong with the second one. e.mu is
// held.
func (e *ears) health() ble.Health {
	h, second := e.states[ble.FirstEar], e.states[ble.SecondEar]
	if !e.told {
		h.Rate = e.rate.perSecond(e.options.Now())
	}
	h.Lost += second.Lost
	h.Lag = max(h.Lag, second.Lag)
	h.SecondDeaf = second.Deaf || e.failed != "" || e.silent
	var why []string
	if h.Why != "" {
		why = append(why, h.Why)
	}
	name := "the second ear (" + e.spec.Second.String() + ")"
	switch {
	case h.SecondDeaf:
		why = append(why, name+" is deaf: "+cmp.Or(e.failed, second.Why, "it hears nothing while the first one does")+"; the first one decides alone")
	case h.Deaf:
		why = append(why, name+" still lists who is there, and nobody is charged as the nearest")
	case second.Why != "":
		why = append(why, name+": "+second.Why)
	}
	h.Why = strings.Join(why, "; ")
	return h
}

// Advertise sends with both. Only in simulated airs has a device two.
func (e *ears) Advertise(ctx context.Context, payload []byte, interval time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	second := make(chan error, 1)
	go func() {
		second <- e.second.Advertiser.Advertise(ctx, payload, interval)
		cancel()
	}()
	first := e.first.Advertiser.Advertise(ctx, payload, interval)
	cancel()
	return cmp.Or(first, <-second)
}
