package bench

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
)

// benchAudits are two sizes of registry that an audit is measured with.
type benchAudits struct{ small, large int }

// factsOfPayment is how many signed facts a paid payment consists of: request, offer,
// answer, capture.
const factsOfPayment = 4

// audit measures how many payments of a large registry an audit checks a second,
// beside the bare signature checks of as many facts on all cores, how much more
// memory it holds at its peak than with a small one, and what an audit costs that
// carries on from another.
func (b benchAudits) audit(ctx context.Context, dir string) ([]figure, error) {
	small, err := auditLedger(ctx, filepath.Join(dir, "small"), b.small)
	if err != nil {
		return nil, err
	}
	large, err := auditLedger(ctx, filepath.Join(dir, "large"), b.large)
	if err != nil {
		return nil, err
	}
	bare, err := bareChecks(ctx, factsOfPayment*b.large)
	if err != nil {
		return nil, err
	}
	grown, err := b.grown(ctx, filepath.Join(dir, "grown"))
	if err != nil {
		return nil, err
	}
	rate, yardstick := float64(b.large)/large.took.Seconds(), float64(b.large)/bare.Seconds()
	return append(grown, []figure{
		{
			What: fmt.Sprintf("%d payments audited", b.large), Value: rate, Unit: "/s", Yardstick: yardstick,
			Against: "their bare signature checks", Ratio: rate / yardstick,
		},
		{
			What: fmt.Sprintf("heap at the peak, %d payments", b.large), Value: float64(large.peak.most()), Unit: "B", Yardstick: float64(small.peak.most()),
			Against: fmt.Sprintf("%d payments", b.small), Ratio: float64(large.peak.most()) / float64(max(1, small.peak.most())),
		},
	}...), nil
}

// audited is what an audit took.
type audited struct {
	answer api.Audit
	took   time.Duration
	peak   auditPeaks
}

// auditPeaks is the most that was alive on the heap at once, in bytes above what the
// opened registry holds: while the store is checked, and while payments are recomputed.
type auditPeaks struct{ store, payments uint64 }

func (p auditPeaks) most() uint64 { return max(p.store, p.payments) }

// auditLedger makes a registry and audits it twice, once for the time and once for
// the memory, and removes it.
func auditLedger(ctx context.Context, dir string, payments int) (a audited, err error) {
	if err := makeLedger(ctx, dir, payments, 1); err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	begun := time.Now()
	if a.answer, err = auditDir(ctx, dir, func(json.RawMessage) {}); err != nil {
		return a, err
	}
	a.took = time.Since(begun)
	if !a.answer.OK || a.answer.Payments != payments {
		return a, fmt.Errorf("the audit of %d payments says: %+v", payments, a.answer)
	}
	a.peak, err = auditPeak(ctx, dir)
	return a, err
}

// auditDir audits the registry of a directory as the command does where no daemon
// runs.
func auditDir(ctx context.Context, dir string, tell func(note json.RawMessage)) (api.Audit, error) {
	n, err := node.OpenOffline(ctx, datadir.Dir(dir))
	if err != nil {
		return api.Audit{}, err
	}
	defer n.Close()
	reply, err := api.AnswerTelling(ctx, n.Verbs(), api.VerbAudit, api.AuditRequest{}, tell)
	return reply.Value, err
}

// peakEvery is after how much of the work the heap is looked at. Chosen: often enough
// to see what grows, seldom enough to end soon.
const peakEvery = 0.02

// auditPeak audits a registry and looks at the heap meanwhile.
func auditPeak(ctx context.Context, dir string) (peak auditPeaks, err error) {
	var base uint64
	next := 0.0
	_, err = auditDir(ctx, dir, func(raw json.RawMessage) {
		p, ok := api.ReadNote[api.Progress](raw)
		if !ok || p.Share < next && p.Share < 1 {
			return
		}
		next = p.Share + peakEvery
		live := liveHeap()
		if base == 0 {
			base = live
		}
		above := live - min(live, base)
		if p.Stage == "payments" {
			peak.payments = max(peak.payments, above)
		} else {
			peak.store = max(peak.store, above)
		}
	})
	return peak, err
}

// liveHeap returns the bytes of the objects that are alive on the heap.
func liveHeap() uint64 {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// bareChecks takes the time of n signature checks, spread over all cores.
func bareChecks(ctx context.Context, n int) (time.Duration, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return 0, err
	}
	message := make([]byte, benchRowBytes)
	sig := ed25519.Sign(private, message)
	workers := runtime.GOMAXPROCS(0)
	group, ctx := errgroup.WithContext(ctx)
	begun := time.Now()
	for range workers {
		group.Go(func() error {
			for range n / workers {
				if !ed25519.Verify(public, message, sig) {
					return errors.New("a good signature does not verify")
				}
			}
			return ctx.Err()
		})
	}
	err = group.Wait()
	return time.Since(begun), err
}
