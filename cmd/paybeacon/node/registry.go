package node

import (
	"cmp"
	"context"
	"crypto/rand"
	"net"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/events"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/acquirer"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/registry"
	"github.com/paybeacon/paybeacon/store"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/sync/quicnet"
)

// Registry is the node of `serve`: the registry's role over its store, and
// the server that all others connect to.
type Registry struct {
	base
	authority pay.Authority
	role      *registry.Registry
	listener  *quicnet.Listener
	server    *paysync.Server
	http      net.Listener
	events    *events.Log
	providers providers
	calls     oneCall
}

// RegistryOptions say how a registry is opened.
type RegistryOptions struct {
	Env process.Env
	// Listen is where nodes connect, HOST:PORT (UDP). "": only the store is opened,
	// and the registry cannot run.
	Listen string
	// HTTP is where /healthz and /readyz are served, HOST:PORT; "" for nowhere.
	HTTP string
	// Currency is that of a new registry. For one that exists it must be the same,
	// or "".
	Currency pay.Currency
	// Busy spends memory on speed, for many payments in flight.
	Busy bool
	// Acquirers are those that it calls.
	Acquirers AcquirerOptions
}

// OpenRegistry opens the registry of a directory, which it makes where there is
// none. Its errors are *pay.Error.
func OpenRegistry(ctx context.Context, o RegistryOptions) (*Registry, error) {
	env := o.Env
	if role := env.Dir.Role(); role != "" && role != pay.RoleRegistry {
		return nil, pay.NewError(pay.CodeConflict, string(env.Dir)+" is the directory of a "+string(role), "give the registry a directory of its own")
	}
	key, err := env.Dir.LoadOrMakeKey("node.key")
	if err != nil {
		return nil, err
	}
	authority, err := env.Dir.LoadOrMakeAuthority(key, pay.TimeOf(env.Now()))
	if err != nil {
		return nil, err
	}
	secrets, err := env.Dir.LoadOrMakeSecrets(o.Currency)
	if err != nil {
		return nil, err
	}
	if o.Currency != "" && o.Currency != secrets.Currency {
		return nil, pay.NewError(pay.CodeConflict, "this registry deals in "+string(secrets.Currency), "leave --currency out; it is fixed when the registry is made")
	}
	n := &Registry{}
	if n.authority, err = pay.OpenAuthority(authority.Raw(), pay.NodeID{}); err != nil {
		return nil, pay.Wrap(err, pay.CodeConfig, "open the registry's authority", "restore the directory from a backup")
	}
	if n.providers, err = openProviders(env.Dir, o.Acquirers); err != nil {
		return nil, err
	}
	if n.role, err = newRegistryRole(env, key, authority, n.authority, secrets, n.providers.known()); err != nil {
		n.providers.close()
		return nil, err
	}
	n.base, err = openBase(ctx, env, key, storeOptions{own: pay.ScopeRegistry, reactor: n.role, authority: authority, busy: o.Busy})
	if err != nil {
		n.providers.close()
		return nil, err
	}
	n.events = events.NewLog(env.Now, events.FeedOf(n.store, pay.ScopeRegistry))
	if o.Listen == "" {
		return n, nil
	}
	if err := n.listen(ctx, o, authority, secrets); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

func newRegistryRole(env process.Env, key pay.Key, authority pay.Fact, a pay.Authority, secrets datadir.Secrets, acquirers map[pay.Acquirer]registry.Acquirer) (*registry.Registry, error) {
	resolver, err := secrets.ResolverKey()
	if err != nil {
		return nil, pay.Wrap(err, pay.CodeConfig, "open the registry's secrets", "restore the directory from a backup")
	}
	return registry.New(registry.Options{
		Key: key, Authority: authority, Root: a.Root.ID(), RefSecret: secrets.PayerRef,
		Resolver: resolver, Currency: secrets.Currency, Acquirers: acquirers, Log: env.Log,
	})
}

// listen binds the sockets and builds the tables of codes, so that the first
// request is answered as fast as the last.
func (n *Registry) listen(ctx context.Context, o RegistryOptions, authority pay.Fact, secrets datadir.Secrets) error {
	addr, err := net.ResolveUDPAddr("udp", o.Listen)
	if err != nil {
		return pay.Wrap(err, pay.CodeUsage, "read --listen", "write it like --listen 127.0.0.1:7443")
	}
	network := "udp"
	if addr.IP.To4() != nil {
		network = "udp4" // 0.0.0.0 does not mean all of IPv6 too
	}
	socket, err := net.ListenUDP(network, addr)
	if err != nil {
		return pay.Wrap(err, pay.CodeConfig, "listen for nodes", "name a free HOST:PORT with --listen; port 0 takes any")
	}
	n.listener, err = quicnet.Listen(quicnet.ListenOptions{
		Socket: socket, Key: n.key, Authority: authority.Raw(), ResetKey: &secrets.Reset, TokenKey: &secrets.Token,
	})
	if err != nil {
		_ = socket.Close()
		return err
	}
	n.server = paysync.NewServer(paysync.ServerOptions{
		Listener: n.listener, Hub: n.Hub(), Authority: authority.Raw(), Log: n.Log,
		Seams: paysync.Seams{At: n.Seams.At, Tap: n.Seams.Tap},
		// Handshakes leave more garbage behind than their connections keep, and those
		// that are idle make none that would have it collected.
		Settled: debug.FreeOSMemory,
	})
	if n.http, err = listenHTTP(o.HTTP); err != nil {
		return err
	}
	return n.role.RefreshCodes(ctx, n.snapshot, n.store.Now())
}

func (n *Registry) snapshot(ctx context.Context, fn func(pay.Rows) error) error {
	return n.store.View(ctx, func(v *store.View) error { return fn(v) })
}

// Close closes what OpenRegistry opened.
func (n *Registry) Close() {
	if n.listener != nil {
		_ = n.listener.Close()
	}
	if n.http != nil {
		_ = n.http.Close()
	}
	n.base.Close()
	n.providers.close()
}

// Run serves the nodes and fires what falls due, until ctx ends.
func (n *Registry) Run(ctx context.Context) error {
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return n.store.Run(ctx) })
	parts.Go(func() error { return n.watchClock(ctx) })
	parts.Go(func() error { return n.carry(ctx) })
	parts.Go(func() error { return n.server.Run(ctx) })
	parts.Go(func() error { return n.role.RunCodes(ctx, n.snapshot, n.store.Now) })
	if n.http != nil {
		parts.Go(func() error { return api.ServeHTTP(ctx, n.http, healthHandler(n.healthy), n.Log) })
	}
	return parts.Wait()
}

