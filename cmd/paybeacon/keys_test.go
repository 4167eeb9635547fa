package main

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/sync/quicnet/relay"
)

// tills is a shop with two boxes, each of which reaches the registry over a path
// of its own, and ada with her tag near both.
type tills struct {
	*world
	paths map[string]*relay.Relay
}

func newTills(t *testing.T, approve string) *tills {
	t.Helper()
	w := &tills{world: emptyWorld(t), paths: map[string]*relay.Relay{}}
	w.startRegistry(nil)
	w.must(w.Enrol("reg", "ada", "wallet", "--role", "wallet", "--name", "ada"))
	w.must(w.Ask(nil, "admin", "topup", "--data", w.Data("reg"), "--wallet", "ada", "--amount", "50.00"))
	w.must(w.Start("ada", nil, "wallet", "run", "--data", w.Data("ada"), "--approve", approve))
	_, err := w.Ready("ada")
	w.must(err)
	for _, box := range []string{"one", "two"} {
		path, invite := w.relayed(relay.All())
		w.paths[box] = path
		w.must(w.Enrol("reg", box, "scan", append(invite, "--role", "box", "--name", box, "--merchant", "Corner Cafe", "--site", "hall")...))
		w.must(w.Start(box, nil, "scan", "--data", w.Data(box), "--radio", "air:"+w.Data("air")))
		_, err := w.Ready(box)
		w.must(err)
	}
	w.must(w.Pair("ada", "-35", "--interval", "50ms"))
	return w
}

// charge asks a box for an amount under a key, once somebody is near.
func (w *tills) charge(box, key, amount string, more ...string) (p api.Payment, err error) {
	w.t.Helper()
	args := append([]string{"till", "charge", "--data", w.Data(box), "--key", key, "--amount", amount, "--ttl", "5m"}, more...)
	w.must(w.Until("somebody is near "+box, func() (bool, error) {
		err = w.Ask(&p, args...)
		return exitOf(err) != pay.ExitNotPaid || p.ID != "", nil
	}))
	return p, err
}

// apart cuts a box off, or lets it reach the registry again.
func (w *tills) apart(box string, cut bool) {
	rule := relay.All()
	if cut {
		rule = relay.Above(0)
	}
	w.paths[box].Set(rule)
}

// show returns what a box shows of a payment, named by a flag and its value.
func (w *tills) show(box, flag, value string) (p api.Payment, err error) {
	err = w.Ask(&p, "till", "show", "--data", w.Data(box), flag, value)
	return p, err
}

// waits returns what a box shows when it has waited for the last word, and how the
// command ended.
func (w *tills) waits(box, flag, value string) (p api.Payment, exit pay.Exit) {
	w.t.Helper()
	w.must(w.Until(box+" has the last word", func() (bool, error) {
		exit = exitOf(w.Ask(&p, "till", "wait", "--data", w.Data(box), flag, value))
		return exit != pay.ExitWaitPassed && exit != pay.ExitNotFound, nil
	}))
	return p, exit
}

// paidOnce requires that ada has paid an amount, in one payment.
func (w *tills) paidOnce(left pay.Amount) {
	w.t.Helper()
	w.audit()
	raw, err := w.Output("admin", "book", "--data", w.Data("reg"))
	w.must(err)
	accounts, err := stage.DecodeLines[api.Account](raw)
	w.must(err)
	for _, a := range accounts {
		if a.Kind == "wallet" && a.Balance != left {
			w.t.Errorf("ada has %d left, want %d", a.Balance, left)
		}
	}
}

// TestKeyAtTheOtherBoxIsTheSameCharge: a box answers with the payment that the
// other box of its merchant made of a key, whomever it would charge itself, and
// refuses the key for anything else; any box cancels.
func TestKeyAtTheOtherBoxIsTheSameCharge(t *testing.T) {
	t.Parallel()
	w := newTills(t, "ask")
	first, err := w.charge("one", "order-1", "4.00")
	w.must(err)
	w.must(w.Until("the other box knows of it", func() (bool, error) {
		p, err := w.show("two", "--key", "order-1")
		return p.ID == first.ID, nilIf(exitOf(err) == pay.ExitNotFound, err)
	}))
	again, err := w.charge("two", "order-1", "4.00", "--to", "amber-otter")
	if err != nil || again.ID != first.ID || again.Key != "order-1" || again.State != pay.StateOffered {
		t.Errorf("the other box says %+v, %v", again, err)
	}
	for name, more := range map[string][]string{"amount": {"5.00"}, "ref": {"4.00", "--ref", "x"}, "channels": {"4.00", "--two-channel"}} {
		if p, err := w.charge("two", "order-1", more[0], more[1:]...); exitOf(err) != pay.ExitConflict || p.ID != "" {
			t.Errorf("with another %s: %+v, %v", name, p, err)
		}
	}
	w.must(w.Ask(nil, "wallet", "approve", "--data", w.Data("ada"), "--id", first.ID))
	for _, box := range []string{"one", "two"} {
		if p, exit := w.waits(box, "--key", "order-1"); exit != pay.ExitDone || p.ID != first.ID || p.State != pay.StateCaptured || p.SafeToRetry {
			t.Errorf("%s: exit %d, %+v", box, exit, p)
		}
	}
	var cancelled api.Payment
	second, err := w.charge("one", "order-2", "4.00")
	w.must(err)
	w.must(w.Until("the other box knows of it", func() (bool, error) {
		_, err := w.show("two", "--id", second.ID)
		return err == nil, nilIf(exitOf(err) == pay.ExitNotFound, err)
	}))
	w.must(w.Ask(&cancelled, "till", "cancel", "--data", w.Data("two"), "--key", "order-2"))
	if cancelled.ID != second.ID || cancelled.State != pay.StateCancelled || cancelled.Key != "order-2" {
		t.Errorf("cancelled is %+v", cancelled)
	}
	if p, exit := w.waits("two", "--key", "order-2"); exit != pay.ExitNotPaid || p.Key != "order-2" {
		t.Errorf("the box that was asked by the key: exit %d, %+v", exit, p)
	}
	if p, exit := w.waits("one", "--id", second.ID); exit != pay.ExitNotPaid || p.State != pay.StateCancelled || !p.SafeToRetry {
		t.Errorf("the first box: exit %d, %+v", exit, p)
	}
	w.paidOnce(4_600)
}

