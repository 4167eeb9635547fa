package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

const (
	// shopWallets is how many wallets a shop has. Chosen: with all payments in flight
	// spread over them, each is asked less often at once than the limit of prompts
	// allows.
	shopWallets = 8
	// shopFunds is what each wallet gets, shopPrice what each payment costs. Chosen:
	// more than any run spends.
	shopFunds = "900000.00"
	shopPrice = "1.00"
	// shopExponent makes a code live for 17 minutes. Chosen: longer than a run, in
	// which no charge is to fall into a change of codes.
	shopExponent = "10"
	// shopWait is how long a charge is waited for. Chosen: above the time to pay.
	shopWait pay.Millis = 60_000
	// shopRest is how long the processes are left alone before their CPU time is read:
	// acknowledgements are still on their way when a payment has ended. Chosen: many
	// round trips.
	shopRest = 300 * time.Millisecond
)

// Names of a shop's nodes.
const (
	shopRegistry = "reg"
	shopBox      = "box"
)

// shop is a registry, a box, wallets and their tags, each a process of one program,
// in a folder of its own. Every wallet approves by rule.
type shop struct {
	*stage.Stage
	label   string // which program runs
	wallets []string
	handles map[string]pay.Handle // of each wallet's tag
}

// openShop starts the processes of a shop in dir and makes one payment from each
// wallet. busy is whether the registry runs with --busy.
func openShop(ctx context.Context, label, exe, dir string) (*shop, error) {
	st, err := stage.New(ctx, exe, dir)
	if err != nil {
		return nil, err
	}
	s := &shop{Stage: st, label: label, handles: map[string]pay.Handle{}}
	for i := range shopWallets {
		s.wallets = append(s.wallets, fmt.Sprintf("w%d", i))
	}
	if err := s.open(); err != nil {
		s.Close()
		return nil, fmt.Errorf("open a shop of %s: %w%s", label, err, s.lastWords())
	}
	return s, nil
}

// lastWords returns the last line of each log that ends with an error: the folder is
// about to be removed.
func (s *shop) lastWords() (out string) {
	logs, _ := filepath.Glob(s.Data("*.log"))
	for _, log := range logs {
		raw, err := os.ReadFile(log)
		raw = bytes.TrimSpace(raw)
		if last := raw[bytes.LastIndexByte(raw, '\n')+1:]; err == nil && bytes.HasPrefix(last, []byte(`{"code":`)) {
			out += fmt.Sprintf("; %s: %s", filepath.Base(log), text.Printable(string(last)))
		}
	}
	return out
}

func (s *shop) open() error {
	if err := s.Start(shopRegistry, nil, "serve", "--data", s.Data(shopRegistry), "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"); err != nil {
		return err
	}
	if _, err := s.Ready(shopRegistry); err != nil {
		return err
	}
	if err := s.Enrol(shopRegistry, shopBox, "scan", "--role", "box", "--name", "counter", "--merchant", "Cafe"); err != nil {
		return err
	}
	if err := s.Start(shopBox, nil, "scan", "--data", s.Data(shopBox), "--radio", "air:"+s.Data("air")); err != nil {
		return err
	}
	if err := s.connected(shopBox); err != nil {
		return err
	}
	for i, w := range s.wallets {
		if err := s.addWallet(w, -35-3*i); err != nil {
			return err
		}
	}
	return s.introduce()
}

// addWallet starts a wallet and its tag, which is heard at rssi.
func (s *shop) addWallet(name string, rssi int) error {
	if err := s.Enrol(shopRegistry, name, "wallet", "--role", "wallet", "--name", name); err != nil {
		return err
	}
	if err := s.Ask(nil, "admin", "topup", "--data", s.Data(shopRegistry), "--wallet", name, "--amount", shopFunds); err != nil {
		return err
	}
	if err := s.Start(name, nil, "wallet", "run", "--data", s.Data(name), "--approve", "under:50.00"); err != nil {
		return err
	}
	if err := s.connected(name); err != nil {
		return err
	}
	return s.Pair(name, fmt.Sprint(rssi), "--k", shopExponent)
}

