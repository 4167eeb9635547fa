package bench

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
)

// By how many bytes the heap of an audit may grow although there are many times the
// payments. Chosen: what the runtime itself holds varies by less; the ids of all
// decisions would be twice as much. While signatures are verified, what is verified at
// a time is on the heap, some eight megabytes at most, and it varies how much of it a
// look at the heap meets.
const (
	peakGrowthMax = 256 << 10
	underWayMax   = 4 << 20
)

// TestAuditHoldsNoPayments audits a small registry and one with many times the
// payments, and looks at the heap all the while: what is alive does not grow. It is
// not parallel: what other tests hold would count.
func TestAuditHoldsNoPayments(t *testing.T) { //nolint:paralleltest // see above
	var peaks [2]auditPeaks
	large := 8_000
	if testing.Short() {
		large = 4_000
	}
	for i, payments := range []int{1_200, large} { // facts of more payments than are verified at a time
		dir := t.TempDir()
		if err := makeLedger(t.Context(), dir, payments, 1); err != nil {
			t.Fatal(err)
		}
		peak, err := auditPeak(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		peaks[i] = peak
	}
	t.Logf("seed 1: bytes with 1200 payments: %+v; with %d: %+v", peaks[0], large, peaks[1])
	if peaks[1].store > peaks[0].store+underWayMax || peaks[1].payments > peaks[0].payments+peakGrowthMax {
		t.Error("the peak grew")
	}
}

// TestAuditTellsHowFarItIs: the shares grow from 0 to 1, the payments up to all of
// them.
func TestAuditTellsHowFarItIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := makeLedger(t.Context(), dir, 300, 1); err != nil {
		t.Fatal(err)
	}
	var told []api.Progress
	a, err := auditDir(t.Context(), dir, func(raw json.RawMessage) {
		p, ok := api.ReadNote[api.Progress](raw)
		if !ok {
			t.Errorf("told %s", raw)
			return
		}
		if n := len(told); n > 0 && (p.Share <= told[n-1].Share || p.Payments < told[n-1].Payments) {
			t.Errorf("%+v follows %+v", p, told[n-1])
		}
		told = append(told, p)
	})
	if err != nil || !a.OK || a.Payments != 300 || len(a.Findings) != 0 {
		t.Fatalf("audit: %+v, %v", a, err)
	}
	if n := len(told); n < 100 || told[0].Share != 0 || told[n-1].Share != 1 || told[n-1].Payments != 300 {
		t.Errorf("%d notes from %+v to %+v", n, told[0], told[len(told)-1])
	}
	var stages []string
	for _, p := range told {
		if n := len(stages); n == 0 || stages[n-1] != p.Stage {
			stages = append(stages, p.Stage)
		}
	}
	if s := strings.Join(stages, " "); s != "tables store payments" {
		t.Errorf("stages: %s", s)
	}
}

// TestRegistryPaysWhileItIsAudited audits a registry that runs, again and again,
// while payments are made: each audit sees one moment, and its books are right.
func TestRegistryPaysWhileItIsAudited(t *testing.T) {
	t.Parallel()
	l := &ledger{random: rand.NewChaCha8([32]byte{2}), clock: newLedgerClock()}
	audits, payments := 0, 0
	err := l.open(t.Context(), t.TempDir(), func(ctx context.Context) error {
		paid := make(chan error, 1)
		go func() { paid <- l.fill(ctx, 600) }()
		for {
			reply, err := api.Answer(ctx, l.reg.Verbs(), api.VerbAudit, api.AuditRequest{})
			a := reply.Value
			if err != nil || !a.OK || a.Payments < payments {
				t.Errorf("after %d payments: %+v, %v", payments, a, err)
			}
			audits, payments = audits+1, a.Payments
			if payments == 600 || t.Failed() {
				return <-paid
			}
		}
	})
	if err != nil || audits < 2 {
		t.Errorf("%d audits: %v", audits, err)
	}
}

// TestAuditThatIsStopped has no answer.
func TestAuditThatIsStopped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := makeLedger(t.Context(), dir, 100, 2); err != nil {
		t.Fatal(err)
	}
	for _, at := range []float64{0, 0.3, 0.9} {
		ctx, cancel := context.WithCancel(t.Context())
		a, err := auditDir(ctx, dir, func(raw json.RawMessage) {
			if p, ok := api.ReadNote[api.Progress](raw); ok && p.Share >= at {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("stopped at %v: %+v, %v", at, a, err)
		}
		cancel()
	}
}
