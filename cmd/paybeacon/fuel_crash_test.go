//go:build crashpoints

package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/pay/till"
	"github.com/paybeacon/paybeacon/store"
	paysync "github.com/paybeacon/paybeacon/sync"
)

// fuelProcess is how a fuelling goes in a test that kills its nodes.
type fuelProcess struct {
	name   string
	flags  []string
	cancel bool // the attendant ends it before anything is given
}

// TestKilledAtEveryCrashPointOfAFuelling kills registry, box, wallet and device at every
// point of a fuelling that they pass, and brings them back: what the pump has given is paid
// once, or nothing was given and nothing is held, and the pump is free for the next one.
func TestKilledAtEveryCrashPointOfAFuelling(t *testing.T) {
	t.Parallel()
	common := append(store.CrashPoints(), paysync.CrashPoints()...)
	stops := []string{node.AtBeforeStop, node.AtAfterStop}
	atBox := append(append(passedBy("box", common), store.CarryCrashPoints()...), node.FuelCrashPoints()...)
	for _, p := range []fuelProcess{{name: "held"}, {name: "paid afterwards", flags: []string{"--post-pay"}}, {name: "ended by the attendant", cancel: true}} {
		victims := map[string][]string{
			"reg":     passedBy("reg", common),
			"box":     slices.DeleteFunc(slices.Clone(atBox), func(at string) bool { return !p.cancel && slices.Contains(stops, at) }),
			"ada":     append(passedBy("ada", common), node.AtBeforeCode, node.AtAfterCode),
			"ada-tag": {node.AtBeforeSign, node.AtAfterSign},
		}
		if p.cancel { // until it is held, all goes as in the first
			delete(victims, "ada-tag")
			victims["ada"] = passedBy("ada", common)
		}
		for victim, points := range victims {
			t.Run(victim+" "+p.name, func(t *testing.T) {
				t.Parallel()
				newFuelWorld(t).fuelAcrossEach(victim, points, p)
			})
		}
	}
}

// fuelAcrossEach fuels with a victim that dies at a passage of each point, as
// payAcrossEach does.
func (w *world) fuelAcrossEach(victim string, points []string, p fuelProcess) {
	w.t.Helper()
	fuellings := 0
	for _, point := range points {
		passages := 1
		if slices.Contains(store.CrashPoints(), point) {
			passages = crashRounds // most of what a node does passes these
		}
		died := 0
		for try := 0; try < passages || died == 0 && try < crashRoundsMax; try++ {
			fuellings++
			passage := 1
			if try < passages {
				passage = try + 1
			}
			if w.fuelAcross(victim, fmt.Sprintf("%s:%d", point, passage), fmt.Sprintf("round-%d", fuellings), p) {
				died++
			}
		}
		if died == 0 {
			w.t.Errorf("%s never died at %s: the point is not passed", victim, point)
		}
	}
	w.audit()
	w.t.Logf("%s: %d fuellings", victim, fuellings)
}

// fuelAcross fuels once with a victim that kills itself at a point, and says whether it
// did.
func (w *world) fuelAcross(victim, crash, key string, p fuelProcess) (died bool) {
	w.t.Helper()
	before, was := w.simPumpAt("box"), w.settled("ada")
	w.Stop(victim)
	w.restart(victim, []string{"PAYBEACON_CRASH=" + crash})
	var f api.Fuelling
	var last error
	w.must(w.Until("the victim is dead or the fuelling over", func() (bool, error) {
		f, last = w.fuelOn(key, p)
		return w.ended(victim) || over(f), nil
	}))
	died = w.ended(victim)
	w.Stop(victim)
	w.restart(victim, nil)
	rounds := 0
	w.must(w.Until(fmt.Sprintf("fuelling %s is over after %s (%+v, %v)", key, crash, f, last), func() (bool, error) {
		f, last = w.fuelOn(key, p)
		if rounds++; rounds%500 == 0 {
			w.t.Logf("%s still: %+v, %v", crash, f, last)
		}
		return over(f), nil
	}))
	w.conservedFuel(crash, f, before.Register, was.Balance, p.cancel)
	return died
}

// fuelOn does what is next in a fuelling: the attendant selects, somebody takes fuel and
// hangs up.
func (w *world) fuelOn(key string, p fuelProcess) (api.Fuelling, error) {
	f, err := w.selects(key, "300ms", p.flags...)
	switch {
	case f.State == string(till.FuelReleased) && f.Open && p.cancel:
		_ = w.Ask(&f, "till", "fuel", "cancel", "--data", w.Data("box"), "--id", f.ID, "--wait", "300ms")
	case f.State == string(till.FuelReleased) && f.Open:
		_ = w.atPump("fill", "--litres", "1.50")
	case f.State == string(till.FuelFilling):
		_ = w.atPump("hang")
	}
	return f, err
}
