package pumpstest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/pay"
)

// most is the most that a session may give in all tests.
const most pay.Quantity = 20_000

// patience is how long a test waits for what must come.
const patience = time.Minute

// world is a World under test, with what its forecourt told.
type world struct {
	World
	*testing.T
	ctx  context.Context
	stop func()

	mu      sync.Mutex
	told    []pumps.Event
	read    int           // how many of them a test has looked at
	more    chan struct{} // holds one when there are more
	telling atomic.Bool
}

// start works the pumps until stop.
func (w *world) start() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	w.more = make(chan struct{}, 1)
	forecourt := w.Forecourt
	go func() { ended <- forecourt.Run(ctx, w.tell) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.Errorf("Run ended with %v", err)
		}
	})
}

// restart ends the box and starts it again. What was told before is forgotten.
func (w *world) restart() {
	w.Helper()
	w.stop()
	w.mu.Lock()
	w.told, w.read = nil, 0
	w.mu.Unlock()
	w.Forecourt = w.Restart()
	w.start()
}

// tell takes in what the pump tells.
func (w *world) tell(e pumps.Event) {
	if e.Pump != w.Pump {
		return
	}
	if !w.telling.CompareAndSwap(false, true) {
		w.Errorf("pump %d tells two things at a time", e.Pump)
	}
	defer w.telling.Store(false)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, e)
	select {
	case w.more <- struct{}{}:
	default:
	}
}

// next returns the next event of a kind, and skips others.
func (w *world) next(kind pumps.What) pumps.Event {
	w.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		if e, ok := w.find(kind); ok {
			return e
		}
		select {
		case <-w.more:
		case <-late.C:
			w.Fatalf("no event %q after %v; told were %+v", kind, patience, w.told)
		}
	}
}

func (w *world) find(kind pumps.What) (pumps.Event, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ; w.read < len(w.told); w.read++ {
		if e := w.told[w.read]; e.What == kind {
			w.read++
			return e, true
		}
	}
	return pumps.Event{}, false
}

// none fails when there is another event of a kind.
func (w *world) none(kind pumps.What) {
	w.Helper()
	w.Hang() // whatever was to be told before has been told then
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.told[w.read:] {
		if e.What == kind {
			w.Errorf("the pump told %+v", e)
		}
	}
}

// rising fails unless the meter of each transaction only rose.
func (w *world) rising() {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	given := map[pumps.Transaction]pay.Quantity{}
	over := map[pumps.Transaction]bool{}
	for _, e := range w.told {
		if e.What != pumps.Metered && e.What != pumps.Ended {
			continue
		}
		if over[e.Transaction] || e.Given.Quantity < given[e.Transaction] || e.Given.Quantity > most {
			w.Errorf("after %d was given, and over is %v: %+v", given[e.Transaction], over[e.Transaction], e)
		}
		given[e.Transaction], over[e.Transaction] = e.Given.Quantity, e.What == pumps.Ended
	}
}

func session(n byte) pumps.Session { return pumps.Session{'p', 'u', 'm', 'p', n} }

func (w *world) releaseOf(n byte) pumps.Release {
	return pumps.Release{Pump: w.Pump, Session: session(n), Product: w.Product, Price: price, Most: most}
}

// release releases the pump for a session.
func (w *world) release(n byte) {
	w.Helper()
	w.must(w.Forecourt.Release(w.ctx, w.releaseOf(n)))
}

// busy fails unless the pump refuses to be released for a session.
func (w *world) busy(n byte) {
	w.Helper()
	if err := w.Forecourt.Release(w.ctx, w.releaseOf(n)); !errors.Is(err, pumps.ErrBusy) {
		w.Errorf("a release for session %d: %v", n, err)
	}
}

// fuel has somebody lift the nozzle, give so much and hang up.
func (w *world) fuel(q pay.Quantity) {
	w.Lift()
	w.Give(q)
	w.Hang()
}

// gave fails unless the session of a number ended with so much.
func (w *world) gave(e pumps.Event, n byte, q pay.Quantity) {
	w.Helper()
	if e.What != pumps.Ended || e.Session != session(n) || e.Given.Quantity != q || e.Transaction == 0 || e.Product != w.Product || e.Doubt != "" {
		w.Errorf("the pump told %+v, want %d in session %d", e, q, n)
	}
	if q == 0 && !e.Given.IsZero() {
		w.Errorf("nothing was given, and the pump told %+v", e.Given)
	}
	if q != 0 {
		w.must(e.Given.Check())
	}
}

func (w *world) settle(e pumps.Event) {
	w.Helper()
	w.must(w.Forecourt.Settle(w.ctx, w.Pump, e.Transaction))
}

// left fails unless so much has left the pump.
func (w *world) left(q pay.Quantity) {
	w.Helper()
	if got := w.Left(); got != q {
		w.Errorf("%d left the pump, want %d", got, q)
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}
