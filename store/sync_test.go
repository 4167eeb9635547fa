package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
)

// publisher is a registry's role that states each claim in the feeds of the
// box and of the registry, and refuses those about odd payments.
var publisher = reactor(func(rows pay.WritableRows, now pay.Time, in pay.Input) (pay.Reaction, error) {
	fact, ok := pay.FactOf(in)
	if !ok {
		return pay.Reaction{}, nil
	}
	c, err := pay.As[pay.Cancel](fact)
	if err != nil {
		return pay.Reaction{}, err
	}
	r := postings([]pay.Scope{boxScope, pay.ScopeRegistry}, fact)
	if c.Payment[3]%2 == 1 {
		r.Refused = pay.ReasonUnknownPayment
	}
	return r, count(rows, "seen "+fact.ID().String())
})

func ids(facts ...pay.Fact) (ids []pay.FactID) {
	for _, f := range facts {
		ids = append(ids, f.ID())
	}
	return ids
}

func TestRegistryAppendsToFeeds(t *testing.T) {
	t.Parallel()
	o := registryOptions()
	o.Authority = authority(t)
	s, stop := start(t, o)
	one, two := claim(t, 1), claim(t, 2)
	post(t, s, []pay.Scope{"m/a", "w/b", "m/a"}, one)
	post(t, s, []pay.Scope{"m/a"}, one, two)
	post(t, s, []pay.Scope{"m/ab"}, o.Authority)
	post(t, s, []pay.Scope{pay.ScopeRegistry}, two, one)
	post(t, s, nil, claim(t, 3))
	stop()
	s, _ = start(t, o)
	for scope, want := range map[pay.Scope][]pay.FactID{
		"m/a":             ids(o.Authority, one, two),
		"w/b":             ids(o.Authority, one),
		"m/ab":            ids(o.Authority),
		pay.ScopeRegistry: ids(o.Authority, two, one),
		"m/none":          nil,
	} {
		if got := feed(t, s, scope); !slices.Equal(got, want) {
			t.Errorf("feed %s = %v, want %v", scope, got, want)
		}
		wantHead := pay.Head{Cursor: pay.Cursor{Epoch: head(t, s, "m/a").Cursor.Epoch}}
		for seq, id := range want {
			wantHead.Cursor.Seq++
			wantHead.Cursor.Chain = wantHead.Cursor.Chain.Next(id)
			wantHead.Digest = wantHead.Digest.Add(id)
			chain, ok, err := now(t.Context(), s).ChainAt(scope, uint64(seq+1))
			if !ok || err != nil || chain != wantHead.Cursor.Chain {
				t.Errorf("ChainAt(%s, %d) = %x, %v, %v", scope, seq+1, chain, ok, err)
			}
		}
		if got := head(t, s, scope); got != wantHead || got.Cursor.Epoch == (pay.Epoch{}) {
			t.Errorf("head of %s = %+v, want %+v", scope, got, wantHead)
		}
		if _, ok, err := now(t.Context(), s).ChainAt(scope, uint64(len(want)+1)); ok || err != nil {
			t.Errorf("ChainAt(%s) beyond the end: %v, %v", scope, ok, err)
		}
		if chain, ok, err := now(t.Context(), s).ChainAt(scope, 0); !ok || err != nil || chain != (pay.Chain{}) {
			t.Errorf("ChainAt(%s, 0): %x, %v, %v", scope, chain, ok, err)
		}
	}
	if got := feedFacts(t, s, "m/a", 1); len(got) != 2 || got[0].ID() != one.ID() {
		t.Errorf("feed after 1: %v", got)
	}
	if got, _, err := s.Feeds().Feed(t.Context(), "m/a", 0, 2); err != nil || len(got) != 2 {
		t.Errorf("feed of at most 2: %d entries, %v", len(got), err)
	}
	if got, _, err := s.Feeds().Feed(t.Context(), "m/a", ^uint64(0), 0); err != nil || len(got) != 0 {
		t.Errorf("feed after the last number there can be: %d entries, %v", len(got), err)
	}
	sound(t, s)
	for _, scope := range []pay.Scope{"", "m/\x00a"} {
		if err := s.Do(t.Context(), func(tx *store.Tx) error { return tx.Publish(postings([]pay.Scope{scope}, one)) }); err == nil {
			t.Errorf("scope %q became a feed", scope)
		}
	}
	walked := map[pay.Scope]uint64{}
	facts := 0
	view(t, s, func(v *store.View) error {
		return errors.Join(
			v.Scopes(func(scope pay.Scope, h pay.Head) error {
				walked[scope] = h.Cursor.Seq
				return v.Entries(scope, 1, 0, func(seq uint64, f pay.Fact) error { return nil })
			}),
			v.Facts(func(f pay.Fact) error { facts++; return nil }),
		)
	})
	if fmt.Sprint(walked) != "map[m/a:3 m/ab:1 s:3 w/b:2]" || facts != 4 {
		t.Errorf("walked %v and %d facts", walked, facts)
	}
}

