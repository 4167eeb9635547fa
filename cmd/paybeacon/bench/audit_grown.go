package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
)

// grownShare is the share of payments that are new when an audit carries on.
const grownShare = 100

// grownAuditMax is what "seconds" means in S15, for 100,000 payments.
const grownAuditMax = 3 * time.Second

// grown measures the CPU time of audits that carry on from a good one, of a registry
// that runs: when nothing has changed, and when one payment in a hundred is new.
// Beside them stands a full audit.
func (b benchAudits) grown(ctx context.Context, dir string) (out []figure, err error) {
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	l := &ledger{random: rand.NewChaCha8([32]byte{1}), clock: newLedgerClock()}
	err = l.open(ctx, dir, func(ctx context.Context) error {
		if err := l.fill(ctx, b.large); err != nil {
			return err
		}
		full, err := l.auditCPU(ctx, true)
		if err != nil {
			return err
		}
		for _, n := range []int{0, max(1, b.large/grownShare)} {
			for want := l.made + n; l.made < want; {
				if err := l.round(ctx, want); err != nil {
					return err
				}
			}
			spent, err := l.auditCPU(ctx, false)
			if err != nil {
				return err
			}
			each := micros(spent) / float64(l.made)
			target := micros(grownAuditMax) / 100_000
			met := each <= target
			out = append(out, figure{
				Name: "S15", What: fmt.Sprintf("CPU of an audit after %d new payments, a payment that is there", n), Value: each, Unit: "us",
				Yardstick: micros(full) / float64(b.large), Against: "a full audit", Ratio: spent.Seconds() / full.Seconds(),
				Target: fmt.Sprintf("<= %g us (100,000 in %v)", target, grownAuditMax), Met: &met,
			})
		}
		return nil
	})
	return out, err
}

// auditCPU has the registry audit itself and returns the CPU time that it took.
func (l *ledger) auditCPU(ctx context.Context, full bool) (time.Duration, error) {
	before := ownCPU()
	reply, err := api.Answer(ctx, l.reg.Verbs(), api.VerbAudit, api.AuditRequest{Full: full})
	spent := ownCPU() - before
	if a := reply.Value; err == nil && (!a.OK || a.Full != full || a.Payments != l.made) {
		err = fmt.Errorf("the audit of %d payments says: %+v", l.made, a)
	}
	return spent, err
}
