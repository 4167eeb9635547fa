package main

import (
	"slices"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/pay"
)

// TestHoldsAmongVersions: a hold is authorised only by a wallet that knows what it
// approves, and a box of old beside the one that holds, captures and refunds shows nothing
// of it that is untrue, and goes on. Once upgraded all of them see the same.
func TestHoldsAmongVersions(t *testing.T) {
	t.Parallel()
	t.Run("a wallet of old that answers", func(t *testing.T) {
		t.Parallel()
		w := mixedWorld(t, frozen.program(t), "")
		w.upgrade("", "box")
		p := w.hold("before", "12.50")
		w.until(&p, "box", p.ID, func(p api.Payment) bool { return p.State != pay.StateRequested && p.State != pay.StateOffered })
		if p.State != pay.StateFailed || p.Reason != pay.ReasonPayerTooOld || p.Outcome != pay.OutcomeNotPaid || sumsOf(p) != (pay.Sums{}) {
			t.Errorf("the wallet of old approved what it does not know: %+v", p)
		}
		var own api.Payment
		w.until(&own, "ada", p.ID, func(p api.Payment) bool { return p.State == pay.StateFailed })
		if own.Outcome != pay.OutcomeNotPaid || own.AmountCaptured != 0 {
			t.Errorf("the wallet of old shows %+v", own)
		}
		w.paid(w.chargeNearest("plain", "3.00").ID, 300)
		w.upgrade("", "ada")
		if again := w.hold("before", "12.50"); again.ID != p.ID || again.State != pay.StateFailed {
			t.Errorf("the key of before gave %+v", again)
		}
		w.takesAndGivesBack(w.hold("after", "12.50").ID)
		w.ends(300+500-200, 3)
	})
	t.Run("a wallet of old that is told", func(t *testing.T) {
		t.Parallel()
		old := beforeRanges.program(t)
		w := mixedWorld(t, old, old)
		w.upgrade("", "reg")
		w.upgrade("", "box")
		w.told("ada", "registry", "version")
		p := w.hold("meanwhile", "12.50")
		w.until(&p, "box", p.ID, func(p api.Payment) bool { return p.State == pay.StateOffered })
		if p.Outcome != pay.OutcomePending || p.SafeToRetry || sumsOf(p) != (pay.Sums{}) {
			t.Errorf("the box shows %+v", p)
		}
		w.upgrade("", "ada")
		w.takesAndGivesBack(p.ID)
		w.ends(500-200, 1)
	})
	t.Run("a box of old", func(t *testing.T) {
		t.Parallel()
		w := mixedWorld(t, "", "")
		w.run(frozen.program(t), "old")
		w.must(w.Enrol("reg", "old", "scan", "--role", "box", "--name", "old", "--merchant", "Corner Cafe", "--site", "counter"))
		w.must(w.Start("old", nil, "scan", "--data", w.Data("old"), "--radio", "air:"+w.Data("air")))
		_, err := w.Ready("old")
		w.must(err)

		id := w.hold("tab", "12.50").ID
		w.takesAndGivesBack(id)
		open := w.hold("open", "4.00").ID
		var p api.Payment
		w.until(&p, "box", open, func(p api.Payment) bool { return p.State == pay.StateHeld })
		w.follows("old", id, open)
		if p := w.showing("old", open); p.Outcome == pay.OutcomePaid || p.AmountCaptured != 0 {
			t.Errorf("what is only held the box of old shows as %+v", p)
		}
		// The facts that it does not know do not keep it from the next payment.
		var own api.Payment
		w.must(w.Until("the box of old hears ada", func() (bool, error) {
			err := w.Ask(&own, "till", "charge", "--data", w.Data("old"), "--amount", "3.00", "--key", "own", "--ttl", "5m", "--nearest")
			return err == nil, ignoring(err, pay.ExitNotFound, pay.ExitConflict)
		}))
		w.byHand(own.ID)
		w.paid(own.ID, 300)
		w.follows("old", id, open, own.ID)

		w.upgrade("", "old")
		for _, id := range []string{id, open, own.ID} {
			there := w.showing("box", id)
			if p = w.showing("old", id); there.State != p.State || sumsOf(there) != sumsOf(p) || there.Outcome != p.Outcome || there.Seq != p.Seq {
				t.Errorf("upgraded, the box of old shows %+v, the other one %+v", p, there)
			}
		}
		w.must(w.Ask(&p, "till", "capture", "--data", w.Data("old"), "--id", open, "--amount", "1.00", "--final"))
		if want := (pay.Sums{Captured: 100}); sumsOf(p) != want {
			t.Errorf("the upgraded box captured %+v", p)
		}
		w.ends(500-200+300+100, 3)
	})
}

