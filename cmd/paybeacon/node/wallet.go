package node

import (
	"context"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/events"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
)

// Wallet is the node of `wallet run`: the payer's offers, rule and devices,
// and the connection to the registry.
type Wallet struct {
	payer
	command string // of exec:
	events  *events.Log
}

// WalletOptions say how a wallet is opened.
type WalletOptions struct {
	Env process.Env
	// Server is where the registry is, HOST:PORT; "" for where it was at enrolment.
	Server string
	// Approve says who answers offers: ask, none, all, under:AMOUNT or exec:COMMAND;
	// "" is ask.
	Approve string
}

// OpenWallet opens the wallet that is enrolled in a directory. Its errors are
// *pay.Error.
func OpenWallet(ctx context.Context, o WalletOptions) (*Wallet, error) {
	env := o.Env
	m, key, err := env.Dir.Identity(pay.RoleWallet)
	if err != nil {
		return nil, err
	}
	n := &Wallet{payer: payer{member: m, approve: o.Approve, stale: make(chan struct{}, 1)}}
	root, err := m.RootID()
	if err != nil {
		return nil, err
	}
	replaces, err := m.Replaced()
	if err != nil {
		return nil, err
	}
	rule, command, err := parseApprove(o.Approve, m.Currency)
	if err != nil {
		return nil, err
	}
	n.command = command
	if n.wallet, err = wallet.New(wallet.Options{Key: key, Scope: m.Scope, Root: root, Rule: rule, Replaces: replaces, Zone: time.Local}); err != nil {
		return nil, err
	}
	if n.base, err = openBase(ctx, env, key, storeOptions{own: m.Scope, reactor: n.wallet}); err != nil {
		return nil, err
	}
	if n.peer, err = newPeer(n.base, m, o.Server); err != nil {
		n.Close()
		return nil, err
	}
	n.events = events.NewLog(env.Now, events.FeedOf(n.store, m.Scope))
	return n, nil
}

// CheckApprove returns a *pay.Error for what is no WalletOptions.Approve of a wallet whose
// currency is cur.
func CheckApprove(s string, cur pay.Currency) error {
	_, _, err := parseApprove(s, cur)
	return err
}

// parseApprove reads what --approve says. exec:COMMAND is asked of a shell by
// the daemon (see approver), so for the wallet it means to ask.
func parseApprove(s string, cur pay.Currency) (rule wallet.Rule, command string, err error) {
	kind, rest, _ := strings.Cut(s, ":")
	switch {
	case s == "" || s == "ask":
		return wallet.Rule{Kind: wallet.Ask}, "", nil
	case s == "none":
		return wallet.Rule{Kind: wallet.None}, "", nil
	case s == "all":
		return wallet.Rule{Kind: wallet.All}, "", nil
	case kind == "under":
		limit, err := text.ParseAmount(rest, cur)
		if err != nil {
			return rule, "", err
		}
		return wallet.Rule{Kind: wallet.Under, Limit: limit, Currency: cur, Name: pay.Rule("under:" + text.FormatAmount(limit, cur))}, "", nil
	case kind == "exec" && rest != "":
		return wallet.Rule{Kind: wallet.Ask}, rest, nil
	default:
		return rule, "", pay.NewError(pay.CodeUsage, "--approve is none of ask, none, all, under:AMOUNT and exec:COMMAND", "write it like --approve under:20.00")
	}
}

// Run keeps the connection to the registry, answers by the owner's rule and looks
// after the devices, until ctx ends.
func (n *Wallet) Run(ctx context.Context) error {
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return n.store.Run(ctx) })
	parts.Go(func() error { return n.watchClock(ctx) })
	parts.Go(func() error { return n.confirmClock(ctx, n.store) })
	parts.Go(func() error {
		if err := takeInLate(ctx, n.store, n.member.Scope, n.wallet, n.Seams); err != nil {
			return err
		}
		return n.Connect(ctx)
	})
	parts.Go(func() error { return n.witnessByRule(ctx) })
	parts.Go(func() error { return n.refreshDevices(ctx) })
	parts.Go(func() error { return n.inherit(ctx) })
	if n.command != "" {
		parts.Go(func() error { return newApprover(&n.payer, n.command).run(ctx) })
	}
	return parts.Wait()
}

func (n *Wallet) eventLog() *events.Log { return n.events }

