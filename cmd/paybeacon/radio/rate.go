package radio

import (
	"time"
)

// rateSeconds is how many whole seconds a rateMeter looks back. Chosen: steady
// figures that still follow a radio that goes deaf.
const rateSeconds = 5

// rateMeter says how many adverts a second were heard lately. It keeps one
// number a second and reads no clock. Its zero value has heard nothing.
type rateMeter struct {
	start  time.Time
	second int64 // since start, the one that is being counted
	counts [rateSeconds + 1]int
}

// count notes one advert at a moment that is not before the one noted last.
func (m *rateMeter) count(at time.Time) {
	m.advance(at)
	m.counts[m.second%int64(len(m.counts))]++
}

// perSecond returns the mean of the last whole seconds before now; in the first
// second it is what was heard so far.
func (m *rateMeter) perSecond(now time.Time) float64 {
	if m.start.IsZero() {
		return 0
	}
	m.advance(now)
	whole := min(m.second, rateSeconds)
	if whole == 0 {
		return float64(m.counts[0])
	}
	sum := 0
	for back := int64(1); back <= whole; back++ {
		sum += m.counts[(m.second-back)%int64(len(m.counts))]
	}
	return float64(sum) / float64(whole)
}

func (m *rateMeter) advance(at time.Time) {
	if m.start.IsZero() {
		m.start = at
	}
	second := int64(at.Sub(m.start) / time.Second)
	if second-m.second >= int64(len(m.counts)) {
		m.counts = [rateSeconds + 1]int{}
		m.second = second
	}
	for m.second < second {
		m.second++
		m.counts[m.second%int64(len(m.counts))] = 0
	}
}