// sumsOf is what a payment shows of its money, less what was released.
func sumsOf(p api.Payment) pay.Sums {
	return pay.Sums{Held: p.AmountHeld, Captured: p.AmountCaptured, Refunded: p.AmountRefunded}
}

// showing is a payment as a box or ada shows it.
func (w *world) showing(name, id string) (p api.Payment) {
	w.t.Helper()
	w.until(&p, name, id, func(api.Payment) bool { return true })
	return p
}

// until waits until a box, or ada, shows a payment as is wanted.
func (w *world) until(out *api.Payment, name, id string, want func(api.Payment) bool) {
	w.t.Helper()
	noun := []string{"till", "show"}
	if name == "ada" {
		noun = []string{"wallet", "receipts"}
	}
	w.must(w.Until(name+" shows "+id[:10]+" as is wanted", func() (bool, error) {
		*out = api.Payment{}
		err := w.Ask(out, append(noun, "--data", w.Data(name), "--id", id)...)
		return err == nil && out.ID == id && want(*out), ignoring(err, pay.ExitNotFound)
	}))
}

// hold asks the nearest person, with the box's own program, to hold an amount, and does
// not wait for the outcome.
func (w *world) hold(key, amount string) (p api.Payment) {
	w.t.Helper()
	w.waitNear()
	p, err := w.chargeUnder(key, amount, "--capture", "manual", "--ttl", "5m")
	w.must(ignoring(err, pay.ExitNotPaid)) // the key's payment may have failed before
	return p
}

// takesAndGivesBack waits until 12.50 are held, captures 5.00 of it in two parts, and
// gives back 2.00.
func (w *world) takesAndGivesBack(id string) {
	w.t.Helper()
	var p api.Payment
	w.until(&p, "box", id, func(p api.Payment) bool { return p.State == pay.StateHeld })
	_, old := w.Procs["old"]
	for _, act := range []struct {
		args []string
		want pay.Sums
	}{
		{[]string{"capture", "--amount", "4.00"}, pay.Sums{Held: 850, Captured: 400}},
		{[]string{"capture", "--amount", "1.00", "--final"}, pay.Sums{Captured: 500}},
		{[]string{"refund", "--amount", "2.00"}, pay.Sums{Captured: 500, Refunded: 200}},
	} {
		if old {
			w.follows("old", id)
		}
		w.must(w.Ask(&p, append([]string{"till", act.args[0], "--data", w.Data("box"), "--id", id}, act.args[1:]...)...))
		if sumsOf(p) != act.want {
			w.t.Errorf("after %v the box shows %+v", act.args, p)
		}
	}
	w.until(&p, "ada", id, func(own api.Payment) bool { return sumsOf(own) == sumsOf(p) && own.State == p.State })
}

// follows waits until a box of old has taken in all that was decided on payments that
// were approved, and sees that neither its list nor what it shows of each says that it may
// be charged again, that it is paid before it is, or of other money than there is.
func (w *world) follows(old string, ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		now := w.showing("box", id)
		var p api.Payment
		w.until(&p, old, id, func(p api.Payment) bool { return p.Seq == now.Seq })
		raw, err := w.Output("till", "list", "--data", w.Data(old))
		w.must(err)
		list, err := stage.DecodeLines[api.Payment](raw)
		w.must(err)
		i := slices.IndexFunc(list, func(p api.Payment) bool { return p.ID == id })
		if i < 0 {
			w.t.Fatalf("the list of %s lacks %s", old, id)
		}
		for _, p := range []api.Payment{p, list[i]} {
			tooSoon := p.Outcome == pay.OutcomePaid && now.Outcome != pay.OutcomePaid
			if p.SafeToRetry || p.Outcome == pay.OutcomeNotPaid || tooSoon || p.Amount != now.Amount || sumsOf(p) != sumsOf(now) {
				w.t.Errorf("%s shows %+v of what is %+v", old, p, now)
			}
		}
	}
}

// ends requires that so much came to the merchant from ada in so many payments, and that
// the books are right.
func (w *world) ends(earned pay.Amount, payments int) {
	w.t.Helper()
	if a := w.audit(); a.Payments != payments {
		w.t.Errorf("the audit counts %+v", a)
	}
	if money := w.money(); money["ada"] != 5000-earned || money["Corner Cafe"] != earned {
		w.t.Errorf("accounts: %v, want %d earned", money, earned)
	}
}
