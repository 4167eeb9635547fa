package till_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
)

// TestStatesOfALaterRegistry: a box sees a payment through states that it does
// not know. It never calls it paid or safe to charge again, waits until the time
// is up, writes no receipt, and shows what it understands again when that comes,
// in whatever order the decisions arrive.
func TestStatesOfALaterRegistry(t *testing.T) {
	t.Parallel()
	const frozen, thawed = pay.State("frozen"), pay.State("thawed")
	want := []struct {
		state pay.State
		now   pay.Outcome
		later pay.Outcome
	}{
		{pay.StateOffered, pay.OutcomePending, pay.OutcomeUnknown},
		{frozen, pay.OutcomePending, pay.OutcomeUnknown},
		{pay.StateCaptured, pay.OutcomePaid, pay.OutcomePaid},
		{pay.StateCaptured, pay.OutcomePaid, pay.OutcomePaid},
		{thawed, pay.OutcomePending, pay.OutcomeUnknown},
	}
	w, back := newWorld(t), newWorld(t)
	id := w.mustCharge(w.order()).ID
	if other := back.mustCharge(back.order()).ID; other != id {
		t.Fatal("two worlds differ")
	}
	var states []pay.State
	for _, s := range want {
		states = append(states, s.state)
	}
	chain := w.chain(w.request(id), states...)
	for i, f := range chain {
		w.deliver(f)
		e := w.show(id)
		if e.State() != want[i].state || e.Outcome() != want[i].now {
			t.Errorf("after %s: shown as %s, %s", states[i], e.State(), e.Outcome())
		}
		late, err := w.till.Show(w.rows, e.Deadline, id.String())
		if err != nil || late.Outcome() != want[i].later || (late.Outcome() == pay.OutcomeUnknown && late.Outcome().SafeToRetry()) {
			t.Errorf("after %s, time up: %s, %v", states[i], late.Outcome(), err)
		}
		_, _, err = w.till.Receipt(w.rows, id.String())
		if has := pay.CodeOf(err) != pay.CodeConflict; has != (want[i].now == pay.OutcomePaid) {
			t.Errorf("after %s: receipt %v", states[i], err)
		}
	}
	for i := range chain {
		back.deliver(chain[len(chain)-1-i])
	}
	if e := back.show(id); e.State() != thawed || e.Payment != w.show(id).Payment {
		t.Errorf("backwards it is %+v", e.Payment)
	}
	if found, err := history.Findings(w.rows); err != nil || len(found) != 0 {
		t.Errorf("findings %v, %v", found, err)
	}
}
