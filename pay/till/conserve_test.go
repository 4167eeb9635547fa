package till_test

import (
	"fmt"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
)

// conserved returns nil when the report of all time, the list and what was paid out add
// up to the same: what was captured and not refunded is what the till says is there.
func (w *world) conserved() error {
	const always = pay.Time(250_000_000_000_000)
	r, err := w.till.Report(w.rows, w.now, 1, always)
	if err != nil {
		return err
	}
	var captured, refunded, paidOut, held pay.Amount
	page, more := history.Page{Limit: pay.ListMax}, true
	for more {
		list, next, err := w.till.List(w.rows, w.now, page)
		if err != nil {
			return err
		}
		for _, e := range list {
			s := e.Payment.Sums()
			captured, refunded, held = captured+s.Captured, refunded+s.Refunded, held+s.Held
			page.Before = e.ID.String()
		}
		more = next
	}
	for _, f := range w.facts {
		if p, err := pay.As[pay.PaidOut](f); err == nil && p.Account == merchant {
			paidOut += p.Amount
		}
	}
	if r.Held != held {
		return fmt.Errorf("held are %d, the report says %d", held, r.Held)
	}
	if r.Opening != 0 || r.Captured != captured || r.Refunded != refunded || r.PaidOut != paidOut || r.Closing() != captured-refunded-paidOut {
		return fmt.Errorf("captured are %d, refunded %d, paid out %d; the report says %d, %d, %d and %d in all", captured, refunded, paidOut, r.Captured, r.Refunded, r.PaidOut, r.Closing())
	}
	return nil
}

// conservedAtEnd fails a test at its end unless money is conserved by then.
func (w *world) conservedAtEnd() {
	w.Cleanup(func() {
		if w.Failed() {
			return
		}
		if err := w.conserved(); err != nil {
			w.Error(err)
		}
	})
}

// TestALostReceiptIsNoticed: what every test here asserts at its end fails when the facts
// have a payout that the till has not taken in, or the list lacks what the report has.
func TestALostReceiptIsNoticed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.mustCharge(w.order())
	for _, f := range w.chain(w.request(e.ID), pay.StateOffered, pay.StateCaptured) {
		w.deliver(f)
	}
	if err := w.conserved(); err != nil {
		t.Fatal(err)
	}
	lost := sign(t, w.working, pay.PaidOut{Account: merchant, Amount: 5, Currency: "EUR", Key: "p", At: w.now})
	w.facts[lost.ID()] = lost
	if w.conserved() == nil {
		t.Error("a payout that the report lacks is not noticed")
	}
	delete(w.facts, lost.ID())
}
