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
	benchPace      = 100 * time.Millisecond
	benchSlowPace  = 1280 * time.Millisecond // what BlueZ uses by itself
	benchVisitPace = ble.IntervalDefault
	benchListening = 150 * time.Second
)

// benchFloor says how much of the simulated floor is measured.
type benchFloor struct {
	worlds   int    // of each scene
	minutes  int    // of somebody who waits
	composed int    // worlds of each placing of recorded persons
	charges  int    // worlds in which charges are counted that nobody is asked about
	links    int    // worlds of two visits
	traces   string // the file of recordings; "" where there is none
}

// near measures in the simulated floor how soon a till is told who stands
// before it, beside the mean of 20 s, and how often somebody who only waits
// counts as near, beside the strongest single advert.
func (b benchFloor) near(ctx context.Context, _ string) ([]figure, error) {
	product := crowd.Tracker("product", ble.TrackerOptions{})
	mean := crowd.Average(fmt.Sprintf("mean of 20 s (%g: never)", crowd.Stay.Seconds()), 20*time.Second, ble.NearDefault)
	figures := []figure{{What: "simulated: worlds a line, each repeatable", Value: float64(b.worlds), Unit: fmt.Sprintf("(seed %d)", benchSeed)}}
	for _, c := range []struct {
		what    string
		scene   crowd.Scene
		pace    time.Duration
		channel crowd.Channel
		goal    bool
	}{
		{"walks up, 10 adverts a second, kind channel", crowd.Alone(), benchPace, crowd.Kind(), true},
		{"switches on, 10 adverts a second, kind channel", crowd.SwitchesOn(), benchPace, crowd.Kind(), true},
		{"walks up, 4 adverts a second, kind channel", crowd.Alone(), ble.IntervalDefault, crowd.Kind(), true},
		{"walks up, one advert each 1.28 s, kind channel", crowd.Alone(), benchSlowPace, crowd.Kind(), false},
		{"walks up, 10 adverts a second", crowd.Alone(), benchPace, crowd.Measured(), false},
		{"walks up, 4 adverts a second", crowd.Alone(), ble.IntervalDefault, crowd.Measured(), false},
	} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		y := crowd.Measure(crowd.Options{Scene: c.scene, Seed: benchSeed, Interval: c.pace, Channel: c.channel}, b.worlds, product, mean)
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
	half, most := figure{What: "simulated, " + what + ": told, half", Unit: "s"}, figure{What: fmt.Sprintf("simulated, %s: told, %d %%", what, benchToldShare), Unit: "s"}
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
	return []figure{
		rated(fmt.Sprintf("simulated, --near %d: near at 1.5 m within 1 min", near), waits[0].FalselyNear(benchSeed), waits[1].Rule, waits[1].FalselyNear(benchSeed)),
		{What: fmt.Sprintf("simulated, --near %d: told, %d %%", near, benchToldShare), Value: stood(told), Unit: "s"},
	}
}

// compare sets a yardstick beside f, and their ratio where there is one.
func compare(f *figure, against string, yardstick float64) {
	f.Against, f.Yardstick = against, yardstick
	if f.Value > 0 {
		f.Ratio = yardstick / f.Value
	}
}