func TestApplyInOrderAndOnce(t *testing.T) {
	t.Parallel()
	item := func(n uint64, facts ...int) pay.Item {
		it := pay.Item{N: n, Age: pay.Millis(n)}
		for _, f := range facts {
			it.Facts = append(it.Facts, claim(t, f))
		}
		return it
	}
	a, b := pay.Incarnation{1}, pay.Incarnation{2}
	type push struct {
		inc     pay.Incarnation
		items   []pay.Item
		n       uint64
		refused map[uint64]pay.Reason
		gap     bool
		fails   bool
	}
	odd := pay.ReasonUnknownPayment
	for name, tc := range map[string]struct {
		pushes []push
		seen   map[int]int // how often the role saw each claim
	}{
		"in order": {[]push{
			{inc: a, items: []pay.Item{item(1, 1), item(2, 3)}, n: 2},
			{inc: a, items: []pay.Item{item(3, 5)}, n: 3},
		}, map[int]int{1: 1, 3: 1, 5: 1}},
		"again": {[]push{
			{inc: a, items: []pay.Item{item(1, 1), item(2, 3)}, n: 2},
			{inc: a, items: []pay.Item{item(1, 1), item(2, 3)}, n: 2},
			{inc: a, items: []pay.Item{item(2, 3), item(3, 5)}, n: 3},
		}, map[int]int{1: 1, 3: 1, 5: 1}},
		"nothing": {[]push{{inc: a, n: 0}}, nil},
		"gap at the beginning": {[]push{
			{inc: a, items: []pay.Item{item(2, 1)}, gap: true},
		}, map[int]int{1: 0}},
		"gap in the middle undoes the push": {[]push{
			{inc: a, items: []pay.Item{item(1, 1), item(3, 3)}, gap: true},
			{inc: a, n: 0},
		}, map[int]int{1: 0, 3: 0}},
		"new incarnation starts at 0": {[]push{
			{inc: a, items: []pay.Item{item(1, 1), item(2, 3)}, n: 2},
			{inc: b, items: []pay.Item{item(3, 5)}, gap: true},
			{inc: b, items: []pay.Item{item(1, 1)}, n: 1},
			{inc: a, n: 0},
		}, map[int]int{1: 2, 3: 1, 5: 0}},
		"refused items count": {[]push{
			{inc: a, items: []pay.Item{item(1, 1), item(2, 2), item(3, 4)}, n: 3, refused: map[uint64]pay.Reason{2: odd, 3: odd}},
			{inc: a, items: []pay.Item{item(2, 2)}, n: 3},
		}, map[int]int{1: 1, 2: 1, 4: 1}},
		"refusal of what travels along is no refusal of the item": {[]push{
			{inc: a, items: []pay.Item{item(1, 1, 2)}, n: 1},
			{inc: a, items: []pay.Item{item(2, 4, 3)}, n: 2, refused: map[uint64]pay.Reason{2: odd}},
		}, map[int]int{1: 1, 2: 1, 4: 1, 3: 1}},
		"no facts":       {[]push{{inc: a, items: []pay.Item{item(1)}, fails: true}}, nil},
		"too many facts": {[]push{{inc: a, items: []pay.Item{item(1, 1, 3, 5, 7, 9)}, fails: true}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := registryOptions()
			o.Engine, o.Reactor = twice(o.Engine), publisher
			s, _ := start(t, o)
			node := testKey(t, 1).ID()
			for i, p := range tc.pushes {
				got, err := s.Feeds().Apply(t.Context(), node, p.inc, p.items)
				if errors.Is(err, pay.ErrGap) != p.gap || (err != nil) != (p.gap || p.fails) {
					t.Fatalf("push %d: %v", i, err)
				}
				if got.N != p.n || fmt.Sprint(got.Refused) != fmt.Sprint(p.refused) {
					t.Errorf("push %d: %+v, want %d and %v", i, got, p.n, p.refused)
				}
				if n, err := now(t.Context(), s).Applied(node, p.inc); err == nil && !p.gap && !p.fails && n != p.n {
					t.Errorf("push %d: applied %d, want %d", i, n, p.n)
				}
			}
			for n, want := range tc.seen {
				if got := counted(t, s, "seen "+claim(t, n).ID().String()); got != want {
					t.Errorf("the role saw claim %d %d times, want %d", n, got, want)
				}
			}
			sound(t, s)
		})
	}
}

