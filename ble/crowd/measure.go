package crowd

import (
	"math"
	"slices"
	"time"
)

const (
	// The cashier charges at a random moment of chargeSpan, which begins
	// chargeFirst after the customer has stopped at the till. Chosen: a cashier
	// does not charge at once.
	chargeFirst = 2 * time.Second
	chargeSpan  = 4 * time.Second
	// chargeWait is how long a charge for the nearest waits for a clear candidate.
	// Chosen: as long as the till waits.
	chargeWait = 2 * time.Second
	// queryInterval is how often each rule is queried. Chosen: fine beside the
	// seconds that are measured.
	queryInterval = 50 * time.Millisecond
)

// Untold is the result of Told where too few customers were ever selected.
const Untold time.Duration = math.MaxInt64

// Tally is the result of one rule in many worlds of one scene. A customer is told
// at the moment when they are the nearest one by the rule for the first time.
type Tally struct {
	Scene  string
	Rule   string
	Seed   uint64
	Trials int
	// Right, Wrong and Abstained count the charges for which the rule selected
	// the customer, another person, or nobody while the charge waited. Mischarged
	// counts those of Wrong that a payer's own rule may answer, and Unasked all that
	// it may.
	Right, Wrong, Abstained int
	Mischarged, Unasked     int
	// Lapses counts the worlds in which the rule selected another person at any
	// moment while the customer stood at the till.
	Lapses int
	// FalseNear counts the worlds without a customer in which a person counted as
	// near at least once.
	FalseNear int

	told   []time.Duration // sorted
	worlds []outcome
}

// outcome is what a rule made of one world.
type outcome struct {
	sets                              []int
	named, wrong, unasked, mischarged bool
	lapsed                            bool
}

// Told returns the time after which the share p of all customers, 0..1, had been
// told, counted from when they stopped at the till. It returns Untold if fewer
// ever were.
func (t *Tally) Told(p float64) time.Duration {
	if len(t.told) == 0 {
		return Untold
	}
	return t.told[min(int(math.Ceil(p*float64(len(t.told))))-1, len(t.told)-1)]
}

// ToldWithin returns the share of customers who were told within d of stopping at
// the till.
func (t *Tally) ToldWithin(d time.Duration) float64 {
	n, _ := slices.BinarySearch(t.told, d+1)
	return t.Share(n)
}

// Share returns n as a share of all trials.
func (t *Tally) Share(n int) float64 { return float64(n) / float64(max(t.Trials, 1)) }

// Measure runs o.Scene trials times, from o.Trial on, with all rules at once, and
// returns one Tally for each rule, in their order.
func Measure(o Options, trials int, rules ...Contender) []Tally {
	out := make([]Tally, len(rules))
	for i, r := range rules {
		out[i] = Tally{Scene: o.Scene.Name, Rule: r.Name, Seed: o.Seed, Trials: trials}
	}
	for range trials {
		runWorld(o, rules, out)
		o.Trial++
	}
	for i := range out {
		slices.Sort(out[i].told)
	}
	return out
}

// ruleRun is one rule in one world.
type ruleRun struct {
	rule      Rule
	toldAfter time.Duration
	near      bool
	outcome
}

// runWorld runs one world with all rules and adds the results to out.
func runWorld(o Options, rules []Contender, out []Tally) {
	w := New(o)
	charge := w.Arrives + w.randomSpan(chargeFirst, chargeFirst+chargeSpan)
	watches := make([]ruleRun, len(rules))
	for i, r := range rules {
		watches[i] = ruleRun{rule: r.New(), toldAfter: Untold, outcome: outcome{sets: w.Sets}}
	}
	ask := queryInterval
	for {
		a, more := w.Next()
		for ; ask < w.End && (!more || Start.Add(ask).Before(a.At)); ask += queryInterval {
			for i := range watches {
				watches[i].query(w, ask, charge)
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

// query asks the rule for its selection at the moment at, and records the first
// one of the customer and the one at the moment of the charge.
func (v *ruleRun) query(w *World, at, charge time.Duration) {
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
	if v.toldAfter == Untold {
		if code, ok := v.rule.Near(now); ok && w.Owner(code) == w.Customer {
			v.toldAfter = at - w.Arrives
		}
	}
	choice, ok := v.rule.Pick(now)
	if !ok {
		return
	}
	who := w.Owner(choice.Code)
	v.lapsed = v.lapsed || who != w.Customer
	if at >= charge && at <= charge+chargeWait && !v.named {
		v.named, v.wrong, v.unasked = true, who != w.Customer, choice.Unasked
		v.mischarged = v.wrong && v.unasked
	}
}

func (t *Tally) add(w *World, v *ruleRun) {
	if w.Customer == Nobody {
		if v.near {
			t.FalseNear++
		}
		return
	}
	t.told = append(t.told, v.toldAfter)
	t.worlds = append(t.worlds, v.outcome)
	switch {
	case !v.named:
		t.Abstained++
	case v.wrong:
		t.Wrong++
	default:
		t.Right++
	}
	t.Mischarged += count(v.mischarged)
	t.Unasked += count(v.unasked)
	t.Lapses += count(v.lapsed)
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
