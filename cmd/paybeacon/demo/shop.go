package demo

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// shop is what the stories of the demo have in common: a registry, boxes and
// wallets on a stage, what is done with them and what is told of it. A box or
// wallet goes by the name of its directory.
type shop struct {
	*stage.Stage
	tell *teller

	registry api.Ready
	wallets  []string
	spent    map[string]pay.Amount // by wallet
	receipts int                   // files that were compared
}

const demoFunds = "50.00"

// demoNode is a process that connects to the registry.
type demoNode struct {
	name string
	args []string
}

// story is one scenario of the demo.
type story interface {
	play() error
	// check asks the nodes themselves whether all is well.
	check() error
	// morning makes ready for whoever wants to try things afterwards.
	morning() error
	// invitation is what can be tried then.
	invitation() (who string, commands []string)
}

// inOrder plays acts until one fails.
func inOrder(acts ...func() error) error {
	for _, act := range acts {
		if err := act(); err != nil {
			return err
		}
	}
	return nil
}

func newShop(s *stage.Stage, t *teller, wallets ...string) *shop {
	return &shop{Stage: s, tell: t, wallets: wallets, spent: map[string]pay.Amount{}}
}

func (s *shop) startRegistry() error {
	err := s.Start("registry", nil, "serve", "--data", s.Data("registry"), "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if s.registry, err = s.Ready("registry"); err != nil {
		return err
	}
	s.tell.say("registry", "listens on %s, its working key is %s…", s.registry.QUIC, s.registry.Node[:10])
	return nil
}

// restartRegistry brings the registry back on the port it had.
func (s *shop) restartRegistry(env []string) error {
	if err := s.Start("registry", env, "serve", "--data", s.Data("registry"), "--listen", s.registry.QUIC, "--http", s.registry.HTTP); err != nil {
		return err
	}
	_, err := s.Ready("registry")
	return err
}

// fund enrols a wallet and puts demoFunds into it.
func (s *shop) fund(who string) error {
	if err := s.Enrol("registry", who, "wallet", "--role", "wallet", "--name", who); err != nil {
		return err
	}
	return s.Ask(nil, "admin", "topup", "--data", s.Data("registry"), "--wallet", who, "--amount", demoFunds)
}

// startNodes starts nodes, or starts them again, and waits until each reaches
// the registry.
func (s *shop) startNodes(env []string, nodes ...demoNode) error {
	for _, n := range nodes {
		args := append(slices.Clone(n.args), "--data", s.Data(n.name), "--server", s.registry.QUIC)
		if err := s.Start(n.name, env, args...); err != nil {
			return err
		}
	}
	for _, n := range nodes {
		if err := s.Until(n.name+" reaches the registry", func() (bool, error) {
			r, err := s.Ready(n.name)
			return r.Registry == "up", err
		}); err != nil {
			return err
		}
	}
	return nil
}

// near waits until a box is sure who is nearest and returns all it hears.
func (s *shop) near(box string, count int) (api.Nearby, error) {
	var n api.Nearby
	err := s.Until("the box hears everybody", func() (bool, error) {
		n = api.Nearby{}
		err := s.Ask(&n, "till", "nearby", "--data", s.Data(box))
		inside := 0
		for _, c := range n.Candidates {
			if c.Near {
				inside++
			}
		}
		return n.Clear != nil && inside >= count, err
	})
	return n, err
}

// hears tells what near returned.
func (s *shop) hears(box string, n api.Nearby) {
	for _, c := range n.Candidates {
		mark := ""
		if *n.Clear == c.Handle {
			mark = "  <- clearly the nearest"
		}
		s.tell.say(box, "hears %-18s %d dBm%s", c.Handle, c.RSSI, mark)
	}
}

func (s *shop) charge(box, amount, ref string, flags ...string) (api.Payment, error) {
	var p api.Payment
	args := append([]string{"till", "charge", "--data", s.Data(box), "--amount", amount, "--ref", ref}, flags...)
	err := s.Ask(&p, args...)
	return p, err
}

// offered waits until a wallet shows the payment as waiting for an answer.
func (s *shop) offered(who, id string) (api.Payment, error) {
	var found api.Payment
	err := s.Until(who+" is asked", func() (bool, error) {
		raw, err := s.Output("wallet", "pending", "--data", s.Data(who))
		if err != nil {
			return false, err
		}
		list, err := stage.DecodeLines[api.Payment](raw)
		for _, p := range list {
			if p.ID == id {
				found = p
			}
		}
		return found.ID != "", err
	})
	return found, err
}

// final waits for the last word at the till. Its exit code only repeats the
// outcome.
func (s *shop) final(box, id string) (api.Payment, error) {
	var p api.Payment
	err := s.Ask(&p, "till", "wait", "--data", s.Data(box), "--id", id, "--wait", "15s")
	var exit *stage.ExitError
	if errors.As(err, &exit) && exit.Exit == pay.ExitNotPaid {
		err = nil
	}
	return p, err
}

// byHand shows an offer as the wallet shows it and answers it.
func (s *shop) byHand(who, id, verb string) error {
	if _, err := s.asked(who, id); err != nil {
		return err
	}
	if err := s.Ask(nil, "wallet", verb, "--data", s.Data(who), "--id", id); err != nil {
		return err
	}
	s.tell.say(who, "%ss", verb)
	return nil
}

// asked shows an offer as the wallet shows it.
func (s *shop) asked(who, id string) (api.Payment, error) {
	o, err := s.offered(who, id)
	if err == nil {
		s.tells(who, "is asked", o)
	}
	return o, err
}

