package crowd

import (
	"math"
	"slices"
	"time"
)

const (
	// chargeFirst and chargeSpan say when the cashier charges, after the customer
	// has come to a stand: not at once.
	chargeFirst = 2 * time.Second
	chargeSpan  = 4 * time.Second
	// chargeWait is how long a charge for the nearest waits for a clear one.
	chargeWait = 2 * time.Second
	// poll is how often everything asks.
	poll = 50 * time.Millisecond
)

// Untold is the time until told of somebody who never was.
const Untold time.Duration = math.MaxInt64

// Tally is how one rule did in many worlds of one scene.
type Tally struct {
	Scene  string
	Rule   string
	Seed   uint64
	Trials int
	// Right, Wrong and Abstained count the charges by whom they meant: the
	// customer, somebody else, nobody within the time a charge waits.
	Right, Wrong, Abstained int
	// FalseNear counts the worlds without a customer in which somebody counted as
	// near at least once.
	FalseNear int

	told []time.Duration // sorted
}

// Told returns after what time the share p of all customers had been told, from
// when they came to a stand; Untold if fewer ever were.
func (t *Tally) Told(p float64) time.Duration {
	if len(t.told) == 0 {
		return Untold
	}
	return t.told[min(int(math.Ceil(p*float64(len(t.told))))-1, len(t.told)-1)]
}

// ToldWithin returns the share of customers who had been told within d of coming
// to a stand.
func (t *Tally) ToldWithin(d time.Duration) float64 {
	n, _ := slices.BinarySearch(t.told, d+1)
	return t.Share(n)
}

// Share returns n as a share of all trials.
func (t *Tally) Share(n int) float64 { return float64(n) / float64(max(t.Trials, 1)) }

// Measure plays o.Scene trials times, from o.Trial on, to all rules at once.
func Measure(o Options, trials int, rules ...Contender) []Tally {
	out := make([]Tally, len(rules))
	for i, r := range rules {
		out[i] = Tally{Scene: o.Scene.Name, Rule: r.Name, Seed: o.Seed, Trials: trials}
	}
	for range trials {
		play(o, rules, out)
		o.Trial++
	}
	for i := range out {
		slices.Sort(out[i].told)
	}
	return out
}

// watch is one rule in one world.
type watch struct {
	rule    Rule
	told    time.Duration
	decided bool
	picked  Person
	near    bool
}

// play runs one world.
func play(o Options, rules []Contender, out []Tally) {
	w := New(o)
	charge := w.Arrives + w.span(chargeFirst, chargeFirst+chargeSpan)
	watches := make([]watch, len(rules))
	for i, r := range rules {
		watches[i] = watch{rule: r.New(), told: Untold, picked: Nobody}
	}
	ask := poll
	for {
		a, more := w.Next()
		for ; ask < w.End && (!more || Start.Add(ask).Before(a.At)); ask += poll {
			for i := range watches {
				watches[i].look(w, ask, charge)
			}
		}
		if !more {
			break
		}
		for i := range watches {
			watches[i].rule.Observe(a)
		}
	}
	for i := range watches {
		out[i].add(w, &watches[i])
	}
}

// look asks the rule at the moment at, as a cashier and a customer would.
func (v *watch) look(w *World, at, charge time.Duration) {
	now := Start.Add(at)
	if w.Customer == Nobody {
		if !v.near {
			_, v.near = v.rule.Near(now)
		}
		return
	}
	if at < w.Arrives {
		return
	}
	code, ok := v.rule.Pick(now)
	if !ok {
		return
	}
	who := w.Owner(code)
	if who == w.Customer && v.told == Untold {
		v.told = at - w.Arrives
	}
	if at >= charge && at <= charge+chargeWait && !v.decided {
		v.decided, v.picked = true, who
	}
}

func (t *Tally) add(w *World, v *watch) {
	if w.Customer == Nobody {
		if v.near {
			t.FalseNear++
		}
		return
	}
	t.told = append(t.told, v.told)
	switch {
	case !v.decided:
		t.Abstained++
	case v.picked == w.Customer:
		t.Right++
	default:
		t.Wrong++
	}
}
