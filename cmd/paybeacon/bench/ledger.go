package bench

import (
	"context"
	"crypto/ecdh"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/pay"
)

// A ledger is a registry in a directory with many payments in it, made as its
// sessions would make them: signed requests and answers go in, decisions come out.
// Only the network is left out.
const (
	ledgerWallets = 8
	ledgerRound   = 8 // payments of each wallet at a time, below the limit of prompts
)

// ledgerStart is the time at which a ledger begins.
func ledgerStart() time.Time { return time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC) }

// ledger makes payments at a registry that runs in this process.
type ledger struct {
	reg     *node.Registry
	random  io.Reader
	clock   *ledgerClock
	box     ledgerNode
	wallets []ledgerPayer
	made    int
}

// ledgerClock is the time of a ledger, in nanoseconds since 1970.
type ledgerClock struct{ atomic.Int64 }

func newLedgerClock() *ledgerClock {
	c := &ledgerClock{}
	c.Store(ledgerStart().UnixNano())
	return c
}

func (c *ledgerClock) now() time.Time { return time.Unix(0, c.Load()).UTC() }

// ledgerNode is a node of a ledger and the outbox that it would have.
type ledgerNode struct {
	key  pay.Key
	is   pay.NodeStatus
	sent uint64
	read uint64 // entries of its feed
}

// ledgerPayer is a wallet and its device.
type ledgerPayer struct {
	ledgerNode
	identity pay.IdentityKey
}

const (
	ledgerExponent pay.Exponent = 6
	ledgerCounter  pay.Counter  = 1 << 16 // of each device at the start
)

// makeLedger makes a registry in dir with that many payments. The same seed makes
// the same wallets and charges.
func makeLedger(ctx context.Context, dir string, payments int, seed byte) error {
	l := &ledger{random: rand.NewChaCha8([32]byte{seed}), clock: newLedgerClock()}
	return l.open(ctx, dir, func(ctx context.Context) error { return l.fill(ctx, payments) })
}

// open runs the registry of a directory while use runs.
func (l *ledger) open(ctx context.Context, dir string, use func(context.Context) error) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the ledger's directory: %w", err)
	}
	env := process.Env{Dir: datadir.Dir(dir), Now: l.clock.now, Log: slog.New(slog.DiscardHandler)}
	if l.reg, err = node.OpenRegistry(ctx, node.RegistryOptions{Env: env, Currency: "EUR"}); err != nil {
		return err
	}
	defer l.reg.Close()
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- l.reg.Store().Run(running) }()
	err = use(ctx)
	stop()
	return errors.Join(err, <-done)
}

func (l *ledger) fill(ctx context.Context, payments int) (err error) {
	if l.box, _, err = l.enrol(ctx, api.InviteRequest{Role: pay.RoleBox, Name: "till", Merchant: "Cafe", Site: "counter"}); err != nil {
		return err
	}
	for i := range ledgerWallets {
		if err := l.addWallet(ctx, pay.Name(fmt.Sprintf("wallet-%d", i))); err != nil {
			return err
		}
	}
	for l.made < payments {
		if err := l.round(ctx, payments); err != nil {
			return fmt.Errorf("payment %d: %w", l.made, err)
		}
	}
	return nil
}

// enrol lets a node in by an invite.
func (l *ledger) enrol(ctx context.Context, q api.InviteRequest) (n ledgerNode, m pay.Membership, err error) {
	if n.key, err = pay.NewKey(l.random); err != nil {
		return n, m, err
	}
	q.Address, q.TTL = "127.0.0.1:7443", pay.InviteTTLDefault
	reply, err := api.Answer(ctx, l.reg.Verbs(), api.VerbInvite, q)
	if err != nil {
		return n, m, err
	}
	invite, err := pay.ParseInvite(reply.Value.Invite)
	if err != nil {
		return n, m, err
	}
	exporter := []byte("no network")
	m, err = l.reg.Hub().Enrol(ctx, pay.EnrolClaim{
		Invite: invite.ID, Exporter: exporter, Proof: pay.InviteProof(invite.Secret, exporter, n.key.Public()),
		Node: n.key.Public(), Role: q.Role, Name: q.Name,
	})
	n.is = m.Node
	return n, m, err
}

