package main

import (
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/till"
)

// later brings nodes back on a machine that was started again, so much later.
func (w *world) later(by string, names ...string) {
	w.t.Helper()
	for _, name := range names {
		if !w.ended(name) {
			w.Kill(name)
		}
	}
	for _, name := range names {
		w.must(w.Again(name, []string{"PAYBEACON_CLOCK=" + by, "PAYBEACON_BOOT=" + by}))
		_, err := w.Ready(name)
		w.must(err)
	}
}

// TestFuellingThatIsNeverCompletedEndsByItself: a pump is released and nobody comes back
// to it. The pump is stopped before the hold ends, which goes back; both are told, and the
// pump is free.
func TestFuellingThatIsNeverCompletedEndsByItself(t *testing.T) {
	t.Parallel()
	w := newFuelWorld(t)
	f := w.released("never")
	if s, err := w.purse("ada"); err != nil || s.Held != f.Ceiling || f.Ceiling == 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	w.later("59m30s", "reg", "box", "ada")
	got := w.fuellingIs(f.ID, till.FuelCancelled)
	if got.Reason == "" || got.Owed || len(w.owed("box")) != 0 {
		t.Errorf("it ended as %+v", got)
	}
	w.nothingPaid(f.Payment)
	w.pumpIsFree()
}

// TestFuellingWhoseBoxNeverComesBackEndsByItself: the box dies with the pump released, and
// nobody completes it. The registry gives back what is held when the grace is over.
func TestFuellingWhoseBoxNeverComesBackEndsByItself(t *testing.T) {
	t.Parallel()
	w := newFuelWorld(t)
	f := w.released("gone")
	w.must(w.atPump("fill", "--litres", "5"))
	w.Kill("box")
	w.later("76m", "reg", "ada")
	w.nothingPaid(f.Payment)

	// The box comes back a little later: what the pump has given is refused as late, and
	// owed.
	w.later("77m", "box")
	w.must(w.atPump("hang"))
	got := w.fuellingIs(f.ID, till.FuelUnpaid)
	if got.Total != 820 || got.Quantity != 5000 || got.Reason == "" {
		t.Errorf("it ended as %+v", got)
	}
	if list := w.owed("box"); len(list) != 1 || list[0].ID != f.ID || list[0].Total != 820 || !list[0].Owed {
		t.Errorf("owed: %+v", list)
	}
	w.nothingPaid(f.Payment)
	w.pumpIsFree()
}

// TestCompletionThatWasStoredInTimeIsHonoured: the line of the box is down when the pump
// ends. The registry hears of the total after the end of the hold, and takes it.
func TestCompletionThatWasStoredInTimeIsHonoured(t *testing.T) {
	t.Parallel()
	w := newFuelWorld(t)
	f := w.released("in-time")
	w.Kill("reg")
	w.must(w.atPump("fill", "--litres", "5"))
	w.must(w.atPump("hang"))
	if got := w.fuellingIs(f.ID, till.FuelComplete); got.Total != 820 || got.Outcome != pay.OutcomePending {
		t.Fatalf("without the registry: %+v", got)
	}
	w.later("65m", "reg", "box", "ada")
	got := w.fuellingIs(f.ID, till.FuelPaid)
	if got.Total != 820 || got.Owed || len(w.owed("box")) != 0 {
		t.Errorf("it ended as %+v", got)
	}
	w.must(w.Until("ada has paid once", func() (bool, error) {
		s, err := w.purse("ada")
		return s.Held == 0 && s.Balance == 5_000_000-820, err
	}))
	w.pumpIsFree()
}

// TestCompletionAfterTheHoldIsRefusedAsLate: the pump gives all the while, and ends after
// the end of the hold. That is late, whatever the grace: it is owed, and nothing is taken.
func TestCompletionAfterTheHoldIsRefusedAsLate(t *testing.T) {
	t.Parallel()
	w := newFuelWorld(t)
	f := w.released("late")
	w.must(w.atPump("fill", "--litres", "5"))
	w.later("65m", "reg", "box", "ada")
	w.fuellingIs(f.ID, till.FuelFilling)
	w.must(w.atPump("hang"))
	got := w.fuellingIs(f.ID, till.FuelUnpaid)
	if got.Total != 820 || got.Reason != string(pay.ReasonLateCapture) {
		t.Errorf("it ended as %+v", got)
	}
	if list := w.owed("box"); len(list) != 1 || list[0].ID != f.ID {
		t.Errorf("owed: %+v", list)
	}
	w.must(w.Until("ada is told that it was tried", func() (bool, error) {
		var p api.Payment
		err := w.Ask(&p, "wallet", "receipts", "--data", w.Data("ada"), "--id", f.Payment)
		return p.Refusal == pay.ReasonLateCapture, err
	}))
	w.pumpIsFree()
	w.later("77m", "reg", "box", "ada")
	w.nothingPaid(f.Payment)
	if list := w.owed("box"); len(list) != 1 || list[0].ID != f.ID || list[0].Total != 820 {
		t.Errorf("owed after the grace: %+v", list)
	}
}

