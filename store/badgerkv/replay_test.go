package badgerkv_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/store/badgerkv"
	"github.com/paybeacon/paybeacon/store/kv"
)

// seeded returns a source whose seed is printed, and can be given.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("BADGERKV_TEST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("BADGERKV_TEST_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestRowsAfterACrashAreThoseBefore overwrites and deletes a few keys again and again,
// so that tables and log have several values of each, in lives with small and large
// memtables and transfers that each end in a power failure.
func TestRowsAfterACrashAreThoseBefore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                  string
		lives, updates, bytes int
		options               func(rng *rand.Rand) badgerkv.Options
	}{
		{"either size", 8, 900, 20_000, func(rng *rand.Rand) badgerkv.Options {
			return badgerkv.Options{Busy: rng.IntN(3) == 0}
		}},
		{"many tables and transfers", 24, 300, 8_000, func(rng *rand.Rand) badgerkv.Options {
			return badgerkv.Small(badgerkv.Gathering(badgerkv.Options{}, 1+rng.IntN(60_000)))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rng := seeded(t)
			want := map[string][]byte{}
			dir := t.TempDir()
			for life := range c.lives {
				e := open(t, dir, c.options(rng))
				same(t, fmt.Sprint("life ", life), e, want)
				for range rng.IntN(c.updates) {
					err := e.Update(t.Context(), func(tx kv.Tx) error { return change(tx, rng, c.bytes, want) })
					if err != nil {
						t.Fatal(err)
					}
				}
				if rng.IntN(5) == 0 {
					if err := e.Close(); err != nil {
						t.Fatal(err)
					}
					continue
				}
				after := crashed(t, dir)
				losePower(t, after, rng)
				same(t, fmt.Sprint("the end of life ", life), e, want)
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
				dir = after
			}
			same(t, "the end", open(t, dir, badgerkv.Options{}), want)
		})
	}
}

// change writes and deletes some keys, and notes it in want.
func change(tx kv.Tx, rng *rand.Rand, most int, want map[string][]byte) error {
	for range 1 + rng.IntN(5) {
		key := fmt.Sprint("key ", rng.IntN(300))
		if rng.IntN(4) == 0 {
			delete(want, key)
			if err := tx.Delete([]byte(key)); err != nil {
				return err
			}
			continue
		}
		value := bytes.Repeat([]byte{byte(rng.Uint32())}, rng.IntN(most))
		want[key] = value
		if err := tx.Put([]byte(key), value); err != nil {
			return err
		}
	}
	return nil
}

// same checks that the engine has these rows and no others.
func same(t *testing.T, when string, e kv.Engine, want map[string][]byte) {
	t.Helper()
	keys := slices.Sorted(maps.Keys(want))
	n := 0
	err := e.View(t.Context(), func(r kv.Reader) error {
		return r.Scan(nil, nil, 0, func(key, value []byte) bool {
			if n >= len(keys) || string(key) != keys[n] || !bytes.Equal(value, want[keys[n]]) {
				t.Errorf("%s: row %d is %q with %d bytes", when, n, key, len(value))
				return false
			}
			n++
			return true
		})
	})
	if err != nil || n != len(keys) {
		t.Fatalf("%s: %d rows of %d are as they were: %v", when, n, len(keys), err)
	}
}
