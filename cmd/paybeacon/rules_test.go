package main

import (
	"slices"
	"sync"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// TestLimitFromSeveralShells: of several changes at once, whoever is told that
// his is in force is told the truth, and so is whoever is told that it is not.
func TestLimitFromSeveralShells(t *testing.T) {
	t.Parallel()
	w := bareWorld(t)
	w.startWallet("ada", nil)
	w.connected("ada")
	above := pay.Amount(100_000)
	for round := range 5 {
		const shells = 4
		told := make([]api.Rules, shells)
		errs := make([]error, shells)
		var asking sync.WaitGroup
		for i := range shells {
			above -= 100 // lower each time, which takes no device
			limit := text.FormatAmount(above, "EUR")
			asking.Go(func() {
				var r api.Rules
				if errs[i] = w.Ask(&r, "wallet", "rules", "--data", w.Data("ada"), "--two-channel-above", limit); errs[i] == nil {
					told[i] = r
				}
			})
		}
		asking.Wait()
		var now api.Rules
		w.must(w.Ask(&now, "wallet", "rules", "--data", w.Data("ada")))
		told = slices.DeleteFunc(told, func(r api.Rules) bool { return r.TwoChannelAbove == nil })
		inForce := func(r api.Rules) bool { return *r.TwoChannelAbove == *now.TwoChannelAbove }
		if now.TwoChannelAbove == nil || !slices.ContainsFunc(told, inForce) {
			t.Fatalf("round %d: %+v is in force, and nobody was told so: %v", round, now, errs)
		}
		for i, err := range errs {
			// A shell that came late would raise what another has lowered.
			if exit := exitOf(err); exit != pay.ExitDone && exit != pay.ExitConflict && exit != pay.ExitUnreachable {
				t.Errorf("round %d: shell %d: %v", round, i, err)
			}
		}
	}
	w.audit()
}
