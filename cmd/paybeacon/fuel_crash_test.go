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

// fuelAcrossEach fuels with a victim that dies at a passage of each point, also of the next
// one while it recovers. A fuelling may end before the victim is dead, see payAcrossEach:
// then it is tried again with the next one.
func (w *world) fuelAcrossEach(victim string, points []string, p fuelProcess) {
	w.t.Helper()
	var crashes []string
	for _, point := range points {
		crashes = append(crashes, point+":1")
		if slices.Contains(store.CrashPoints(), point) { // most of what a node does passes these
			crashes = append(crashes, point+":2", point+":3")
		}
	}
	fuellings, vain, died := 0, 0, len(crashes)
	for len(crashes) > 0 {
		if vain++; vain > crashRoundsMax {
			w.t.Fatalf("%s never died at %s: the point is not passed", victim, crashes[0])
		}
		fuellings++
		left := w.fuelAcross(victim, crashes, fmt.Sprintf("round-%d", fuellings), p)
		if len(left) < len(crashes) {
			vain = 0
		}
		crashes = left
	}
	w.audit()
	w.t.Logf("%s died %d times in %d fuellings", victim, died, fuellings)
}

// fuelAcross fuels once with a victim that kills itself at one point after another, and
// returns those that are left.
func (w *world) fuelAcross(victim string, crashes []string, key string, p fuelProcess) (left []string) {
	w.t.Helper()
	before, was := w.simPumpAt("box"), w.settled("ada")
	w.Stop(victim)
	w.restart(victim, []string{"PAYBEACON_CRASH=" + crashes[0]})
	var f api.Fuelling
	var last error
	defer func() {
		if w.t.Failed() {
			w.t.Logf("%s: %+v, %v", key, f, last)
		}
	}()
	w.must(w.Until("fuelling "+key+" is over after "+crashes[0], func() (bool, error) {
		f, last = w.fuelOn(key, p)
		switch {
		case !w.ended(victim):
		case len(crashes) > 1:
			crashes = crashes[1:]
			w.restart(victim, []string{"PAYBEACON_CRASH=" + crashes[0]})
		case len(crashes) == 1:
			crashes = nil
			w.restart(victim, nil)
		}
		return over(f), nil
	}))
	if w.ended(victim) {
		crashes = crashes[1:]
	}
	w.Stop(victim)
	w.restart(victim, nil)
	w.conservedFuel(key, f, before.Register, was.Balance, p.cancel)
	return crashes
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
