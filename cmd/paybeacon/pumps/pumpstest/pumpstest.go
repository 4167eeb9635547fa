// Package pumpstest is the contract of package pumps as tests. Every forecourt runs it,
// and one that passes can be wired to a box.
//
// The suite needs both sides of a pump: the forecourt that the box uses, and the hands at
// the pump behind it. What counts is what has left the pump: a forecourt that answers well
// and gives to somebody for whom it was not released fails.
package pumpstest

import (
	"context"
	"errors"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/pay"
)

// World is a station with one pump that is free and has given nothing.
type World struct {
	Forecourt pumps.Forecourt
	// Pump gives Product and does not give Other; there is no pump Unknown.
	Pump, Unknown  pay.PumpNumber
	Product, Other pay.Product
	// Lift, Give and Hang are what somebody does at the pump. Give asks for so much, and
	// gets what the pump gives, if it does. They wait for Run, and return once what was
	// told before and of it has been told.
	Lift func()
	Give func(pay.Quantity)
	Hang func()
	// Left is how much has left the pump since the world was opened.
	Left func() pay.Quantity
	// Restart closes the forecourt, which nobody runs, and opens it again as it was left.
	Restart func() pumps.Forecourt
}

// Run tests the worlds that open returns, each of them new and independent of the others.
// The tests run in parallel.
func Run(t *testing.T, open func(t *testing.T) World) {
	t.Helper()
	for _, c := range contracts {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := &world{World: open(t), T: t, ctx: t.Context()}
			w.start()
			t.Cleanup(func() { w.stop() })
			c.run(w)
		})
	}
}

// contract is one promise of package pumps and the test of it.
type contract struct {
	name string
	run  func(w *world)
}

// price is what a unit costs in all tests.
const price pay.UnitPrice = 1_639

var contracts = []contract{
	{"a fuelling is told in order and settled", fuelling},
	{"a pump that there is not", unknownPump},
	{"a product that the pump does not give", wrongProduct},
	{"a release of nothing is refused", func(w *world) {
		for _, most := range []pay.Quantity{0, -1, pay.QuantityMax + 1} {
			r := w.releaseOf(1)
			if r.Most = most; w.Forecourt.Release(w.ctx, r) == nil {
				w.Errorf("a release of %d was taken", most)
			}
		}
		w.fuel(10_000)
		w.left(0)
	}},
	{"without a release it gives nothing", func(w *world) {
		w.fuel(10_000)
		w.left(0)
		w.none(pumps.Began)
	}},
	{"it gives no more than it may", func(w *world) {
		w.release(1)
		w.Lift()
		w.Give(most + 5_000)
		w.Give(5_000)
		w.Hang()
		w.gave(w.next(pumps.Ended), 1, most)
		w.left(most)
	}},
	{"a pump works for one session at a time", busy},
	{"the same release again changes nothing", sameRelease},
	{"a session that is over is not released again", func(w *world) {
		w.release(1)
		w.fuel(10_000)
		w.settle(w.next(pumps.Ended))
		w.release(1)
		w.fuel(10_000)
		w.left(10_000)
	}},
	{"a stop takes back what was not used", stopUnused},
	{"a stop ends what runs", stopRunning},
	{"a stop of another session changes nothing", func(w *world) {
		w.release(1)
		w.must(w.Forecourt.Stop(w.ctx, w.Pump, session(2)))
		w.fuel(10_000)
		w.gave(w.next(pumps.Ended), 1, 10_000)
	}},
	{"a second settling changes nothing", settleTwice},
	{"an end is told again until it is settled", toldAgain},
	{"what runs outlives the box", outlives},
	{"a release outlives the box", func(w *world) {
		w.release(1)
		w.restart()
		w.busy(2)
		w.fuel(10_000)
		w.gave(w.next(pumps.Ended), 1, 10_000)
	}},
	{"a call that has ended already does nothing", func(w *world) {
		ctx, cancel := context.WithCancel(w.ctx)
		cancel()
		if err := w.Forecourt.Release(ctx, w.releaseOf(1)); err == nil {
			w.Error("a release was taken from a caller that had left")
		}
		w.fuel(10_000)
		w.left(0)
	}},
}

func fuelling(w *world) {
	w.release(1)
	w.Lift()
	w.Give(10_000)
	began := w.next(pumps.Began)
	w.Hang()
	ended := w.next(pumps.Ended)
	w.gave(ended, 1, 10_000)
	if began.Session != session(1) || began.Transaction != ended.Transaction || began.Transaction == 0 || began.Product != w.Product {
		w.Errorf("it began as %+v and ended as %+v", began, ended)
	}
	if total, err := price.Total(10_000); err != nil || (ended.Total != 0 && ended.Total != total) {
		w.Errorf("the pump computed %d, want %d (%v)", ended.Total, total, err)
	}
	w.next(pumps.Hung)
	w.settle(ended)
	w.release(2)
	w.fuel(2_000)
	second := w.next(pumps.Ended)
	w.gave(second, 2, 2_000)
	if second.Transaction == ended.Transaction {
		w.Errorf("transaction %d was told for two sessions", second.Transaction)
	}
	w.left(12_000)
	w.rising()
}

