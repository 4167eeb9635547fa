package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/till"
)

// raceRounds is how often each race is run. Chosen: each side wins some of them.
const raceRounds = 4

// atOnce runs all of these at one time, and returns when each has ended.
func atOnce(all ...func()) {
	var group sync.WaitGroup
	for _, f := range all {
		group.Go(f)
	}
	group.Wait()
}

// fuelling returns a fuelling as the station shows it.
func (w *world) fuelling(id string) (f api.Fuelling, err error) {
	err = w.Ask(&f, "till", "fuel", "show", "--data", w.Data("box"), "--id", id)
	return f, err
}

// fuellingEnds hangs up, where the pump still gives or nobody has, and waits until a
// fuelling is over.
func (w *world) fuellingEnds(id string) (f api.Fuelling) {
	w.t.Helper()
	w.must(w.Until("fuelling "+id+" is over", func() (bool, error) {
		var err error
		if f, err = w.fuelling(id); f.State == string(till.FuelFilling) {
			_ = w.atPump("hang")
		}
		return over(f), err
	}))
	w.must(w.Until("the nozzle is hung", func() (bool, error) {
		p, err := w.pump("box")
		if p.Lifted != "" {
			_ = w.atPump("hang")
		}
		return p.Lifted == "", err
	}))
	return f
}

// TestCancelAndPumpRace: the attendant ends a fuelling while somebody begins to fill, or
// has filled and hangs up. Either nothing was given and nothing is paid, or all that was.
func TestCancelAndPumpRace(t *testing.T) {
	t.Parallel()
	w := newFuelWorld(t)
	ends := map[string]int{}
	for i := range 3 * raceRounds {
		was, pump := w.settled("ada"), w.simPumpAt("box")
		f := w.released(fmt.Sprint("cancel-", i))
		fill := func() { _ = w.atPump("fill", "--litres", "1.50") }
		cancel := func() {
			_ = w.Ask(nil, "till", "fuel", "cancel", "--data", w.Data("box"), "--id", f.ID, "--wait", "300ms")
		}
		hang := func() { _ = w.atPump("hang") }
		switch i % 3 {
		case 0:
			atOnce(fill, cancel, hang)
		case 1:
			fill()
			atOnce(hang, cancel, hang, hang)
		case 2:
			atOnce(cancel, cancel, func() {
				_ = w.atPump("lift")
				fill()
			})
		}
		if g, err := w.fuelling(f.ID); err == nil && g.State == string(till.FuelReleased) && !g.Stopping {
			cancel() // the hand was at the pump before it gave
		}
		f = w.fuellingEnds(f.ID)
		w.conservedFuel(fmt.Sprint("round ", i), f, pump.Register, was.Balance, false)
		ends[f.State]++
	}
	t.Logf("%v", ends)
}

// TestVoidAndPumpRace: somebody gives back at the till what is held for a fuelling while
// its pump ends. It is paid and not given back, or given back and owed.
func TestVoidAndPumpRace(t *testing.T) {
	t.Parallel()
	w := newFuelWorld(t)
	ends := map[string]int{}
	for i := range raceRounds {
		was := w.settled("ada")
		f := w.released(fmt.Sprint("void-", i))
		w.must(w.atPump("fill", "--litres", "2"))
		atOnce(
			func() { _ = w.atPump("hang") },
			func() { _ = w.Ask(nil, "till", "void", "--data", w.Data("box"), "--id", f.Payment, "--wait", "5s") },
		)
		f = w.fuellingEnds(f.ID)
		ends[f.State]++
		want := was.Balance
		switch {
		case f.State == string(till.FuelPaid) && f.Total == 328 && f.PaymentState == pay.StateCaptured:
			want -= 328
		case f.State == string(till.FuelUnpaid) && f.Total == 328 && f.PaymentState == pay.StateVoided && f.Owed:
		default:
			t.Fatalf("round %d: %+v", i, f)
		}
		w.must(w.Until("ada has paid that, and nothing is held", func() (bool, error) {
			s, err := w.purse("ada")
			return s.Held == 0 && s.Balance == want, err
		}))
		w.pumpIsFree()
	}
	if got := len(w.owed("box")); got != ends[string(till.FuelUnpaid)] {
		t.Errorf("%d are owed, %v", got, ends)
	}
	t.Logf("%v", ends)
}

