package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/till"
)

// newFuelWorld starts a registry, a station with simulated pumps at which diesel costs
// 1.639, and ada, whose car stands there and who approves everything.
func newFuelWorld(t *testing.T) *world {
	t.Helper()
	w := emptyWorld(t)
	w.startRegistry(nil)
	w.startStation("box", "air", "Hill Station")
	w.must(w.Enrol("reg", "ada", "wallet", "--role", "wallet", "--name", "ada"))
	w.must(w.Ask(nil, "admin", "topup", "--data", w.Data("reg"), "--wallet", "ada", "--amount", "50000.00"))
	w.startWallet("ada", nil)
	w.must(w.PairCar("ada", "-35", "plate=AB-C123,fuel=diesel,tank=55", "--interval", "50ms"))
	w.entered("box", "AB-C123")
	return w
}

// startStation enrols a box of a merchant's station, which hears an air, and starts it.
func (w *world) startStation(name, air, merchant string) {
	w.t.Helper()
	w.must(w.Enrol("reg", name, "scan", "--role", "box", "--name", name, "--merchant", merchant, "--class", "fuel"))
	w.must(w.Start(name, nil, "scan", "--data", w.Data(name), "--radio", "air:"+w.Data(air), "--pumps", "sim:"+w.Data("no-such-file")))
	_, err := w.Ready(name)
	w.must(err)
	w.must(w.Ask(nil, "till", "fuel", "prices", "--data", w.Data(name), "--set", "diesel=1.639"))
}

// entered waits until a station knows that a car is there.
func (w *world) entered(name, plate string) {
	w.t.Helper()
	w.must(w.Until(plate+" has entered "+name, func() (bool, error) {
		err := w.Ask(nil, "till", "fuel", "entered", "--data", w.Data(name), "--plate", plate)
		return err == nil, nil
	}))
}

// simPump is what a simulated pump remembers, as far as it is looked at.
type simPump struct {
	Register pay.Quantity    `json:"register"`
	Release  json.RawMessage `json:"release"`
	Giving   json.RawMessage `json:"giving"`
	Ended    json.RawMessage `json:"ended"`
}

// idle reports whether the pump gives to nobody and has nothing to tell.
func (p simPump) idle() bool { return p.Release == nil && p.Giving == nil && p.Ended == nil }

// simPumpAt reads what pump 1 of a station remembers. No box is asked: it is what was
// really given.
func (w *world) simPumpAt(name string) (p simPump) {
	w.t.Helper()
	raw, err := os.ReadFile(filepath.Join(w.Data(name), "pumps", "pump-1.json"))
	if os.IsNotExist(err) { // a pump that has done nothing yet
		return simPump{Register: 1_000_000}
	}
	w.must(err)
	w.must(json.Unmarshal(raw, &p))
	return p
}

// pump returns pump 1 of a station as the attendant sees it.
func (w *world) pump(name string) (api.Pump, error) {
	raw, err := w.Output("till", "fuel", "pumps", "--data", w.Data(name))
	if err != nil {
		return api.Pump{}, err
	}
	all, err := stage.DecodeLines[api.Pump](raw)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%s has no pump", name)
	}
	if err != nil {
		return api.Pump{}, err
	}
	return all[0], nil
}

// purse returns how a wallet stands.
func (w *world) purse(who string) (s api.WalletStatus, err error) {
	err = w.Ask(&s, "wallet", "status", "--data", w.Data(who))
	return s, err
}

// selects selects ada's car at pump 1, or asks what became of that.
func (w *world) selects(key, wait string, flags ...string) (f api.Fuelling, err error) {
	err = w.Ask(&f, append([]string{
		"till", "fuel", "select", "--data", w.Data("box"), "--plate", "AB-C123", "--pump", "1", "--amount", "20.00", "--key", key, "--wait", wait,
	}, flags...)...)
	return f, err
}

