package store_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/kv"
)

// viewed is an engine that counts Views and whose next commit can fail.
type viewed struct {
	kv.Engine
	views   int
	unknown bool
}

func (e *viewed) View(ctx context.Context, fn func(kv.Reader) error) error {
	e.views++
	return e.Engine.View(ctx, fn)
}

func (e *viewed) Update(ctx context.Context, fn func(kv.Tx) error) error {
	err := e.Engine.Update(ctx, fn)
	if err == nil && e.unknown {
		return kv.ErrUnknown
	}
	return err
}

func TestWhoKeepsUpReadsNoEngine(t *testing.T) {
	t.Parallel()
	o := registryOptions()
	e := &viewed{Engine: o.Engine}
	o.Engine = e
	s := open(t, o)
	step := func(scope pay.Scope, n int) {
		t.Helper()
		done, err := s.Step(t.Context(), noon.Std(), []store.Command{func(tx *store.Tx) error {
			return tx.Publish(postings([]pay.Scope{scope}, claim(t, n)))
		}})
		if err := errors.Join(append(done.Errs, err)...); err != nil && !e.unknown {
			t.Fatal(err)
		}
	}
	read := func(what string, after uint64, want, views int) {
		t.Helper()
		before := e.views
		raws, _, err := s.Feeds().Feed(t.Context(), "m/a", after, 10)
		if err != nil || len(raws) != want || e.views-before != views {
			t.Errorf("%s: %d entries, %d views, %v; want %d and %d", what, len(raws), e.views-before, err, want, views)
		}
	}
	step("m/a", 1)
	_, stop := s.Watch("m/a")
	read("what was there before", 0, 1, 1)
	step("m/a", 2)
	step("m/b", 3)
	step("m/a", 4)
	read("what came since", 1, 2, 0)
	read("nothing", 3, 0, 1)
	step("m/a", 5)
	_, stopTwo := s.Watch("m/a")
	read("two follow: the first", 3, 1, 0)
	read("two follow: the second", 3, 1, 0)
	e.unknown = true
	step("m/a", 6)
	e.unknown = false
	read("an outcome that is unknown", 4, 1, 1)
	stop()
	stopTwo()
	step("m/a", 7)
	_, stop = s.Watch("m/a")
	defer stop()
	read("after nobody followed", 5, 1, 1)
}

// TestFreshEntriesAreThoseOfTheFeed reads at any place, at any time and holds the
// answer beside the engine's.
func TestFreshEntriesAreThoseOfTheFeed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		s := open(t, registryOptions())
		scopes := []pay.Scope{"m/a", "m/b"}
		stops := map[pay.Scope][]func(){}
		made := 0
		r.Repeat(map[string]func(*rapid.T){
			"append": func(r *rapid.T) {
				var cmds []store.Command
				for range rapid.IntRange(1, 4).Draw(r, "commands") {
					made++
					n, to, fails := made, scopes[:rapid.IntRange(1, 2).Draw(r, "scopes")], rapid.IntRange(0, 3).Draw(r, "fails") == 0
					cmds = append(cmds, func(tx *store.Tx) error {
						err := tx.Publish(postings(to, claim(t, n)))
						if fails {
							err = errors.New("it fails")
						}
						return err
					})
				}
				if _, err := s.Step(t.Context(), noon.Std(), cmds); err != nil {
					r.Fatal(err)
				}
			},
			"watch": func(r *rapid.T) {
				scope := rapid.SampledFrom(scopes).Draw(r, "scope")
				_, stop := s.Watch(scope)
				stops[scope] = append(stops[scope], stop)
			},
			"leave": func(r *rapid.T) {
				scope := rapid.SampledFrom(scopes).Draw(r, "scope")
				if n := len(stops[scope]); n > 0 {
					stops[scope][n-1]()
					stops[scope] = stops[scope][:n-1]
				}
			},
			"read": func(r *rapid.T) {
				scope := rapid.SampledFrom(scopes).Draw(r, "scope")
				after, limit := rapid.Uint64Range(0, uint64(made)+1).Draw(r, "after"), rapid.IntRange(1, 5).Draw(r, "limit")
				raws, chains, err := s.Feeds().Feed(t.Context(), scope, after, limit)
				if err != nil {
					r.Fatal(err)
				}
				var wantRaws [][]byte
				var wantChains []pay.Chain
				err = s.View(t.Context(), func(v *store.View) error {
					wantRaws, wantChains, err = v.Feed(scope, after, limit)
					return err
				})
				if err != nil || len(raws) != len(wantRaws) || len(raws) > 0 && (!reflect.DeepEqual(raws, wantRaws) || !reflect.DeepEqual(chains, wantChains)) {
					r.Fatalf("feed %s after %d: %d entries, the engine has %d (%v), or they differ", scope, after, len(raws), len(wantRaws), err)
				}
			},
		})
	})
}
