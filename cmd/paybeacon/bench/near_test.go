package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
)

// TestFloorFigures measures a small part of the floor: every figure can be
// written, is its own, and those with a target keep it in this much of it too.
func TestFloorFigures(t *testing.T) {
	t.Parallel()
	floor := benchFloor{worlds: 40, minutes: 10}
	for name, run := range map[string]func(context.Context, string) ([]figure, error){"near": floor.near, "crowd": floor.crowd} {
		figures, err := run(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		seen, targets := map[string]bool{}, 0
		for _, f := range figures {
			if _, err := json.Marshal(f); err != nil {
				t.Errorf("%s, %s: %v", name, f.What, err)
			}
			var line bytes.Buffer
			printFigure(&line, f)
			if seen[f.What] || f.Unit == "" || !strings.Contains(line.String(), f.What) {
				t.Errorf("%s: a bad line %q", name, line.String())
			}
			seen[f.What] = true
			if f.Target != "" {
				targets++
				if f.Met == nil || !*f.Met {
					t.Errorf("%s, %s: %v %s, want %s", name, f.What, f.Value, f.Unit, f.Target)
				}
			}
			if f.Unit == "%" && (f.Value < 0 || f.Value > 100) {
				t.Errorf("%s, %s: %v %%", name, f.What, f.Value)
			}
		}
		if !strings.Contains(figures[0].Unit, "seed 1") || figures[0].Value != 40 {
			t.Errorf("%s does not say its seed and its worlds: %+v", name, figures[0])
		}
		if name == "near" && targets != 6 {
			t.Errorf("%d targets", targets)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := floor.near(ended, ""); err == nil {
		t.Error("a measurement that was stopped went on")
	}
}
