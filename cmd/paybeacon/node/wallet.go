package node

import (
	"context"
	"errors"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/sync/link"
)

// Wallet is the node of `wallet run`: the payer's offers, rule and devices,
// and the connection to the registry.
type Wallet struct {
	base
	peer
	member  Member
	wallet  *wallet.Wallet
	approve string
	command string // of exec:
	events  *eventLog

	problems problems      // why offers cannot be approved
	stale    chan struct{} // all devices are to be refreshed
}

type WalletOptions struct {
	Server  string
	Approve string
}

func OpenWallet(ctx context.Context, s Env, o WalletOptions) (*Wallet, error) {
	m, key, err := s.Dir.identity(pay.RoleWallet)
	if err != nil {
		return nil, err
	}
	n := &Wallet{member: m, approve: o.Approve, stale: make(chan struct{}, 1)}
	root, err := m.rootID()
	if err != nil {
		return nil, err
	}
	rule, command, err := parseApprove(o.Approve, m.Currency)
	if err != nil {
		return nil, err
	}
	n.command = command
	if n.wallet, err = wallet.New(wallet.Options{Key: key, Scope: m.Scope, Root: root, Rule: rule}); err != nil {
		return nil, err
	}
	if n.base, err = openBase(ctx, s, key, storeOptions{own: m.Scope, reactor: n.wallet}); err != nil {
		return nil, err
	}
	if n.peer, err = newPeer(n.base, m, o.Server); err != nil {
		n.Close()
		return nil, err
	}
	n.events = newEventLog(s.Clock.Now, feedOf(n.store, m.Scope))
	return n, nil
}

// parseApprove reads what --approve says. exec:COMMAND is asked of a shell by
// the daemon (see executor), so for the wallet it means to ask.
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

func (n *Wallet) Start(ctx context.Context, parts *errgroup.Group) {
	parts.Go(func() error { return n.store.Run(ctx) })
	parts.Go(func() error { return n.peer.Connect(ctx) })
	parts.Go(func() error { return n.witnessByRule(ctx) })
	parts.Go(func() error { return n.refreshDevices(ctx) })
	if n.command != "" {
		parts.Go(func() error { return NewApprover(n).run(ctx) })
	}
}

// Scope is whose feed the wallet reads.
func (n *Wallet) Scope() pay.Scope { return n.member.Scope }

// Role is what decides for the wallet, over its store.
func (n *Wallet) Role() *wallet.Wallet { return n.wallet }

func (n *Wallet) eventLog() *eventLog { return n.events }

func (n *Wallet) Ready() api.Ready {
	return api.Ready{V: 1, Type: "ready", Role: pay.RoleWallet, Node: n.key.ID().String(), Registry: n.peer.word()}
}

// Verbs are what the node can be asked.
func (n *Wallet) Verbs() api.Verbs {
	return api.NewVerbs(
		api.On(api.VerbReady, func(context.Context, api.Nothing) (api.Ready, error) { return n.Ready(), nil }),
		api.On(api.VerbHealth, n.health),
		api.On(api.VerbEvents, n.events.read),
		api.On(api.VerbStatus, n.status),
		api.On(api.VerbPending, n.pending),
		api.On(api.VerbAnswer, n.answer),
		api.On(api.VerbReceipts, n.receipts),
		api.On(api.VerbReceipt, n.receipt),
		api.On(api.VerbShow, n.show),
		api.On(api.VerbWait, n.wait),
		api.On(api.VerbDevices, n.devices),
		api.On(api.VerbPair, n.pair),
		api.On(api.VerbRevokeDevice, n.revoke),
		api.On(api.VerbMove, n.moveDevice),
		api.On(api.VerbRules, n.rules),
		api.On(api.VerbLimit, n.setLimit),
	)
}

func (n *Wallet) status(ctx context.Context, _ api.Nothing) (api.WalletStatus, error) {
	s := api.WalletStatus{
		V: 1, Type: "status", Node: n.key.ID().String(), Name: n.member.Name, Scope: n.member.Scope,
		Currency: n.member.Currency, Approve: n.approve, Registry: n.peer.word(), Findings: []string{},
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
			if d.State == pay.DeviceActive {
				s.Devices++
			}
		}
		s.Balance, err = n.wallet.Balance(v, n.member.Currency)
		return err
	})
	return s, err
}