// TestFuelPaidAfterwardsThatIsNeverCompleted: nothing is held, a pump gives, and nobody hangs
// up before the request has ended. Then its total is refused as late, and owed; of a pump
// that was not used nothing is.
func TestFuelPaidAfterwardsThatIsNeverCompleted(t *testing.T) {
	t.Parallel()
	w := newFuelWorld(t)
	f := w.released("used", "--post-pay")
	w.must(w.atPump("fill", "--litres", "5"))
	w.later("61m", "reg", "box", "ada")
	w.must(w.Until("the request has ended", func() (bool, error) {
		g, err := w.fuelling(f.ID)
		return g.Outcome == pay.OutcomeNotPaid, err
	}))
	if got := w.fuellingIs(f.ID, till.FuelFilling); got.Owed {
		t.Errorf("while it gives: %+v", got)
	}
	w.must(w.atPump("hang"))
	got := w.fuellingIs(f.ID, till.FuelUnpaid)
	if got.Total != 820 || got.Reason == "" {
		t.Errorf("it ended as %+v", got)
	}
	w.pumpIsFree()

	w.entered("box", "AB-C123")
	f = w.released("unused", "--post-pay")
	w.later("123m", "reg", "box", "ada")
	if got := w.fuellingIs(f.ID, till.FuelCancelled); got.Owed {
		t.Errorf("it ended as %+v", got)
	}
	w.pumpIsFree()
	if list := w.owed("box"); len(list) != 1 || list[0].ID != got.ID || list[0].Total != 820 {
		t.Errorf("owed: %+v", list)
	}
	if s := w.settled("ada"); s.Balance != 5_000_000 {
		t.Errorf("ada has %d", s.Balance)
	}
}

// TestTotalOfFuelPaidAfterwardsThatComesTooLate: the registry is away from before the pump
// ends until after the end of the request. Nothing was held, so there is no grace: the
// total is refused as late, owed, and asked of nobody.
func TestTotalOfFuelPaidAfterwardsThatComesTooLate(t *testing.T) {
	t.Parallel()
	w := newFuelWorld(t)
	f := w.released("away", "--post-pay")
	w.Kill("reg")
	w.must(w.atPump("fill", "--litres", "5"))
	w.must(w.atPump("hang"))
	w.fuellingIs(f.ID, till.FuelComplete)
	w.later("61m", "reg", "box", "ada")
	got := w.fuellingIs(f.ID, till.FuelUnpaid)
	if got.Total != 820 || got.Outcome != pay.OutcomeNotPaid || got.Reason == "" {
		t.Errorf("it ended as %+v", got)
	}
	if list := w.owed("box"); len(list) != 1 || list[0].ID != f.ID {
		t.Errorf("owed: %+v", list)
	}
	if s := w.settled("ada"); s.Balance != 5_000_000 || s.Pending != 0 {
		t.Errorf("ada has %+v", s)
	}
	w.pumpIsFree()
}

// nothingPaid waits until ada has all her money, nothing of it held, and both sides show
// that a payment has ended with nothing taken.
func (w *world) nothingPaid(payment string) {
	w.t.Helper()
	w.must(w.Until("ada has all her money", func() (bool, error) {
		s, err := w.purse("ada")
		return s.Held == 0 && s.Balance == 5_000_000, err
	}))
	sides := [][]string{{"wallet", "receipts", "--data", w.Data("ada")}}
	if !w.ended("box") {
		sides = append(sides, []string{"till", "show", "--data", w.Data("box")})
	}
	for _, side := range sides {
		w.must(w.Until("both are told", func() (bool, error) {
			var p api.Payment
			err := w.Ask(&p, append(side, "--id", payment)...)
			return p.Outcome == pay.OutcomeNotPaid && p.AmountHeld == 0 && p.AmountCaptured == 0, err
		}))
	}
}

// pumpIsFree waits until the attendant and the pump itself say so.
func (w *world) pumpIsFree() {
	w.t.Helper()
	w.must(w.Until("the pump is free", func() (bool, error) {
		p, err := w.pump("box")
		return p.State == "free" && w.simPumpAt("box").idle(), err
	}))
}