func TestApplyTellsTheRoleAllThatItNeeds(t *testing.T) {
	t.Parallel()
	var got []string
	o := registryOptions()
	o.Reactor = reactor(func(rows pay.WritableRows, now pay.Time, in pay.Input) (pay.Reaction, error) {
		it := in.(pay.ClaimArrived)
		_, stored, err := rows.Fact(it.Fact.ID())
		got = append(got, fmt.Sprintf("%v %d %d %v %v", it.Fact.ID() == claim(t, len(got)+1).ID(), it.Age, len(it.With), stored, now == noon))
		return pay.Reaction{}, err
	})
	s, _ := start(t, o)
	it := pay.Item{N: 1, Age: 77, Facts: []pay.Fact{claim(t, 1), claim(t, 2), claim(t, 3)}}
	if _, err := s.Feeds().Apply(t.Context(), pay.NodeID{1}, pay.Incarnation{1}, []pay.Item{it}); err != nil {
		t.Fatal(err)
	}
	want := []string{`true 77 2 true true`, `true 77 1 true true`, `true 77 0 true true`}
	if !slices.Equal(got, want) {
		t.Errorf("the role saw %q, want %q", got, want)
	}
}

func TestMirrorContinuesTheFeed(t *testing.T) {
	t.Parallel()
	r, _ := start(t, registryOptions())
	for n := range 6 {
		post(t, r, []pay.Scope{boxScope}, claim(t, n))
	}
	facts := feedFacts(t, r, boxScope, 0)
	at := func(seq uint64) pay.Cursor {
		chain, _, err := now(t.Context(), r).ChainAt(boxScope, seq)
		if err != nil {
			t.Fatal(err)
		}
		return pay.Cursor{Epoch: head(t, r, boxScope).Cursor.Epoch, Seq: seq, Chain: chain}
	}
	elsewhere := func(c pay.Cursor) pay.Cursor { c.Chain[5]++; return c }
	later := func(c pay.Cursor) pay.Cursor { c.Epoch[0]++; return c }
	type part struct {
		from  pay.Cursor
		facts []pay.Fact
		fails bool
	}
	for name, tc := range map[string]struct {
		parts []part
		seq   uint64
	}{
		"all at once":             {[]part{{from: at(0), facts: facts}}, 6},
		"in parts":                {[]part{{from: at(0), facts: facts[:2]}, {from: at(2), facts: facts[2:]}}, 6},
		"nothing":                 {[]part{{from: at(0)}}, 0},
		"overlap":                 {[]part{{from: at(0), facts: facts[:4]}, {from: at(1), facts: facts[1:]}}, 6},
		"nothing new":             {[]part{{from: at(0), facts: facts}, {from: at(2), facts: facts[2:4]}}, 6},
		"gap":                     {[]part{{from: at(0), facts: facts[:2]}, {from: at(3), facts: facts[3:], fails: true}}, 2},
		"another chain":           {[]part{{from: at(0), facts: facts[:2]}, {from: elsewhere(at(2)), facts: facts[2:], fails: true}}, 2},
		"another chain, overlap":  {[]part{{from: at(0), facts: facts[:2]}, {from: elsewhere(at(1)), facts: facts[1:], fails: true}}, 2},
		"another chain at first":  {[]part{{from: elsewhere(at(0)), facts: facts, fails: true}}, 0},
		"another epoch":           {[]part{{from: at(0), facts: facts[:2]}, {from: later(at(2)), facts: facts[2:], fails: true}}, 2},
		"no epoch":                {[]part{{from: pay.Cursor{}, facts: facts, fails: true}}, 0},
		"another past":            {[]part{{from: at(0), facts: facts[:2]}, {from: at(1), facts: []pay.Fact{facts[2]}, fails: true}}, 2},
		"repeated entry":          {[]part{{from: at(0), facts: facts[:2]}, {from: at(2), facts: facts[1:2], fails: true}}, 2},
		"good and then bad":       {[]part{{from: at(0), facts: []pay.Fact{facts[0], facts[1], facts[1]}, fails: true}}, 0},
		"another epoch, no facts": {[]part{{from: at(0), facts: facts[:2]}, {from: later(at(2)), fails: true}}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := map[pay.FactID]int{}
			o := nodeOptions()
			o.Reactor = reactor(func(rows pay.WritableRows, now pay.Time, in pay.Input) (pay.Reaction, error) {
				seen[in.(pay.EntryMirrored).Fact.ID()]++
				return pay.Reaction{}, nil
			})
			s, _ := start(t, o)
			for i, p := range tc.parts {
				got, err := s.Journal().Mirror(t.Context(), p.from, p.facts, pay.Acked{})
				if errors.Is(err, store.ErrFeed) != p.fails || (err != nil) != p.fails {
					t.Fatalf("part %d: %v", i, err)
				}
				if err == nil && got != head(t, s, boxScope) {
					t.Errorf("part %d: Mirror returned %+v, the head is %+v", i, got, head(t, s, boxScope))
				}
			}
			want := at(tc.seq)
			if tc.seq == 0 {
				want = pay.Cursor{}
			}
			if got := position(t, s).Head.Cursor; got != want {
				t.Errorf("head %+v, want %+v", got, want)
			}
			for i, f := range facts[:tc.seq] {
				if n := seen[f.ID()]; n != 1 {
					t.Errorf("the role saw entry %d %d times", i+1, n)
				}
			}
			sound(t, s)
		})
	}
	t.Run("registry", func(t *testing.T) {
		t.Parallel()
		s, _ := start(t, registryOptions())
		if _, err := s.Journal().Mirror(t.Context(), at(0), facts, pay.Acked{}); err == nil {
			t.Error("the registry mirrored a feed")
		}
	})
}

