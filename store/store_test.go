package store_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/kv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The seams that sync declares. The store satisfies them without knowing sync.
type journal interface {
	Position(ctx context.Context) (pay.Position, error)
	Outbox(ctx context.Context, after uint64, limit int) ([]pay.Item, error)
	Mirror(ctx context.Context, from pay.Cursor, facts []pay.Fact, ack pay.Acked) (pay.Head, error)
	Acked(ctx context.Context, ack pay.Acked) error
	SessionOpened(ctx context.Context) error
	SessionClosed()
	Changed() <-chan struct{}
}

// snapshot reads each thing on a View of its own.
type snapshot struct {
	ctx context.Context
	s   *store.Store
}

func now(ctx context.Context, s *store.Store) snapshot { return snapshot{ctx, s} }

func (n snapshot) Head(scope pay.Scope) (h pay.Head, err error) {
	err = n.s.View(n.ctx, func(v *store.View) error { h, err = v.Head(scope); return err })
	return h, err
}

func (n snapshot) ChainAt(scope pay.Scope, seq uint64) (chain pay.Chain, ok bool, err error) {
	err = n.s.View(n.ctx, func(v *store.View) error { chain, ok, err = v.ChainAt(scope, seq); return err })
	return chain, ok, err
}

func (n snapshot) Applied(node pay.NodeID, inc pay.Incarnation) (at uint64, err error) {
	err = n.s.View(n.ctx, func(v *store.View) error { at, err = v.Applied(node, inc); return err })
	return at, err
}

func (n snapshot) AppliedHead(node pay.NodeID) (head pay.OutboxHead, ok bool, err error) {
	err = n.s.View(n.ctx, func(v *store.View) error { head, ok, err = v.AppliedHead(node); return err })
	return head, ok, err
}

func (n snapshot) AppliedChain(node pay.NodeID, at uint64) (chain pay.Chain, ok bool, err error) {
	err = n.s.View(n.ctx, func(v *store.View) error { chain, ok, err = v.AppliedChain(node, at); return err })
	return chain, ok, err
}

func (n snapshot) Kept(node pay.NodeID, after uint64, limit, size int) (items []pay.KeptItem, chain pay.Chain, err error) {
	err = n.s.View(n.ctx, func(v *store.View) error { items, chain, err = v.Kept(node, after, limit, size); return err })
	return items, chain, err
}

type hub interface {
	Feed(ctx context.Context, scope pay.Scope, after uint64, limit int) (raws [][]byte, chains []pay.Chain, err error)
	Apply(ctx context.Context, node pay.NodeID, inc pay.Incarnation, items []pay.Item) (pay.Applied, error)
	Watch(scope pay.Scope, grown func(end uint64)) (stop func())
	Now() pay.Time
}

var (
	_ journal          = store.Journal{}
	_ hub              = store.Feeds{}
	_ pay.Rows         = (*store.View)(nil)
	_ pay.WritableRows = (*store.Tx)(nil)
)

const boxScope pay.Scope = "m/shop"

// reactor is a role made of one function.
type reactor func(rows pay.WritableRows, now pay.Time, in pay.Input) (pay.Reaction, error)

func (r reactor) React(rows pay.WritableRows, now pay.Time, in pay.Input) (pay.Reaction, error) {
	return r(rows, now, in)
}

// hand is a clock that a test moves by hand.
type hand struct{ ms atomic.Int64 }

func newHand(at pay.Time) *hand {
	h := new(hand)
	h.ms.Store(int64(at))
	return h
}

func (h *hand) now() time.Time     { return time.UnixMilli(h.ms.Load()) }
func (h *hand) move(by pay.Millis) { h.ms.Add(int64(by)) }

const noon pay.Time = 1_800_000_000_000

