//go:build crashpoints

package main

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
)

// TestKilledAtEveryPointOfTakingUp kills box and registry at every point of taking up
// what a box lacks that was put back. Started again, the box takes up the rest, what
// was paid stays paid once, and what it asked for since is paid.
func TestKilledAtEveryPointOfTakingUp(t *testing.T) {
	t.Parallel()
	for victim, points := range map[string][]string{
		"box": paysync.TakeUpCrashPoints(false), "reg": paysync.TakeUpCrashPoints(true),
	} {
		for _, point := range points {
			t.Run(victim+" at "+point, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				paid := w.boxOneChargeOld()
				if p, err := w.chargeUnder("second", "6.00", "--ttl", "10m"); err != nil || !p.Queued {
					t.Fatalf("%+v, %v", p, err)
				}
				w.Stop("box")
				env := map[string][]string{victim: {"PAYBEACON_CRASH=" + point}}
				w.restart("reg", env["reg"])
				w.restart("box", env["box"])
				w.must(w.Until(victim+" is dead", func() (bool, error) { return w.ended(victim), nil }))
				w.again(victim)
				w.connected("box")
				w.awaitOutcome("second", pay.OutcomePaid)
				if again := w.awaitOutcome("first", pay.OutcomePaid); again.ID != paid.ID {
					t.Errorf("the key answers with %s, paid was %s", again.ID, paid.ID)
				}
				if a := w.audit(); a.Payments != 2 {
					t.Errorf("%d payments, want 2", a.Payments)
				}
			})
		}
	}
}