// TestTwoBoxesApartMakeOnePaymentOfAKey: both boxes are cut off and store a
// request under one key; the second one is killed meanwhile. One is paid, and both
// show that one.
func TestTwoBoxesApartMakeOnePaymentOfAKey(t *testing.T) {
	t.Parallel()
	w := newTills(t, "all")
	ids := map[string]string{}
	for _, box := range []string{"one", "two"} {
		w.apart(box, true)
		p, err := w.charge(box, "order-1", "4.00")
		w.must(err)
		if ids[box] = p.ID; !p.Queued {
			t.Errorf("%s is not cut off: %+v", box, p)
		}
	}
	if ids["one"] == ids["two"] {
		t.Fatal("the boxes know of one another")
	}
	w.Kill("two")
	w.apart("one", false)
	if p, exit := w.waits("one", "--key", "order-1"); exit != pay.ExitDone || p.ID != ids["one"] {
		t.Fatalf("the first box: exit %d, %+v", exit, p)
	}
	w.must(w.Again("two", nil))
	if p, err := w.show("two", "--key", "order-1"); err != nil || p.ID != ids["two"] || p.Outcome != pay.OutcomePending && p.Outcome != pay.OutcomeUnknown {
		t.Errorf("the second box, still cut off: %+v, %v", p, err)
	}
	w.apart("two", false)
	for flag, value := range map[string]string{"--key": "order-1", "--id": ids["two"]} {
		if p, exit := w.waits("two", flag, value); exit != pay.ExitDone || p.ID != ids["one"] || p.Key != "order-1" || p.State != pay.StateCaptured {
			t.Errorf("the second box by %s: exit %d, %+v", flag, exit, p)
		}
	}
	if p, err := w.charge("two", "order-1", "4.00"); err != nil || p.ID != ids["one"] {
		t.Errorf("charged again at the second box: %+v, %v", p, err)
	}
	if _, err := w.charge("two", "order-1", "5.00"); exitOf(err) != pay.ExitConflict || !strings.Contains(err.Error(), ids["one"][:10]) {
		t.Errorf("the key for something else at the second box: %v, want %s named", err, ids["one"])
	}
	raw, err := w.Output("till", "list", "--data", w.Data("two"))
	w.must(err)
	if list, err := stage.DecodeLines[api.Payment](raw); err != nil || len(list) != 1 || list[0].ID != ids["one"] {
		t.Errorf("the second box lists %+v, %v", list, err)
	}
	w.paidOnce(4_600)
}

// TestKeyUsedForSomethingElseEndsTheRequest: of two requests for different amounts
// under one key the one that comes second ends, says which payment has the key, and
// is not called safe to charge again.
func TestKeyUsedForSomethingElseEndsTheRequest(t *testing.T) {
	t.Parallel()
	w := newTills(t, "all")
	for i, order := range [][2]string{{"one", "two"}, {"two", "one"}} {
		key := []string{"order-1", "order-2"}[i]
		ids := map[string]string{}
		for box, amount := range map[string]string{order[0]: "4.00", order[1]: "5.00"} {
			w.apart(box, true)
			p, err := w.charge(box, key, amount)
			w.must(err)
			ids[box] = p.ID
		}
		w.apart(order[0], false)
		if p, exit := w.waits(order[0], "--key", key); exit != pay.ExitDone || p.ID != ids[order[0]] {
			t.Errorf("the first: exit %d, %+v", exit, p)
		}
		w.apart(order[1], false)
		for flag, value := range map[string]string{"--key": key, "--id": ids[order[1]]} {
			p, exit := w.waits(order[1], flag, value)
			if exit != pay.ExitConflict || p.ID != ids[order[1]] || p.State != pay.StateFailed || p.Reason != pay.ReasonKeyUsed ||
				p.Outcome != pay.OutcomeNotPaid || p.SafeToRetry || p.ConflictsWith != ids[order[0]] {
				t.Errorf("the second by %s: exit %d, %+v", flag, exit, p)
			}
		}
		if p, exit := w.waits(order[1], "--id", ids[order[0]]); exit != pay.ExitDone || p.State != pay.StateCaptured {
			t.Errorf("the second box shows the first payment: exit %d, %+v", exit, p)
		}
		if p, err := w.charge(order[1], key, "4.00"); err != nil || p.ID != ids[order[0]] {
			t.Errorf("what the key stands for, charged at the second box: %+v, %v", p, err)
		}
		if p, err := w.charge(order[1], key, "6.00"); exitOf(err) != pay.ExitConflict {
			t.Errorf("something else again: %+v, %v", p, err)
		}
	}
	w.paidOnce(4_200)
}
