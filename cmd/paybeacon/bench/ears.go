package bench

import (
	"context"
	"fmt"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/crowd"
)

// earScenes are the scenes that show what a second ear and a plate do.
func earScenes() []crowd.Scene {
	return []crowd.Scene{crowd.Queue(), crowd.TwoLanes(), crowd.RushHour(), crowd.PocketAndHand(), crowd.Liar()}
}

// isolation is how much weaker the antenna of a box hears others in bench, in dB.
// Chosen: what a metal plate under the counter is expected to give; none was measured.
const isolation = 10

// ears measures, in simulated scenes, a second ear at two places and a metal plate.
func (b benchFloor) ears(ctx context.Context) ([]figure, error) {
	var figures []figure
	for _, s := range earScenes() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, at := range []struct {
			name string
			spot crowd.Spot
		}{{"on the far side", crowd.FarSide}, {"behind the counter", crowd.BehindCounter}} {
			figures = append(figures, b.secondAt(s, at.name, at.spot)...)
		}
		figures = append(figures, b.plated(s)...)
	}
	return figures, nil
}

// secondAt is a scene with a second ear at a spot: half of it and the plain
// difference, each beside one ear.
func (b benchFloor) secondAt(s crowd.Scene, where string, spot crowd.Spot) []figure {
	y := crowd.Measure(crowd.Options{Scene: s, Seed: benchSeed, Second: &spot}, b.worlds, crowd.Ears()...)
	one, half, plain := y[0].Rates(benchSeed), y[1].Rates(benchSeed), y[2].Rates(benchSeed)
	name := fmt.Sprintf("simulated, %s, second ear %s", s.Name, where)
	return []figure{
		rated(name+": wrong", half.Wrong, "one ear", one.Wrong),
		rated(name+": asks", half.Asked, "one ear", one.Asked),
		rated(name+", plain difference: wrong", plain.Wrong, "one ear", one.Wrong),
		rated(name+", plain difference: asks", plain.Asked, "one ear", one.Asked),
		uncharged(name, half, "one ear", one),
	}
}

// plated is a scene with a plate that keeps off those behind the counter and at other
// tills, and with one that keeps off everybody who is not at the till.
func (b benchFloor) plated(s crowd.Scene) []figure {
	product := crowd.Tracker("product", ble.TrackerOptions{})
	measure := func(p crowd.Plate) crowd.Rates {
		return crowd.Measure(crowd.Options{Scene: s, Seed: benchSeed, Plate: p}, b.worlds, product)[0].Rates(benchSeed)
	}
	open, behind, around := measure(crowd.Plate{}), measure(crowd.Plate{Behind: isolation}), measure(crowd.Plate{Around: isolation})
	name := fmt.Sprintf("simulated, %s, %d dB", s.Name, isolation)
	return []figure{
		rated(name+" behind and beside: wrong", behind.Wrong, "open", open.Wrong),
		rated(name+" behind and beside: asks", behind.Asked, "open", open.Asked),
		uncharged(name+" behind and beside", behind, "open", open),
		rated(name+" all around the place of the payer: wrong", around.Wrong, "open", open.Wrong),
		rated(name+" all around the place of the payer: asks", around.Asked, "open", open.Asked),
		uncharged(name+" all around the place of the payer", around, "open", open),
	}
}

// uncharged is how many charges of somebody else nobody would be asked about, in a
// million, with brackets.
func uncharged(name string, r crowd.Rates, against string, y crowd.Rates) figure {
	return perMillion(name+": wrong and nobody asked", r.Mischarged, against, y.Mischarged)
}

// perMillion is a rate in a million with its bracket, beside another.
func perMillion(what string, r crowd.Rate, against string, y crowd.Rate) figure {
	at := func(share float64) *float64 { v := million(share); return &v }
	return figure{
		What: what, Value: *at(r.Value), Unit: "/M", Low: at(r.Low), High: at(r.High),
		Against: against, Yardstick: *at(y.Value), YardstickLow: at(y.Low), YardstickHigh: at(y.High),
	}
}

// ownVisits are after how many certain payments the devices of bench have corrected
// the power that they state.
func ownVisits() []int { return []int{5, 20} }

// ownLevels measures, with persons composed of recordings who have unlike phones,
// what it does that each device states its power by what was learned of it.
func (b benchFloor) ownLevels(ctx context.Context, played *crowd.Traces) ([]figure, error) {
	var figures []figure
	for _, c := range placings() {
		if !c.placing.Unlike {
			continue
		}
		product, strongest := crowd.Tracker("product", ble.TrackerOptions{}), crowd.Strongest("strongest advert", ble.NearDefault)
		measure := func(visits int) (ours, theirs crowd.Rates) {
			p := c.placing
			p.Visits = visits
			y := crowd.Measure(crowd.Options{Scene: played.Composed(c.name, p), Seed: benchSeed}, b.composed, product, strongest)
			return y[0].Rates(benchSeed), y[1].Rates(benchSeed)
		}
		before, strongestBefore := measure(0)
		for _, visits := range ownVisits() {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			after, strongestAfter := measure(visits)
			name := fmt.Sprintf("traces, %s, own level of %d visits", c.name, visits)
			figures = append(figures,
				rated(name+": wrong", after.Wrong, "without", before.Wrong),
				rated(name+": asks", after.Asked, "without", before.Asked),
				rated(name+": wrong by the strongest", strongestAfter.Wrong, "without", strongestBefore.Wrong),
				uncharged(name, after, "without", before))
		}
	}
	return figures, nil
}
