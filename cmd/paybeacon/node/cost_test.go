package node

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdh"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/events"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
	"github.com/paybeacon/paybeacon/pay/registry"
	"github.com/paybeacon/paybeacon/pay/till"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/badgerkv"
	"github.com/paybeacon/paybeacon/store/kv"
	paysync "github.com/paybeacon/paybeacon/sync"
)

var costUpdate = flag.Bool("cost.update", false, "write the table of what a payment costs anew")

const (
	costTable   = "testdata/cost.txt"
	costGrowth  = 1.10 // of what stands in the table
	costSlack   = 0.1  // of what is less than one a payment
	costShared  = 1.6  // as costGrowth, of payments that share commits and packets
	costWallets = 8
	costAlone   = 32 // payments, one after another
	costMany    = 64 // payments in flight
	costEach    = 4  // payments of each of these callers
	// costFlush is how long a commit takes. Chosen: as on a disk that flushes fast.
	costFlush = 300 * time.Microsecond
	// costPing is the interval of pings. Chosen: no payment sees one.
	costPing pay.Millis = 60_000
	// costRest is after how long a payment has left nothing to be done. Chosen: some
	// hundred commits.
	costRest = 100 * time.Millisecond
)

// costEngine counts what a store has an engine do.
type costEngine struct {
	*kv.Memory
	flush                time.Duration
	mu                   sync.Mutex
	commits, rows, views int
	walks                int          // scans of transactions
	spaces               map[byte]int // rows by the first byte of their key
}

func newCostEngine(flush time.Duration) *costEngine {
	return &costEngine{Memory: kv.NewMemory(), flush: flush, spaces: map[byte]int{}}
}

// View counts and passes on.
func (e *costEngine) View(ctx context.Context, fn func(kv.Reader) error) error {
	e.mu.Lock()
	e.views++
	e.mu.Unlock()
	return e.Memory.View(ctx, fn)
}

// Update counts and passes on; it takes the time of a flush if it writes.
func (e *costEngine) Update(ctx context.Context, fn func(kv.Tx) error) error {
	return e.Memory.Update(ctx, func(tx kv.Tx) error {
		t := costTx{tx, map[string]bool{}, e}
		if err := fn(t); err != nil || len(t.keys) == 0 {
			return err
		}
		e.mu.Lock()
		e.commits++
		e.rows += len(t.keys)
		for k := range t.keys {
			e.spaces[k[0]]++
		}
		e.mu.Unlock()
		<-time.After(e.flush)
		return nil
	})
}

type costTx struct {
	kv.Tx
	keys   map[string]bool
	engine *costEngine
}

func (t costTx) Scan(from, to []byte, limit int, fn func(key, value []byte) bool) error {
	t.engine.mu.Lock()
	t.engine.walks++
	t.engine.mu.Unlock()
	return t.Tx.Scan(from, to, limit, fn)
}

func (t costTx) Put(key, value []byte) error {
	t.keys[string(key)] = true
	return t.Tx.Put(key, value)
}

func (t costTx) Delete(key []byte) error {
	t.keys[string(key)] = true
	return t.Tx.Delete(key)
}

// costShop is a registry, a box and wallets, made of the parts that the daemons are
// made of, in a bubble of synctest. Only their engines, their network and their clock
// are others.
type costShop struct {
	t       *testing.T
	ctx     context.Context
	random  io.Reader
	root    pay.Key
	role    *registry.Registry
	hub     hub
	net     *costNet
	engines map[string]*costEngine // by role
	running *sync.WaitGroup
	box     *Box
	codes   []pay.Code // that the tag of each wallet broadcasts
}

