package crowd

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Fit is what recordings show of a channel. Deviations and levels are in dB.
type Fit struct {
	Exponent float64 // path loss, within sets
	Standing float64 // deviation of the level of one stay from its set's line over distance
	Facing   float64 // how much stronger than the line is whoever faces the other
	Back     float64 // and whoever turned by 135 to 225 degrees, negative
	Scatter  float64 // deviation of the adverts within one stay
	Best     float64 // how much the 90 % point of a stay lies above its middle
	Second   float64 // correlation of two adverts of the same channel, about 1 s apart
	Three    float64 // the same about 3 s apart
}

// Figures returns the figures of f by name, in a fixed order.
func (f Fit) Figures() []Figure {
	return []Figure{
		{"path-loss exponent", f.Exponent}, {"standing, by place and turn", f.Standing}, {"facing", f.Facing}, {"back turned", f.Back},
		{"scatter of adverts", f.Scatter}, {"best above middle", f.Best}, {"same channel after 1 s", f.Second}, {"same channel after 3 s", f.Three},
	}
}

// Figure is a number with a name.
type Figure struct {
	Name  string
	Value float64
}

// stay is what Measure needs of one recording.
type stay struct {
	set                       int
	log, level, scatter, best float64
	angle                     int
	second, three             float64
	secondWeight, threeWeight float64
}

// FitOf measures what recordings show. Of each set it takes the line of level over
// the logarithm of distance, with one slope for all.
func FitOf(recordings []Recording) Fit { return fitStays(staysOf(recordings), nil) }

// FitBrackets returns the bounds within which 90 % of draws of as many sets, with
// replacement, lie for each figure of FitOf. seed makes the draws.
func FitBrackets(recordings []Recording, seed uint64, draws int) (low, high []float64) {
	stays := staysOf(recordings)
	sets := len(Sets(recordings))
	r := rand.New(rand.NewPCG(seed, 0))
	var all [][]float64
	for range draws {
		var values []float64
		for _, f := range fitStays(stays, drawSets(r, sets)).Figures() {
			values = append(values, f.Value)
		}
		all = append(all, values)
	}
	for n := range all[0] {
		var column []float64
		for _, values := range all {
			column = append(column, values[n])
		}
		l, h := bracketOf(column)
		low, high = append(low, l), append(high, h)
	}
	return low, high
}

// drawSets draws n of n sets with replacement and returns how often each was drawn.
func drawSets(r *rand.Rand, n int) []float64 {
	times := make([]float64, n)
	for range n {
		times[r.IntN(n)]++
	}
	return times
}

// bracketOf returns the bounds between which 90 % of values lie.
func bracketOf(values []float64) (low, high float64) {
	slices.Sort(values)
	at := func(p float64) float64 { return values[int(math.Round(p*float64(len(values)-1)))] }
	return at(0.05), at(0.95)
}

// The pauses after which strengths of the same channel are compared. Measured: the
// recorders listen on the three channels in turn for 40 ms each, so 960 ms and
// 3 s lead back to the same one.
const (
	channelTurn  = 40 * time.Millisecond
	againSecond  = 8 * channels * channelTurn
	againThree   = 25 * channels * channelTurn
	againWithin  = 8 * time.Millisecond
	againMin     = 20 // pairs of adverts that a stay must have to count
	scatteredMin = 1.0
)

func staysOf(recordings []Recording) []stay {
	names := Sets(recordings)
	out := make([]stay, 0, len(recordings))
	for i := range recordings {
		r := &recordings[i]
		set, _ := slices.BinarySearch(names, r.Set)
		s := stay{set: set, log: math.Log10(r.Metres), angle: r.Angle, level: r.median()}
		mean, deviation := r.moments()
		s.scatter, s.best = deviation, r.quantile(0.9)-s.level
		if deviation >= scatteredMin {
			s.second, s.secondWeight = r.again(againSecond, mean, deviation)
			s.three, s.threeWeight = r.again(againThree, mean, deviation)
		}
		out = append(out, s)
	}
	return out
}

