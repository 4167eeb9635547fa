package cli

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestTableKeepsIdsAndAmounts draws one table for several terminals, and for none.
func TestTableKeepsIdsAndAmounts(t *testing.T) {
	t.Parallel()
	layout := []Column{{Keep: true}, {Right: true, Keep: true}, {}, {}}
	rows := [][]string{
		{"3f2a9c1b20", "12.50 EUR", "Café am anderen Ende des Geländes", "captured"},
		{"77aa01c0de", "1,000.00 EUR", "Kiosk", "requested, outcome UNKNOWN: do not charge again, ask later"},
	}
	for columns, want := range map[int]string{
		0: `
3f2a9c1b20     12.50 EUR  Café am anderen Ende des Geländes  captured
77aa01c0de  1,000.00 EUR  Kiosk                              requested, outcome UNKNOWN: do not charge again, ask later
`,
		80: `
3f2a9c1b20     12.50 EUR  Café am anderen Ende des …  captured
77aa01c0de  1,000.00 EUR  Kiosk                       requested, outcome UNKNOW…
`,
		50: `
3f2a9c1b20     12.50 EUR  Café am an…  captured
77aa01c0de  1,000.00 EUR  Kiosk        requested,…
`,
		20: `
3f2a9c1b20     12.50 EUR  Café am…  captured
77aa01c0de  1,000.00 EUR  Kiosk     request…
`,
	} {
		lines := Table(columns, layout, rows)
		if got := "\n" + strings.Join(lines, "\n") + "\n"; got != want {
			t.Errorf("%d columns:%swant%s", columns, got, want)
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); columns >= 50 && n > columns {
				t.Errorf("%d columns: a line of %d: %s", columns, n, line)
			}
		}
	}
}
