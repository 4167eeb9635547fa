package bench

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble/crowd"
)

// TestEachRateOfThePickSaysWhatItIs: how often somebody else is named or charged and
// how often the till asks is never printed without its bracket, nor without whether it
// is simulated or from traces. The recordings are made up, so that this holds without
// any.
func TestEachRateOfThePickSaysWhatItIs(t *testing.T) {
	t.Parallel()
	b := benchFloor{worlds: 4, composed: 4, charges: 4, links: 1}
	figures, err := b.crowd(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var stays []crowd.Recording
	for _, set := range []string{"a", "b"} {
		for _, metres := range []float64{0.914, 1.829, 3.658} {
			r := crowd.Recording{Set: set, Carried: "hand", Metres: metres}
			for at := time.Duration(0); at < 10*time.Second; at += 40 * time.Millisecond {
				r.Samples = append(r.Samples, crowd.Sample{At: at})
			}
			stays = append(stays, r)
		}
	}
	played := crowd.NewTraces(crowd.Simulate(crowd.Measured(), stays, benchSeed))
	pair := placed{name: "2", placing: crowd.Placing{Persons: 2}}
	figures = append(slices.Concat(figures, b.placed(pair, played, played)), b.charged(pair, played))
	rates := 0
	for _, f := range figures {
		if f.Unmeasured != "" || !strings.Contains(f.What, "wrong") && !strings.Contains(f.What, "asks") {
			continue
		}
		rates++
		if f.Low == nil || f.High == nil || f.Against != "" && (f.YardstickLow == nil || f.YardstickHigh == nil) {
			t.Errorf("%s: no bracket: %+v", f.What, f)
		}
		if !strings.HasPrefix(f.What, "simulated") && !strings.HasPrefix(f.What, "traces") {
			t.Errorf("%s: neither simulated nor from traces", f.What)
		}
	}
	if rates < 30 {
		t.Errorf("only %d rates", rates)
	}
}

// TestEachRateInTheReadmeSaysWhatItIs: in the README, a table that says how often
// somebody else is named or the till asks says in its head whether it is simulated or
// from traces, and each share in it has its bracket.
func TestEachRateInTheReadmeSaysWhatItIs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	share := regexp.MustCompile(`[0-9.,]+ (%|/M|in a million)( \[[0-9.,]+\.\.[0-9.,]+\])?`)
	head, rates := "", 0
	for line := range strings.Lines(string(text)) {
		switch {
		case !strings.HasPrefix(line, "|"):
			head = ""
			continue
		case head == "":
			head = line
		}
		if !strings.Contains(head, "somebody else") {
			continue
		}
		if !strings.Contains(head, "simulated") && !strings.Contains(head, "traces") {
			t.Errorf("neither simulated nor from traces: %s", head)
		}
		if line == head {
			continue
		}
		for _, found := range share.FindAllStringSubmatch(line, -1) {
			if rates++; found[2] == "" {
				t.Errorf("%q has no bracket in %s", found[0], line)
			}
		}
	}
	if rates < 80 {
		t.Errorf("only %d rates", rates)
	}
}