// carry makes the calls that the role asks for.
func (n *Registry) carry(ctx context.Context) error {
	c := &caller{
		store: n.store, role: n.role, providers: n.providers, seams: n.Seams, warn: n.Log.Warn, tries: map[acquirer.Key]tries{}, calls: &n.calls,
	}
	if err := c.recall(ctx); err != nil {
		return err
	}
	return n.store.Carry(ctx, map[pay.EffectKind]store.Doer{registry.EffectAcquirer: c.do})
}

// healthy returns why the registry cannot decide, or nil: an empty command makes
// the whole way through the executor to the disk. While the clock is in doubt
// nothing is decided. One that was put back to an older copy goes on and should not.
func (n *Registry) healthy(ctx context.Context) error {
	if err := n.clockError(); err != nil {
		return err
	}
	if err := n.putBackError(ctx); err != nil {
		return err
	}
	return n.store.Do(ctx, func(*store.Tx) error { return nil })
}

// Ready is where the registry listens.
func (n *Registry) Ready() api.Ready {
	r := api.Ready{V: 1, Type: "ready", Role: pay.RoleRegistry, Node: n.key.ID().String()}
	if n.listener != nil {
		r.QUIC = n.listener.Addr().String()
	}
	if n.http != nil {
		r.HTTP = n.http.Addr().String()
	}
	return r
}

