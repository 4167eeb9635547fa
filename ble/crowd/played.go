package crowd

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Traces is recordings from which worlds are composed: each person is one set,
// and is heard as that set's phone was heard at the distance where the person
// stands.
type Traces struct {
	sets []traceSet
}

// traceSet is the recordings of one set by distance.
type traceSet struct {
	name   string
	metres []float64 // sorted, farthest first
	at     map[float64][]*Recording
	level  float64 // how much stronger than all sets it is, in dB
}

// NewTraces sorts recordings into sets. It keeps and does not change them.
func NewTraces(recordings []Recording) *Traces {
	t := &Traces{}
	for _, name := range Sets(recordings) {
		s := traceSet{name: name, at: map[float64][]*Recording{}}
		for i := range recordings {
			if r := &recordings[i]; r.Set == name {
				s.at[r.Metres] = append(s.at[r.Metres], r)
			}
		}
		for m := range s.at {
			s.metres = append(s.metres, m)
		}
		slices.SortFunc(s.metres, func(a, b float64) int { return -int(math.Copysign(1, a-b)) })
		t.sets = append(t.sets, s)
	}
	t.level()
	return t
}

// level finds how much stronger each set is than the mean of all, at 1 m.
func (t *Traces) level() {
	exponent, all := Measured().Exponent, 0.0
	for i := range t.sets {
		s := &t.sets[i]
		sum, n := 0.0, 0
		for m, recordings := range s.at {
			for _, r := range recordings {
				sum += r.median() + 10*exponent*math.Log10(m)
				n++
			}
		}
		s.level = sum / float64(n)
		all += s.level / float64(len(t.sets))
	}
	for i := range t.sets {
		t.sets[i].level -= all
	}
}

// closest returns the recorded distance whose ratio to metres is nearest to 1.
func (s *traceSet) closest(metres float64) float64 {
	best := s.metres[0]
	for _, m := range s.metres {
		if math.Abs(math.Log(m/metres)) < math.Abs(math.Log(best/metres)) {
			best = m
		}
	}
	return best
}

// playback is the recordings from which one person is heard, one after another.
type playback struct {
	set   *traceSet
	gain  int
	parts []part
}

// part is a recording that is played from the moment from, beginning at offset, and
// again from its own beginning when it ends.
type part struct {
	from   time.Duration
	offset time.Duration
	gain   int // beside the person's own, in dB
	of     *Recording
}

// play appends a recording at metres as near as may be to angle, from the moment at.
func (p *playback) play(r *rand.Rand, metres float64, angle int, at time.Duration) {
	var best []*Recording
	least := 360
	for _, c := range p.set.at[metres] {
		d := abs(c.Angle-angle) % 360
		d = min(d, 360-d)
		if d < least {
			best, least = best[:0], d
		}
		if d == least {
			best = append(best, c)
		}
	}
	of := best[r.IntN(len(best))]
	p.parts = append(p.parts, part{from: at, offset: time.Duration(r.Int64N(int64(of.Length()))), of: of})
}

// turn lets the person turn by 45 degrees now and then until end, once standing.
func (p *playback) turn(r *rand.Rand, end time.Duration) {
	for {
		last := p.parts[len(p.parts)-1]
		at := last.from + turnMin + time.Duration(r.Int64N(int64(turnSpan)))
		if at >= end {
			return
		}
		p.play(r, last.of.Metres, (last.of.Angle+45+270*r.IntN(2))%360, at)
		p.parts[len(p.parts)-1].gain = last.gain
	}
}

// How long a person keeps facing one way. Chosen: people who wait shift their
// weight every few seconds and turn less often.
const (
	turnMin  = 3 * time.Second
	turnSpan = 12 * time.Second
)

// playedLate is how old the recorded strength may be that stands for an advert;
// without one the advert is lost. Chosen: twice the usual pause of the recordings.
const playedLate = 150 * time.Millisecond

// strength returns the recorded strength at the moment at, in dBm, and whether
// there is one.
func (p *playback) strength(at time.Duration) (int, bool) {
	i := len(p.parts) - 1
	for i > 0 && p.parts[i].from > at {
		i--
	}
	q := &p.parts[i]
	length := q.of.Length()
	t := (q.offset + at - q.from) % length
	n, exact := slices.BinarySearchFunc(q.of.Samples, t, func(s Sample, t time.Duration) int { return int(s.At - t) })
	if !exact {
		n--
	}
	s := q.of.Samples[max(n, 0)]
	return s.RSSI + p.gain + q.gain, t-s.At <= playedLate
}

func abs(n int) int { return max(n, -n) }
