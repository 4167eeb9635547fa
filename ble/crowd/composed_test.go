package crowd_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/crowd"
	"github.com/paybeacon/paybeacon/pay"
)

// placings are the ways in which persons are composed.
func placings() (out []crowd.Placing) {
	for persons := 2; persons <= 4; persons++ {
		for _, atBox := range []bool{false, true} {
			for _, unlike := range []bool{false, true} {
				out = append(out, crowd.Placing{Persons: persons, AtBox: atBox, Unlike: unlike})
			}
		}
	}
	return out
}

// TestComposedWorlds needs no recordings: it composes persons of made up ones.
func TestComposedWorlds(t *testing.T) {
	t.Parallel()
	traces := crowd.NewTraces(madeUp(crowd.Measured(), 6))
	for _, p := range placings() {
		name := fmt.Sprintf("%+v", p)
		scene := traces.Composed(name, p)
		owners, rotated := map[crowd.Person]int{}, 0
		for trial := range uint64(20) {
			o := crowd.Options{Scene: scene, Seed: seed, Trial: trial}
			if first, again := digest(o), digest(o); first != again {
				t.Fatalf("%s: the same seed made another air", name)
			}
			codes := map[pay.Code]bool{}
			w := crowd.New(o)
			if w.Customer != 0 || w.Arrives < time.Second || w.End != w.Arrives+crowd.Stay || len(w.Sets) == 0 || !p.Unlike && len(w.Sets) != 1 {
				t.Fatalf("%s: customer %d arrives at %v of %v, sets %v", name, w.Customer, w.Arrives, w.End, w.Sets)
			}
			for {
				a, more := w.Next()
				if !more {
					break
				}
				f, err := ble.ParseFrame(a.Sections[0])
				if err != nil || f.Power != ble.PowerReference || !a.HasRSSI {
					t.Fatalf("%s: %+v, %v", name, f, err)
				}
				owners[w.Owner(f.Code)]++
				codes[f.Code] = true
			}
			rotated += len(codes) - p.Persons
		}
		if len(owners) != p.Persons || rotated == 0 {
			t.Errorf("%s: heard of %v, %d rotations", name, owners, rotated)
		}
	}
}

// TestComposedOfLittle: recordings that miss distances still make worlds.
func TestComposedOfLittle(t *testing.T) {
	t.Parallel()
	little := madeUp(crowd.Measured(), 1)[:2]
	for i := range little {
		little[i].Metres = 40
	}
	for _, p := range placings() {
		w := crowd.New(crowd.Options{Scene: crowd.NewTraces(little).Composed("little", p), Seed: seed})
		n := 0
		for _, more := w.Next(); more; _, more = w.Next() {
			n++
		}
		if n == 0 {
			t.Errorf("%+v: nothing is heard", p)
		}
	}
}

// TestWhatNeverHappenedHasAnUpperBound: nothing wrong in a few worlds does not mean
// never.
func TestWhatNeverHappenedHasAnUpperBound(t *testing.T) {
	t.Parallel()
	const worlds = 30
	tally := crowd.Measure(crowd.Options{Scene: crowd.Alone(), Seed: seed}, worlds, crowd.Tracker("product", ble.TrackerOptions{}))[0]
	r := tally.Rates(seed)
	if tally.Mischarged != 0 || tally.Wrong != 0 || tally.Right == 0 {
		t.Fatalf("alone: %+v", tally)
	}
	for name, c := range map[string]struct {
		rate crowd.Rate
		of   int
	}{"mischarged": {r.Mischarged, worlds}, "wrong": {r.Wrong, tally.Right}} {
		if c.rate.Low != 0 || math.Abs(c.rate.High-2.9/float64(c.of)) > 0.3/float64(c.of) {
			t.Errorf("%s: %+v of %d, seed %d", name, c.rate, c.of, seed)
		}
	}
}

// TestBrackets: a rate lies within its bracket, and more worlds make a narrower
// one where nothing is recorded.
func TestBrackets(t *testing.T) {
	t.Parallel()
	width := map[int]float64{}
	pair := crowd.NewTraces(madeUp(crowd.Measured(), 3)).Composed("pair", crowd.Placing{Persons: 2, Unlike: true})
	for _, c := range []struct {
		scene  crowd.Scene
		worlds int
	}{{pair, 200}, {crowd.RushHour(), 40}, {crowd.RushHour(), 400}} {
		tally := crowd.Measure(crowd.Options{Scene: c.scene, Seed: seed}, c.worlds, crowd.Strongest("strongest", ble.NearDefault))[0]
		r := tally.Rates(seed)
		for name, rate := range map[string]crowd.Rate{"asked": r.Asked, "wrong": r.Wrong, "lapses": r.Lapses, "mischarged": r.Mischarged, "unasked": r.Unasked} {
			if rate.Low > rate.Value || rate.Value > rate.High || rate.Low < 0 || rate.High > 1 {
				t.Errorf("%s, %s: %+v", c.scene.Name, name, rate)
			}
		}
		if got, want := r.Mischarged.Value, tally.Share(tally.Mischarged); math.Abs(got-want) > 1e-9 || tally.Mischarged != tally.Wrong {
			t.Errorf("%s: mischarged %v of %v, wrong %d", c.scene.Name, got, want, tally.Wrong)
		}
		if again := tally.Rates(seed); again != r {
			t.Errorf("%s: the same seed drew another bracket", c.scene.Name)
		}
		width[c.worlds] = r.Wrong.High - r.Wrong.Low
	}
	if width[400] >= width[40] {
		t.Errorf("brackets by worlds: %v", width)
	}
}
