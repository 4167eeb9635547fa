package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/crowd"
	"github.com/paybeacon/paybeacon/pay"
)

const (
	// tracesEnv names the recordings where --traces does not: a file, or a folder
	// that holds crowd.TracesFile.
	tracesEnv = "PAYBEACON_TRACES"
	// tracesBeside is where recordings are looked for without either.
	tracesBeside = "../shared/radio"
)

// tracesNamed returns the file of recordings that flag, the environment or the
// folder beside this one names, or "" where there is none.
func tracesNamed(flag string) string {
	name := flag
	if name == "" {
		name = os.Getenv(tracesEnv)
	}
	if name == "" {
		if _, err := os.Stat(filepath.Join(tracesBeside, crowd.TracesFile)); err != nil {
			return ""
		}
		name = tracesBeside
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, crowd.TracesFile)
	}
	return name
}

// readTraces returns the recordings in a file. Its error is a *pay.Error.
func readTraces(name string) ([]crowd.Recording, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, pay.Wrap(err, pay.CodeNotFound, "open the recordings", "README, \"Who is asked\", says where the public ones are")
	}
	if err != nil {
		return nil, pay.Wrap(err, pay.CodeConfig, "open the recordings", "name a file that you may read with --traces")
	}
	defer func() { _ = f.Close() }()
	all, err := crowd.ReadRecordings(f)
	if err != nil {
		return nil, pay.Wrap(err, pay.CodeConfig, "read "+filepath.Base(name), "`go doc ./ble/crowd ReadRecordings` describes the form")
	}
	return all, nil
}

// crowd measures how often a charge for the nearest means somebody else and how
// often it means nobody: in simulated scenes, and with persons composed of traces
// beside the same persons simulated. It measures as well how much better than a
// guess a linker ties codes together.
func (b benchFloor) crowd(ctx context.Context, _ string) ([]figure, error) {
	figures := []figure{{What: "simulated: worlds a scene, each repeatable", Value: float64(b.worlds), Unit: fmt.Sprintf("(seed %d)", benchSeed)}}
	for _, s := range crowd.Scenes() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		figures = append(figures, b.simulated(s)...)
	}
	ears, err := b.ears(ctx)
	if err != nil {
		return nil, err
	}
	figures = append(figures, ears...)
	composed, err := b.fromTraces(ctx)
	if err != nil {
		return nil, err
	}
	figures = append(figures, composed...)
	linked, err := b.linked(ctx)
	return append(figures, linked...), err
}

// simulated is a scene in the measured channel, beside the kind one.
func (b benchFloor) simulated(s crowd.Scene) []figure {
	product := crowd.Tracker("product", ble.TrackerOptions{})
	o := crowd.Options{Scene: s, Seed: benchSeed}
	y := crowd.Measure(o, b.worlds, product, crowd.Strongest("strongest advert", ble.NearDefault))
	o.Channel = crowd.Kind()
	kind := crowd.Measure(o, b.worlds, product)[0]
	ours, kinder := y[0].Rates(benchSeed), kind.Rates(benchSeed)
	name := "simulated, " + s.Name
	return []figure{
		rated(name+": wrong", ours.Wrong, "kind channel", kinder.Wrong),
		rated(name+": asks", ours.Asked, "kind channel", kinder.Asked),
		rated(name+": wrong by the strongest", y[1].Rates(benchSeed).Wrong, "", crowd.Rate{}),
		uncharged(name, ours, "kind channel", kinder),
	}
}

// fromTraces plays persons composed of recordings, beside the same persons as the
// measured channel makes them.
func (b benchFloor) fromTraces(ctx context.Context) ([]figure, error) {
	if b.traces == "" {
		return []figure{{What: "traces: persons composed of recordings", Unmeasured: "no recordings; give --traces FILE"}}, nil
	}
	recordings, err := readTraces(b.traces)
	if err != nil {
		return nil, err
	}
	played := crowd.NewTraces(recordings)
	made := crowd.NewTraces(crowd.Simulate(crowd.Measured(), recordings, benchSeed))
	figures := []figure{{
		What: fmt.Sprintf("traces: worlds a line, of %d recordings in %d sets", len(recordings), len(crowd.Sets(recordings))), Value: float64(b.composed),
		Unit: fmt.Sprintf("(seed %d)", benchSeed),
	}}
	for _, c := range placings() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		figures = append(figures, b.placed(c, played, made)...)
	}
	for _, c := range placings() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if c.placing.Persons == 2 {
			figures = append(figures, b.charged(c, played))
		}
	}
	own, err := b.ownLevels(ctx, played)
	if err != nil {
		return nil, err
	}
	rules, err := b.compared(ctx, played)
	return append(append(figures, own...), rules...), err
}

