package crowd_test

import (
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/crowd"
)

// TestWhatIsExpectedAtTheCounter: simulated, of customers who are alone at the till
// with a phone in the hand half are stronger than expected and half are weaker.
func TestWhatIsExpectedAtTheCounter(t *testing.T) {
	t.Parallel()
	const worlds = 300
	sum, n := 0, 0
	for trial := range uint64(worlds) {
		w := crowd.New(crowd.Options{Scene: crowd.Alone(), Seed: seed, Trial: trial})
		tr, look := ble.NewTracker(ble.TrackerOptions{}), crowd.Start.Add(w.Arrives+4*time.Second)
		for {
			a, more := w.Next()
			if !more {
				break
			}
			tr.Observe(a)
			if a.At.Before(look) {
				continue
			}
			for _, c := range tr.Nearby(a.At).Candidates {
				if dB, ok := c.Excess.DB(); ok && !c.Tapped && w.Owner(c.Code) == w.Customer {
					sum, n = sum+dB, n+1
				}
			}
			break
		}
	}
	mean := float64(sum) / float64(max(n, 1))
	t.Logf("seed %d, simulated: of %d customers the mean is %.1f dB off", seed, n, mean)
	if n < worlds/2 || mean < -2 || mean > 2 {
		t.Errorf("of %d customers the mean is %.1f dB off", n, mean)
	}
}

// TestLevelsLinkLittle: simulated, few classes of stated power link visits little
// better than one, and seven clearly more: so a device's level is bounded to three.
func TestLevelsLinkLittle(t *testing.T) {
	t.Parallel()
	const n = 100
	link := func(own int) crowd.Linking {
		l := crowd.LinkVisits(crowd.Options{Scene: crowd.Visits(n), Seed: seed, Interval: 250 * time.Millisecond, Own: &own}, 8)
		t.Logf("seed %d, simulated: own levels by up to %d dB: %+v linked, a guess %.3f", seed, own, l.Rate(seed), l.Guess)
		return l
	}
	same, three, seven := link(0), link(4), link(12)
	if same.Advantage() > 0.02 || three.Advantage() > 0.04 {
		t.Errorf("linked are %.3f of one class, %.3f of three, a guess links %.3f", same.Linked, three.Linked, three.Guess)
	}
	if seven.Linked < 1.5*three.Linked {
		t.Errorf("seven classes link %.3f and three %.3f: the linker does not look", seven.Linked, three.Linked)
	}
}
