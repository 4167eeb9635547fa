package store_test

import (
	"slices"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
)

// What is appended shares rows: from every number on, with any limit, the same is read
// as was written, wherever a run ends.
func TestRunsAreReadFromAnyNumber(t *testing.T) {
	t.Parallel()
	o := registryOptions()
	s, stop := start(t, o)
	const most = 50
	var facts []pay.FactID
	var chains []pay.Chain
	chain := pay.Chain{}
	for n := range most {
		if n == 20 || n == 32 {
			stop()
			s, stop = start(t, o)
		}
		post(t, s, []pay.Scope{"m/a"}, claim(t, n))
		facts = append(facts, claim(t, n).ID())
		chain = chain.Next(claim(t, n).ID())
		chains = append(chains, chain)
		for _, seq := range []int{0, n / 2, n} {
			if got, ok, err := now(t.Context(), s).ChainAt("m/a", uint64(seq+1)); got != chains[seq] || !ok || err != nil {
				t.Fatalf("of %d: chain at %d: %x, %v, %v", n+1, seq+1, got, ok, err)
			}
		}
	}
	for after := range most {
		for _, limit := range []int{0, 1, 16, 17} {
			end := most
			if limit > 0 {
				end = min(most, after+limit)
			}
			raws, got, err := s.Feeds().Feed(t.Context(), "m/a", uint64(after), limit)
			if len(raws) != end-after || !slices.Equal(got, chains[after:end]) || err != nil {
				t.Fatalf("feed after %d, at most %d: %d entries, %v", after, limit, len(raws), err)
			}
			var log []pay.FactID
			view(t, s, func(v *store.View) error {
				return v.Log(uint64(after), limit, func(_ uint64, f pay.Fact) error {
					log = append(log, f.ID())
					return nil
				})
			})
			if !slices.Equal(log, facts[after:end]) {
				t.Fatalf("log after %d, at most %d: %d rows", after, limit, len(log))
			}
		}
	}
	sound(t, s)
}

// Applied items share rows too, of however many facts they are, and those of a
// numbering that ended stay sound.
func TestRunsOfAppliedItems(t *testing.T) {
	t.Parallel()
	s, _ := start(t, registryOptions())
	node, inc := pay.NodeID{7}, pay.Incarnation{1}
	chains := []pay.Chain{{}}
	var want [][]pay.FactID
	for n := range 60 {
		it := pay.Item{N: uint64(n) + 1}
		for i := range 1 + n%pay.ItemFactsMax {
			it.Facts = append(it.Facts, claim(t, 10*n+i))
		}
		if _, err := s.Feeds().Apply(t.Context(), node, inc, []pay.Item{it}); err != nil {
			t.Fatal(err)
		}
		want = append(want, ids(it.Facts...))
		chains = append(chains, chains[n].Follow(want[n]))
	}
	for n, chain := range chains {
		if got, ok, err := now(t.Context(), s).AppliedChain(node, uint64(n)); got != chain || !ok || err != nil {
			t.Fatalf("chain after item %d: %x, %v, %v", n, got, ok, err)
		}
		for _, limit := range []int{0, 1, 7, 20} {
			end := len(want)
			if limit > 0 {
				end = min(end, n+limit)
			}
			got, at, err := now(t.Context(), s).Kept(node, uint64(n), limit, 1<<20)
			if len(got) != end-n || end > n && at != chains[end] || err != nil {
				t.Fatalf("%d items after %d, at most %d, %v", len(got), n, limit, err)
			}
			for i, it := range got {
				if !slices.Equal(it.IDs, want[n+i]) || len(it.Raws) != len(it.IDs) {
					t.Fatalf("item %d is %v", n+i+1, it.IDs)
				}
			}
		}
	}
	if got, _, err := now(t.Context(), s).Kept(node, 0, 0, 1_000); err != nil || len(got) == 0 || len(got) > 4 {
		t.Errorf("%d items in 1,000 bytes, %v", len(got), err)
	}
	other := pay.Incarnation{2}
	if _, err := s.Feeds().Apply(t.Context(), node, other, []pay.Item{{N: 1, Facts: []pay.Fact{claim(t, 0)}}}); err != nil {
		t.Fatal(err)
	}
	if got, _, err := now(t.Context(), s).Kept(node, 0, 0, 1<<20); err != nil || len(got) != 1 {
		t.Errorf("%d items of the new numbering, %v", len(got), err)
	}
	sound(t, s)
}

// Outbox items share rows as well: however they come and are acknowledged, what waits is
// what was posted and not acknowledged, and a short queue has no rows.
func TestRunsOfOutboxItems(t *testing.T) {
	t.Parallel()
	for _, step := range []int{1, 5, 16, 17, 40} {
		o := nodeOptions()
		s, stop := start(t, o)
		var want []pay.FactID
		done := 0
		for n := range 60 {
			post(t, s, nil, claim(t, 100+n))
			want = append(want, claim(t, 100+n).ID())
			if n%7 == 3 && attach(t, s, claim(t, 100+n), claim(t, 200+n)) != true {
				t.Fatal("nothing is attached")
			}
			if len(want)-done >= step {
				done += step
				acked(t, s, uint64(done), nil)
			}
			if n == 30 {
				stop()
				s, stop = start(t, o)
			}
			items := outbox(t, s)
			if len(items) != len(want)-done {
				t.Fatalf("%d at a time: %d items wait, want %d", step, len(items), len(want)-done)
			}
			for i, it := range items {
				if it.N != uint64(done+i+1) || it.Facts[0].ID() != want[done+i] || (len(it.Facts) == 2) != ((done+i)%7 == 3) {
					t.Fatalf("%d at a time: item %d is %v", step, it.N, ids(it.Facts...))
				}
			}
		}
		sound(t, s)
		acked(t, s, uint64(len(want)), nil)
		sound(t, s)
		rows := 0
		for key := range rowsOf(t, o.Engine) {
			if key[0] == 'o' {
				rows++
			}
		}
		if rows > 0 {
			t.Errorf("%d at a time: %d rows are left", step, rows)
		}
	}
}