// What a node says about a mirrored entry is queued in the transaction that
// stores the entry.
func TestAnswerIsQueuedWithTheEntry(t *testing.T) {
	t.Parallel()
	r, _ := start(t, registryOptions())
	post(t, r, []pay.Scope{boxScope}, claim(t, 1))
	o := nodeOptions()
	o.Engine = twice(o.Engine)
	o.Reactor = reactor(func(_ pay.WritableRows, _ pay.Time, in pay.Input) (pay.Reaction, error) {
		return postings(nil, claim(t, 2)), nil
	})
	s := open(t, o)
	commits := 0
	changed, stop := s.WatchAll()
	defer stop()
	run(t, s)
	from := head(t, r, boxScope).Cursor
	from.Seq, from.Chain = 0, pay.Chain{}
	if _, err := s.Journal().Mirror(t.Context(), from, feedFacts(t, r, boxScope, 0), pay.Acked{}); err != nil {
		t.Fatal(err)
	}
	for given(changed) {
		commits++
	}
	if !queued(t, s, claim(t, 2)) || !given(s.Journal().Changed()) || commits != 1 {
		t.Errorf("the answer is not queued after %d commits", commits)
	}
}

// exchange pushes what the node has queued and mirrors what the registry has.
func exchange(t testing.TB, node, registry *store.Store) {
	t.Helper()
	ctx := t.Context()
	opened(t, node)
	defer node.Journal().SessionClosed()
	pos := position(t, node)
	n, err := now(ctx, registry).Applied(pay.NodeID{7}, pos.Incarnation)
	if err != nil {
		t.Fatal(err)
	}
	items, err := node.Journal().Outbox(ctx, max(n, pos.Acked), 0)
	if err != nil {
		t.Fatal(err)
	}
	done, err := registry.Feeds().Apply(ctx, pay.NodeID{7}, pos.Incarnation, items)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := node.Journal().Mirror(ctx, cursorOf(t, registry, pos.Head), feedFacts(t, registry, boxScope, pos.Head.Cursor.Seq), pay.Acked{}); err != nil {
		t.Fatal(err)
	}
	if err := node.Journal().Acked(ctx, pay.Acked{Incarnation: pos.Incarnation, N: done.N, Refused: done.Refused}); err != nil {
		t.Fatal(err)
	}
}

