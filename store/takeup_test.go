package store_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/kv"
)

// copyOf returns an engine with the rows of another.
func copyOf(t testing.TB, e kv.Engine) kv.Engine {
	t.Helper()
	rows, out := rowsOf(t, e), kv.NewMemory()
	write(t, out, func(tx kv.Tx) error {
		for key, value := range rows {
			if err := tx.Put([]byte(key), []byte(value)); err != nil {
				return err
			}
		}
		return nil
	})
	return out
}

// pushAll applies what is queued at the registry and acknowledges it.
func pushAll(t testing.TB, node, registry *store.Store) {
	t.Helper()
	done, err := registry.Feeds().Apply(t.Context(), testKey(t, 1).ID(), position(t, node).Incarnation, outbox(t, node))
	if err != nil {
		t.Fatal(err)
	}
	acked(t, node, done.N, nil)
}

// recall hands items back, at most limit of them, and returns how many.
func recall(t testing.TB, registry, node *store.Store, limit int) int {
	t.Helper()
	after := position(t, node).Acked
	kept, chain, err := now(t.Context(), registry).Kept(testKey(t, 1).ID(), after, limit, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var items []pay.Recalled
	for _, it := range kept {
		r := pay.Recalled{IDs: it.IDs}
		for _, raw := range it.Raws {
			f, err := pay.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			r.Facts = append(r.Facts, f)
		}
		items = append(items, r)
	}
	if len(items) == 0 {
		return 0
	}
	if err := node.Journal().TakeUp(t.Context(), after, items); err != nil {
		t.Fatal(err)
	}
	if p := position(t, node); p.Chain != chain || p.Acked != after+uint64(len(items)) {
		t.Errorf("position %+v after %d items, the registry's chain is %x", p, len(items), chain[:4])
	}
	return len(items)
}

// TestStoreTakesUpWhatItLacks puts a box's store back to a copy at which one item was
// acknowledged and one was queued. It takes up the others in pieces of every size,
// with a restart after each, and numbers its own items behind them.
func TestStoreTakesUpWhatItLacks(t *testing.T) {
	t.Parallel()
	for piece := 1; piece <= 4; piece++ {
		t.Run(fmt.Sprint("in pieces of ", piece), func(t *testing.T) {
			t.Parallel()
			ro := registryOptions()
			ro.Reactor = publisher
			registry, _ := start(t, ro)
			o := nodeOptions()
			var told []pay.FactID
			o.Reactor = reactor(func(_ pay.WritableRows, _ pay.Time, in pay.Input) (pay.Reaction, error) {
				if r, ok := in.(pay.ClaimRecalled); ok && !slices.Contains(told, r.Fact.ID()) {
					told = append(told, r.Fact.ID())
				}
				return pay.Reaction{}, nil
			})
			node, stop := start(t, o)
			post(t, node, nil, claim(t, 1))
			pushAll(t, node, registry)
			post(t, node, nil, claim(t, 2))
			copied := copyOf(t, o.Engine)
			post(t, node, nil, claim(t, 3), claim(t, 4))
			pushAll(t, node, registry)
			lost := position(t, node)
			stop()

			o.Engine = copied
			node, stop = start(t, o)
			post(t, node, nil, claim(t, 5))
			for recall(t, registry, node, piece) > 0 {
				sound(t, node)
				stop()
				node, stop = start(t, o)
			}
			if want := ids(claim(t, 3), claim(t, 4)); !slices.Equal(told, want) {
				t.Errorf("the role took in %v, want %v", told, want)
			}
			want := fmt.Sprintf("5: %.8s\n", claim(t, 5).ID())
			if got := itemsText(outbox(t, node)); got != want || queued(t, node, claim(t, 2)) || !queued(t, node, claim(t, 5)) {
				t.Errorf("outbox:\n%swant:\n%s", got, want)
			}
			if p := position(t, node); p.Acked != 4 || p.Last != 5 || p.Chain != lost.Chain {
				t.Errorf("position %+v", p)
			}
			goOn(t, node, registry, lost)
		})
	}
}

// goOn renews the outbox of a store that has taken up what it lacked, and pushes.
func goOn(t *testing.T, node, registry *store.Store, lost pay.Position) {
	t.Helper()
	id, next := testKey(t, 1).ID(), pay.Incarnation{9}
	if err := node.Journal().NoteOldCopy(t.Context(), &pay.OldCopy{Why: "test"}); err != nil {
		t.Fatal(err)
	}
	if old, ok := node.OldCopy(); !ok || old.Why != "test" || old.Since == 0 || !position(t, node).Old {
		t.Errorf("old copy %+v, %v", old, ok)
	}
	if ok, err := registry.Feeds().Renew(t.Context(), id, 3, lost.Chain, next); ok || err != nil {
		t.Errorf("renewed at another number: %v, %v", ok, err)
	}
	if ok, err := registry.Feeds().Renew(t.Context(), id, 4, pay.Chain{1}, next); ok || err != nil {
		t.Errorf("renewed at another chain: %v, %v", ok, err)
	}
	if ok, err := registry.Feeds().Renew(t.Context(), id, 4, lost.Chain, next); !ok || err != nil {
		t.Fatalf("renew: %v, %v", ok, err)
	}
	if ok, err := registry.Feeds().Renew(t.Context(), id, 4, lost.Chain, lost.Incarnation); ok || err != nil {
		t.Errorf("an incarnation that was replaced is back: %v, %v", ok, err)
	}
	if _, err := node.Journal().Renewed(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if _, ok := node.OldCopy(); ok || position(t, node).Old {
		t.Error("it still is an old copy")
	}
	if _, err := registry.Feeds().Apply(t.Context(), id, lost.Incarnation, outbox(t, node)); err == nil {
		t.Error("a replaced incarnation pushed")
	}
	pushAll(t, node, registry)
	head, ok, err := now(t.Context(), registry).AppliedHead(id)
	if p := position(t, node); err != nil || !ok || head != (pay.OutboxHead{Incarnation: next, N: 5, Chain: p.Chain}) || p.Acked != 5 {
		t.Errorf("the registry stands at %+v, the node at %+v, %v", head, p, err)
	}
	for n, want := range map[uint64]bool{0: true, 1: true, 4: true, 5: true, 6: false} {
		if _, ok, err := now(t.Context(), registry).AppliedChain(id, n); ok != want || err != nil {
			t.Errorf("chain at %d: %v, %v", n, ok, err)
		}
	}
	sound(t, node)
	sound(t, registry)
}

// TestTakeUpRefusesWhatDoesNotFollow hands items back behind another number, and to
// a store that does not know its chain.
func TestTakeUpRefusesWhatDoesNotFollow(t *testing.T) {
	t.Parallel()
	node, _ := start(t, nodeOptions())
	post(t, node, nil, claim(t, 1))
	it := []pay.Recalled{{IDs: ids(claim(t, 2)), Facts: []pay.Fact{claim(t, 2)}}}
	before := position(t, node)
	if err := node.Journal().TakeUp(t.Context(), 1, it); err == nil {
		t.Error("items behind another number were taken up")
	}
	if err := node.Journal().SetChain(t.Context(), 0, pay.Chain{}, false); err != nil {
		t.Fatal(err)
	}
	if err := node.Journal().TakeUp(t.Context(), 0, it); err == nil {
		t.Error("items were taken up without a chain")
	}
	if _, ok, err := node.Journal().OutboxChain(t.Context(), 1); ok || err != nil {
		t.Errorf("a chain that is not known: %v, %v", ok, err)
	}
	if err := node.Journal().SetChain(t.Context(), 0, pay.Chain{}, true); err != nil {
		t.Fatal(err)
	}
	if p := position(t, node); p != before {
		t.Errorf("position %+v, before %+v", p, before)
	}
	sound(t, node)
}

// TestEvidenceIsKeptOnce notes what a node holds that the registry lost. What it said
// first stays, over restarts, until it shows a fact that the registry does not hold.
func TestEvidenceIsKeptOnce(t *testing.T) {
	t.Parallel()
	o := registryOptions()
	s, stop := start(t, o)
	node := testKey(t, 1).ID()
	for seq := range uint64(3) {
		if err := s.Feeds().NotePutBack(t.Context(), node, pay.PutBack{Seq: 7 + seq, Head: 5}, pay.FactID{}); err != nil {
			t.Fatal(err)
		}
	}
	post(t, s, []pay.Scope{"m/a"}, claim(t, 1))
	if err := s.Feeds().NotePutBack(t.Context(), testKey(t, 2).ID(), pay.PutBack{Seq: 9}, claim(t, 1).ID()); err != nil {
		t.Fatal(err) // the registry holds what is shown
	}
	for range 2 {
		if err := s.Feeds().NotePutBack(t.Context(), node, pay.PutBack{Seq: 9, Head: 5}, claim(t, 2).ID()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Feeds().NotePutBack(t.Context(), node, pay.PutBack{Seq: 10, Head: 5}, pay.FactID{}); err != nil {
		t.Fatal(err)
	}
	stop()
	s, _ = start(t, o)
	var found []pay.PutBack
	view(t, s, func(v *store.View) error {
		return v.PutBacks(func(id pay.NodeID, p pay.PutBack) error {
			found = append(found, p)
			return nil
		})
	})
	if len(found) != 1 || found[0].Seq != 9 || found[0].Head != 5 || found[0].Since == 0 || !found[0].Proven {
		t.Errorf("evidence %+v", found)
	}
	sound(t, s)
}

// TestUrgentClaimsAreFound looks for claims of a kind among those that wait.
func TestUrgentClaimsAreFound(t *testing.T) {
	t.Parallel()
	node, _ := start(t, nodeOptions())
	revoke := sign(t, 1, pay.Revoke{Created: 1})
	post(t, node, nil, claim(t, 1), revoke, claim(t, 2))
	facts, _, err := node.Journal().UrgentClaims(t.Context())
	if err != nil || len(facts) != 1 || facts[0].ID() != revoke.ID() {
		t.Errorf("urgent: %v, %v", facts, err)
	}
	acked(t, node, 3, nil)
	if facts, _, err := node.Journal().UrgentClaims(t.Context()); err != nil || len(facts) != 0 {
		t.Errorf("urgent when nothing waits: %v, %v", facts, err)
	}
}