func (s *costShop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func newCostShop(ctx context.Context, t *testing.T) *costShop {
	s := &costShop{t: t, ctx: ctx, random: rand.NewChaCha8([32]byte{1}), engines: map[string]*costEngine{}, running: new(sync.WaitGroup)}
	root, err := pay.NewKey(s.random)
	s.must(err)
	s.root = root
	working, err := pay.NewKey(s.random)
	s.must(err)
	authority, err := pay.Sign(root, pay.Authority{Root: root.Public(), Working: working.Public(), From: 0, Until: 1 << 47})
	s.must(err)
	seed := [32]byte{1}
	resolver, err := ecdh.X25519().NewPrivateKey(seed[:])
	s.must(err)
	s.role, err = registry.New(registry.Options{Key: working, Authority: authority, Root: root.ID(), RefSecret: seed, Resolver: resolver, Currency: "EUR"})
	s.must(err)
	st := s.open("registry", store.Options{Own: pay.ScopeRegistry, Reactor: s.role, Authority: authority})
	s.tell(st, pay.ScopeRegistry)
	s.hub = hub{st.Feeds(), st, s.role}
	s.net = newCostNet(authority, working.Public())
	server := paysync.NewServer(paysync.ServerOptions{Listener: s.net, Hub: s.hub, Authority: authority.Raw(), PingEvery: costPing, Log: slog.New(slog.DiscardHandler)})
	s.run(server.Run)

	key, m := s.enrol(registry.InviteSpec{Role: pay.RoleBox, Name: "counter", Merchant: "Cafe", Site: "hall"})
	tl := till.New(till.Options{Key: key, Merchant: m.Node.Scope, MerchantName: m.Node.MerchantName, Site: m.Node.Site, Currency: "EUR"})
	s.box = &Box{base: s.connect("box", key, m, tl), till: tl}
	for i := range costWallets {
		s.addWallet(pay.Name(fmt.Sprint("wallet-", i)), pay.BeaconKey(resolver.PublicKey().Bytes()))
	}
	<-time.After(costRest)
	return s
}

// run runs a part of the shop until its context ends.
func (s *costShop) run(part func(context.Context) error) {
	s.running.Go(func() {
		if err := part(s.ctx); err != nil && s.ctx.Err() == nil {
			s.t.Error(err)
		}
	})
}

// open opens the store of a node and runs it. Nodes of one role have one engine's
// counts.
func (s *costShop) open(role string, o store.Options) *store.Store {
	e := newCostEngine(costFlush + time.Duration(len(s.engines))*7*costApart)
	if first := s.engines[role]; first != nil {
		s.engines[fmt.Sprint(role, len(s.engines))] = e
	} else {
		s.engines[role] = e
	}
	o.Engine, o.Random, o.Now = e, s.random, time.Now
	st, err := store.Open(s.ctx, o)
	s.must(err)
	s.run(st.Run)
	return st
}

// connect opens the store of a node and keeps it in step with the registry.
func (s *costShop) connect(role string, key pay.Key, m pay.Membership, r store.Reactor) base {
	st := s.open(role, store.Options{Own: m.Node.Scope, Reactor: r})
	client := paysync.NewClient(paysync.ClientOptions{
		Dialer: s.net, Address: "registry:1", Key: key, Root: s.root.ID(), Scope: m.Node.Scope,
		Authorities: [][]byte{m.Authority.Raw()}, Journal: st.Journal(), Random: s.random,
	})
	s.run(client.Run)
	s.must(client.WaitUp(s.ctx))
	s.tell(st, m.Node.Scope)
	return base{Env: process.Env{Now: time.Now, Log: slog.New(slog.DiscardHandler)}, key: key, store: st}
}

// tell tells what happens in a store, as a daemon with --json does.
func (s *costShop) tell(st *store.Store, scope pay.Scope) {
	l := events.NewLog(time.Now, events.FeedOf(st, scope))
	from, err := l.Now(s.ctx)
	s.must(err)
	s.run(func(ctx context.Context) error {
		return l.Tell(ctx, from, func(list []api.Event) error {
			for _, e := range list {
				if err := json.NewEncoder(io.Discard).Encode(e.Object()); err != nil {
					return err
				}
			}
			return nil
		}, slog.New(slog.DiscardHandler))
	})
}

func (s *costShop) enrol(spec registry.InviteSpec) (pay.Key, pay.Membership) {
	spec.Address = "registry:1"
	key, err := pay.NewKey(s.random)
	s.must(err)
	i, err := commit(s.ctx, s.hub.store, func(tx *store.Tx) (registry.Invited, pay.Reaction, error) {
		made, err := s.role.Invite(tx, tx.Now(), s.random, spec)
		return made, pay.Reaction{}, err
	})
	s.must(err)
	m, err := s.hub.Enrol(s.ctx, pay.EnrolClaim{
		Invite: i.ID, Exporter: []byte("x"), Proof: pay.InviteProof(i.Secret, []byte("x"), key.Public()), Node: key.Public(), Role: spec.Role,
	})
	s.must(err)
	return key, m
}

// addWallet adds a wallet that approves everything, with money in it and a tag.
func (s *costShop) addWallet(name pay.Name, resolver pay.BeaconKey) {
	key, m := s.enrol(registry.InviteSpec{Role: pay.RoleWallet, Name: name})
	_, err := commit(s.ctx, s.hub.store, func(tx *store.Tx) (pay.TopUp, pay.Reaction, error) {
		return s.role.TopUp(tx, tx.Now(), pay.TopUp{Wallet: m.Node.Scope, Amount: 1_000_000, Currency: "EUR", Key: pay.IdempotencyKey(name)})
	})
	s.must(err)
	role, err := wallet.New(wallet.Options{Key: key, Scope: m.Node.Scope, Root: s.root.ID(), Rule: wallet.Rule{Kind: wallet.All}})
	s.must(err)
	w := &payer{base: s.connect("wallet", key, m, role), wallet: role, member: datadir.Member{Scope: m.Node.Scope, Currency: "EUR"}, approve: "all"}
	s.run(w.witnessByRule)
	now := w.store.Now()
	tag, err := device.New(s.random, 10, now)
	s.must(err)
	identity, err := tag.IdentityKey(resolver)
	s.must(err)
	bind, err := pay.Sign(tag.Key(), pay.Bind{
		Registry: s.root.ID(), Resolver: resolver, Wallet: key.ID(), Device: tag.Key().Public(),
		Beacon: tag.BeaconKey(), Exponent: tag.Exponent, Counter: tag.Counter.Counter(), Type: pay.TypeTag,
	})
	s.must(err)
	mapping, err := pay.Sign(key, pay.Mapping{Device: tag.Key().ID(), Bind: bind.Raw(), Created: now})
	s.must(err)
	s.must(w.store.Do(s.ctx, func(tx *store.Tx) error {
		return tx.Publish(pay.Reaction{Publications: []pay.Publication{{Fact: mapping}}})
	}))
	s.codes = append(s.codes, pay.CodeAt(identity, tag.Exponent, tag.Exponent.Step(tag.Counter.Counter())))
}

// pay charges a wallet at the box and waits until the box knows that it has paid.
func (s *costShop) pay(key string, wallet int) error {
	now := s.box.store.Now()
	c := pay.Candidate{Handle: "amber-otter", Code: s.codes[wallet], Heard: now, Since: now, RSSI: -40, Near: true}
	o := till.Order{Key: pay.IdempotencyKey(key), Amount: 100, Currency: "EUR", To: c.Handle}
	e, err := commit(s.ctx, s.box.store, func(tx *store.Tx) (till.Entry, pay.Reaction, error) {
		return s.box.till.Charge(tx, tx.Now(), o, till.Choice{Candidate: c, Evidence: pay.EvidenceWords})
	})
	if err != nil {
		return err
	}
	p, err := s.box.wait(s.ctx, api.WaitRequest{ID: e.ID.String(), Wait: 20_000})
	if err == nil && p.Outcome != pay.OutcomePaid {
		err = fmt.Errorf("a payment is %s (%s)", p.State, p.Reason)
	}
	return err
}

// counts are all that is counted, by the words of the table.
func (s *costShop) counts() map[string]float64 {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	out := map[string]float64{
		"allocations": float64(mem.Mallocs),
		"frames":      float64(s.net.frames), "packets": float64(s.net.packets), "bytes": float64(s.net.bytes),
	}
	for name, e := range s.engines {
		e.mu.Lock()
		role := strings.TrimRight(name, "0123456789")
		out["commits "+role] += float64(e.commits)
		out["commits"] += float64(e.commits)
		out["rows "+role] += float64(e.rows)
		out["views "+role] += float64(e.views)
		out["walks "+role] += float64(e.walks)
		e.mu.Unlock()
	}
	return out
}

// detail tells which frames went and which rows were written, for whoever is to lower
// a count.
func (s *costShop) detail() string {
	var b strings.Builder
	for kind, n := range s.net.kinds {
		if n > 0 {
			fmt.Fprintf(&b, " frame %d: %d", kind, n)
		}
	}
	for _, role := range []string{"registry", "box", "wallet"} {
		fmt.Fprintf(&b, "\n%s:", role)
		spaces := map[byte]int{}
		for name, e := range s.engines {
			if strings.TrimRight(name, "0123456789") == role {
				for space, n := range e.spaces {
					spaces[space] += n
				}
			}
		}
		for _, space := range slices.Sorted(maps.Keys(spaces)) {
			fmt.Fprintf(&b, " %c %d", space, spaces[space])
		}
	}
	return b.String()
}

// cost returns what n payments cost, each.
func (s *costShop) cost(n int, payments func()) map[string]float64 {
	before, spent := s.counts(), map[string]float64{}
	payments()
	<-time.After(costRest)
	for what, after := range s.counts() {
		spent[what] = (after - before[what]) / float64(n)
	}
	return spent
}

// alone pays one after another, and lets each come to rest.
func (s *costShop) alone() {
	for i := range costAlone {
		s.must(s.pay(fmt.Sprint("alone-", i), i%costWallets))
		<-time.After(costRest)
	}
}

// many pays with costMany in flight.
func (s *costShop) many() {
	var callers sync.WaitGroup
	for c := range costMany {
		callers.Go(func() {
			<-time.After(time.Duration(c) * 13 * costApart)
			for i := range costEach {
				if err := s.pay(fmt.Sprint("many-", c, "-", i), c%costWallets); err != nil {
					s.t.Error(err)
				}
			}
		})
	}
	callers.Wait()
}

// flushesOfCommit returns how many write barriers the engine of the daemons waits for
// in a commit.
func flushesOfCommit(t *testing.T) float64 {
	t.Helper()
	e, err := badgerkv.Open(t.TempDir(), badgerkv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	before := e.Counts()
	const commits = 16
	for i := range commits {
		if err := e.Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte{byte(i)}, []byte("row")) }); err != nil {
			t.Fatal(err)
		}
	}
	return float64(e.Counts().Minus(before).Flushes) / commits
}