// cursorOf returns the registry's cursor at the node's head.
func cursorOf(t testing.TB, registry *store.Store, h pay.Head) pay.Cursor {
	t.Helper()
	c := head(t, registry, boxScope).Cursor
	chain, ok, err := now(t.Context(), registry).ChainAt(boxScope, h.Cursor.Seq)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	c.Seq, c.Chain = h.Cursor.Seq, chain
	return c
}

func TestRoundTripOfTwoStores(t *testing.T) {
	t.Parallel()
	ro := registryOptions()
	ro.Reactor, ro.Authority = publisher, authority(t)
	registry, _ := start(t, ro)
	var refused []pay.FactID
	no := nodeOptions()
	no.Reactor = reactor(func(_ pay.WritableRows, _ pay.Time, in pay.Input) (pay.Reaction, error) {
		if in, ok := in.(pay.ClaimRefused); ok {
			refused = append(refused, in.Fact.ID())
		}
		return pay.Reaction{}, nil
	})
	node, stop := start(t, no)
	exchange(t, node, registry)
	post(t, node, nil, claim(t, 1))
	if !attach(t, node, claim(t, 1), claim(t, 3)) {
		t.Fatal("not attached")
	}
	post(t, node, nil, claim(t, 2))
	exchange(t, node, registry)
	stop()
	node, _ = start(t, no)
	exchange(t, node, registry)
	post(t, node, nil, claim(t, 1)) // stands in the feed: not queued again
	want := ids(authority(t), claim(t, 1), claim(t, 3), claim(t, 2))
	if got := feed(t, node, boxScope); !slices.Equal(got, want) {
		t.Errorf("the node's feed is %v, want %v", got, want)
	}
	if head(t, node, boxScope) != head(t, registry, boxScope) {
		t.Error("the heads differ")
	}
	if p := position(t, node); p.Acked != 2 || p.Last != 2 || len(outbox(t, node)) != 0 {
		t.Errorf("position %+v", p)
	}
	if !slices.Equal(refused, ids(claim(t, 2))) {
		t.Errorf("the role was told of refusals of %v", refused)
	}
	sound(t, node)
	sound(t, registry)
}

// TestAClaimRefusedWithoutAWordIsNotKept shows what bounds a hostile node: the
// item is acknowledged and counted, and its fact leaves nothing behind. One that
// is refused in a feed stays, because the refusal names it.
func TestAClaimRefusedWithoutAWordIsNotKept(t *testing.T) {
	t.Parallel()
	silent, told := claim(t, 1), claim(t, 2)
	o := registryOptions()
	o.Reactor = reactor(func(_ pay.WritableRows, _ pay.Time, in pay.Input) (pay.Reaction, error) {
		r := pay.Reaction{Refused: pay.ReasonTooMany}
		if in.(pay.ClaimArrived).Fact.ID() == told.ID() {
			no := sign(t, 1, pay.Refusal{Claim: told.ID(), Reason: pay.ReasonTooMany, At: 1})
			r.Publications = []pay.Publication{{Fact: no, Scopes: []pay.Scope{"m/1"}}}
		}
		return r, nil
	})
	s, stop := start(t, o)
	defer stop()
	items := []pay.Item{{N: 1, Facts: []pay.Fact{silent}}, {N: 2, Facts: []pay.Fact{told}}}
	done, err := s.Feeds().Apply(t.Context(), silent.Signer(), pay.Incarnation{1}, items)
	if err != nil || done.N != 2 || len(done.Refused) != 2 {
		t.Fatalf("Apply = %+v, %v", done, err)
	}
	view(t, s, func(v *store.View) error {
		for f, want := range map[pay.FactID]bool{silent.ID(): false, told.ID(): true} {
			if _, ok, err := v.Fact(f); ok != want || err != nil {
				t.Errorf("fact %s: kept %v, %v; want %v", f, ok, err, want)
			}
		}
		return nil
	})
	sound(t, s)
}