// addWallet enrols a wallet, tops it up and maps a device to it.
func (l *ledger) addWallet(ctx context.Context, name pay.Name) error {
	n, m, err := l.enrol(ctx, api.InviteRequest{Role: pay.RoleWallet, Name: name})
	if err != nil {
		return err
	}
	p := ledgerPayer{ledgerNode: n}
	if _, err := api.Answer(ctx, l.reg.Verbs(), api.VerbTopUp, api.TopUpRequest{Wallet: string(name), Amount: "900000.00", Key: pay.IdempotencyKey(name)}); err != nil {
		return err
	}
	beacon, err := ecdh.X25519().GenerateKey(l.random)
	if err != nil {
		return err
	}
	device, err := pay.NewKey(l.random)
	if err != nil {
		return err
	}
	authority, err := pay.OpenAuthority(m.Authority.Raw(), pay.NodeID{})
	if err != nil {
		return err
	}
	key := pay.BeaconKey(beacon.PublicKey().Bytes())
	bind, err := pay.Sign(device, pay.Bind{
		Registry: authority.Root.ID(), Resolver: m.Resolver, Wallet: n.key.ID(), Device: device.Public(),
		Beacon: key, Exponent: ledgerExponent, Counter: l.counter(), Type: pay.TypeTag,
	})
	if err != nil {
		return err
	}
	resolver, err := ecdh.X25519().NewPublicKey(m.Resolver[:])
	if err != nil {
		return err
	}
	shared, err := beacon.ECDH(resolver)
	if err != nil {
		return err
	}
	if p.identity, err = pay.DeriveIdentityKey(shared, m.Resolver, key); err != nil {
		return err
	}
	err = l.send(ctx, &p.ledgerNode, pay.Mapping{Device: device.ID(), Bind: bind.Raw(), Created: l.moment()})
	l.wallets = append(l.wallets, p)
	return err
}

func (l *ledger) moment() pay.Time { return pay.TimeOf(l.clock.now()) }

// counter is that of every device now: they all run right.
func (l *ledger) counter() pay.Counter {
	return ledgerCounter + pay.Counter(l.clock.now().Sub(ledgerStart())/time.Second)
}

// send puts claims into the outbox of a node and has the registry apply them.
func (l *ledger) send(ctx context.Context, n *ledgerNode, claims ...pay.Body) error {
	items := make([]pay.Item, 0, len(claims))
	for _, c := range claims {
		f, err := pay.Sign(n.key, c)
		if err != nil {
			return err
		}
		n.sent++
		items = append(items, pay.Item{N: n.sent, Facts: []pay.Fact{f}})
	}
	done, err := l.reg.Hub().Apply(ctx, n.key.ID(), pay.Incarnation{1}, items)
	if err == nil && len(done.Refused) > 0 {
		err = fmt.Errorf("claims of %s were refused: %v", n.is.Name, done.Refused)
	}
	return err
}

// round has each wallet pay some charges.
func (l *ledger) round(ctx context.Context, payments int) error {
	l.clock.Add(int64(20 * time.Millisecond))
	var requests []pay.Body
	for _, w := range l.wallets {
		code := pay.CodeAt(w.identity, ledgerExponent, ledgerExponent.Step(l.counter()))
		for range min(ledgerRound, payments-l.made) {
			l.made++
			requests = append(requests, pay.Request{
				Key: pay.IdempotencyKey(fmt.Sprintf("charge-%d", l.made)), Merchant: l.box.is.Scope, Site: l.box.is.Site, Code: code,
				Handle: "amber-otter", Amount: pay.Amount(100 + l.made%900), Currency: "EUR", Ref: fmt.Sprintf("order %d", l.made),
				TTL: 60_000, Created: l.moment(),
			})
		}
	}
	if err := l.send(ctx, &l.box, requests...); err != nil {
		return err
	}
	for i := range l.wallets {
		if err := l.answer(ctx, &l.wallets[i]); err != nil {
			return err
		}
	}
	return nil
}

// answer approves all that a wallet was offered.
func (l *ledger) answer(ctx context.Context, w *ledgerPayer) error {
	var answers []pay.Body
	for {
		raws, _, err := l.reg.Hub().Feed(ctx, w.is.Scope, w.read, 64)
		if err != nil {
			return err
		}
		if len(raws) == 0 {
			return l.send(ctx, &w.ledgerNode, answers...)
		}
		w.read += uint64(len(raws))
		for _, raw := range raws {
			f, err := pay.Parse(raw)
			if err != nil {
				return err
			}
			d, err := pay.As[pay.Decision](f)
			if err != nil || d.State != pay.StateOffered {
				continue // whatever else stands in a wallet's feed
			}
			answers = append(answers, pay.Answer{
				Payment: d.Payment, Offer: f.ID(), Merchant: d.Merchant, Amount: d.Amount, Currency: d.Currency,
				Expires: d.Expires, Verdict: pay.Approve, By: pay.ByHand, Created: l.moment(),
			})
		}
	}
}