func unknownPump(w *world) {
	r := w.releaseOf(1)
	r.Pump = w.Unknown
	for verb, err := range map[string]error{
		"release": w.Forecourt.Release(w.ctx, r),
		"stop":    w.Forecourt.Stop(w.ctx, w.Unknown, session(1)),
		"settle":  w.Forecourt.Settle(w.ctx, w.Unknown, 1),
	} {
		if !errors.Is(err, pumps.ErrUnknownPump) {
			w.Errorf("%s: %v", verb, err)
		}
	}
	for _, p := range w.Forecourt.Pumps() {
		if p.Number == w.Unknown {
			w.Errorf("pump %d is listed", w.Unknown)
		}
	}
}

func wrongProduct(w *world) {
	r := w.releaseOf(1)
	r.Product = w.Other
	if err := w.Forecourt.Release(w.ctx, r); !errors.Is(err, pumps.ErrProduct) {
		w.Errorf("a release of %s: %v", w.Other, err)
	}
	w.fuel(10_000)
	w.left(0)
	w.release(1) // the session is as it was
	w.fuel(10_000)
	w.left(10_000)
}

func busy(w *world) {
	w.release(1)
	w.busy(2)
	w.Lift()
	w.Give(10_000)
	w.next(pumps.Began)
	w.busy(2)
	w.Hang()
	ended := w.next(pumps.Ended)
	w.busy(2) // it has given, and that is not settled
	w.gave(ended, 1, 10_000)
	w.settle(ended)
	w.release(2)
}

func sameRelease(w *world) {
	w.release(1)
	w.release(1)
	w.Lift()
	w.Give(most - 1_000)
	w.release(1)
	w.Give(most)
	w.Hang()
	ended := w.next(pumps.Ended)
	w.release(1)
	w.fuel(10_000)
	w.gave(ended, 1, most)
	w.left(most)
	w.settle(ended)
	w.none(pumps.Ended)
}

func stopUnused(w *world) {
	w.release(1)
	for range 2 {
		w.must(w.Forecourt.Stop(w.ctx, w.Pump, session(1)))
	}
	ended := w.next(pumps.Ended)
	w.gave(ended, 1, 0)
	w.settle(ended)
	w.none(pumps.Ended)
	w.fuel(10_000)
	w.left(0)
	w.release(2)
	w.fuel(10_000)
	w.gave(w.next(pumps.Ended), 2, 10_000)
}

func stopRunning(w *world) {
	w.release(1)
	w.Lift()
	w.Give(10_000)
	for range 2 {
		w.must(w.Forecourt.Stop(w.ctx, w.Pump, session(1)))
	}
	ended := w.next(pumps.Ended)
	w.gave(ended, 1, 10_000)
	w.Give(5_000)
	w.Hang()
	w.left(10_000)
	w.settle(ended)
	w.none(pumps.Ended)
}

func settleTwice(w *world) {
	w.release(1)
	w.fuel(10_000)
	first := w.next(pumps.Ended)
	w.settle(first)
	w.settle(first)
	w.release(2)
	w.settle(first)
	w.fuel(10_000)
	w.settle(first) // not what is to be settled now
	w.busy(3)
	w.settle(w.next(pumps.Ended))
	w.release(3)
}

func toldAgain(w *world) {
	w.release(1)
	w.fuel(10_000)
	first := w.next(pumps.Ended)
	for range 2 {
		w.restart()
		if again := w.next(pumps.Ended); again != first {
			w.Errorf("told again as %+v, before as %+v", again, first)
		}
	}
	w.settle(first)
	w.restart()
	w.release(2)
	w.fuel(2_000)
	if second := w.next(pumps.Ended); second.Session != session(2) || second.Transaction == first.Transaction {
		w.Errorf("after it was settled: %+v, before %+v", second, first)
	}
}

func outlives(w *world) {
	w.release(1)
	w.Lift()
	w.Give(10_000)
	began := w.next(pumps.Began)
	w.restart()
	if again := w.next(pumps.Began); again.Session != began.Session || again.Transaction != began.Transaction {
		w.Errorf("told again as %+v, before as %+v", again, began)
	}
	w.release(1) // it has it already
	w.busy(2)
	w.Hang()
	ended := w.next(pumps.Ended)
	w.gave(ended, 1, 10_000)
	if ended.Transaction != began.Transaction {
		w.Errorf("began as %d, ended as %d", began.Transaction, ended.Transaction)
	}
}
