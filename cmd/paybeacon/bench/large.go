package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/pay"
)

// benchLarge is a registry with many payments, made by a seed with valid signatures.
type benchLarge struct{ payments int }

const (
	largeDiskMax  = 2_400                  // bytes a payment
	largeAuditMax = 200 * time.Microsecond // of CPU time: 100,000 in 20 s
	largeReadyMax = 2 * time.Second
	largeTakeUp   = 199_000 / 25 // entries a second
	largeNewBox   = "late"
)

// run measures what a payment takes on the disk, how soon the registry is ready again
// after it was killed, what an audit of it costs, and how fast a new box of the
// merchant takes up its history.
func (b benchLarge) run(ctx context.Context, dir string) (figures []figure, err error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s, err := stage.New(ctx, exe, filepath.Join(dir, "large"))
	if err != nil {
		return nil, err
	}
	defer s.Close()
	reg := s.Data(shopRegistry)
	begun := time.Now()
	if err := makeLedger(ctx, reg, b.payments, 1); err != nil {
		return nil, err
	}
	made := time.Since(begun)
	for _, measure := range []func(context.Context, *stage.Stage) ([]figure, error){b.disk, b.audit, b.killed, b.takeUp} {
		found, err := measure(ctx, s)
		if err != nil {
			return nil, err
		}
		figures = append(figures, found...)
	}
	return append(figures, figure{Name: "S9", What: fmt.Sprintf("making these %d payments, in one process", b.payments), Value: made.Seconds(), Unit: "s"}), nil
}

// disk measures the blocks of the registry's closed store.
func (b benchLarge) disk(_ context.Context, s *stage.Stage) ([]figure, error) {
	var blocks int64
	err := filepath.WalkDir(s.Data(shopRegistry), func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			blocks += st.Blocks * 512
		}
		return nil
	})
	each := float64(blocks) / float64(b.payments)
	met := each <= largeDiskMax
	return []figure{{
		Name: "S14", What: "disk at the registry, a payment", Value: each, Unit: "B", Yardstick: benchRowBytes * factsOfPayment, Against: "its facts, of 512 B",
		Ratio: each / (benchRowBytes * factsOfPayment), Target: fmt.Sprintf("<= %d B", largeDiskMax), Met: &met,
	}}, err
}

// audit measures the CPU time of an audit.
func (b benchLarge) audit(ctx context.Context, s *stage.Stage) ([]figure, error) {
	before := ownCPU()
	a, err := auditDir(ctx, s.Data(shopRegistry), func(json.RawMessage) {})
	spent := ownCPU() - before
	if err == nil && (!a.OK || a.Payments != b.payments) {
		err = fmt.Errorf("the audit of %d payments says: %+v", b.payments, a)
	}
	if err != nil {
		return nil, err
	}
	before = ownCPU()
	if _, err := bareChecks(ctx, factsOfPayment*b.payments); err != nil {
		return nil, err
	}
	each, yardstick := micros(spent)/float64(b.payments), micros(ownCPU()-before)/float64(b.payments)
	met := each <= micros(largeAuditMax)
	return []figure{{
		Name: "S15", What: "CPU of an audit, a payment", Value: each, Unit: "us", Yardstick: yardstick, Against: "its bare signature checks", Ratio: each / yardstick,
		Target: fmt.Sprintf("<= %g us (100,000 in 20 s)", micros(largeAuditMax)), Met: &met,
	}}, nil
}

// ownCPU returns the CPU time of this process.
func ownCPU() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// killed measures how soon the registry is ready after a SIGKILL.
func (b benchLarge) killed(_ context.Context, s *stage.Stage) ([]figure, error) {
	err := s.Start(shopRegistry, nil, "serve", "--data", s.Data(shopRegistry), "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if _, err := s.Ready(shopRegistry); err != nil {
		return nil, err
	}
	s.Kill(shopRegistry)
	begun := time.Now()
	if err := s.Again(shopRegistry, nil); err != nil {
		return nil, err
	}
	if _, err := s.Ready(shopRegistry); err != nil {
		return nil, err
	}
	took := time.Since(begun)
	met := took <= largeReadyMax
	return []figure{{
		Name: "S9", What: fmt.Sprintf("ready again after SIGKILL, %d payments", b.payments), Value: took.Seconds(), Unit: "s",
		Target: fmt.Sprintf("<= %g s with 1 M (--payments)", largeReadyMax.Seconds()), Met: &met,
	}}, nil
}

// takeUp lets a new box of the merchant read its whole history.
func (b benchLarge) takeUp(ctx context.Context, s *stage.Stage) ([]figure, error) {
	if err := s.Enrol(shopRegistry, largeNewBox, "scan", "--role", "box", "--name", largeNewBox, "--merchant", "Cafe", "--site", "counter"); err != nil {
		return nil, err
	}
	begun := time.Now()
	if err := s.Start(largeNewBox, nil, "scan", "--data", s.Data(largeNewBox), "--radio", "air:"+s.Data("air")); err != nil {
		return nil, err
	}
	if _, err := s.Ready(largeNewBox); err != nil {
		return nil, err
	}
	last := fmt.Sprintf("order %d", b.payments)
	peak := uint64(0)
	err := s.Until("a new box has read everything", func() (bool, error) {
		resident, err := residentOf(s.Procs[largeNewBox].Cmd.Process.Pid)
		if err != nil {
			return false, err
		}
		peak = max(peak, resident)
		reply, err := node.AskDaemon(ctx, datadir.Dir(s.Data(largeNewBox)), api.VerbShow, api.PaymentRef{Key: pay.IdempotencyKey(fmt.Sprintf("charge-%d", b.payments))})
		if pay.CodeOf(err) == pay.CodeNotFound {
			return false, nil
		}
		return err == nil && reply.Value.Ref == last && reply.Value.Outcome == pay.OutcomePaid, err
	})
	if err != nil {
		return nil, err
	}
	took := time.Since(begun)
	spent, err := cpuOf(s.Procs[largeNewBox].Cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	entries := 2 * b.payments // offer and capture of each
	rate := float64(entries) / took.Seconds()
	met := rate >= largeTakeUp
	return []figure{
		{Name: "S15", What: fmt.Sprintf("%d entries taken up by a new box", entries), Value: rate, Unit: "/s", Target: fmt.Sprintf(">= %d/s (199,000 in 25 s)", largeTakeUp), Met: &met},
		{Name: "S15", What: "CPU of that box, an entry", Value: micros(spent) / float64(entries), Unit: "us"},
		{Name: "S15", What: "memory of that box at its peak", Value: float64(peak) / (1 << 20), Unit: "MiB"},
	}, nil
}

// residentOf returns the bytes of memory that a process occupies by itself. The files
// that it has mapped are not among them: the system may drop those at any time.
func residentOf(pid int) (uint64, error) {
	kib, err := fieldOf(fmt.Sprintf("/proc/%d/status", pid), "RssAnon:")
	if err == nil && kib == 0 {
		err = errors.New("a process has ended")
	}
	return kib << 10, err
}
