package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/badgerkv"
	"github.com/paybeacon/paybeacon/store/kv"
	paysync "github.com/paybeacon/paybeacon/sync"
)

// node is an opened data directory: what it can be asked, without or with a
// daemon around it.
type node interface {
	Verbs() api.Verbs
	Close()
}

// Daemon is a node that also does something by itself. start puts its parts
// into the group and returns; they end with ctx.
type Daemon interface {
	node
	Start(ctx context.Context, parts *errgroup.Group)
	Ready() api.Ready
}

// Env is what every node needs to know of the process it runs in.
type Env struct {
	Dir   Dir
	Clock clock
	seams seams
	Log   *slog.Logger
	// offline says that no daemon runs: nothing can change while this process
	// looks, so nothing is waited for.
	offline bool
}

// NewEnv returns the setting of a directory in this process. What goes wrong is
// logged to talk.
func NewEnv(d Dir, talk io.Writer) (Env, error) {
	if d == "" {
		return Env{}, pay.NewError(pay.CodeUsage, "--data is missing", "name the node's directory with --data or PAYBEACON_DATA")
	}
	clk, err := ClockFromEnv()
	if err != nil {
		return Env{}, err
	}
	seams, err := seamsFromEnv()
	if err != nil {
		return Env{}, err
	}
	log := slog.New(slog.NewTextHandler(talk, &slog.HandlerOptions{Level: slog.LevelInfo}))
	if clk.shift != 0 {
		log.Warn("this process's clock is shifted", "by", clk.shift, "because of", ClockEnv)
	}
	return Env{Dir: d, Clock: clk, seams: seams, Log: log}, nil
}

// pass says that the process has come to a point.
func (s seams) pass(point string) {
	if s.at != nil {
		s.at(point)
	}
}

// RunOptions say what to run, and who is told what it does.
type RunOptions struct {
	Open func(ctx context.Context, s Env) (Daemon, error)
	// ready is called once, when the node's sockets are open.
	Ready func(api.Ready)
	// event is called for each thing that happens from then on. After an error
	// it is not called any more, and the node goes on.
	Event func(api.Event) error
}

// Run locks the directory, opens the node, serves its control socket and
// runs its parts until ctx ends.
func Run(ctx context.Context, s Env, o RunOptions) error {
	if err := s.Dir.Make(); err != nil {
		return err
	}
	unlock, err := s.Dir.Lock(ctx, lockWaitDaemon)
	if err != nil {
		return err
	}
	defer unlock()
	n, err := o.Open(ctx, s)
	if err != nil {
		return err
	}
	defer n.Close()
	control, err := ListenControl(s.Dir)
	if err != nil {
		return err
	}
	// Whoever is told may connect: the sockets are open and the parts below
	// answer in a moment.
	o.Ready(n.Ready())
	parts, running := errgroup.WithContext(ctx)
	if e, ok := n.(eventful); ok {
		from, err := e.eventLog().now(running)
		if err != nil {
			return err
		}
		parts.Go(func() error { return e.eventLog().tell(running, from, o.Event, s.Log) })
	}
	n.Start(running, parts)
	parts.Go(func() error { return api.Serve(running, control, n.Verbs(), s.Log) })
	err = parts.Wait()
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	return err
}

// base is what registry, box and wallet have in common: a key and a store.
type base struct {
	Env
	key    pay.Key
	engine *badgerkv.Engine
	store  *store.Store
}

type storeOptions struct {
	own       pay.Scope
	reactor   store.Reactor
	authority pay.Fact
	busy      bool
}

func openBase(ctx context.Context, s Env, key pay.Key, o storeOptions) (base, error) {
	engine, err := badgerkv.Open(s.Dir.Path("store"), badgerkv.Options{Busy: o.busy, Log: s.Log})
	if err != nil {
		return base{}, explainEngine(err)
	}
	st, err := store.Open(ctx, store.Options{
		Engine: engine, Own: o.own, Reactor: o.reactor, Now: s.Clock.Now, Random: rand.Reader,
		Authority: o.authority, At: s.seams.at, Log: s.Log,
	})
	if err != nil {
		_ = engine.Close()
		return base{}, explainStore(err)
	}
	return base{Env: s, key: key, engine: engine, store: st}, nil
}