// testKey returns the key with the given number.
func testKey(t testing.TB, n byte) pay.Key {
	t.Helper()
	k, err := pay.KeyFromSeed(bytes.Repeat([]byte{n}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// claim returns the n-th of the facts that tests throw about.
func claim(t testing.TB, n int) pay.Fact {
	t.Helper()
	return sign(t, 1, pay.Cancel{Payment: payment(n), Created: pay.Time(n)})
}

func sign(t testing.TB, key byte, body pay.Body) pay.Fact {
	t.Helper()
	f, err := pay.Sign(testKey(t, key), body)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func authority(t testing.TB) pay.Fact {
	return sign(t, 9, pay.Authority{Root: testKey(t, 9).Public(), Working: testKey(t, 8).Public(), From: 0, Until: 1 << 50})
}

func payment(n int) (p pay.PaymentID) {
	binary.BigEndian.PutUint32(p[:], uint32(n)+1)
	return p
}

func seeded(n uint64) *rand.ChaCha8 {
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], n)
	return rand.NewChaCha8(seed)
}

// registryOptions are those of a registry on a fresh engine.
func registryOptions() store.Options {
	return store.Options{Engine: kv.NewMemory(), Own: pay.ScopeRegistry, Now: newHand(noon).now, Random: seeded(1)}
}

// nodeOptions are those of a box on a fresh engine.
func nodeOptions() store.Options {
	return store.Options{Engine: kv.NewMemory(), Own: boxScope, Now: newHand(noon).now, Random: seeded(2)}
}

func open(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start opens a store and runs it until stop is called or the test ends.
func start(t testing.TB, o store.Options) (s *store.Store, stop func()) {
	t.Helper()
	s = open(t, o)
	return s, run(t, s)
}

func run(t testing.TB, s *store.Store) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	stop = func() {
		cancel()
		wg.Wait()
	}
	t.Cleanup(stop)
	return stop
}

func do(t testing.TB, s *store.Store, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := s.Do(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, s *store.Store, fn func(v *store.View) error) {
	t.Helper()
	if err := s.View(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// post states facts, each with the given scopes.
func post(t testing.TB, s *store.Store, scopes []pay.Scope, facts ...pay.Fact) {
	t.Helper()
	do(t, s, func(tx *store.Tx) error { return tx.Publish(postings(scopes, facts...)) })
}

func postings(scopes []pay.Scope, facts ...pay.Fact) (r pay.Reaction) {
	for _, f := range facts {
		r.Publications = append(r.Publications, pay.Publication{Fact: f, Scopes: scopes})
	}
	return r
}

// feed returns the ids of a feed's entries.
func feed(t testing.TB, s *store.Store, scope pay.Scope) (ids []pay.FactID) {
	t.Helper()
	for _, f := range feedFacts(t, s, scope, 0) {
		ids = append(ids, f.ID())
	}
	return ids
}

func feedFacts(t testing.TB, s *store.Store, scope pay.Scope, after uint64) (facts []pay.Fact) {
	t.Helper()
	raws, _, err := s.Feeds().Feed(t.Context(), scope, after, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range raws {
		f, err := pay.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		facts = append(facts, f)
	}
	return facts
}

func head(t testing.TB, s *store.Store, scope pay.Scope) pay.Head {
	t.Helper()
	h, err := now(t.Context(), s).Head(scope)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func position(t testing.TB, s *store.Store) pay.Position {
	t.Helper()
	p, err := s.Journal().Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func outbox(t testing.TB, s *store.Store) []pay.Item {
	t.Helper()
	items, err := s.Journal().Outbox(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// items shows an outbox as numbers and facts.
func itemsText(items []pay.Item) (text string) {
	for _, it := range items {
		text += fmt.Sprintf("%d:", it.N)
		for _, f := range it.Facts {
			text += fmt.Sprintf(" %.8s", f.ID())
		}
		text += "\n"
	}
	return text
}

func sound(t testing.TB, s *store.Store) {
	t.Helper()
	findings, err := verified(t.Context(), s, nil)
	if err != nil || len(findings) > 0 {
		t.Errorf("Verify = %q, %v", findings, err)
	}
}

func given[T any](ch <-chan T) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// engine is a kv.Engine whose Update a test wraps.
type engine struct {
	kv.Engine
	update func(ctx context.Context, fn func(kv.Tx) error) error
}

func (e *engine) Update(ctx context.Context, fn func(kv.Tx) error) error { return e.update(ctx, fn) }

var errAgain = errors.New("again")

// twice runs every transaction two times, the first one in vain, as an engine
// may that found a conflict.
func twice(inner kv.Engine) kv.Engine {
	return &engine{inner, func(ctx context.Context, fn func(kv.Tx) error) error {
		err := inner.Update(ctx, func(tx kv.Tx) error {
			if err := fn(tx); err != nil {
				return err
			}
			return errAgain
		})
		if !errors.Is(err, errAgain) {
			return err
		}
		return inner.Update(ctx, fn)
	}}
}
