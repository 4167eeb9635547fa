package crowd

import (
	"math"
	"math/rand/v2"
)

// Rate is a share, 0 to 1, with the bounds within which it lies in 90 % of draws.
type Rate struct{ Value, Low, High float64 }

// Rates is what a rule does in the worlds of a Tally.
type Rates struct {
	Asked  Rate // charges for which the till asks, of all
	Wrong  Rate // charges for which it named somebody else, of those that named anybody
	Lapses Rate // worlds in which it named somebody else at some moment, of all
	// Mischarged is the charges of somebody else that a payer's rule may answer, of
	// all charges, and Unasked all that it may.
	Mischarged, Unasked Rate
}

// ratesDraws is how many draws a bracket takes. Chosen: its ends change by less
// than a tenth of its width with more.
const ratesDraws = 400

// neverSeen is the chance with which something that happens as often as the upper end
// of its bracket happens in no world. Chosen: the part of the draws above a bracket.
const neverSeen = 0.05

// worldsOf returns of how many worlds the nth of ratesOf is a share.
func (t *Tally) worldsOf(n int) int {
	if n == wrongAt {
		return t.Right + t.Wrong
	}
	return len(t.worlds)
}

// Rates returns the rates of t. What happened in no world happens in none that is drawn
// either; the upper end of its bracket is the rate at which that is one case in twenty. Its brackets draw the units anew: the sets of
// recordings that the worlds are composed of, each as often as it is drawn, or
// where there are none the worlds themselves. Unlike worlds, the sets are few, and
// they are what another place would have other ones of. seed makes the draws.
func (t *Tally) Rates(seed uint64) Rates {
	sets := 0
	for _, w := range t.worlds {
		for _, s := range w.sets {
			sets = max(sets, s+1)
		}
	}
	r := rand.New(rand.NewPCG(seed, 2))
	rates := t.ratesOf(func(int) float64 { return 1 })
	drawn := make([][]float64, len(rates))
	for range ratesDraws {
		times := drawSets(r, max(sets, 1))
		if sets == 0 {
			times = drawSets(r, len(t.worlds))
		}
		for n, v := range t.ratesOf(func(i int) float64 { return weightOf(t.worlds[i].sets, times, i) }) {
			drawn[n] = append(drawn[n], v)
		}
	}
	var out [5]Rate
	for n, v := range rates {
		low, high := bracketOf(drawn[n])
		if of := t.worldsOf(n); v == 0 && of > 0 {
			high = max(high, 1-math.Pow(neverSeen, 1/float64(of)))
		}
		out[n] = Rate{v, low, high}
	}
	return Rates{out[0], out[1], out[2], out[3], out[4]}
}

// FalselyNear returns the share of the worlds without a customer in which a person
// counted as near, with the bounds within which it lies in 90 % of draws of the worlds.
// seed makes the draws.
func (t *Tally) FalselyNear(seed uint64) Rate {
	r := rand.New(rand.NewPCG(seed, 4))
	drawn := make([]float64, 0, ratesDraws)
	for range ratesDraws {
		n := 0
		for range t.Trials {
			n += count(r.IntN(t.Trials) < t.FalseNear)
		}
		drawn = append(drawn, t.Share(n))
	}
	low, high := bracketOf(drawn)
	return Rate{t.Share(t.FalseNear), low, high}
}

// weightOf returns how often a world of sets stands in a draw.
func weightOf(sets []int, times []float64, world int) float64 {
	if len(sets) == 0 {
		return times[world]
	}
	weight := 1.0
	for _, s := range sets {
		weight *= times[s]
	}
	return weight
}

// wrongAt is the place of wrong in what ratesOf returns.
const wrongAt = 1

// ratesOf returns asked, wrong, lapses, mischarged and unasked, with the weights of
// the worlds.
func (t *Tally) ratesOf(weight func(world int) float64) [5]float64 {
	var asked, wrong, lapses, mischarged, unasked weighted
	for i := range t.worlds {
		w, o := weight(i), &t.worlds[i]
		asked.add(1-float64(count(o.named)), w)
		lapses.add(float64(count(o.lapsed)), w)
		mischarged.add(float64(count(o.mischarged)), w)
		unasked.add(float64(count(o.unasked)), w)
		if o.named {
			wrong.add(float64(count(o.wrong)), w)
		}
	}
	return [5]float64{asked.mean(), wrongAt: wrong.mean(), lapses.mean(), mischarged.mean(), unasked.mean()}
}
