package crowd_test

import (
	"cmp"
	"fmt"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/crowd"
)

const guardTrials = 150

func measure(t *testing.T, o crowd.Options, rules ...crowd.Contender) map[string]crowd.Tally {
	t.Helper()
	o.Seed = seed
	out := map[string]crowd.Tally{}
	for _, y := range crowd.Measure(o, guardTrials, rules...) {
		out[y.Rule] = y
		name := fmt.Sprintf("simulated, %s channel, %s, %s, seed %d, %d trials", cmp.Or(o.Channel.Name, "measured"), y.Scene, y.Rule, y.Seed, y.Trials)
		if r := y.Rates(seed); y.Right+y.Wrong+y.Abstained > 0 {
			t.Logf("%s: of those named wrong %s, asked %s, told within 4 s %.3f", name, bracketed(r.Wrong), bracketed(r.Asked), y.ToldWithin(4*time.Second))
		} else {
			t.Logf("%s: falsely near %s", name, bracketed(y.FalselyNear(seed)))
		}
		if y.Right+y.Wrong+y.Abstained != y.Trials && y.FalseNear == 0 {
			t.Errorf("%s, %s: charges are missing: %+v", y.Scene, y.Rule, y)
		}
	}
	return out
}

// bracketed is a share in per cent with its bracket.
func bracketed(r crowd.Rate) string {
	return fmt.Sprintf("%.1f %% [%.1f..%.1f]", 100*r.Value, 100*r.Low, 100*r.High)
}

// TestPicksStayWithinBounds has bounds far above the measured figures, so that it
// fails when the tracker breaks and not when a figure changes a little.
func TestPicksStayWithinBounds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scene                 crowd.Scene
		wrongMax, abstainMax  float64
		toldMin               float64 // within 4 s
		guessersAreWorse      bool
		withoutMarginAtLeastX float64
	}{
		"alone":        {scene: crowd.Alone(), abstainMax: 0.35, toldMin: 0.95},
		"switched on":  {scene: crowd.SwitchesOn(), abstainMax: 0.35, toldMin: 0.95},
		"queue":        {scene: crowd.Queue(), wrongMax: 0.03, abstainMax: 0.4, toldMin: 0.75, guessersAreWorse: true},
		"two lanes":    {scene: crowd.TwoLanes(), wrongMax: 0.03, abstainMax: 0.4, toldMin: 0.7, guessersAreWorse: true},
		"rush hour":    {scene: crowd.RushHour(), wrongMax: 0.06, abstainMax: 0.7, guessersAreWorse: true, withoutMarginAtLeastX: 1.5},
		"pocket, hand": {scene: crowd.PocketAndHand(), wrongMax: 0.05, abstainMax: 0.85, guessersAreWorse: true},
		"liar":         {scene: crowd.Liar(), wrongMax: 0.05, abstainMax: 0.4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := measure(t, crowd.Options{Scene: c.scene, Channel: crowd.Kind()}, crowd.Tracker("product", ble.TrackerOptions{}),
				crowd.Tracker("no margin", ble.TrackerOptions{Margin: 1}), crowd.Strongest("strongest", ble.NearDefault))
			p := got["product"]
			if wrong := p.Share(p.Wrong); wrong > c.wrongMax {
				t.Errorf("wrong %.3f, at most %.3f wanted", wrong, c.wrongMax)
			}
			if abstained := p.Share(p.Abstained); abstained > c.abstainMax {
				t.Errorf("abstained %.3f, at most %.3f wanted", abstained, c.abstainMax)
			}
			if told := p.ToldWithin(4 * time.Second); told < c.toldMin {
				t.Errorf("told within 4 s %.3f, at least %.3f wanted", told, c.toldMin)
			}
			if s := got["strongest"]; c.guessersAreWorse && s.Wrong <= p.Wrong {
				t.Errorf("the strongest advert alone is wrong %d times, the tracker %d times", s.Wrong, p.Wrong)
			}
			if m := got["no margin"]; float64(m.Wrong) < c.withoutMarginAtLeastX*float64(p.Wrong) || m.Wrong < p.Wrong {
				t.Errorf("the margin prevents little: %d wrong with it, %d without", p.Wrong, m.Wrong)
			}
		})
	}
}

