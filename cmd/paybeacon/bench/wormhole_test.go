package bench

import (
	"slices"
	"strings"
	"testing"
)

// TestWormholeModel holds the model to what its figures say: a code carried to
// another stall is stopped, seen or unseen, nearly always stopped once the victim
// has had time to pay, and honest payers are seldom troubled. Without the rule of
// two sites only the end of a code's window would stop anything.
func TestWormholeModel(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("the model takes half a minute, and minutes under the race detector, which finds nothing in one goroutine")
	}
	figures, err := benchWormhole(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	value := func(what string) float64 {
		t.Helper()
		i := slices.IndexFunc(figures, func(f figure) bool { return f.What == what })
		if i < 0 {
			t.Fatalf("there is no figure %q", what)
		}
		return figures[i].Value
	}
	stopped, seen, unseen := value("stepped up or refused"), value("seen as the victim pays next"), value("unseen: only the prompt stands")
	t.Logf("seed %.0f: stopped %.1f%%, seen %.1f%%, unseen %.1f%%", value("seed of the model"), stopped, seen, unseen)
	if sum := stopped + seen + unseen; sum < 99.999 || sum > 100.001 {
		t.Errorf("the three ends of an attack make %.3f%%", sum)
	}
	if stopped < 70 || unseen > 25 || value("unseen if the victim only walks by") < unseen {
		t.Errorf("stopped %.1f%%, unseen %.1f%%", stopped, unseen)
	}
	for _, f := range figures {
		if span, ok := strings.CutSuffix(f.What, " s late, victim pays: stopped"); ok && !strings.HasPrefix(span, "0-") && f.Value < 95 {
			t.Errorf("%s s late: %.1f%% are stopped", span, f.Value)
		}
	}
	var alarms []float64
	for _, f := range figures {
		if f.What == "asked for the device for nothing" {
			alarms = append(alarms, f.Value)
		}
	}
	if len(alarms) != 2 || alarms[0] > 3 || alarms[1] > 0.5 || alarms[0] == 0 {
		t.Errorf("false alarms at festival and campus: %v%%", alarms)
	}
}

// TestEarshotModel: each simulated charge of two stalls in earshot is paid once its
// payer answers, declared or not. Declared neighbours need no device, and a code
// carried between them is noticed all the same.
func TestEarshotModel(t *testing.T) {
	t.Parallel()
	for name, declared := range map[string]bool{"undeclared": false, "declared": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			figures, err := earshotModel(t.Context(), declared)
			if err != nil {
				t.Fatal(err)
			}
			value := map[string]float64{}
			for _, f := range figures {
				t.Logf("%s: %.1f %s", f.What, f.Value, f.Unit)
				value[f.What] = f.Value
			}
			device := value["of these by a person and the device"]
			if value["paid"] != 100 || value["refused because of too many prompts"] != 0 || (device == 0) != declared {
				t.Errorf("paid %.1f%%, with the device %.1f%%", value["paid"], device)
			}
			if a, b := value["codes carried to the other: noticed"], value["codes carried to a third: noticed"]; a != 100 || b != 100 {
				t.Errorf("noticed %.1f%% between the two, %.1f%% at a third", a, b)
			}
		})
	}
}
