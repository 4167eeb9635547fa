package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
)

// benchIdle is how long idle daemons are looked at.
type benchIdle struct{ during time.Duration }

const (
	idleWakesMax = 30  // a second
	idleCPUMax   = 0.2 // percent of a core
	idleBytesMax = 1e6 // of a wallet a day
)

// run measures what happens between payments: how soon one who is clearly near has paid,
// what a wallet costs that comes back, and what daemons do while nobody pays: how often
// one wakes up, what CPU time it spends, and what a node sends and gets. By then the
// tags of the shop have gone, so that the box hears nothing.
func (b benchIdle) run(ctx context.Context, dir string) ([]figure, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s, err := openShop(ctx, "this", exe, shopDir(dir, "idle"))
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for _, w := range s.wallets[1:] {
		s.Stop(w + "-tag")
	}
	near, err := s.nearest(ctx)
	if err != nil {
		return nil, err
	}
	s.Stop(s.wallets[0] + "-tag")
	back, err := s.reconnect(ctx)
	if err != nil {
		return nil, err
	}
	quiet, pings := restFor(b.during)
	if err := wait(ctx, quiet); err != nil {
		return nil, err
	}
	names := []string{shopRegistry, shopBox, s.wallets[0]}
	before, err := s.idle(ctx, names)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	if err := wait(ctx, b.during); err != nil {
		return nil, err
	}
	after, err := s.idle(ctx, names)
	if err != nil {
		return nil, err
	}
	seconds := time.Since(begun).Seconds()
	out := append(near, back...)
	for i, name := range names {
		role := strings.TrimSuffix(s.roleOf(name), "s")
		wakes := float64(after[i].wakes-before[i].wakes) / seconds
		share := 100 * (after[i].cpu - before[i].cpu).Seconds() / seconds
		few, little := wakes <= idleWakesMax, share <= idleCPUMax
		out = append(out,
			figure{Name: "S16", What: "wake-ups of an idle " + role, Value: wakes, Unit: "/s", Target: fmt.Sprintf("<= %d/s", idleWakesMax), Met: &few},
			figure{Name: "S16", What: "CPU time of an idle " + role, Value: share, Unit: "%", Target: fmt.Sprintf("<= %g %% of a core", idleCPUMax), Met: &little},
		)
	}
	traffic, err := s.idleTraffic(ctx, pings)
	return append(out, traffic), err
}

// idleTraffic measures what a wallet sends and gets while nothing happens. Of a box it
// does not speak: a box pings as often as the registry says, and is stopped for it.
func (s *shop) idleTraffic(ctx context.Context, during time.Duration) (figure, error) {
	s.Stop(shopBox)
	before, err := s.idle(ctx, []string{shopRegistry})
	if err != nil {
		return figure{}, err
	}
	begun := time.Now()
	if err := wait(ctx, during); err != nil {
		return figure{}, err
	}
	after, err := s.idle(ctx, []string{shopRegistry})
	if err != nil {
		return figure{}, err
	}
	day := float64(after[0].bytes-before[0].bytes) / float64(len(s.wallets)) / time.Since(begun).Seconds() * 86_400
	met := day <= idleBytesMax
	return figure{
		Name: "S16", What: "traffic of an idle wallet, both ways", Value: day / 1e6, Unit: "MB/d", Target: fmt.Sprintf("<= %g MB a day", idleBytesMax/1e6), Met: &met,
	}, nil
}

const (
	nearestPayments = 30
	nearestMax      = time.Second
)

// nearest charges the one who is clearly near again and again, once the box is sure of
// him, and looks at the slowest.
func (s *shop) nearest(ctx context.Context) ([]figure, error) {
	if err := s.Until("the box is sure who is near", func() (bool, error) {
		reply, err := node.AskDaemon(ctx, s.dir(shopBox), api.VerbWaitNear, api.WaitRequest{Wait: shopWait})
		return reply.Value.Clear != nil, err
	}); err != nil {
		return nil, err
	}
	took, err := s.alone(ctx, nearestPayments, "")
	if err != nil {
		return nil, err
	}
	slowest := quantile(took.both, 0.99)
	met := slowest <= nearestMax
	return []figure{{
		Name: "S17", What: "clear at the box -> outcome at both, air, p99", Value: millis(slowest), Unit: "ms",
		Target: fmt.Sprintf("<= %g s", nearestMax.Seconds()), Met: &met,
	}}, nil
}

// idleness is what a process has done since its start.
type idleness struct {
	wakes uint64
	cpu   time.Duration
	bytes uint64 // over a registry's connections
}

func (s *shop) idle(ctx context.Context, names []string) (all []idleness, err error) {
	for _, name := range names {
		pid := s.Procs[name].Cmd.Process.Pid
		counts, err := node.AskDaemon(ctx, s.dir(name), api.VerbCounts, api.Nothing{})
		if err != nil {
			return nil, err
		}
		i := idleness{bytes: counts.Value.PacketBytes}
		if i.cpu, err = cpuOf(pid); err != nil {
			return nil, err
		}
		if i.wakes, err = wakesOf(pid); err != nil {
			return nil, err
		}
		all = append(all, i)
	}
	return all, nil
}

// wakesOf returns how often the threads of a process have gone to sleep by themselves,
// after each of which they were woken (voluntary_ctxt_switches in
// /proc/PID/task/TID/status).
func wakesOf(pid int) (sum uint64, err error) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if len(tasks) == 0 {
		return 0, fmt.Errorf("the system does not tell how often process %d wakes up", pid)
	}
	for _, task := range tasks {
		n, err := fieldOf(task, "voluntary_ctxt_switches:")
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// fieldOf returns the number behind a name in a file of /proc; 0 where the file has
// gone.
func fieldOf(path, name string) (uint64, error) {
	raw, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(raw)); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), name); ok {
			return strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("%s does not tell %s", path, name)
}

// wait returns after d, or with the error of ctx when it ends before.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
