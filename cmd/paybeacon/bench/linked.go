package bench

import (
	"context"
	"fmt"

	"github.com/paybeacon/paybeacon/ble/crowd"
)

// linked measures, simulated, what share of codes a linker ties to the device's code
// before, beside a guess: over two visits, by how far devices correct the power that
// they state, and while it listens without a pause.
func (b benchFloor) linked(ctx context.Context) ([]figure, error) {
	none, three, five, seven := 0, 4, 8, 12
	var figures []figure
	for _, c := range []struct {
		name     string
		visitors int
		mixed    bool // paces
		own      *int
	}{
		{"all state one power", 20, false, &none},
		{"own levels by up to 4 dB", 20, false, &three},
		{"own levels by up to 8 dB", 20, false, &five},
		{"own levels by up to 12 dB", 20, false, &seven},
		{"three factory values", 20, false, nil},
		{"all state one power", benchVisitors, false, &none},
		{"own levels by up to 4 dB", benchVisitors, false, &three},
		{"own levels by up to 8 dB", benchVisitors, false, &five},
		{"own levels by up to 12 dB", benchVisitors, false, &seven},
		{"three factory values", benchVisitors, false, nil},
		{"all state one power, paces differ", benchVisitors, true, &none},
		{"own levels by up to 4 dB, paces differ", benchVisitors, true, &three},
		{"own levels by up to 8 dB, paces differ", benchVisitors, true, &five},
		{"own levels by up to 12 dB, paces differ", benchVisitors, true, &seven},
	} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		o := crowd.Options{Scene: crowd.Visits(c.visitors), Seed: benchSeed, Interval: benchVisitPace, Own: c.own}
		if c.mixed {
			o.Interval = 0
		}
		figures = append(figures, linkFigure(fmt.Sprintf("over two visits, %s, of %d", c.name, c.visitors), crowd.LinkVisits(o, b.links)))
	}
	followed := crowd.LinkRotations(crowd.Options{Scene: crowd.Crowd(benchVisitors, 4, benchListening), Seed: benchSeed, Interval: benchVisitPace}, 1)
	return append(figures, linkFigure(fmt.Sprintf("while listening on and on, of %d", benchVisitors), followed)), nil
}

// linkFigure is a share that was linked, beside a guess.
func linkFigure(what string, l crowd.Linking) figure {
	return rated("simulated: linked "+what, l.Rate(benchSeed), "a guess", crowd.Rate{Value: l.Guess, Low: l.Guess, High: l.Guess})
}
