package crowd_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/crowd"
)

// TestPicksOnTraces plays persons composed of recordings to the tracker as
// delivered: of two at most 3 % of whom it names are wrong, of three and four at
// most 5 %; and nobody else is charged without a person being asked.
func TestPicksOnTraces(t *testing.T) {
	t.Parallel()
	traces := crowd.NewTraces(recordings(t))
	for _, p := range placings() {
		if p.Unlike {
			continue // README says how much worse these are
		}
		t.Run(fmt.Sprintf("%+v", p), func(t *testing.T) {
			t.Parallel()
			y := crowd.Measure(crowd.Options{Scene: traces.Composed("persons", p), Seed: seed}, 1500,
				crowd.Tracker("product", ble.TrackerOptions{}), crowd.Strongest("strongest", ble.NearDefault))
			r, strongest := y[0].Rates(seed), y[1].Rates(seed)
			t.Logf("seed %d, from traces: %d persons: of those named wrong %s, asked %s; by the strongest advert wrong %s", seed, p.Persons, bracketed(r.Wrong), bracketed(r.Asked), bracketed(strongest.Wrong))
			if most := map[bool]float64{true: 0.03, false: 0.05}[p.Persons == 2]; r.Wrong.Value > most {
				t.Errorf("from traces: of those named wrong %s, at most %.0f %% wanted", bracketed(r.Wrong), 100*most)
			}
			if r.Asked.Value > 0.9 || strongest.Wrong.Value < 3*r.Wrong.Value {
				t.Errorf("from traces: asked %s, by the strongest advert %s wrong: the rule does little", bracketed(r.Asked), bracketed(strongest.Wrong))
			}
			if y[0].Mischarged > 0 {
				t.Errorf("%d charged without being asked", y[0].Mischarged)
			}
		})
	}
}

// TestEachPartOfTheRuleIsWorthIt holds, from traces, what is said of the parts of the
// rule: without a level of its own, a lead and the best of four seconds more of whom it
// names are wrong, a larger lead asks far more, and a weaker tap charges somebody else.
func TestEachPartOfTheRuleIsWorthIt(t *testing.T) {
	t.Parallel()
	const worlds = 1000
	traces := crowd.NewTraces(recordings(t))
	measure := func(p crowd.Placing, names ...string) (product crowd.Rates, others []crowd.Rates) {
		rules := crowd.Compared()
		var chosen []crowd.Contender
		for _, name := range append([]string{"product"}, names...) {
			chosen = append(chosen, rules[slices.IndexFunc(rules, func(c crowd.Contender) bool { return c.Name == name })])
		}
		for _, y := range crowd.Measure(crowd.Options{Scene: traces.Composed("persons", p), Seed: seed}, worlds, chosen...) {
			r := y.Rates(seed)
			t.Logf("seed %d, from traces, %+v, %s: of those named wrong %s, asked %s, wrong and nobody asked %s", seed, p, y.Rule, bracketed(r.Wrong), bracketed(r.Asked), bracketed(r.Mischarged))
			others = append(others, r)
		}
		return others[0], others[1:]
	}
	names := []string{"the middle alone", "no level of its own", "a lead of 3 dB", "the best of 2 s", "the strongest advert of 4 s"}
	product, others := measure(crowd.Placing{Persons: 2}, names...)
	for i, r := range others {
		if r.Wrong.Value <= product.Wrong.Value {
			t.Errorf("from traces, %s: wrong %s, the product's rule %s", names[i], bracketed(r.Wrong), bracketed(product.Wrong))
		}
	}
	product, others = measure(crowd.Placing{Persons: 4, AtBox: true}, "a lead of 9 dB", "a tap 6 dB weaker")
	if lead := others[0].Asked; lead.Value < product.Asked.Value+0.05 {
		t.Errorf("from traces, a lead of 9 dB: asked %s, with the product's %s", bracketed(lead), bracketed(product.Asked))
	}
	if tap := others[1].Mischarged; tap.Value <= product.Mischarged.Value {
		t.Errorf("from traces, a tap 6 dB weaker: wrong and nobody asked %s, the product's %s", bracketed(tap), bracketed(product.Mischarged))
	}
}

// TestTapsInRecordings cuts every recording to the paces of devices: nobody who
// stands there has tapped, at the tap level.
func TestTapsInRecordings(t *testing.T) {
	t.Parallel()
	cuts, tapped := 0, 0
	for _, r := range recordings(t) {
		for _, pace := range []time.Duration{100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second} {
			for _, begin := range []time.Duration{0, pace / 2} {
				tracker := ble.NewTracker(ble.TrackerOptions{})
				cuts++
				next, seen := begin, false
				for _, s := range r.Samples {
					if s.At < next {
						continue
					}
					next = s.At + pace
					a := eid(s)
					tracker.Observe(a)
					n := tracker.Nearby(a.At)
					seen = seen || n.Candidates[0].Tapped
				}
				if seen {
					tapped++
				}
			}
		}
	}
	t.Logf("from traces: %d of %d cuts were taken for a tap", tapped, cuts)
	if tapped > cuts/2500 { // 400 in a million
		t.Errorf("%d of %d cuts were taken for a tap", tapped, cuts)
	}
}

// eid is a sample as an advert of a device that states the reference power.
func eid(s crowd.Sample) ble.Advert {
	a := ble.Advert{At: crowd.Start.Add(s.At)}
	a.SetRSSI(s.RSSI)
	a.Sections = []ble.Section{{Kind: ble.ServiceData, ID: ble.ServiceUUID, Data: []byte{0x30, 0xEE, 1, 2, 3, 4, 5, 6, 7, 8}}}
	return a
}