// connected waits until a node reaches the registry.
func (s *shop) connected(name string) error {
	return s.Until(name+" reaches the registry", func() (bool, error) {
		r, err := s.Ready(name)
		return r.Registry == "up", err
	})
}

// introduce charges everybody whom the box hears, to learn which wallet is whose.
func (s *shop) introduce() error {
	var near api.Nearby
	if err := s.Until("the box hears every tag", func() (bool, error) {
		reply, err := node.AskDaemon(s.Ctx, s.dir(shopBox), api.VerbNearby, api.Nothing{})
		near = reply.Value
		return len(near.Candidates) == len(s.wallets), err
	}); err != nil {
		return err
	}
	for _, c := range near.Candidates {
		p, err := s.pay(s.Ctx, c.Handle)
		if err != nil {
			return err
		}
		if p.Outcome != pay.OutcomePaid {
			return fmt.Errorf("the first payment of %s is %s (%s)", c.Handle, p.State, p.Reason)
		}
	}
	for _, w := range s.wallets {
		if err := s.Until(w+" knows that it has paid", func() (bool, error) {
			reply, err := node.AskDaemon(s.Ctx, s.dir(w), api.VerbReceipts, api.ListRequest{Limit: 1})
			for _, p := range reply.Value.Items {
				s.handles[w] = p.Payer
			}
			return slices.ContainsFunc(near.Candidates, func(c api.Candidate) bool { return c.Handle == s.handles[w] }), err
		}); err != nil {
			return err
		}
	}
	return nil
}

// learnHandles follows the tags that have changed their codes since.
func (s *shop) learnHandles() error {
	reply, err := node.AskDaemon(s.Ctx, s.dir(shopBox), api.VerbNearby, api.Nothing{})
	if err != nil {
		return err
	}
	for _, h := range s.handles {
		if !slices.ContainsFunc(reply.Value.Candidates, func(c api.Candidate) bool { return c.Handle == h }) {
			return s.introduce()
		}
	}
	return nil
}

func (s *shop) dir(name string) node.Dir { return node.Dir(s.Data(name)) }

// charge asks for a payment at the box, on its control socket.
func (s *shop) charge(ctx context.Context, to pay.Handle) (api.Payment, error) {
	reply, err := node.AskDaemon(ctx, s.dir(shopBox), api.VerbCharge, api.ChargeRequest{
		Amount: shopPrice, To: to, TTL: pay.RequestTTLDefault, Key: pay.IdempotencyKey(newKey()),
	})
	return reply.Value, err
}

// final waits at the box until a payment has ended.
func (s *shop) final(ctx context.Context, id string) (api.Payment, error) {
	reply, err := node.AskDaemon(ctx, s.dir(shopBox), api.VerbWait, api.WaitRequest{ID: id, Wait: shopWait})
	return reply.Value, err
}

// pay charges and waits for the outcome.
func (s *shop) pay(ctx context.Context, to pay.Handle) (api.Payment, error) {
	p, err := s.charge(ctx, to)
	if err != nil {
		return p, err
	}
	return s.final(ctx, p.ID)
}

