package crowd

import (
	"math"
	"slices"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// Linking is what somebody who records everything makes of it: of the codes
// that began, how many were tied to the right one before, and how many a guess
// among all codes then on the air would have tied.
type Linking struct {
	Codes  int
	Linked float64
	Guess  float64
}

// Advantage returns by what share of codes the linker does better than a guess.
func (l Linking) Advantage() float64 { return l.Linked - l.Guess }

// sound is what a recording says of one code.
type sound struct {
	code        pay.Code
	owner       Person
	first, last time.Duration
	count       int
	stated      pay.RSSI
	rssi        []float64
}

// linkSamples is how many strengths at either end of a code's life the linker
// compares.
const linkSamples = 20

// record listens to a whole world.
func record(w *World) []*sound {
	byCode := map[pay.Code]*sound{}
	var all []*sound
	for {
		a, more := w.Next()
		if !more {
			return all
		}
		for _, section := range a.Sections {
			f, err := ble.ParseFrame(section)
			if err != nil || f.Kind != ble.EID {
				continue
			}
			s, at := byCode[f.Code], a.At.Sub(Start)
			if s == nil {
				s = &sound{code: f.Code, owner: w.Owner(f.Code), first: at, stated: f.Power}
				byCode[f.Code] = s
				all = append(all, s)
			}
			s.last = at
			s.count++
			if a.HasRSSI {
				s.rssi = append(s.rssi, float64(a.RSSI))
			}
		}
	}
}

// pace is the seconds from one advert to the next, of a code heard twice.
func (s *sound) pace() float64 { return (s.last - s.first).Seconds() / float64(s.count-1) }

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(max(len(v), 1))
}

// device is how unlike two codes are in what belongs to the device: the power
// it states and its pace.
func device(a, b *sound) float64 {
	d := 0.0
	if a.count > 1 && b.count > 1 {
		d = 3 * math.Abs(math.Log(a.pace()/b.pace()))
	}
	if a.stated != b.stated {
		d += 10
	}
	return d
}

// repeat adds up what once finds in as many worlds, from o.Trial on.
func repeat(o Options, trials int, once func(o Options) Linking) (out Linking) {
	for range trials {
		l := once(o)
		out.Codes += l.Codes
		out.Linked += l.Linked
		out.Guess += l.Guess
		o.Trial++
	}
	out.Linked /= float64(max(out.Codes, 1))
	out.Guess /= float64(max(out.Codes, 1))
	return out
}

// LinkRotations records as many worlds of o without a pause and ties each code that
// begins to the code it most likely follows: one that fell silent shortly before,
// from a device that states the same power at the same pace, as strong.
func LinkRotations(o Options, trials int) Linking { return repeat(o, trials, linkRotations) }

func linkRotations(o Options) Linking {
	const window = 5 * time.Second // more than jitter and the slowest pace
	all := record(New(o))
	return link(all, all, func(old, next *sound) (float64, bool) {
		gap := next.first - old.last
		if gap < 0 || gap > window {
			return 0, false
		}
		before, after := old.rssi[max(0, len(old.rssi)-linkSamples):], next.rssi[:min(linkSamples, len(next.rssi))]
		return device(old, next) + math.Abs(mean(before)-mean(after))/3 + gap.Seconds(), true
	}, func(old, next *sound) bool { return old.first < next.first && next.first-old.last <= 2*window })
}

// LinkVisits records both visits of as many worlds of Visits and ties each device of the second to
// one of the first. It may use only what belongs to the device: place, code and
// address are new.
func LinkVisits(o Options, trials int) Linking { return repeat(o, trials, linkVisits) }

func linkVisits(o Options) Linking {
	var before, after []*sound
	for _, s := range record(New(o)) {
		if s.last < VisitEnds && VisitEnds-s.last < 5*time.Second {
			before = append(before, s)
		} else if s.first >= VisitBegins && s.first-VisitBegins < 5*time.Second {
			after = append(after, s)
		}
	}
	return link(before, after, func(old, next *sound) (float64, bool) { return device(old, next), true },
		func(_, _ *sound) bool { return true })
}

// link ties each of next to the cheapest of old. A code counts if its owner sent
// one of old that was a choice; cost says whether and how well two go together,
// choice whom a guess would draw from. Equals are settled by the code, that is
// by chance. Linked and Guess are sums here, not shares.
func link(old, next []*sound, cost func(old, next *sound) (float64, bool), choice func(old, next *sound) bool) (out Linking) {
	for _, n := range next {
		var best *sound
		cheapest, choices, owned := math.Inf(1), 0, false
		for _, o := range old {
			if o == n || !choice(o, n) {
				continue
			}
			choices++
			owned = owned || o.owner == n.owner
			if c, ok := cost(o, n); ok && (c < cheapest || best != nil && c == cheapest && slices.Compare(o.code[:], best.code[:]) < 0) {
				best, cheapest = o, c
			}
		}
		if !owned {
			continue
		}
		out.Codes++
		out.Guess += 1 / float64(choices)
		if best != nil && best.owner == n.owner {
			out.Linked++
		}
	}
	return out
}