func (n *Registry) eventLog() *events.Log { return n.events }

// hub is the registry as its sessions see it.
type hub struct {
	store.Feeds
	store *store.Store
	role  *registry.Registry
}

var _ paysync.Hub = hub{}

// View shows what the store holds at one moment.
func (h hub) View(ctx context.Context, fn func(paysync.Holdings) error) error {
	return h.store.View(ctx, func(v *store.View) error { return fn(v) })
}

// Member returns the standing of a node, if it is one.
func (h hub) Member(ctx context.Context, node pay.NodeID) (status pay.NodeStatus, ok bool, err error) {
	err = h.store.View(ctx, func(v *store.View) error {
		status, ok, err = h.role.Member(v, node)
		return err
	})
	return status, ok, err
}

// Vehicles returns which of the codes that a box at pumps hears are those of vehicles.
func (h hub) Vehicles(ctx context.Context, box pay.NodeID, codes []pay.CodeHeard) (list []pay.VehicleHeard, err error) {
	err = h.store.View(ctx, func(v *store.View) error {
		list, err = h.role.Vehicles(v, h.Now(), box, codes)
		return err
	})
	return list, err
}

// Enrol lets a node in by its invite. The node's program may know fewer cases, so
// that an error brings its hint along.
func (h hub) Enrol(ctx context.Context, claim pay.EnrolClaim) (pay.Membership, error) {
	m, err := commit(ctx, h.store, func(tx *store.Tx) (pay.Membership, pay.Reaction, error) { return h.role.Enrol(tx, tx.Now(), claim) })
	return m, api.WithHint(err)
}

// Hub is the registry as its sessions see it. Whoever has what sessions do without a
// network, such as a benchmark, runs its store, too.
func (n *Registry) Hub() paysync.Hub { return hub{n.store.Feeds(), n.store, n.role} }

// Verbs are what the node can be asked.
func (n *Registry) Verbs() api.Verbs {
	return api.NewVerbs(
		api.On(api.VerbReady, func(context.Context, api.Nothing) (api.Ready, error) { return n.Ready(), nil }),
		api.On(api.VerbHealth, n.health),
		api.On(api.VerbCounts, n.counts),
		api.On(api.VerbEvents, n.events.Read),
		api.On(api.VerbInvite, n.invite),
		api.On(api.VerbTopUp, n.topup),
		api.On(api.VerbAddBill, n.addBill),
		api.On(api.VerbPayOut, n.payOut),
		api.On(api.VerbMoveMoney, n.moveBalance),
		api.On(api.VerbSettle, n.settle),
		api.On(api.VerbBook, n.book),
		api.OnTelling(api.VerbAudit, n.audit),
		api.On(api.VerbNodes, n.nodes),
		api.On(api.VerbRevokeNode, n.revoke),
		api.On(api.VerbVouch, n.vouch),
		api.On(api.VerbRetry, asides{n.store, n.role}.retry),
		api.On(api.VerbAcceptClock, n.acceptClock),
		api.On(api.VerbDeclareNeighbours, n.declareNeighbours),
		api.On(api.VerbNeighbours, n.neighbours),
		api.On(api.VerbClock, func(context.Context, api.Nothing) (api.Clock, error) { return n.Clock(), nil }),
	)
}

func (n *Registry) health(ctx context.Context, _ api.Nothing) (h api.Health, err error) {
	h = n.base.health()
	clock := n.Clock()
	h.Clock = &clock
	if h.PutBack, h.Rivals, err = n.Copies(ctx); err != nil {
		return h, err
	}
	if h.Aside, h.AsideCount, err = n.SetAside(ctx); err != nil {
		return h, err
	}
	if h.Providers, err = n.Providers(ctx); err != nil {
		return h, err
	}
	h.EarshotPairs, err = n.Earshot(ctx)
	return h, err
}

