package till_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// TestRecalledRequestHasItsKey puts a box back to before its first charge. What the
// registry hands back stands for its key again, whatever the box asked for under it
// since, and whomever it was for.
func TestRecalledRequestHasItsKey(t *testing.T) {
	t.Parallel()
	before := newWorld(t)
	o := before.order()
	o.To = "amber-otter"
	lost := before.mustCharge(o)
	request := before.request(lost.ID)

	w := newWorld(t)
	w.now = w.now.Add(second)
	since := w.mustCharge(w.order())
	other := w.order()
	other.Key = "order-2"
	w.mustCharge(other)
	w.facts[request.ID()] = request
	for range 2 {
		w.react(pay.ClaimRecalled{Fact: request})
	}
	for _, f := range w.chain(request, pay.StateOffered, pay.StateCaptured) {
		w.deliver(f)
	}
	e, known, err := w.till.Repeated(w.rows, w.now, o)
	if err != nil || !known || e.ID != lost.ID || e.Outcome() != pay.OutcomePaid || !e.Own {
		t.Errorf("the key stands for %+v, %v", e, err)
	}
	if e, err := w.till.Find(w.rows, w.now, o.Key); err != nil || e.ID != lost.ID {
		t.Errorf("found %+v, %v", e, err)
	}
	changed := o
	changed.Amount++
	if _, _, err := w.till.Repeated(w.rows, w.now, changed); pay.CodeOf(err) != pay.CodeKeyUsed {
		t.Errorf("another amount: %v", err)
	}
	if got := w.show(since.ID); got.Outcome() == pay.OutcomePaid {
		t.Errorf("what was asked since is %+v", got)
	}
	if e, _, err := w.till.Repeated(w.rows, w.now, other); err != nil || e.ID == lost.ID {
		t.Errorf("another key stands for %+v, %v", e, err)
	}
}

// TestRecalledCancelIsShown takes in a request and its cancel, which the registry has
// not decided.
func TestRecalledCancelIsShown(t *testing.T) {
	t.Parallel()
	before := newWorld(t)
	e := before.mustCharge(before.order())
	before.connect()
	if _, err := before.cancel(e.ID); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	for _, kind := range []pay.Kind{pay.KindRequest, pay.KindCancel} {
		for _, f := range before.facts {
			if f.Kind() == kind {
				w.facts[f.ID()] = f
				w.react(pay.ClaimRecalled{Fact: f})
			}
		}
	}
	if got := w.show(e.ID); !got.Cancelling || got.Local.Withdrawn || got.State() != pay.StateRequested {
		t.Errorf("shown %+v", got)
	}
}
