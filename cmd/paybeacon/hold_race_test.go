package main

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
)

// TestRacesOfAHold: two boxes of one merchant do, at one time, what only one of them can:
// captures of all that is held, a capture and a void, refunds of all that was paid. One
// wins, each other one gets its answer, both sides show the same, and the books agree.
func TestRacesOfAHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.Enrol("reg", "bar", "scan", "--role", "box", "--name", "bar", "--merchant", "Corner Cafe", "--site", "counter"))
	w.must(w.Start("bar", nil, "scan", "--data", w.Data("bar"), "--radio", "air:"+w.Data("air")))
	w.connected("bar")
	for name, race := range map[string]struct {
		charge []string
		acts   []string // one verb for each of those who run
		want   pay.State
	}{
		"captures":             {[]string{"--capture", "manual"}, []string{"capture", "capture", "capture", "capture"}, pay.StateCaptured},
		"a capture and a void": {[]string{"--capture", "manual"}, []string{"capture", "void", "capture", "void"}, ""},
		"refunds":              {nil, []string{"refund", "refund", "refund", "refund"}, pay.StateRefunded},
	} {
		w.waitNear()
		p, err := w.chargeUnder("race-"+name, "1.00", append(race.charge, "--wait", "20s")...)
		if err != nil {
			t.Fatalf("%s: %+v, %v", name, p, err)
		}
		w.must(w.Until("the other box knows of "+name, func() (bool, error) {
			var there api.Payment
			err := w.Ask(&there, "till", "show", "--data", w.Data("bar"), "--id", p.ID)
			if exitOf(err) == pay.ExitNotFound {
				return false, nil
			}
			return there.Seq == p.Seq, err
		}))
		w.race(name, p.ID, race.acts, race.want)
	}
	w.audit()
}

// race lets each act run at once, half of them at each box, and sees that one won.
func (w *world) race(name, id string, acts []string, want pay.State) {
	w.t.Helper()
	var all sync.WaitGroup
	got := make([]api.Payment, len(acts))
	for i, act := range acts {
		all.Go(func() {
			box := []string{"box", "bar"}[i%2]
			_ = w.Ask(&got[i], "till", act, "--data", w.Data(box), "--id", id, "--key", fmt.Sprint(act, i))
		})
	}
	all.Wait()
	won := map[string]int{}
	for i, p := range got {
		if p.Action == nil || p.Action.State == api.ActionPending {
			w.t.Fatalf("%s: %s got no answer: %+v", name, acts[i], p)
		}
		if p.Action.State == api.ActionDone {
			won[acts[i]]++
		}
	}
	// Two voids of one payment are one.
	if len(won) != 1 || won["capture"] > 1 || won["refund"] > 1 {
		w.t.Errorf("%s: won %v", name, won)
	}
	for _, side := range [][]string{{"till", "show", "--data", w.Data("box")}, {"till", "show", "--data", w.Data("bar")}, {"wallet", "receipts", "--data", w.Data("ada")}} {
		w.must(w.Until("all show what came of "+name, func() (bool, error) {
			var p api.Payment
			err := w.Ask(&p, append(slices.Clone(side), "--id", id)...)
			ended := p.AmountHeld == 0 && (p.State == pay.StateVoided || p.State == want || want == "" && p.State == pay.StateCaptured)
			return ended && p.AmountCaptured <= 100 && p.AmountRefunded <= p.AmountCaptured, err
		}))
	}
}