// SetAside returns what the registry has set aside, at most 20 of it, and how
// much that is altogether. It returns an error when the store cannot be read.
func (n *Registry) SetAside(ctx context.Context) (list []api.Aside, all int, err error) {
	return asides{n.store, n.role}.list(ctx)
}

func (n *Registry) audit(ctx context.Context, q api.AuditRequest, tell api.Tell) (api.Audit, error) {
	o := auditOptions{
		engine: n.engine, store: n.store, role: n.role, working: n.key.Public(), authority: n.authority, tell: tell,
		full: q.Full, writes: !n.Offline,
	}
	if n.Offline {
		o.workers = runtime.GOMAXPROCS(0)
	} else {
		changed, stop := n.store.WatchAll()
		defer stop()
		o.workers, o.pause = 1, takingTurns(changed)
	}
	return audit(ctx, o)
}

func (n *Registry) invite(ctx context.Context, q api.InviteRequest) (api.Invite, error) {
	address, err := inviteAddress(q.Address, n.Ready().QUIC)
	if err != nil {
		return api.Invite{}, err
	}
	spec := registry.InviteSpec{Role: q.Role, Name: q.Name, Merchant: q.Merchant, Site: q.Site, Class: q.Class, Address: address, TTL: q.TTL}
	var old pay.NodeStatus
	members, err := read(ctx, n.store, func(v *store.View) (list []pay.NodeStatus, err error) {
		err = n.role.Members(v, func(m pay.NodeStatus) error {
			list = append(list, m)
			return nil
		})
		return list, err
	})
	if err != nil {
		return api.Invite{}, err
	}
	made, err := commit(ctx, n.store, func(tx *store.Tx) (made registry.Invited, out pay.Reaction, err error) {
		if q.Replaces == "" {
			made, err = n.role.Invite(tx, tx.Now(), rand.Reader, spec)
			return made, out, err
		}
		if old, err = n.role.FindReplaceable(tx, q.Replaces); err != nil {
			return made, out, err
		}
		return n.role.InviteInPlaceOf(tx, tx.Now(), rand.Reader, spec, old.Node.ID())
	})
	if err != nil {
		return api.Invite{}, err
	}
	i := api.Invite{
		V: 1, Type: "invite", Invite: made.Invite.String(), Role: made.Role, Name: q.Name,
		Merchant: made.MerchantName, Site: made.Site, Class: made.Class, Expires: made.Expires.String(),
	}
	if q.Replaces != "" {
		old.Revoked, old.Replaced = true, true
		n.server.Disconnect(old)
		i.Replaces, i.Name = old.Node.ID().String(), cmp.Or(q.Name, old.Name)
		return i, nil
	}
	weighInvite(&i, spec, members)
	return i, nil
}

func (n *Registry) topup(ctx context.Context, q api.TopUpRequest) (api.TopUp, error) {
	cur := n.role.Currency()
	amount, err := text.ParseAmount(q.Amount, cur)
	if err != nil {
		return api.TopUp{}, err
	}
	done, err := commit(ctx, n.store, func(tx *store.Tx) (pay.TopUp, pay.Reaction, error) {
		scope, err := n.role.FindWallet(tx, q.Wallet)
		if err != nil {
			return pay.TopUp{}, pay.Reaction{}, err
		}
		return n.role.TopUp(tx, tx.Now(), pay.TopUp{Wallet: scope, Amount: amount, Currency: cur, Key: q.Key})
	})
	if err != nil {
		return api.TopUp{}, err
	}
	return api.TopUp{V: 1, Type: "topup", Wallet: done.Wallet, Amount: done.Amount, Currency: done.Currency, Key: string(done.Key)}, nil
}

