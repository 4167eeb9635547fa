package bench

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/pay"
)

// load is what payments of many callers at once cost.
type load struct {
	paid, lost int
	reason     string // of one that was lost
	took       []time.Duration
	elapsed    time.Duration
	cpu        map[string]time.Duration // by role; that of callers only where they are processes
	counts     map[string]api.Counts    // by role; nil where a build does not count
}

func (l *load) add(more load) {
	l.paid += more.paid
	l.lost += more.lost
	l.reason = max(l.reason, more.reason)
	l.took = append(l.took, more.took...)
	l.elapsed += more.elapsed
	if l.cpu == nil {
		l.cpu = map[string]time.Duration{}
	}
	for role, d := range more.cpu {
		l.cpu[role] += d
	}
	l.counts = plus(l.counts, more.counts)
}

// perPayment returns the CPU time of a role for one payment, in microseconds.
func (l *load) perPayment(role string) float64 {
	return micros(l.cpu[role]) / float64(max(1, l.paid))
}

// all returns the CPU time of all roles for one payment, in microseconds.
func (l *load) all() (sum float64) {
	for role := range l.cpu {
		if role != roleCaller {
			sum += l.perPayment(role)
		}
	}
	return sum
}

func (l *load) rate() float64 { return float64(l.paid) / l.elapsed.Seconds() }

// The roles whose CPU time is told apart.
const (
	roleRegistry = "registry"
	roleBox      = "box"
	roleWallets  = "wallets"
	roleTags     = "tags"
	roleCaller   = "callers"
)

// ended reports whether a process has ended.
func ended(p *stage.Proc) bool {
	select {
	case <-p.Done:
		return true
	default:
		return false
	}
}

// spent returns the CPU time of each role since its start, of those that still run.
func (s *shop) spent() (map[string]time.Duration, error) {
	all := map[string]time.Duration{}
	for name, p := range s.Procs {
		if ended(p) {
			continue
		}
		d, err := cpuOf(p.Cmd.Process.Pid)
		if err != nil {
			return nil, fmt.Errorf("read the CPU time of %s: %w", name, err)
		}
		all[s.roleOf(name)] += d
	}
	return all, nil
}

func (s *shop) roleOf(name string) string {
	switch {
	case name == shopRegistry:
		return roleRegistry
	case name == shopBox:
		return roleBox
	case slices.Contains(s.wallets, name):
		return roleWallets
	default:
		return roleTags
	}
}

// counted returns what the nodes of each role have done since their start, nil where
// the build does not count.
func (s *shop) counted(ctx context.Context) (map[string]api.Counts, error) {
	all := map[string]api.Counts{}
	for name := range s.Procs {
		role := s.roleOf(name)
		if role == roleTags {
			continue // it has no store
		}
		reply, err := node.AskDaemon(ctx, s.dir(name), api.VerbCounts, api.Nothing{})
		if pay.CodeOf(err) == pay.CodeNotAllowed { // each build refuses an unknown verb in words of its own
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the counts of %s: %w", name, err)
		}
		all[role] = all[role].Plus(reply.Value)
	}
	return all, nil
}

// drive lets that many callers pay, one payment after another, for some time. How
// says how one pays and returns the CPU time of the caller's own process.
func (s *shop) drive(ctx context.Context, callers int, during time.Duration, how func(ctx context.Context, line *api.Line, to pay.Handle) (time.Duration, error)) (load, error) {
	countsBefore, countErr := s.counted(ctx)
	before, err := s.spent()
	if err := errors.Join(err, countErr); err != nil {
		return load{}, err
	}
	var mu sync.Mutex
	var l load
	var byCallers time.Duration
	begun := time.Now()
	group, inCtx := errgroup.WithContext(ctx)
	for i := range callers {
		to := s.handles[s.wallets[i%len(s.wallets)]]
		group.Go(func() error {
			line := s.line()
			defer line.Close()
			for inCtx.Err() == nil && time.Since(begun) < during {
				at := time.Now()
				cpu, err := how(inCtx, line, to)
				took := time.Since(at)
				mu.Lock()
				byCallers += cpu
				var not notPaidError
				switch {
				case err == nil:
					l.paid++
					l.took = append(l.took, took)
				case errors.As(err, &not):
					l.lost++
					l.reason = not.Error()
				default:
					mu.Unlock()
					return err
				}
				mu.Unlock()
			}
			return nil
		})
	}
	err = group.Wait()
	l.elapsed = time.Since(begun)
	if err == nil && l.paid == 0 {
		err = fmt.Errorf("none of %d payments was paid: %s", l.lost, l.reason)
	}
	if err != nil {
		return l, err
	}
	if err := rest(ctx); err != nil {
		return l, err
	}
	after, err := s.spent()
	countsAfter, countErr := s.counted(ctx)
	if err := errors.Join(err, countErr); err != nil {
		return l, err
	}
	l.counts = since(countsBefore, countsAfter)
	l.cpu = map[string]time.Duration{roleCaller: byCallers}
	for role, d := range after {
		l.cpu[role] = d - before[role]
	}
	return l, nil
}

// rest leaves the processes alone for shopRest.
func rest(ctx context.Context) error { return wait(ctx, shopRest) }

// notPaidError is a payment that ended without money.
type notPaidError struct {
	state  pay.State
	reason pay.Reason
}

func (e notPaidError) Error() string { return fmt.Sprintf("%s (%s)", e.state, e.reason) }

// bySocket pays on the control socket, from this process.
func (s *shop) bySocket(ctx context.Context, line *api.Line, to pay.Handle) (time.Duration, error) {
	p, err := s.pay(ctx, line, to)
	if err == nil && p.Outcome != pay.OutcomePaid {
		err = notPaidError{p.State, p.Reason}
	}
	return 0, err
}

// byCommand pays by a process for each payment.
func (s *shop) byCommand(ctx context.Context, _ *api.Line, to pay.Handle) (time.Duration, error) {
	cpu, err := s.payByCommand(ctx, to)
	var exit *exec.ExitError
	if errors.As(err, &exit) && pay.Exit(exit.ExitCode()) == pay.ExitNotPaid {
		err = notPaidError{reason: "exit 6"}
	}
	return cpu, err
}