// TestSelectRaces: one key is used for two pumps and several times at once, and two cars
// are selected at one pump. There is one fuelling for a key and one car for a pump, and
// whoever is not given fuel has nothing held.
func TestSelectRaces(t *testing.T) {
	t.Parallel()
	w := newFuelWorld(t)
	w.must(w.Enrol("reg", "ben", "wallet", "--role", "wallet", "--name", "ben"))
	w.must(w.Ask(nil, "admin", "topup", "--data", w.Data("reg"), "--wallet", "ben", "--amount", "50000.00"))
	w.startWallet("ben", nil)
	w.must(w.PairCar("ben", "-40", "plate=XY-Z789,fuel=diesel,tank=40", "--interval", "50ms"))
	w.entered("box", "XY-Z789")
	choose := func(plate, key, pump string) (f api.Fuelling) {
		_ = w.Ask(&f, "till", "fuel", "select", "--data", w.Data("box"), "--plate", plate, "--pump", pump, "--amount", "20.00", "--key", key, "--wait", "20s")
		return f
	}
	for i := range raceRounds {
		was, key := w.settled("ada"), fmt.Sprint("same-", i)
		got := make([]api.Fuelling, 4)
		atOnce(
			func() { got[0] = choose("AB-C123", key, "1") }, func() { got[1] = choose("AB-C123", key, "2") },
			func() { got[2] = choose("AB-C123", key, "1") }, func() { got[3] = choose("AB-C123", key, "2") },
		)
		ids := map[string]bool{}
		for _, f := range got {
			if f.ID != "" {
				ids[f.ID] = true
			}
		}
		s, err := w.purse("ada")
		if len(ids) != 1 || err != nil || s.Held > 2000 {
			t.Fatalf("round %d: %+v; ada has %d held, %v", i, got, s.Held, err)
		}
		for id := range ids {
			w.must(w.Ask(nil, "till", "fuel", "cancel", "--data", w.Data("box"), "--id", id))
			w.fuellingEnds(id)
		}

		var ada, ben api.Fuelling
		ofBen := w.settled("ben")
		atOnce(func() { ada = choose("AB-C123", fmt.Sprint("ada-", i), "1") }, func() { ben = choose("XY-Z789", fmt.Sprint("ben-", i), "1") })
		for _, f := range []*api.Fuelling{&ada, &ben} {
			if f.ID != "" {
				*f, err = w.fuelling(f.ID)
				w.must(err)
			}
		}
		if ada.Open && ben.Open && ada.State == ben.State || ada.ID == "" && ben.ID == "" {
			t.Fatalf("round %d: at one pump are %+v and %+v", i, ada, ben)
		}
		for _, f := range []api.Fuelling{ada, ben} {
			if f.ID != "" {
				_ = w.Ask(nil, "till", "fuel", "cancel", "--data", w.Data("box"), "--id", f.ID)
				w.fuellingEnds(f.ID)
			}
		}
		w.pumpIsFree()
		if a, b := w.settled("ada"), w.settled("ben"); a.Balance != was.Balance || b.Balance != ofBen.Balance {
			t.Fatalf("round %d: ada has %d of %d, ben %d of %d", i, a.Balance, was.Balance, b.Balance, ofBen.Balance)
		}
	}
}

// TestPumpWithoutPowerIsCompletedOnce: a pump loses its power while it gives. Several
// attendants complete the fuelling at once, each with another total, and somebody ends it;
// one of them is followed, and what the pump tells when it is back changes nothing.
func TestPumpWithoutPowerIsCompletedOnce(t *testing.T) {
	t.Parallel()
	w := newFuelWorld(t)
	w.Stop("box")
	w.must(os.WriteFile(filepath.Join(w.Dir, "no-such-file"), []byte("[[pump]]\nnumber = 1\nproducts = [\"diesel\"]\nlitres_per_minute = 40\nfault = \"loses_power\"\n"), 0o600))
	w.must(w.Again("box", nil))
	w.entered("box", "AB-C123")
	for i := range 2 {
		was := w.settled("ada")
		f := w.released(fmt.Sprint("power-", i))
		_ = w.atPump("fill", "--litres", "4")
		w.must(w.Until("the attendant is asked", func() (bool, error) {
			p, err := w.pump("box")
			return p.State == "out_of_order" || p.State == "ready_to_pay", err
		}))
		if i == 0 { // after the pump has told what it gave; else before
			w.must(w.Until("the pump is back", func() (bool, error) {
				p, err := w.pump("box")
				return p.State == "ready_to_pay", err
			}))
		}
		complete := func(litres, total string) func() {
			return func() {
				_ = w.Ask(nil, "till", "fuel", "complete", "--data", w.Data("box"), "--id", f.ID, "--litres", litres, "--total", total, "--wait", "5s")
			}
		}
		atOnce(complete("2", "3.28"), complete("1", "1.64"), complete("2", "3.28"), complete("3", "4.92"))
		f = w.fuellingEnds(f.ID)
		costs, err := f.Price.Total(f.Quantity)
		if err != nil || f.State != string(till.FuelPaid) || f.Total != costs || f.Quantity > 3000 {
			t.Fatalf("round %d: %+v", i, f)
		}
		w.pumpIsFree()
		if s := w.settled("ada"); s.Balance != was.Balance-costs {
			t.Fatalf("round %d: ada had %d and has %d after %+v", i, was.Balance, s.Balance, f)
		}
		if list := w.owed("box"); len(list) != 0 {
			t.Fatalf("round %d: owed are %+v", i, list)
		}
	}
}
