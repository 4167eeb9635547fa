package store_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/kv"
)

// manyFacts returns a registry's store with that many facts in two feeds.
func manyFacts(t *testing.T, n int) (*store.Store, kv.Engine) {
	t.Helper()
	o := registryOptions()
	s, stop := start(t, o)
	defer stop()
	for i := range n {
		post(t, s, []pay.Scope{"m/a", "w/b"}, claim(t, i))
	}
	return s, o.Engine
}

func verifyWith(ctx context.Context, s *store.Store, o store.VerifyOptions) (findings []string, err error) {
	err = s.View(ctx, func(v *store.View) error {
		findings, err = v.Verify(ctx, o)
		return err
	})
	return findings, err
}

// TestVerifyByWorkers finds the same, in the same order, with any number of
// workers, and tells each finding at once.
func TestVerifyByWorkers(t *testing.T) {
	t.Parallel()
	s, e := manyFacts(t, 2_500) // more than are verified together
	n := 0
	for key, value := range rowsOf(t, e) {
		if key[0] != 'f' {
			continue
		}
		if n++; n%3 > 0 {
			continue
		}
		raw := []byte(value[:len(value)-4])
		raw[len(raw)-1-n%60] ^= 1 // of the signature
		write(t, e, func(tx kv.Tx) error { return tx.Put([]byte(key), sealed(key, string(raw))) })
	}
	var first []string
	var together atomic.Int64
	for _, workers := range []int{0, 1, 2, 5, -1, -2, -5} { // below 0: signatures are verified together
		var told []string
		o := store.VerifyOptions{Key: keyOf(t), Workers: max(workers, -workers), Found: func(f string) { told = append(told, f) }}
		if workers < 0 {
			o.Signatures = func() func([]pay.Fact, []pay.PublicKey) []int {
				return func(facts []pay.Fact, keys []pay.PublicKey) (wrong []int) {
					together.Add(int64(len(facts)))
					for i, f := range facts {
						if f.Verify(keys[i]) != nil {
							wrong = append(wrong, i)
						}
					}
					return wrong
				}
			}
		}
		findings, err := verifyWith(t.Context(), s, o)
		if err != nil || len(findings) != 101 || !strings.HasPrefix(findings[100], "and ") || !slices.Equal(told, findings) {
			t.Fatalf("%d workers: %d findings, %d told, the last %q, %v", workers, len(findings), len(told), findings[len(findings)-1], err)
		}
		if first == nil {
			first = findings
		}
		if !slices.Equal(findings, first) {
			t.Errorf("%d workers find other things", workers)
		}
	}
	if together.Load() != 3*int64(n) {
		t.Errorf("%d signatures were verified together, %d facts are there", together.Load(), n)
	}
}

// TestVerifyTellsHowFarItIs: shares grow from near 0 to 1, and a walk that is
// stopped returns why, without its workers.
func TestVerifyTellsHowFarItIs(t *testing.T) {
	t.Parallel()
	s, _ := manyFacts(t, 300)
	for _, workers := range []int{0, 3} {
		var shares []float64
		_, err := verifyWith(t.Context(), s, store.VerifyOptions{Key: keyOf(t), Workers: workers, Progress: func(share float64) { shares = append(shares, share) }})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(shares); n < 100 || !slices.IsSorted(shares) || shares[0] > 0.1 || shares[n-1] != 1 {
			t.Errorf("%d workers: %d shares: %v", workers, n, shares)
		}
		ctx, cancel := context.WithCancel(t.Context())
		_, err = verifyWith(ctx, s, store.VerifyOptions{Key: keyOf(t), Workers: workers, Progress: func(share float64) {
			if share > 0.5 {
				cancel()
			}
		}})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%d workers: stopped with %v", workers, err)
		}
		cancel()
	}
}

// countingEngine counts what is looked up in views.
type countingEngine struct {
	kv.Engine
	gets atomic.Int64
}

func (e *countingEngine) View(ctx context.Context, fn func(kv.Reader) error) error {
	return e.Engine.View(ctx, func(r kv.Reader) error { return fn(countingReader{r, e}) })
}

type countingReader struct {
	kv.Reader
	e *countingEngine
}

func (r countingReader) Get(key []byte) ([]byte, bool, error) {
	r.e.gets.Add(1)
	return r.Reader.Get(key)
}

// TestVerifyLooksUpLittle: of a sound store, rows are read in their order, and few are
// looked up.
func TestVerifyLooksUpLittle(t *testing.T) {
	t.Parallel()
	o := registryOptions()
	e := &countingEngine{Engine: o.Engine}
	o.Engine, o.Authority = e, authority(t)
	s, stop := start(t, o)
	defer stop()
	for i := range 200 {
		post(t, s, []pay.Scope{"m/a", "w/b", pay.Scope("w/" + string(rune('c'+i%8)))}, claim(t, i))
	}
	e.gets.Store(0)
	if findings, err := verifyWith(t.Context(), s, store.VerifyOptions{Key: keyOf(t)}); err != nil || len(findings) > 0 {
		t.Fatal(findings, err)
	}
	if n := e.gets.Load(); n > 100 {
		t.Errorf("%d rows were looked up", n)
	}
}
