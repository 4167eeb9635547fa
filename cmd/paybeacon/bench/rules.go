package bench

import (
	"context"
	"fmt"

	"github.com/paybeacon/paybeacon/ble/crowd"
)

// comparedOn are the placings on which rules are compared: one as recorded, and one in
// which a customer comes to the box.
func comparedOn() []placed {
	return []placed{
		{name: "2 as recorded", placing: crowd.Placing{Persons: 2}},
		{name: "4, one at the box", placing: crowd.Placing{Persons: 4, AtBox: true}},
	}
}

// compared plays the same worlds of persons composed of recordings to rules that each
// differ from the product's in one thing, each beside the product's.
func (b benchFloor) compared(ctx context.Context, played *crowd.Traces) ([]figure, error) {
	var figures []figure
	for _, c := range comparedOn() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		y := crowd.Measure(crowd.Options{Scene: played.Composed(c.name, c.placing), Seed: benchSeed}, b.composed, crowd.Compared()...)
		ours := y[0].Rates(benchSeed)
		for i := range y[1:] {
			theirs := y[1+i].Rates(benchSeed)
			name := fmt.Sprintf("traces, %s, with %s", c.name, y[1+i].Rule)
			figures = append(figures,
				rated(name+": wrong", theirs.Wrong, "product", ours.Wrong),
				rated(name+": asks", theirs.Asked, "product", ours.Asked),
				uncharged(name, theirs, "product", ours))
		}
	}
	return figures, nil
}