// Ready is whether the registry is up.
func (n *Wallet) Ready() api.Ready {
	return api.Ready{V: 1, Type: "ready", Role: pay.RoleWallet, Node: n.key.ID().String(), Standing: n.peer.Standing()}
}

// Verbs are what the node can be asked.
func (n *Wallet) Verbs() api.Verbs {
	return api.NewVerbs(
		api.On(api.VerbReady, func(context.Context, api.Nothing) (api.Ready, error) { return n.Ready(), nil }),
		api.On(api.VerbHealth, n.health),
		api.On(api.VerbCounts, n.counts),
		api.On(api.VerbEvents, n.events.Read),
		api.On(api.VerbStatus, n.status),
		api.On(api.VerbPending, n.pending),
		api.On(api.VerbAnswer, n.answerByHand),
		api.On(api.VerbReceipts, n.receipts),
		api.On(api.VerbReceipt, n.receipt),
		api.On(api.VerbShow, n.show),
		api.On(api.VerbWait, n.wait),
		api.On(api.VerbDevices, n.devices),
		api.On(api.VerbWords, n.words),
		api.On(api.VerbLearnLevel, n.learnLevel),
		api.On(api.VerbPair, n.pair),
		api.On(api.VerbRevokeDevice, n.revoke),
		api.On(api.VerbMove, n.moveDevice),
		api.On(api.VerbRules, n.rules),
		api.On(api.VerbLimit, n.setLimit),
		api.On(api.VerbListRules, n.listRules),
		api.On(api.VerbAddRule, n.addRule),
		api.On(api.VerbRemoveRule, n.removeRule),
		api.On(api.VerbPauseRules, n.pauseRules),
		api.On(api.VerbMandates, n.listMandates),
		api.On(api.VerbAddMandate, n.addMandate),
		api.On(api.VerbPreset, n.preset),
		api.On(api.VerbEndMandate, n.endMandate),
		api.On(api.VerbMeans, n.allMeans),
		api.On(api.VerbAddMeans, n.addMeans),
		api.On(api.VerbEndMeans, n.endMeans),
	)
}

func (n *Wallet) status(ctx context.Context, _ api.Nothing) (api.WalletStatus, error) {
	s := api.WalletStatus{
		V: 1, Type: "status", Role: pay.RoleWallet, Node: n.key.ID().String(), Name: n.member.Name, Scope: n.member.Scope,
		Currency: n.member.Currency, Approve: n.approve, Standing: n.peer.Standing(), Findings: []string{},
	}
	err := n.store.View(ctx, func(v *store.View) error {
		pending, err := n.wallet.Pending(v, n.store.Now())
		if err != nil {
			return err
		}
		devices, err := n.wallet.Devices(v)
		if err != nil {
			return err
		}
		found, err := history.Findings(v)
		if err != nil {
			return err
		}
		for _, f := range found {
			s.Findings = append(s.Findings, "payment "+f.Payment.Short()+": "+f.Why)
		}
		s.Pending = len(pending)
		for _, d := range devices {
			if d.State == pay.DeviceActive || d.Refreshing {
				s.Devices++
			}
		}
		replaces, ok, err := n.wallet.Replaces(v)
		if err != nil {
			return err
		}
		if ok {
			s.Replaces, s.ReplacesSince = replaces.Old.String(), replaces.At.String()
		}
		if s.Balance, err = n.wallet.Balance(v, n.member.Currency); err != nil {
			return err
		}
		if s.Held, err = n.wallet.Held(v, n.member.Currency); err != nil {
			return err
		}
		s.Available = s.Balance - s.Held
		standing, err := n.wallet.StandingRules(v, n.store.Now(), n.member.Currency)
		if err != nil {
			return err
		}
		s.Rules, s.RulesPaused = len(standing.Rules), standing.Paused
		if s.Statements, err = lastStatements(v, n.member.Scope); err != nil {
			return err
		}
		s.Unheard, err = unheard(v, n.peer)
		return err
	})
	return s, err
}

func (n *Wallet) health(ctx context.Context, _ api.Nothing) (api.Health, error) {
	h := n.base.health()
	h.Session = n.peer.session()
	devices, err := n.allDevices(ctx)
	for _, d := range devices {
		if d.State == pay.DeviceActive || d.Refreshing {
			h.Links = append(h.Links, n.tryLink(ctx, d))
		}
	}
	return h, err
}
