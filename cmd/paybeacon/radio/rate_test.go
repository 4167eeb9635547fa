package radio

import (
	"testing"
	"time"
)

func TestRateMeter(t *testing.T) {
	t.Parallel()
	start := time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	steady := func(from, to, every int) (list []int) {
		for ms := from; ms < to; ms += every {
			list = append(list, ms)
		}
		return list
	}
	for name, c := range map[string]struct {
		heard []int
		asked int
		want  float64
	}{
		"nothing":                 {nil, 5000, 0},
		"the first second":        {steady(0, 500, 100), 600, 5},
		"steady":                  {steady(0, 10_000, 100), 10_000, 10},
		"steady, asked later":     {steady(0, 10_000, 100), 10_900, 10},
		"begins":                  {steady(0, 2000, 100), 2000, 10},
		"fell silent":             {steady(0, 10_000, 100), 12_000, 6},
		"silent for long":         {steady(0, 10_000, 100), 60_000, 0},
		"after a long silence":    {append(steady(0, 1000, 100), steady(60_000, 61_000, 100)...), 61_000, 2},
		"the running second only": {steady(0, 100, 10), 999, 10},
	} {
		var m rateMeter
		for _, ms := range c.heard {
			m.count(at(ms))
		}
		if got := m.perSecond(at(c.asked)); got != c.want {
			t.Errorf("%s: have %v, want %v", name, got, c.want)
		}
	}
}