// placed is a placing of composed persons, with a name and, if it is not 0, the most
// that may be wrong of what is named, in per cent. With chargesMax the charges are
// held to benchChargesMax as well.
type placed struct {
	name       string
	placing    crowd.Placing
	wrongMax   float64
	chargesMax bool
}

// benchChargesMax is how many charges in a million may be wrong that nobody is asked
// about. Published: toll gates that charge a tag in passing refund 381 in a million
// as wrong.
const benchChargesMax = 400

func placings() []placed {
	return []placed{
		{name: "2 as recorded", placing: crowd.Placing{Persons: 2}, wrongMax: 3, chargesMax: true},
		{name: "3 as recorded", placing: crowd.Placing{Persons: 3}, wrongMax: 5},
		{name: "4 as recorded", placing: crowd.Placing{Persons: 4}, wrongMax: 5},
		{name: "2, one at the box", placing: crowd.Placing{Persons: 2, AtBox: true}, wrongMax: 3, chargesMax: true},
		{name: "4, one at the box", placing: crowd.Placing{Persons: 4, AtBox: true}, wrongMax: 5},
		{name: "2 with unlike phones", placing: crowd.Placing{Persons: 2, Unlike: true}},
		{name: "2 unlike, one at the box", placing: crowd.Placing{Persons: 2, Unlike: true, AtBox: true}},
		{name: "4 with unlike phones", placing: crowd.Placing{Persons: 4, Unlike: true}},
	}
}

func (b benchFloor) placed(c placed, played, made *crowd.Traces) []figure {
	rules := []crowd.Contender{crowd.Tracker("product", ble.TrackerOptions{}), crowd.Strongest("strongest advert", ble.NearDefault)}
	y := crowd.Measure(crowd.Options{Scene: played.Composed(c.name, c.placing), Seed: benchSeed}, b.composed, rules...)
	m := crowd.Measure(crowd.Options{Scene: made.Composed(c.name, c.placing), Seed: benchSeed}, b.composed, rules...)
	ours, theirs := y[0].Rates(benchSeed), m[0].Rates(benchSeed)
	strongest, simulated := y[1].Rates(benchSeed), m[1].Rates(benchSeed)
	name := "traces, " + c.name
	wrong := rated(name+": wrong", ours.Wrong, "simulated", theirs.Wrong)
	if c.wrongMax > 0 {
		met := wrong.Value <= c.wrongMax
		wrong.Target, wrong.Met = fmt.Sprintf("<= %g %%", c.wrongMax), &met
	}
	return []figure{
		wrong,
		rated(name+": asks", ours.Asked, "simulated", theirs.Asked),
		rated(name+": wrong at some moment", ours.Lapses, "simulated", theirs.Lapses),
		rated(name+": wrong by the strongest", strongest.Wrong, "simulated", simulated.Wrong),
		uncharged(name, ours, "simulated", theirs),
	}
}

// charged counts in many worlds the charges of somebody else about which nobody would
// be asked.
func (b benchFloor) charged(c placed, played *crowd.Traces) figure {
	y := crowd.Measure(crowd.Options{Scene: played.Composed(c.name, c.placing), Seed: benchSeed + 1}, b.charges, crowd.Tracker("product", ble.TrackerOptions{}))[0]
	rates := y.Rates(benchSeed)
	f := perMillion(fmt.Sprintf("traces, %s: wrong and nobody asked, %d worlds", c.name, b.charges), rates.Mischarged, "paid without asking", rates.Unasked)
	if c.chargesMax {
		met := f.Value <= benchChargesMax
		f.Target, f.Met = fmt.Sprintf("<= %d /M", benchChargesMax), &met
	}
	return f
}

// rated is a rate in per cent with its bracket, beside another if against is not "".
// One digit after the point says as much as a bracket lets it.
func rated(what string, r crowd.Rate, against string, y crowd.Rate) figure {
	at := func(share float64) *float64 { v := math.Round(1000*share) / 10; return &v }
	f := figure{What: what, Value: *at(r.Value), Unit: "%", Low: at(r.Low), High: at(r.High)}
	if against != "" {
		f.Against, f.Yardstick, f.YardstickLow, f.YardstickHigh = against, *at(y.Value), at(y.Low), at(y.High)
	}
	return f
}

// million converts a share to how many there are in a million.
func million(share float64) float64 { return math.Round(1e6 * share) }