func (n *Wallet) pending(ctx context.Context, _ api.Nothing) (api.List[api.Payment], error) {
	return n.list(ctx, func(v *store.View) ([]wallet.Entry, error) { return n.wallet.Pending(v, n.store.Now()) })
}

func (n *Wallet) receipts(ctx context.Context, q api.ListRequest) (api.List[api.Payment], error) {
	return n.list(ctx, func(v *store.View) ([]wallet.Entry, error) { return n.wallet.Receipts(v, n.store.Now(), q.Limit) })
}

func (n *Wallet) list(ctx context.Context, read func(v *store.View) ([]wallet.Entry, error)) (api.List[api.Payment], error) {
	var out api.List[api.Payment]
	err := n.store.View(ctx, func(v *store.View) error {
		list, err := read(v)
		for _, e := range list {
			out.Items = append(out.Items, n.paymentObject(e))
		}
		return err
	})
	return out, err
}

func (n *Wallet) answer(ctx context.Context, q api.AnswerRequest) (api.Payment, error) {
	return n.Say(ctx, q.ID, q.Verdict, pay.ByHand)
}

func (n *Wallet) entry(ctx context.Context, id string) (e wallet.Entry, err error) {
	err = n.store.View(ctx, func(v *store.View) error {
		e, err = n.wallet.Show(v, n.store.Now(), id)
		return err
	})
	return e, err
}

func (n *Wallet) show(ctx context.Context, q api.PaymentRef) (api.Payment, error) {
	e, err := n.entry(ctx, q.ID)
	if err != nil {
		return api.Payment{}, err
	}
	return n.paymentObject(e), nil
}

// wait answers when the payment has its last word, when its time is up without
// one, or when the wait has passed.
func (n *Wallet) wait(ctx context.Context, q api.WaitRequest) (api.Payment, error) {
	ctx, cancel := context.WithTimeout(ctx, q.Wait.Std())
	defer cancel()
	changed, stop := n.store.WatchAll()
	defer stop()
	for {
		e, err := n.entry(context.WithoutCancel(ctx), q.ID)
		if err != nil {
			return api.Payment{}, err
		}
		if e.Outcome() != pay.OutcomePending || n.offline || ctx.Err() != nil {
			return n.paymentObject(e), nil
		}
		select {
		case <-changed:
		case <-n.timeUp(e.Deadline):
		case <-ctx.Done():
		}
	}
}

func (n *Wallet) receipt(ctx context.Context, q api.PaymentRef) (api.ReceiptFile, error) {
	var out api.ReceiptFile
	err := n.store.View(ctx, func(v *store.View) error {
		id, raw, err := n.wallet.Receipt(v, q.ID)
		out = api.ReceiptFile{ID: id.String(), Receipt: raw}
		return err
	})
	return out, err
}

func (n *Wallet) devices(ctx context.Context, _ api.Nothing) (api.List[api.Device], error) {
	var out api.List[api.Device]
	err := n.store.View(ctx, func(v *store.View) error {
		list, err := n.wallet.Devices(v)
		for _, d := range list {
			out.Items = append(out.Items, deviceObject(d))
		}
		return err
	})
	return out, err
}

const (
	pairConnectWait = 5 * time.Second
	pairAnswerWait  = 15 * time.Second
	revokeWait      = 10 * time.Second
	releaseWait     = 3 * time.Second
)

// pair binds a device. The registry must be connected first, so that nothing
// is bound that cannot be registered.
func (n *Wallet) pair(ctx context.Context, q api.PairRequest) (api.Device, error) {
	pin, known, err := n.pairingSecret(ctx, q)
	if err != nil {
		return api.Device{}, err
	}
	connecting, cancel := context.WithTimeout(ctx, pairConnectWait)
	defer cancel()
	if err := n.peer.WaitUp(connecting); err != nil {
		return api.Device{}, pay.NewError(pay.CodeUnreachable, "the registry is not reachable, so nothing was bound", "pair again when `paybeacon wallet status` says registry up")
	}
	root, err := n.member.rootID()
	if err != nil {
		return api.Device{}, err
	}
	var d wallet.Device
	_, err = link.Pair(ctx, link.PairOptions{
		Peer: link.Peer{Address: q.Link, Key: n.key, Device: known}, PIN: pin, Known: n.knows(ctx),
		Registry: root, Resolver: n.member.Resolver, Type: q.Type,
		Keep: func(p link.Paired) error {
			return n.mapDevice(ctx, wallet.Pairing{Bind: p.Bind, Vehicle: q.Vehicle, Means: q.Means, Link: q.Link}, &d)
		},
	})
	if err != nil {
		return api.Device{}, err
	}
	return n.awaitDevice(ctx, d, pairAnswerWait, func(d wallet.Device) bool { return d.State != pay.DevicePending })
}