func (n *Registry) book(ctx context.Context, _ api.Nothing) (api.List[api.Account], error) {
	var out api.List[api.Account]
	err := n.store.View(ctx, func(v *store.View) error {
		names := map[string]pay.Name{}
		err := n.role.Members(v, func(m pay.NodeStatus) error {
			if m.Replaced {
				return nil
			}
			names[string(m.Scope)] = m.Name
			if m.Role == pay.RoleBox {
				names[string(m.Scope)] = m.MerchantName
			}
			return nil
		})
		if err != nil {
			return err
		}
		return book.Each(v, func(a book.Account, b book.Balance) bool {
			owner := string(a.Owner)
			out.Items = append(out.Items, api.Account{
				V: 1, Type: "account", Account: owner, Kind: accountKind(owner), Name: names[owner], Currency: a.Currency,
				Balance: b.Posted(), Held: b.HeldDebits, Available: b.Available(), Promised: b.HeldCredits,
			})
			return true
		})
	})
	return out, err
}

func accountKind(owner string) string {
	switch {
	case strings.HasPrefix(owner, "w/"):
		return "wallet"
	case strings.HasPrefix(owner, "m/"):
		return "merchant"
	default:
		return "house"
	}
}

func (n *Registry) nodes(ctx context.Context, _ api.Nothing) (api.List[api.Node], error) {
	var out api.List[api.Node]
	lost, twice, err := n.Copies(ctx)
	if err != nil {
		return out, err
	}
	err = n.store.View(ctx, func(v *store.View) error {
		pairs, err := n.role.Earshot(v, n.store.Now())
		if err != nil {
			return err
		}
		return n.role.Members(v, func(m pay.NodeStatus) error {
			o := n.nodeObject(m)
			o.Earshot = earshotOf(pairs, m)
			if i := slices.IndexFunc(lost, func(p api.PutBack) bool { return p.Node == o.ID }); i >= 0 {
				o.PutBack = &lost[i]
			}
			if i := slices.IndexFunc(twice, func(r api.Rivalry) bool { return r.Node == o.ID }); i >= 0 {
				o.RivalSince = twice[i].Since
			}
			out.Items = append(out.Items, o)
			return nil
		})
	})
	return out, err
}

func (n *Registry) nodeObject(m pay.NodeStatus) api.Node {
	id := m.Node.ID()
	out := api.Node{
		V: 1, Type: "node", ID: id.String(), Role: m.Role, Scope: m.Scope, Name: m.Name, Merchant: m.MerchantName, Site: m.Site, Class: m.Class,
		Revoked: m.Revoked, Connected: n.server != nil && n.server.Connected(id), Replaced: m.Replaced,
	}
	if !m.Replaces.IsZero() {
		out.Replaces = m.Replaces.String()
	}
	return out
}

// revoke ends a node's standing and its session.
func (n *Registry) revoke(ctx context.Context, q api.NodeRef) (api.Node, error) {
	status, err := commit(ctx, n.store, func(tx *store.Tx) (pay.NodeStatus, pay.Reaction, error) {
		found, err := n.role.FindNode(tx, "", q.Node)
		if err != nil {
			return found, pay.Reaction{}, err
		}
		return n.role.RevokeNode(tx, tx.Now(), found.Node.ID())
	})
	if err != nil {
		return api.Node{}, err
	}
	n.server.Disconnect(status)
	return n.nodeObject(status), nil
}

// vouch ends the probation of a wallet's device.
func (n *Registry) vouch(ctx context.Context, q api.VouchRequest) (api.Vouched, error) {
	v, err := commit(ctx, n.store, func(tx *store.Tx) (pay.Vouched, pay.Reaction, error) {
		scope, err := n.role.FindWallet(tx, q.Wallet)
		if err != nil {
			return pay.Vouched{}, pay.Reaction{}, err
		}
		return n.role.Vouch(tx, tx.Now(), scope, q.Device)
	})
	if err != nil {
		return api.Vouched{}, err
	}
	return api.Vouched{V: 1, Type: "vouched", Wallet: v.Wallet, Device: v.Device.String(), At: v.At.String()}, nil
}