// TestCostOfAPayment holds what a payment costs to testdata/cost.txt: packets, frames,
// bytes, commits, flushes, rows, snapshots, walks of transactions and allocations of all
// nodes together, each of which tells its events, once
// of payments that are made one after another and once with 64 in flight. It fails
// when one has grown by a tenth; with 64 in flight by more, because how many share a
// commit depends on the turns that goroutines take on a busy machine. No time is looked at: the clock is that of a bubble,
// in which a commit and a datagram take a fixed time. Whoever has made a payment
// cheaper writes the table anew with -cost.update; -v tells which frames and rows
// there are. It is not parallel: what other tests allocate would count.
func TestCostOfAPayment(t *testing.T) { //nolint:paralleltest // see above
	if costRace {
		t.Skip("the race detector runs goroutines in another order and allocates more")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // goroutines run in one order
	got := map[string]float64{}
	flushes := flushesOfCommit(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		s := newCostShop(ctx, t)
		defer s.running.Wait()
		defer stop()
		before := s.detail()
		for what, n := range s.cost(costAlone, s.alone) {
			got["alone "+what] = n
		}
		t.Logf("before%s\nand after %d payments alone%s", before, costAlone, s.detail())
		for what, n := range s.cost(costMany*costEach, s.many) {
			got["many "+what] = n
		}
		t.Logf("and after %d payments, %d in flight%s", costMany*costEach, costMany, s.detail())
		s.conserved()
	})
	for _, how := range []string{"alone", "many"} {
		got[how+" flushes"] = got[how+" commits"] * flushes
	}
	if *costUpdate {
		writeCosts(t, got)
	}
	want := readCosts(t)
	for _, what := range slices.Sorted(maps.Keys(got)) {
		n, ok := want[what]
		growth, slack := costGrowth, costSlack
		if strings.HasPrefix(what, "many ") {
			growth, slack = costShared, 3*costSlack
		}
		switch {
		case !ok:
			t.Errorf("%s is %.2f a payment and stands not in %s", what, got[what], costTable)
		case got[what] > max(n*growth, n+slack):
			t.Errorf("%s is %.2f a payment, in the table %.2f", what, got[what], n)
		case got[what] < min(n/growth, n-slack):
			t.Logf("%s is %.2f a payment, in the table %.2f: write it anew with -cost.update", what, got[what], n)
		}
	}
	if len(want) != len(got) {
		t.Errorf("%d counts stand in the table, there are %d", len(want), len(got))
	}
}

func writeCosts(t *testing.T, costs map[string]float64) {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("# What a payment costs: see TestCostOfAPayment.\n")
	for _, what := range slices.Sorted(maps.Keys(costs)) {
		fmt.Fprintf(&b, "%-24s %8.2f\n", what, costs[what])
	}
	if err := os.MkdirAll(filepath.Dir(costTable), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(costTable, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readCosts(t *testing.T) map[string]float64 {
	t.Helper()
	raw, err := os.ReadFile(costTable)
	if err != nil {
		t.Fatal(err)
	}
	costs := map[string]float64{}
	for lines := bufio.NewScanner(bytes.NewReader(raw)); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		var n float64
		if _, err := fmt.Sscan(line[at+1:], &n); err != nil {
			t.Fatalf("%s: %q: %v", costTable, line, err)
		}
		costs[strings.TrimSpace(line[:at])] = n
	}
	return costs
}
