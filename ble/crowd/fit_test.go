package crowd_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble/crowd"
)

// tracesEnv names the recordings, a file or its folder. With it, tests that need
// them fail without them; else they are looked for beside the project, and where
// they are not, these tests are skipped.
const tracesEnv = "PAYBEACON_TRACES"

// recordings reads the recordings that tests are held to.
func recordings(t *testing.T) []crowd.Recording {
	t.Helper()
	name, demanded := os.LookupEnv(tracesEnv)
	if !demanded {
		name = filepath.Join("..", "..", "..", "shared", "radio")
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, crowd.TracesFile)
	}
	f, err := os.Open(name)
	if err != nil {
		if demanded {
			t.Fatalf("%s names recordings that are not there: %v", tracesEnv, err)
		}
		t.Skip("no recordings beside the project; README says where the public ones are")
	}
	defer func() { _ = f.Close() }()
	all, err := crowd.ReadRecordings(f)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// madeUp returns recordings as the channel c makes them, of sets sets, at the
// distances and angles of real ones and with their paces.
func madeUp(c crowd.Channel, sets int) []crowd.Recording {
	var stays []crowd.Recording
	for set := range sets {
		for _, metres := range []float64{0.914, 1.219, 1.524, 1.829, 2.438, 3.048, 3.658, 4.572} {
			for angle := 0; angle < 360; angle += 45 {
				r := crowd.Recording{Set: "made/" + string(rune('a'+set)), Carried: "hand", Metres: metres, Angle: angle}
				for at := time.Duration(0); at < 10*time.Second; at += 40 * time.Millisecond {
					r.Samples = append(r.Samples, crowd.Sample{At: at})
				}
				stays = append(stays, r)
			}
		}
	}
	return crowd.Simulate(c, stays, seed)
}

// fitOf averages what several simulations of the same stays show.
func fitOf(c crowd.Channel, stays []crowd.Recording) []crowd.Figure {
	const seeds = 8
	var sum []crowd.Figure
	for n := range uint64(seeds) {
		figures := crowd.FitOf(crowd.Simulate(c, stays, n)).Figures()
		if sum == nil {
			sum = make([]crowd.Figure, len(figures))
		}
		for i, f := range figures {
			sum[i] = crowd.Figure{Name: f.Name, Value: sum[i].Value + f.Value/seeds}
		}
	}
	return sum
}

// TestConstantsMatchTraces holds the measured channel to the recordings: stays as
// it makes them show, by the same measurement, figures within the brackets of the
// real ones. The kind channel misses most of them.
func TestConstantsMatchTraces(t *testing.T) {
	t.Parallel()
	real := recordings(t)
	low, high := crowd.FitBrackets(real, seed, 400)
	measured, kind := fitOf(crowd.Measured(), real), fitOf(crowd.Kind(), real)
	missed := 0
	for i, f := range crowd.FitOf(real).Figures() {
		t.Logf("seed %d: %-28s recorded %6.3f (%.3f..%.3f), measured channel %.3f, kind channel %.3f", seed, f.Name, f.Value, low[i], high[i], measured[i].Value, kind[i].Value)
		if v := measured[i].Value; v < low[i] || v > high[i] {
			t.Errorf("%s: the measured channel makes %.3f, the recordings show %.3f..%.3f", f.Name, v, low[i], high[i])
		}
		if v := kind[i].Value; v < low[i] || v > high[i] {
			missed++
		}
	}
	if missed < 5 {
		t.Errorf("the kind channel misses only %d figures: the measurement tells nothing apart", missed)
	}
}

// TestFitFindsWhatAChannelAssumes needs no recordings: what is measured in stays
// that a channel made is what it was made with.
func TestFitFindsWhatAChannelAssumes(t *testing.T) {
	t.Parallel()
	c := crowd.Measured()
	turn := (c.Facing - c.Back) / 2
	got := crowd.FitOf(madeUp(c, 40))
	want := crowd.Fit{
		Exponent: c.Exponent, Facing: turn, Back: -turn * (1 + math.Sqrt2) / 3,
		Standing: math.Sqrt(c.Place*c.Place + c.Levels*c.Levels/3 + turn*turn/2),
		Scatter:  4.3, Best: 4.7, Second: 0.31, Three: 0.25,
	}
	within := []float64{0.15, 0.7, 0.7, 0.7, 0.4, 0.5, 0.1, 0.1}
	wanted := want.Figures()
	for i, f := range got.Figures() {
		if math.Abs(f.Value-wanted[i].Value) > within[i] {
			t.Errorf("%s: have %.3f, want %.3f", f.Name, f.Value, wanted[i].Value)
		}
	}
}
