//go:build crashpoints

package main

import (
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/pay"
)

// TestBoxKilledAtEveryStepOfAFuelling kills the box at each point of a fuelling that it
// passes and brings it back, with the driver at the pump going on: the total is charged
// once, and nothing stays held.
func TestBoxKilledAtEveryStepOfAFuelling(t *testing.T) {
	t.Parallel()
	for _, point := range node.FuelCrashPoints() {
		if point == node.AtBeforeStop || point == node.AtAfterStop {
			continue // nobody stops this one
		}
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			w := emptyWorld(t)
			w.startRegistry(nil)
			w.must(w.Enrol("reg", "box", "scan", "--role", "box", "--name", "forecourt", "--merchant", "Hill Station", "--class", "fuel"))
			scan := []string{"scan", "--data", w.Data("box"), "--radio", "air:" + w.Data("air"), "--pumps", "sim:" + w.Data("no-such-file")}
			w.must(w.Start("box", []string{"PAYBEACON_CRASH=" + point + ":2"}, scan...))
			w.must(w.Enrol("reg", "ada", "wallet", "--role", "wallet", "--name", "ada"))
			w.must(w.Ask(nil, "admin", "topup", "--data", w.Data("reg"), "--wallet", "ada", "--amount", "100.00"))
			w.must(w.Start("ada", nil, "wallet", "run", "--data", w.Data("ada"), "--approve", "all"))
			_, err := w.Ready("ada")
			w.must(err)
			w.must(w.PairCar("ada", "-50", "plate=AB-C123,fuel=diesel,tank=55", "--interval", "50ms"))
			died, begun, spent := false, false, pay.Amount(0)
			for round := range 2 { // the second one passes what the first has not passed twice
				key := []string{"first", "second"}[round]
				w.must(w.Until(key+" is paid", func() (bool, error) {
					if w.ended("box") {
						died = true
						w.must(w.Start("box", nil, scan...))
						_, err := w.Ready("box")
						w.must(err)
					}
					_ = w.Ask(nil, "till", "fuel", "prices", "--data", w.Data("box"), "--set", "diesel=1.639")
					var f api.Fuelling
					_ = w.Ask(&f, "till", "fuel", "select", "--data", w.Data("box"), "--plate", "C123", "--pump", "1", "--amount", "20.00", "--key", key, "--wait", "2s")
					if f.State == "released" && f.Open && !begun {
						begun = w.Ask(nil, "pump", "fill", "--data", w.Data("box"), "--pump", "1", "--litres", "5") == nil
					}
					if f.State == "filling" {
						_ = w.Ask(nil, "pump", "hang", "--data", w.Data("box"), "--pump", "1")
					}
					if f.State == "paid" {
						spent += f.Total
					}
					return f.State == "paid", nil
				}))
				begun = false
			}
			if spent < 2*820 {
				t.Errorf("%d was charged for at least twice 5 l", spent)
			}
			if !died {
				t.Errorf("the box never died at %s", point)
			}
			var status api.WalletStatus
			w.must(w.Until("both are paid and nothing is held", func() (bool, error) {
				err := w.Ask(&status, "wallet", "status", "--data", w.Data("ada"))
				return status.Held == 0 && status.Balance == 10_000-spent, err
			}))
			if a := w.audit(); a.Payments != 2 {
				t.Errorf("the audit counts %d payments", a.Payments)
			}
		})
	}
}
