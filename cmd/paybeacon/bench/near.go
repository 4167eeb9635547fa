package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/crowd"
	"github.com/paybeacon/paybeacon/pay"
)

const (
	benchSeed      = 1
	benchToldHalf  = 2 * time.Second
	benchToldMost  = 4 * time.Second
	benchToldShare = 95
	benchVisitors  = 100
	benchLinks     = 10 // worlds of two visits
	benchPace      = 100 * time.Millisecond
	benchSlowPace  = 1280 * time.Millisecond // what BlueZ uses by itself
	benchVisitPace = ble.IntervalDefault
	benchListening = 150 * time.Second
)

// benchFloor says how much of the simulated floor is measured.
type benchFloor struct {
	worlds  int // of each scene
	minutes int // of somebody who waits
}

// near measures in the simulated floor how soon a till is told who stands
// before it, beside the mean of 20 s, and how often somebody who only waits
// counts as near, beside the strongest single advert.
func (b benchFloor) near(ctx context.Context, _ string) ([]figure, error) {
	product := crowd.Tracker("product", ble.TrackerOptions{})
	mean := crowd.Average(fmt.Sprintf("mean of 20 s (%g: never)", crowd.Stay.Seconds()), 20*time.Second, ble.NearDefault)
	figures := []figure{{What: "worlds a line; each is repeatable", Value: float64(b.worlds), Unit: fmt.Sprintf("(seed %d)", benchSeed)}}
	for _, c := range []struct {
		what  string
		scene crowd.Scene
		pace  time.Duration
		goal  bool
	}{
		{"walks up, 10 adverts a second", crowd.Alone(), benchPace, true},
		{"switches on, 10 adverts a second", crowd.SwitchesOn(), benchPace, true},
		{"walks up, 4 adverts a second", crowd.Alone(), ble.IntervalDefault, true},
		{"walks up, one advert each 1.28 s", crowd.Alone(), benchSlowPace, false},
	} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		y := crowd.Measure(crowd.Options{Scene: c.scene, Seed: benchSeed, Interval: c.pace}, b.worlds, product, mean)
		figures = append(figures, toldFigures(c.what, y[0], y[1], c.goal)...)
	}
	for _, near := range []pay.RSSI{ble.NearDefault, -58, -56} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		figures = append(figures, b.lane(near)...)
	}
	return figures, nil
}

// toldFigures are the median and the 95th percentile of the time from coming to
// a stand until told. Somebody who was never told counts with the whole stay.
func toldFigures(what string, ours, mean crowd.Tally, goal bool) []figure {
	half, most := figure{What: what + ": told, half", Unit: "s"}, figure{What: fmt.Sprintf("%s: told, %d %%", what, benchToldShare), Unit: "s"}
	half.Value, most.Value = stood(ours.Told(0.5)), stood(ours.Told(benchToldShare/100.0))
	compare(&half, mean.Rule, stood(mean.Told(0.5)))
	compare(&most, mean.Rule, stood(mean.Told(benchToldShare/100.0)))
	if goal {
		soon, inTime := ours.Told(0.5) <= benchToldHalf, ours.Told(benchToldShare/100.0) <= benchToldMost
		half.Target, half.Met = fmt.Sprintf("<= %g s", benchToldHalf.Seconds()), &soon
		most.Target, most.Met = fmt.Sprintf("<= %g s", benchToldMost.Seconds()), &inTime
	}
	return []figure{half, most}
}

func stood(d time.Duration) float64 { return min(d, crowd.Stay).Seconds() }

// lane says what a threshold costs either way. Powers are true here, as
// on a lane that was calibrated: what differs is the place and the air.
func (b benchFloor) lane(near pay.RSSI) []figure {
	o := crowd.Options{Scene: crowd.Waiting(1.5), Seed: benchSeed, Interval: benchPace, Exact: true}
	lane := crowd.Tracker("lane", ble.TrackerOptions{Near: near, Far: near - 6})
	waits := crowd.Measure(o, b.minutes, lane, crowd.Strongest("strongest advert", near))
	o.Scene = crowd.Alone()
	comes := crowd.Measure(o, b.minutes, lane)
	told := comes[0].Told(benchToldShare / 100.0)
	falsely := figure{What: fmt.Sprintf("--near %d: near at 1.5 m within 1 min", near), Value: percent(waits[0], waits[0].FalseNear), Unit: "%"}
	compare(&falsely, waits[1].Rule, percent(waits[1], waits[1].FalseNear))
	return []figure{falsely, {What: fmt.Sprintf("--near %d: told, %d %%", near, benchToldShare), Value: stood(told), Unit: "s"}}
}

// crowd measures in each scene how often a charge for the nearest means
// somebody else and how often it means nobody, beside the strongest advert, and
// how much better than a guess a linker ties codes together.
func (b benchFloor) crowd(ctx context.Context, _ string) ([]figure, error) {
	figures := []figure{{What: "worlds a scene; each is repeatable", Value: float64(b.worlds), Unit: fmt.Sprintf("(seed %d)", benchSeed)}}
	for _, s := range crowd.Scenes() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		y := crowd.Measure(crowd.Options{Scene: s, Seed: benchSeed}, b.worlds,
			crowd.Tracker("product", ble.TrackerOptions{}), crowd.Strongest("strongest advert", ble.NearDefault))
		ours, simple := y[0], y[1]
		wrong := figure{What: s.Name + ": the wrong one", Value: percent(ours, ours.Wrong), Unit: "%"}
		nobody := figure{What: s.Name + ": nobody, the till asks", Value: percent(ours, ours.Abstained), Unit: "%"}
		compare(&wrong, simple.Rule, percent(simple, simple.Wrong))
		compare(&nobody, simple.Rule, percent(simple, simple.Abstained))
		figures = append(figures, wrong, nobody)
	}
	visits := crowd.LinkVisits(crowd.Options{Scene: crowd.Visits(benchVisitors), Seed: benchSeed, Interval: benchVisitPace}, benchLinks)
	mixed := crowd.LinkVisits(crowd.Options{Scene: crowd.Visits(benchVisitors), Seed: benchSeed}, benchLinks)
	followed := crowd.LinkRotations(crowd.Options{Scene: crowd.Crowd(benchVisitors, 4, benchListening), Seed: benchSeed, Interval: benchVisitPace}, 1)
	return append(figures,
		linkFigure("linked over two visits, one pace", visits),
		linkFigure("linked over two visits, paces differ", mixed),
		linkFigure("linked while listening on and on", followed)), nil
}

func linkFigure(what string, l crowd.Linking) figure {
	f := figure{What: fmt.Sprintf("%s, of %d", what, benchVisitors), Value: 100 * l.Linked, Unit: "%"}
	compare(&f, "a guess", 100*l.Guess)
	return f
}

func percent(t crowd.Tally, n int) float64 { return 100 * t.Share(n) }

// compare sets a yardstick beside f, and their ratio where there is one.
func compare(f *figure, against string, yardstick float64) {
	f.Against, f.Yardstick = against, yardstick
	if f.Value > 0 {
		f.Ratio = yardstick / f.Value
	}
}
