package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// TestFloorFigures measures a small part of the floor: every figure can be
// written, is its own, and those with a target keep it in this much of it too.
func TestFloorFigures(t *testing.T) {
	t.Parallel()
	floor := benchFloor{worlds: 40, minutes: 10, composed: 400, charges: 400, links: 2, traces: os.Getenv(tracesEnv)}
	if testing.Short() { // under the race detector each world takes many times as long
		floor.worlds, floor.minutes, floor.composed, floor.charges = 10, 3, 60, 60
	}
	if beside := filepath.Join("..", "..", "..", tracesBeside); floor.traces == "" {
		if _, err := os.Stat(beside); err == nil {
			floor.traces = beside
		}
	}
	floor.traces = tracesNamed(floor.traces)
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
			if f.Unmeasured != "" {
				if floor.traces != "" {
					t.Errorf("%s, %s: not measured: %s", name, f.What, f.Unmeasured)
				}
				continue
			}
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
		if !strings.Contains(figures[0].Unit, "seed 1") || figures[0].Value != float64(floor.worlds) {
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

// TestTracesThatCannotBeRead: what was named and is not there, or is something
// else, is an error and no silence.
func TestTracesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	odd := filepath.Join(t.TempDir(), "odd")
	if err := os.WriteFile(odd, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, code := range map[string]pay.ErrorCode{odd: pay.CodeConfig, odd + "-gone": pay.CodeNotFound} {
		_, err := benchFloor{worlds: 1, composed: 1, traces: name}.crowd(t.Context(), "")
		var pe *pay.Error
		if !errors.As(err, &pe) || pe.Code != code || pe.Hint == "" {
			t.Errorf("%s: %v, want %s with a hint", name, err, code)
		}
	}
	if got := tracesNamed(odd); got != odd {
		t.Errorf("a file that is named became %q", got)
	}
}