func (s *shop) tells(who, verb string, o api.Payment) {
	s.tell.say(who, "%s: %s, %s, %s as %s?", verb, text.FormatMoney(o.Amount, o.Currency), o.Merchant, o.Ref, o.Payer)
}

// settle waits for the outcome on both sides and compares the receipts.
func (s *shop) settle(box, who, id string) (api.Receipt, error) {
	p, err := s.final(box, id)
	if err != nil {
		return api.Receipt{}, err
	}
	if p.Outcome == pay.OutcomePaid {
		s.spent[who] += p.AmountCaptured
	}
	r, err := s.agree(box, who, id)
	if err != nil {
		return r, err
	}
	words := "both hold the same receipt"
	if p.By != "" && p.By != pay.ByHand {
		words = fmt.Sprintf("%s%s; %s", ruled(p), p.By, words)
	}
	s.tell.say("both", "%s; %s", text.Because(p.State, p.Reason), words)
	return r, nil
}

// ruled returns what stands before the name of what answered: that of a mandate says that
// it is one.
func ruled(p api.Payment) string {
	if p.Method == pay.MethodMandate {
		return "by "
	}
	return "by the rule "
}

// agree compares the receipts of both sides and returns what they say. A
// difference is a check that fails.
func (s *shop) agree(box, who, id string) (api.Receipt, error) {
	r, same, err := s.sameReceipts(box, who, id)
	if err == nil && !same {
		s.tell.check("receipt of "+id[:10], false, "till and %s hold different receipts", who)
	}
	return r, err
}

// sameReceipts writes both sides' receipts, verifies them and compares them. It
// returns what the wallet's says.
func (s *shop) sameReceipts(box, who, id string) (said api.Receipt, same bool, err error) {
	var have [2][]byte
	for i, args := range [][]string{
		{"till", "receipt", "--data", s.Data(box)},
		{"wallet", "receipts", "--data", s.Data(who)},
	} {
		file := s.Data(fmt.Sprintf("%s-%s.receipt", id[:10], []string{"till", who}[i]))
		if err := s.Until(who+" holds the receipt", func() (bool, error) {
			err := s.Ask(nil, append(args, "--id", id, "--to", file)...)
			var exit *stage.ExitError
			if errors.As(err, &exit) && (exit.Exit == pay.ExitNotFound || exit.Exit == pay.ExitConflict) {
				return false, nil // the wallet hears a moment later than the till
			}
			return err == nil, err
		}); err != nil {
			return said, false, err
		}
		if err := s.Ask(&said, "receipt", "verify", "--data", s.Data(who), file); err != nil {
			return said, false, err
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return said, false, fmt.Errorf("read receipt: %w", err)
		}
		have[i] = raw
		s.receipts++
	}
	return said, bytes.Equal(have[0], have[1]), nil
}

// known says how much the wallets know: how many payments have ended or wait at
// each of them.
func (s *shop) known() (string, error) {
	var known strings.Builder
	for _, who := range s.wallets {
		for _, verb := range []string{"receipts", "pending"} {
			raw, err := s.Output("wallet", verb, "--data", s.Data(who))
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&known, "%s %s %d\n", who, verb, bytes.Count(raw, []byte("\n")))
		}
	}
	return known.String(), nil
}

// nextDay is the environment of whatever starts after the night, in which the
// machine was off.
func nextDay() []string { return []string{process.ClockEnv + "=+10m", process.BootEnv + "=next"} }

// bringBack starts tags again after the night and waits until a box hears them.
func (s *shop) bringBack(box string, tags ...string) error {
	for _, name := range tags {
		if err := s.Again(name, nextDay()); err != nil {
			return err
		}
		if _, err := s.Ready(name); err != nil {
			return err
		}
	}
	_, err := s.near(box, len(tags))
	return err
}

// checkBooks checks the registry's books and what each wallet has left. It
// returns what each merchant earned.
func (s *shop) checkBooks() (earned map[pay.Name]pay.Amount, err error) {
	var a api.Audit
	if err := s.Ask(&a, "admin", "audit", "--data", s.Data("registry")); err != nil {
		return nil, err
	}
	t := s.tell
	t.check("the audit finds the books right", a.OK, "%d payments, imbalance %d", a.Payments, a.Imbalance)
	t.check("nothing was captured twice", a.Duplicates == 0, "%d duplicates", a.Duplicates)
	raw, err := s.Output("admin", "book", "--data", s.Data("registry"))
	if err != nil {
		return nil, err
	}
	book, err := stage.DecodeLines[api.Account](raw)
	if err != nil {
		return nil, err
	}
	funds, err := text.ParseAmount(demoFunds, "EUR")
	if err != nil {
		return nil, err
	}
	slices.SortFunc(book, func(a, b api.Account) int { return strings.Compare(string(a.Name), string(b.Name)) })
	earned = map[pay.Name]pay.Amount{}
	var sum pay.Amount
	for _, acc := range book {
		sum += acc.Balance
		switch acc.Kind {
		case "merchant":
			earned[acc.Name] = acc.Balance
		case "wallet":
			want := funds - s.spent[string(acc.Name)]
			t.check(fmt.Sprintf("%s has what is left", acc.Name), acc.Balance == want, "%s", text.FormatMoney(acc.Balance, acc.Currency))
		}
	}
	t.check("the book adds up to zero", sum == 0, "over %d accounts", len(book))
	lost := s.Conserved()
	said := "by its receipts too"
	if lost != nil {
		said = text.Printable(lost.Error())
	}
	t.check("every screen shows what the book has", lost == nil, "%s", said)
	return earned, nil
}
