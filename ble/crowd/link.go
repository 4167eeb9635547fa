package crowd

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// Linking is the result of linking codes of one device from a full recording.
type Linking struct {
	Codes  int       // codes that began
	Linked float64   // share of them that was linked to the device's code before
	Guess  float64   // share that a random guess among the codes on the air links
	worlds []Linking // the sums of each world
}

// Rate returns the share of codes that was linked, with a bracket that draws the
// worlds anew. seed makes the draws.
func (l Linking) Rate(seed uint64) Rate {
	r := rand.New(rand.NewPCG(seed, 3))
	drawn := make([]float64, 0, ratesDraws)
	for range ratesDraws {
		var linked weighted
		for i, times := range drawSets(r, len(l.worlds)) {
			if w := l.worlds[i]; w.Codes > 0 {
				linked.add(w.Linked/float64(w.Codes), times*float64(w.Codes))
			}
		}
		drawn = append(drawn, linked.mean())
	}
	low, high := bracketOf(drawn)
	return Rate{l.Linked, low, high}
}

// Advantage returns by what share of codes the linker is better than a guess.
func (l Linking) Advantage() float64 { return l.Linked - l.Guess }

// codeLog is the recording of one code.
type codeLog struct {
	code        pay.Code
	owner       Person
	first, last time.Duration
	count       int
	stated      pay.RSSI
	rssi        []float64
}

// linkSamples is how many strengths at either end of a code's life the linker
// compares. Chosen: their mean hardly depends on fading.
const linkSamples = 20

// record returns the recordings of all codes of a world.
func record(w *World) []*codeLog {
	byCode := map[pay.Code]*codeLog{}
	var all []*codeLog
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
				s = &codeLog{code: f.Code, owner: w.Owner(f.Code), first: at, stated: f.Power}
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

// pace is the mean time from one advert to the next, in seconds, of a code heard
// at least twice.
func (s *codeLog) pace() float64 { return (s.last - s.first).Seconds() / float64(s.count-1) }

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(max(len(v), 1))
}

// deviceDistance is how much two codes differ in the properties of a device: the
// stated power and the pace. It is 0 for equal ones.
func deviceDistance(a, b *codeLog) float64 {
	d := 0.0
	if a.count > 1 && b.count > 1 {
		d = 3 * math.Abs(math.Log(a.pace()/b.pace()))
	}
	if a.stated != b.stated {
		d += 10
	}
	return d
}

// repeat adds up the results of once in trials worlds, from o.Trial on.
func repeat(o Options, trials int, once func(o Options) Linking) (out Linking) {
	for range trials {
		l := once(o)
		out.worlds = append(out.worlds, l)
		out.Codes += l.Codes
		out.Linked += l.Linked
		out.Guess += l.Guess
		o.Trial++
	}
	out.Linked /= float64(max(out.Codes, 1))
	out.Guess /= float64(max(out.Codes, 1))
	return out
}

// LinkRotations records trials worlds of o without a pause and links each code
// that begins to the code that it most likely follows: one that stopped shortly
// before, of a device with the same stated power and pace, at a similar strength.
func LinkRotations(o Options, trials int) Linking { return repeat(o, trials, linkRotations) }

func linkRotations(o Options) Linking {
	const window = 5 * time.Second // Chosen: more than jitter and the slowest pace
	all := record(New(o))
	return link(all, all, func(old, next *codeLog) (float64, bool) {
		gap := next.first - old.last
		if gap < 0 || gap > window {
			return 0, false
		}
		before, after := old.rssi[max(0, len(old.rssi)-linkSamples):], next.rssi[:min(linkSamples, len(next.rssi))]
		return deviceDistance(old, next) + math.Abs(mean(before)-mean(after))/3 + gap.Seconds(), true
	}, func(old, next *codeLog) bool { return old.first < next.first && next.first-old.last <= 2*window })
}

// LinkVisits records both visits of trials worlds of Visits and links each device
// of the second visit to one of the first. Only properties of the device can help
// it: place, code and address are new.
func LinkVisits(o Options, trials int) Linking { return repeat(o, trials, linkVisits) }

func linkVisits(o Options) Linking {
	var before, after []*codeLog
	for _, s := range record(New(o)) {
		if s.last < VisitEnds && VisitEnds-s.last < 5*time.Second {
			before = append(before, s)
		} else if s.first >= VisitBegins && s.first-VisitBegins < 5*time.Second {
			after = append(after, s)
		}
	}
	return link(before, after, func(old, next *codeLog) (float64, bool) { return deviceDistance(old, next), true },
		func(_, _ *codeLog) bool { return true })
}

// link links each of next to the one of old with the lowest cost. cost returns how
// badly two match, and whether they can match at all. choice reports whether a
// guess for next would consider old. A code of next counts only if its owner sent
// a code of old that choice considers. Equal costs are decided by the code, that
// is by chance. Linked and Guess are sums here, not shares.
func link(old, next []*codeLog, cost func(old, next *codeLog) (float64, bool), choice func(old, next *codeLog) bool) (out Linking) {
	for _, n := range next {
		var best *codeLog
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