// mapDevice registers a device that bound itself, durably, and tells what it is
// now.
func (n *Wallet) mapDevice(ctx context.Context, p wallet.Pairing, into *wallet.Device) error {
	return n.store.Do(ctx, func(tx *store.Tx) error {
		d, r, err := n.wallet.Map(tx, tx.Now(), p)
		if err != nil {
			return err
		}
		*into = d
		return tx.Post(r)
	})
}

// pairingSecret returns what a device can be known by: the PIN that it shows or,
// without one, its key, when it was paired with this wallet at that address
// before.
func (n *Wallet) pairingSecret(ctx context.Context, q api.PairRequest) (pin pay.PIN, known pay.DeviceID, err error) {
	if q.Device != "" {
		if known, err = pay.ParseNodeID(q.Device); err != nil {
			return pin, known, pay.Wrap(err, pay.CodeUsage, "read the device's id", "give the 64 digits that its QR code holds")
		}
	}
	if q.PIN != "" {
		pin, err = pay.ParsePIN(q.PIN)
		return pin, known, err
	}
	err = n.store.View(ctx, func(v *store.View) error {
		devices, err := n.wallet.Devices(v)
		for _, d := range devices {
			if d.Link == q.Link {
				known = d.ID
			}
		}
		return err
	})
	if err == nil && known.IsZero() {
		err = pay.NewError(pay.CodeUsage, "--pin is missing", "give the PIN that the device shows; only a device paired at this address before needs none")
	}
	return pin, known, err
}

// knows says whether this wallet has ever held a device's bind: such a device
// may be bound to its key still, whatever the registry says of it by now.
func (n *Wallet) knows(ctx context.Context) func(pay.DeviceID) bool {
	return func(id pay.DeviceID) bool {
		return n.store.View(ctx, func(v *store.View) error {
			_, err := n.wallet.Device(v, id.String())
			return err
		}) == nil
	}
}

func (n *Wallet) revoke(ctx context.Context, q api.DeviceRef) (api.Device, error) {
	var d wallet.Device
	err := n.store.Do(ctx, func(tx *store.Tx) (err error) {
		var r pay.Reaction
		if d, r, err = n.wallet.RevokeDevice(tx, tx.Now(), q.ID); err != nil {
			return err
		}
		return tx.Post(r)
	})
	if err != nil {
		return api.Device{}, err
	}
	n.release(ctx, d)
	return n.awaitDevice(ctx, d, revokeWait, func(d wallet.Device) bool { return !d.Revoking })
}

// release tells a device that it is free, if it can be reached: it then shows a
// new PIN. The revocation does not depend on it.
func (n *Wallet) release(ctx context.Context, d wallet.Device) {
	if d.Link == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, releaseWait)
	defer cancel()
	if err := link.Release(ctx, link.Peer{Address: d.Link, Key: n.key, Device: d.ID}); err != nil {
		n.Log.Info("the device was not reached; it stays silent towards others until it is", "device", d.ID.Short(), "error", err)
	}
}

// awaitDevice answers when the registry has spoken about a device, or with the
// device as it is when the wait has passed.
func (n *Wallet) awaitDevice(ctx context.Context, d wallet.Device, wait time.Duration, enough func(wallet.Device) bool) (api.Device, error) {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	err := n.Watch(waiting, func() (bool, error) {
		err := n.store.View(ctx, func(v *store.View) (err error) {
			d, err = n.wallet.Device(v, d.ID.String())
			return err
		})
		return enough(d), err
	})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return api.Device{}, err
	}
	return deviceObject(d), nil
}