// explainEngine gives an engine's error the code and hint a person needs.
func explainEngine(err error) error {
	switch {
	case errors.Is(err, kv.ErrNoSpace):
		return pay.Wrap(err, pay.CodeNoSpace, "open the store", "free some space on that disk; nothing is lost")
	case errors.Is(err, badgerkv.ErrInUse):
		return pay.Wrap(err, pay.CodeInUse, "open the store", "stop the process that has it open")
	default:
		return pay.Wrap(err, pay.CodeConfig, "open the store", "if the directory is damaged, restore it from a backup")
	}
}

// explainStore does the same for what keeps an engine from being a store.
func explainStore(err error) error {
	var known *pay.Error
	if errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	return pay.Wrap(err, pay.CodeConfig, "open the store", "if the directory is damaged, restore it from a backup")
}

func (b *base) Close() {
	if err := b.engine.Close(); err != nil {
		b.Log.Error("closing the store failed", "error", err)
	}
}

// Watch calls again once after each commit until ok, and whenever ctx ends
// returns its error. It is how a verb waits for something to be decided.
func (b *base) Watch(ctx context.Context, again func() (ok bool, err error)) error {
	changed, stop := b.store.WatchAll()
	defer stop()
	for {
		ok, err := again()
		if ok || err != nil || b.offline {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// timeUp returns a channel that tells when a payment's deadline has come: time
// running out changes an outcome as a commit does. Each decision may move the
// deadline, so whoever waits asks again after each. One that has come already
// is not told again.
func (b *base) timeUp(deadline pay.Time) <-chan time.Time {
	left := deadline.Sub(b.store.Now())
	if left <= 0 {
		return nil
	}
	return time.After(left.Std())
}

// Store is the node's store. Whoever runs the node in place of its daemon, such
// as a simulator, runs the store, too.
func (b *base) Store() *store.Store { return b.store }

// Key is the node's key.
func (b *base) Key() pay.Key { return b.key }

// Space is the room on the disk of the store.
func (b *base) Space() (api.Space, error) {
	free, need, err := b.engine.Space()
	return api.Space{Free: free, Need: need}, err
}

// Position is up to where the node has read its feed, and what it has queued.
func (b *base) Position(ctx context.Context) (pay.Position, error) { return b.store.Position(ctx) }

// Stored is a node with a store: all but a device.
type Stored interface {
	node
	Space() (api.Space, error)
	Store() *store.Store
}

// Connected is a node that has a registry: a box or a wallet.
type Connected interface {
	Stored
	Server() string
	Position(ctx context.Context) (pay.Position, error)
	Probe(ctx context.Context, p pay.Position) (paysync.Greeting, error)
}

var (
	_ Stored    = (*Registry)(nil)
	_ Connected = (*box)(nil)
	_ Connected = (*Wallet)(nil)
)

// OpenOffline opens a node's store without a daemon, for reading.
func OpenOffline(ctx context.Context, d Dir) (Stored, error) {
	s, err := NewEnv(d, io.Discard)
	if err != nil {
		return nil, err
	}
	s.offline = true
	switch role := d.Role(); role {
	case pay.RoleRegistry:
		return OpenRegistry(ctx, s, RegistryOptions{})
	case pay.RoleBox:
		return OpenBox(ctx, s, BoxOptions{})
	case pay.RoleWallet:
		return OpenWallet(ctx, s, WalletOptions{})
	case pay.RoleDevice:
		return nil, pay.NewError(pay.CodeNotRunning, fmt.Sprintf("no daemon runs on %s", d), "start it: "+StartHint(d))
	default:
		return nil, pay.NewError(pay.CodeNotEnrolled, fmt.Sprintf("%s is not enrolled with any registry", d), "run paybeacon scan enrol or paybeacon wallet enrol first")
	}
}

// listenHTTP opens the address for --http; an empty one means none.
func listenHTTP(addr string) (net.Listener, error) {
	if addr == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, pay.Wrap(err, pay.CodeConfig, "listen for http", "name a free HOST:PORT with --http; port 0 takes any")
	}
	return l, nil
}
