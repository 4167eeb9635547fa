package crowd_test

import (
	"fmt"
	"testing"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/crowd"
)

// TestTwoEarsHearOneAir: with a second ear the first one hears the same as without,
// advert for advert; what both hear has one code and one moment, and what belongs to
// the phone is common to both.
func TestTwoEarsHearOneAir(t *testing.T) {
	t.Parallel()
	for _, scene := range []crowd.Scene{crowd.Queue(), crowd.PocketAndHand(), crowd.Liar()} {
		o := crowd.Options{Scene: scene, Seed: seed}
		one := crowd.New(o)
		o.Second = &crowd.FarSide
		two := crowd.New(o)
		heard := map[ble.Ear]int{}
		for {
			a, more := two.Next()
			if !more {
				break
			}
			heard[a.Ear]++
			if a.Ear != ble.FirstEar {
				continue
			}
			b, _ := one.Next()
			if got, want := fmt.Sprintf("%+v", a), fmt.Sprintf("%+v", b); got != want {
				t.Fatalf("%s: the first of two ears hears %s, one ear %s", scene.Name, got, want)
			}
		}
		if b, more := one.Next(); more || heard[ble.SecondEar] < heard[ble.FirstEar]/3 {
			t.Errorf("%s: heard %v, then %+v", scene.Name, heard, b)
		}
	}
}

// TestTwoEarsBySimulation: at the far side of the counter half of the second ear's
// level makes fewer wrong picks of a liar, of a pocket before a hand and in a queue;
// the whole of it asks more in a queue, and behind the counter half is no gain there.
func TestTwoEarsBySimulation(t *testing.T) {
	t.Parallel()
	const worlds = 300
	measure := func(s crowd.Scene, at crowd.Spot) []crowd.Rates {
		var out []crowd.Rates
		for _, tally := range crowd.Measure(crowd.Options{Scene: s, Seed: seed, Second: &at}, worlds, crowd.Ears()...) {
			out = append(out, tally.Rates(seed))
			t.Logf("simulated, seed %d, %s, %+v, %s: %+v", seed, s.Name, at, tally.Rule, out[len(out)-1])
		}
		return out
	}
	for _, s := range []crowd.Scene{crowd.Liar(), crowd.PocketAndHand()} {
		if r := measure(s, crowd.FarSide); r[1].Wrong.Value > 0.6*r[0].Wrong.Value || r[1].Asked.Value > r[0].Asked.Value+0.03 {
			t.Errorf("%s: half %+v, one ear %+v", s.Name, r[1], r[0])
		}
	}
	r := measure(crowd.Queue(), crowd.FarSide)
	if r[1].Wrong.Value > r[0].Wrong.Value || r[2].Asked.Value < r[1].Asked.Value+0.03 {
		t.Errorf("queue: half %+v, one ear %+v, plain %+v", r[1], r[0], r[2])
	}
	if r := measure(crowd.Queue(), crowd.BehindCounter); r[1].Asked.Value < r[0].Asked.Value {
		t.Errorf("queue, behind the counter: half %+v, one ear %+v", r[1], r[0])
	}
}

// TestPlate: who stands where the plate is hears no difference; others are weaker by
// as much as it takes off.
func TestPlate(t *testing.T) {
	t.Parallel()
	o := crowd.Options{Scene: crowd.TwoLanes(), Seed: seed}
	product := crowd.Tracker("product", ble.TrackerOptions{})
	open := crowd.Measure(o, 300, product)[0].Rates(seed)
	o.Plate.Behind = 10
	behind := crowd.Measure(o, 300, product)[0].Rates(seed)
	o.Plate = crowd.Plate{Around: 10}
	around := crowd.Measure(o, 300, product)[0].Rates(seed)
	t.Logf("simulated, seed %d: open %+v, behind %+v, around %+v", seed, open, behind, around)
	if behind.Wrong.Value >= open.Wrong.Value || around.Wrong.Value >= behind.Wrong.Value {
		t.Errorf("wrong: open %v, behind %v, around %v", open.Wrong, behind.Wrong, around.Wrong)
	}
}