// payByCommand does what pay does as a merchant's script does it, by a process of
// its own, whose CPU time it returns.
func (s *shop) payByCommand(ctx context.Context, to pay.Handle) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, s.Exe, "till", "charge", "--json", "--data", s.Data(shopBox),
		"--amount", shopPrice, "--to", string(to), "--wait", shopWait.Std().String())
	err := cmd.Run()
	if cmd.ProcessState == nil {
		return 0, err
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), err
}

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
func (s *shop) drive(ctx context.Context, callers int, during time.Duration, how func(ctx context.Context, to pay.Handle) (time.Duration, error)) (load, error) {
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
			for inCtx.Err() == nil && time.Since(begun) < during {
				at := time.Now()
				cpu, err := how(inCtx, to)
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
func (s *shop) bySocket(ctx context.Context, to pay.Handle) (time.Duration, error) {
	p, err := s.pay(ctx, to)
	if err == nil && p.Outcome != pay.OutcomePaid {
		err = notPaidError{p.State, p.Reason}
	}
	return 0, err
}

// byCommand pays by a process for each payment.
func (s *shop) byCommand(ctx context.Context, to pay.Handle) (time.Duration, error) {
	cpu, err := s.payByCommand(ctx, to)
	var exit *exec.ExitError
	if errors.As(err, &exit) && pay.Exit(exit.ExitCode()) == pay.ExitNotPaid {
		err = notPaidError{reason: "exit 6"}
	}
	return cpu, err
}

// single is how long one payment takes while nothing else happens: until the box
// knows the outcome, until the wallet does, and until both do.
type single struct {
	box, wallet, both []time.Duration
	counts            map[string]api.Counts // by role
	cpu               time.Duration         // of the registry, for all of them
}

func (a *single) add(more single) {
	a.box = append(a.box, more.box...)
	a.wallet = append(a.wallet, more.wallet...)
	a.both = append(a.both, more.both...)
	a.counts = plus(a.counts, more.counts)
	a.cpu += more.cpu
}

// plus returns the sums by role.
func plus(a, b map[string]api.Counts) map[string]api.Counts {
	sum := map[string]api.Counts{}
	maps.Copy(sum, a)
	for role, c := range b {
		sum[role] = sum[role].Plus(c)
	}
	return sum
}

// since returns what was done by role since an earlier count.
func since(before, after map[string]api.Counts) map[string]api.Counts {
	done := map[string]api.Counts{}
	for role, c := range after {
		done[role] = c.Minus(before[role])
	}
	return done
}

// alone makes n payments, one after another, of the first wallet, whose tag goes by
// these words; empty for the one that is nearest.
func (s *shop) alone(ctx context.Context, n int, to pay.Handle) (out single, err error) {
	w := s.wallets[0]
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	events, err := node.AskDaemon(ctx, s.dir(w), api.VerbEvents, api.EventsRequest{Last: 1})
	if err != nil {
		return out, err
	}
	captured := make(chan seen, 1)
	followed := make(chan error, 1)
	go func() { followed <- s.followCaptures(ctx, w, events.Value.Cursor, captured) }()
	spent, err1 := s.spent()
	before, err2 := s.counted(ctx)
	if err := errors.Join(err1, err2); err != nil {
		return out, err
	}
	for range n {
		begun := time.Now()
		p, err := s.pay(ctx, to)
		box := time.Since(begun)
		if err != nil {
			return out, err
		}
		if p.Outcome != pay.OutcomePaid {
			return out, notPaidError{p.State, p.Reason}
		}
		var at time.Time
		for at.IsZero() {
			select {
			case c := <-captured:
				if c.id == p.ID {
					at = c.at
				}
			case err := <-followed:
				return out, errors.Join(err, ctx.Err())
			}
		}
		wallet := at.Sub(begun)
		out.box, out.wallet, out.both = append(out.box, box), append(out.wallet, wallet), append(out.both, max(box, wallet))
	}
	if err := rest(ctx); err != nil {
		return out, err
	}
	spentNow, err1 := s.spent()
	after, err2 := s.counted(ctx)
	out.counts, out.cpu = since(before, after), spentNow[roleRegistry]-spent[roleRegistry]
	return out, errors.Join(err1, err2)
}

// seen is a payment of which a wallet has said that it is captured.
type seen struct {
	id string
	at time.Time
}

// followCaptures asks a wallet for its events and passes on what was captured, until
// ctx ends.
func (s *shop) followCaptures(ctx context.Context, wallet, cursor string, to chan<- seen) error {
	for {
		reply, err := node.AskDaemon(ctx, s.dir(wallet), api.VerbEvents, api.EventsRequest{Since: cursor, Wait: shopWait})
		if ctx.Err() != nil {
			return nil //nolint:nilerr // whoever asked knows by now
		}
		if err != nil {
			return err
		}
		at := time.Now()
		cursor = reply.Value.Cursor
		for _, e := range reply.Value.Items {
			if e.PaymentEvent == nil || e.State != pay.StateCaptured {
				continue
			}
			select {
			case to <- seen{e.ID, at}:
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// shopDir names the folder of a shop, short enough for the paths of its sockets.
func shopDir(dir, label string) string { return filepath.Join(dir, label) }
