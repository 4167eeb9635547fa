package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
)

// TestBenchMeasuresPayments runs the benchmark of payments over real processes, by
// turns with another build, which is the same one here, and with a rival, of which only
// the answers exist. Every figure is there, and
// stands beside the yardstick that it is to stand beside. How large a figure is
// depends on the machine.
func TestBenchMeasuresPayments(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("the processes of two shops take long under the race detector, which sees only those of the benchmark")
	}
	w := emptyWorld(t)
	rival := filepath.Join(w.Dir, "rival")
	answers := `{"paid":1,"seconds":1,"p50_ms":1,"p99_ms":2,"server_cpu_us":3}`
	w.must(os.WriteFile(rival, []byte("#!/bin/sh\necho ready\nwhile read -r order; do echo '"+answers+"'; done\n"), 0o700))
	raw, err := w.Output("bench", "--during", "200ms", "--dir", w.Dir, "--against", w.Exe, "--rival", rival, "pay")
	w.must(err)
	type line struct {
		Type, Name, What, Against string
		Value, Yardstick, Ratio   float64
	}
	lines, err := stage.DecodeLines[line](raw)
	w.must(err)
	var got []string
	for _, l := range lines {
		if l.Type != "figure" {
			continue
		}
		if l.Value <= 0 || (l.Against != "") != (l.Yardstick > 0) {
			t.Errorf("%+v", l)
		}
		got = append(got, l.Name+" "+l.Against)
	}
	for _, want := range []string{"S1 floor", "S2 skeleton", "S2b ", "S3 skeleton", "S13 ", "S1 other build", "S2 other build", "S2b other build", "S3 other build", "S1 PostgreSQL + HTTP/2", "S3 PostgreSQL + HTTP/2", "S5 PostgreSQL + HTTP/2"} {
		if !slices.Contains(got, want) {
			t.Errorf("there is no figure %q among %q", want, got)
		}
	}
}

// TestBenchMeasuresQueueIdleAndLarge runs the benchmarks of what waited at a box, of
// idle daemons, of many wallets and of a large registry, each with little of it.
func TestBenchMeasuresQueueIdleAndLarge(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("as TestBenchMeasuresPayments")
	}
	w := emptyWorld(t)
	raw, err := w.Output("bench", "--during", "200ms", "--queued", "80", "--payments", "100", "--wallets", "20", "--dir", w.Dir, "S12", "idle", "S8", "large")
	w.must(err)
	type line struct{ Type, Name, What, Target string }
	lines, err := stage.DecodeLines[line](raw)
	w.must(err)
	targets := map[string]int{}
	for _, l := range lines {
		if l.Type == "figure" && l.Target != "" {
			targets[l.Name]++
		}
	}
	if want := map[string]int{"S12": 3, "S16": 7, "S17": 1, "S10": 1, "S8": 1, "S14": 1, "S15": 2, "S9": 1}; !maps.Equal(targets, want) {
		t.Errorf("figures with a target: %v, want %v", targets, want)
	}
}