// fitStays measures stays, each as often as times of its set, or once.
func fitStays(stays []stay, times []float64) (f Fit) {
	weight := func(s *stay) float64 {
		if times == nil {
			return 1
		}
		return times[s.set]
	}
	sets := 0
	for i := range stays {
		sets = max(sets, stays[i].set+1)
	}
	type line struct{ n, log, level float64 }
	lines := make([]line, sets)
	for i := range stays {
		s := &stays[i]
		l := &lines[s.set]
		l.n, l.log, l.level = l.n+1, l.log+s.log, l.level+s.level
	}
	var sxx, sxy float64
	for i := range stays {
		s, l := &stays[i], lines[stays[i].set]
		d := s.log - l.log/l.n
		sxx += weight(s) * d * d
		sxy += weight(s) * d * (s.level - l.level/l.n)
	}
	slope := sxy / sxx
	f.Exponent = -slope / 10
	var standing, facing, back, scatter, best, second, three weighted
	for i := range stays {
		s, l := &stays[i], lines[stays[i].set]
		w := weight(s)
		off := s.level - l.level/l.n - slope*(s.log-l.log/l.n)
		standing.add(off*off, w)
		switch s.angle {
		case 0:
			facing.add(off, w)
		case 135, 180, 225:
			back.add(off, w)
		}
		scatter.add(s.scatter, w)
		best.add(s.best, w)
		second.add(s.second, w*s.secondWeight)
		three.add(s.three, w*s.threeWeight)
	}
	f.Standing, f.Facing, f.Back = math.Sqrt(standing.mean()), facing.mean(), back.mean()
	f.Scatter, f.Best, f.Second, f.Three = scatter.mean(), best.mean(), second.mean(), three.mean()
	return f
}

// weighted is a weighted mean.
type weighted struct{ sum, weight float64 }

func (a *weighted) add(v, weight float64) { a.sum, a.weight = a.sum+v*weight, a.weight+weight }

func (a *weighted) mean() float64 {
	if a.weight == 0 {
		return 0
	}
	return a.sum / a.weight
}

// quantile returns the strength below which the share p of the samples lies.
func (r *Recording) quantile(p float64) float64 {
	sorted := make([]int, len(r.Samples))
	for i, s := range r.Samples {
		sorted[i] = s.RSSI
	}
	slices.Sort(sorted)
	return float64(sorted[int(p*float64(len(sorted)-1))])
}

// median returns the middle strength, of two the weaker.
func (r *Recording) median() float64 { return r.quantile(0.5) }

// moments returns mean and deviation of the strengths.
func (r *Recording) moments() (mean, deviation float64) {
	for _, s := range r.Samples {
		mean += float64(s.RSSI) / float64(len(r.Samples))
	}
	for _, s := range r.Samples {
		d := float64(s.RSSI) - mean
		deviation += d * d / float64(len(r.Samples))
	}
	return mean, math.Sqrt(deviation)
}

// again returns the correlation of samples that are gap apart, and 1 if there are
// enough of them, else 0.
func (r *Recording) again(gap time.Duration, mean, deviation float64) (correlation, weight float64) {
	var sum weighted
	j := 0
	for _, s := range r.Samples {
		for j < len(r.Samples) && r.Samples[j].At < s.At+gap-againWithin {
			j++
		}
		if j < len(r.Samples) && r.Samples[j].At <= s.At+gap+againWithin {
			sum.add((float64(s.RSSI)-mean)*(float64(r.Samples[j].RSSI)-mean)/(deviation*deviation), 1)
		}
	}
	if sum.weight < againMin {
		return 0, 0
	}
	return sum.mean(), 1
}

// Simulate returns recordings of the same stays, with the times of all samples, as
// the channel c makes them: what FitOf finds in them shows what c assumes. seed
// makes them.
func Simulate(c Channel, recordings []Recording, seed uint64) []Recording {
	r := rand.New(rand.NewPCG(seed, 1))
	powers := map[string]float64{}
	for _, name := range Sets(recordings) {
		powers[name] = c.power(r, tracedStated) - c.carried(r, carry(r.IntN(2)))
	}
	out := make([]Recording, len(recordings))
	for i := range recordings {
		from := &recordings[i]
		to := *from
		to.Samples = make([]Sample, len(from.Samples))
		level := powers[from.Set] - c.pathLoss(from.Metres) + c.turned(float64(from.Angle)*math.Pi/180)
		var air path
		for n, s := range from.Samples {
			channel := int(s.At/channelTurn) % channels
			to.Samples[n] = Sample{s.At, int(math.Round(level + air.gain(r, &c, channel, s.At, false, false)))}
		}
		out[i] = to
	}
	return out
}
