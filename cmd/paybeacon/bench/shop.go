package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
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

// introduce charges everybody whom the box hears, to learn which wallet is whose, until
// each wallet knows of a payment by words that are in the air. A tag that has changed its
// code is listed under both for a while, and one that has just started may not be yet.
func (s *shop) introduce() error {
	line := s.line()
	defer line.Close()
	charged := map[pay.Handle]bool{}
	return s.Until("every wallet has paid", func() (bool, error) {
		near, err := node.AskDaemon(s.Ctx, s.dir(shopBox), api.VerbNearby, api.Nothing{})
		if err != nil {
			return false, err
		}
		for _, c := range near.Value.Candidates {
			if charged[c.Handle] {
				continue
			}
			charged[c.Handle] = true
			p, err := s.pay(s.Ctx, line, c.Handle)
			switch {
			case pay.CodeOf(err) == pay.CodeLeft:
			case err != nil:
				return false, err
			case p.Outcome != pay.OutcomePaid:
				return false, fmt.Errorf("the first payment of %s is %s (%s)", c.Handle, p.State, p.Reason)
			}
		}
		return s.allKnown(near.Value.Candidates)
	})
}

// allKnown notes by which words each wallet paid last, and reports whether all of these
// are in the air.
func (s *shop) allKnown(near []api.Candidate) (bool, error) {
	all := true
	for _, w := range s.wallets {
		reply, err := node.AskDaemon(s.Ctx, s.dir(w), api.VerbReceipts, api.ListRequest{Limit: 1})
		if err != nil {
			return false, err
		}
		for _, p := range reply.Value.Items {
			s.handles[w] = p.Payer
		}
		all = all && slices.ContainsFunc(near, func(c api.Candidate) bool { return c.Handle == s.handles[w] })
	}
	return all, nil
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

func (s *shop) dir(name string) datadir.Dir { return datadir.Dir(s.Data(name)) }

// pay charges at the box, on a line to it, and waits for the outcome. A build that knows
// no waiting charge is asked once more.
func (s *shop) pay(ctx context.Context, line *api.Line, to pay.Handle) (api.Payment, error) {
	reply, err := api.AskOn(ctx, line, api.VerbCharge, api.ChargeRequest{
		Amount: shopPrice, To: to, TTL: pay.RequestTTLDefault, Key: pay.IdempotencyKey(newKey()), Wait: shopWait,
	})
	if err == nil && reply.Value.Outcome == pay.OutcomePending {
		reply, err = api.AskOn(ctx, line, api.VerbWait, api.WaitRequest{ID: reply.Value.ID, Wait: shopWait})
	}
	return reply.Value, err
}

// line returns a line to the box, as a till's program keeps one.
func (s *shop) line() *api.Line { return node.NewLine(s.dir(shopBox)) }

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

// shopDir names the folder of a shop, short enough for the paths of its sockets.
func shopDir(dir, label string) string { return filepath.Join(dir, label) }