// TestNearSaysLittleAboutMetres checks a statement of the README: with the default
// thresholds a person at 1.5 m counts as near, with narrower ones rarely.
func TestNearSaysLittleAboutMetres(t *testing.T) {
	t.Parallel()
	got := measure(t, crowd.Options{Scene: crowd.Waiting(1.5), Exact: true, Channel: crowd.Kind()},
		crowd.Tracker("delivered", ble.TrackerOptions{}), crowd.Tracker("narrow", ble.TrackerOptions{Near: -56, Far: -62}), crowd.Strongest("strongest", -56))
	delivered, narrow, strongest := got["delivered"], got["narrow"], got["strongest"]
	if delivered.Share(delivered.FalseNear) < 0.8 {
		t.Error("a lane as delivered tells 1.5 m from a till: the README says otherwise")
	}
	if narrow.Share(narrow.FalseNear) > 0.25 {
		t.Error("a narrow lane takes 1.5 m for near")
	}
	if strongest.FalseNear <= 2*narrow.FalseNear {
		t.Error("median and dwell are no better than a single advert")
	}
}

func TestTellingTakesSecondsNotMinutes(t *testing.T) {
	t.Parallel()
	for _, interval := range []time.Duration{100 * time.Millisecond, 250 * time.Millisecond} {
		got := measure(t, crowd.Options{Scene: crowd.Alone(), Interval: interval, Channel: crowd.Kind()},
			crowd.Tracker("product", ble.TrackerOptions{}), crowd.Average("average", 20*time.Second, ble.NearDefault))
		p, a := got["product"], got["average"]
		if half := p.Told(0.5); half > 2500*time.Millisecond {
			t.Errorf("each %v: half were told after %v", interval, half)
		}
		if most := p.Told(0.95); most > 4*time.Second {
			t.Errorf("each %v: 95 %% were told after %v", interval, most)
		}
		if a.Told(0.95) <= p.Told(0.95) {
			t.Errorf("each %v: an average over 20 s tells 95 %% after %v", interval, a.Told(0.95))
		}
	}
}

func TestTally(t *testing.T) {
	t.Parallel()
	var none crowd.Tally
	if none.Told(0.5) != crowd.Untold || none.Share(1) != 1 || none.ToldWithin(time.Hour) != 0 {
		t.Errorf("nobody measured: %v, %v, %v", none.Told(0.5), none.Share(1), none.ToldWithin(time.Hour))
	}
	got := crowd.Measure(crowd.Options{Scene: crowd.PocketAndHand(), Seed: seed}, 50, crowd.Tracker("hopeless", ble.TrackerOptions{Near: -20, Far: -26, Tap: ble.TapOff}))[0]
	if got.Told(0.5) != crowd.Untold || got.ToldWithin(time.Hour) != 0 || got.Abstained != 50 {
		t.Errorf("a lane on which nobody can be near: %+v", got)
	}
}

// TestLinker shows what rotation does and does not hide: few devices can be linked
// between two visits, but a listener without a pause links most codes to the ones
// before.
func TestLinker(t *testing.T) {
	t.Parallel()
	const n = 100
	visits := crowd.LinkVisits(crowd.Options{Scene: crowd.Visits(n), Seed: seed, Interval: 250 * time.Millisecond}, 5)
	mixed := crowd.LinkVisits(crowd.Options{Scene: crowd.Visits(n), Seed: seed}, 5)
	listening := crowd.LinkRotations(crowd.Options{Scene: crowd.Crowd(n, 4, 150*time.Second), Seed: seed, Interval: 250 * time.Millisecond}, 1)
	for name, l := range map[string]crowd.Linking{"two visits, one pace": visits, "two visits, paces differ": mixed, "without a pause": listening} {
		t.Logf("%s, %d devices, seed %d: of %d codes %.3f linked, guess %.3f, advantage %.3f", name, n, seed, l.Codes, l.Linked, l.Guess, l.Advantage())
		if l.Codes < n || l.Guess <= 0 || l.Guess > 0.05 {
			t.Errorf("%s: %+v is no measurement", name, l)
		}
	}
	if visits.Advantage() > 0.1 {
		t.Errorf("two visits are tied together: %+v", visits)
	}
	if mixed.Linked <= visits.Linked {
		t.Error("paces that differ give nobody away: the linker does not look")
	}
	if listening.Advantage() < 0.5 {
		t.Error("the linker cannot even follow what it hears without a pause")
	}
}