// released selects ada's car and returns the fuelling once the pump gives.
func (w *world) released(key string, flags ...string) api.Fuelling {
	w.t.Helper()
	f, err := w.selects(key, "60s", flags...)
	if err != nil || !f.Open || f.State != string(till.FuelReleased) {
		w.t.Fatalf("select: %+v, %v", f, err)
	}
	return f
}

// atPump has somebody do something at pump 1.
func (w *world) atPump(verb string, flags ...string) error {
	return w.Ask(nil, append([]string{"pump", verb, "--data", w.Data("box"), "--pump", "1"}, flags...)...)
}

// fuellingIs waits until a fuelling is in a state, and returns it.
func (w *world) fuellingIs(id string, state till.FuellingState) (f api.Fuelling) {
	w.t.Helper()
	w.must(w.Until("fuelling "+id+" is "+string(state), func() (bool, error) {
		f = api.Fuelling{}
		err := w.Ask(&f, "till", "fuel", "show", "--data", w.Data("box"), "--id", id)
		return f.State == string(state), err
	}))
	return f
}

// owed returns the fuellings that left a station unpaid.
func (w *world) owed(name string) []api.Fuelling {
	w.t.Helper()
	raw, err := w.Output("till", "fuel", "list", "--data", w.Data(name), "--owed")
	w.must(err)
	list, err := stage.DecodeLines[api.Fuelling](raw)
	w.must(err)
	return list
}

// over reports whether nothing more comes of a fuelling.
func over(f api.Fuelling) bool {
	ended := f.State == string(till.FuelPaid) || f.State == string(till.FuelUnpaid) || f.State == string(till.FuelCancelled)
	return ended && (f.Outcome == pay.OutcomePaid || f.Outcome == pay.OutcomeNotPaid)
}

// conservedFuel requires that a fuelling that is over took what the pump has given since
// its register read so much, from a wallet that had so much, or nothing for nothing.
func (w *world) conservedFuel(crash string, f api.Fuelling, register pay.Quantity, balance pay.Amount, cancel bool) {
	w.t.Helper()
	var pump api.Pump
	w.must(w.Until("the pump is free", func() (bool, error) {
		var err error
		pump, err = w.pump("box")
		return pump.State == "free" && w.simPumpAt("box").idle(), err
	}))
	given := w.simPumpAt("box").Register - register
	var costs pay.Amount
	if given != 0 {
		var err error
		costs, err = f.Price.Total(given)
		w.must(err)
	}
	switch {
	case f.State == string(till.FuelUnpaid), cancel && f.State != string(till.FuelCancelled):
		w.t.Fatalf("%s: %+v", crash, f)
	case f.State == string(till.FuelPaid) && (f.Quantity != given || f.Total != costs || given == 0):
		w.t.Fatalf("%s: the pump has given %d, and it says %+v", crash, given, f)
	case f.State == string(till.FuelCancelled) && given != 0:
		w.t.Fatalf("%s: the pump has given %d, and nobody paid: %+v", crash, given, f)
	case f.State == string(till.FuelCancelled) && !cancel:
		w.t.Logf("%s: nothing was given: %+v", crash, f)
	}
	w.must(w.Until("ada has paid that and no more is held", func() (bool, error) {
		s, err := w.purse("ada")
		return s.Held == 0 && s.Balance == balance-costs, err
	}))
	w.must(w.Until("the wallet knows how it ended", func() (bool, error) {
		var paid api.Payment
		err := w.Ask(&paid, "wallet", "receipts", "--data", w.Data("ada"), "--id", f.Payment)
		if exitOf(err) == pay.ExitNotFound {
			return false, nil
		}
		return paid.AmountCaptured == costs && paid.AmountHeld == 0 && paid.State == f.PaymentState, err
	}))
}

// settled returns how a wallet stands when it is in touch and nothing is held.
func (w *world) settled(who string) (s api.WalletStatus) {
	w.t.Helper()
	w.connected(who)
	w.must(w.Until(who+" has nothing held", func() (bool, error) {
		var err error
		s, err = w.purse(who)
		return s.Held == 0, err
	}))
	return s
}
