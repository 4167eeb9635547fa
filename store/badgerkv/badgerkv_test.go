package badgerkv_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/paybeacon/paybeacon/store/badgerkv"
	"github.com/paybeacon/paybeacon/store/kv"
	"github.com/paybeacon/paybeacon/store/kv/kvtest"
)

// located is an engine with its directory, so that it can be reopened.
type located struct {
	kv.Engine
	dir string
}

func open(t *testing.T, dir string, o badgerkv.Options) located {
	t.Helper()
	o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	e, err := badgerkv.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return located{e, dir}
}

// TestContract runs the suite with what is gathered of all commits at once, of a few,
// and of each: so rows are in memory, on their way, and in Badger.
func TestContract(t *testing.T) {
	t.Parallel()
	for _, gather := range []int{0, 200, 1} {
		t.Run(fmt.Sprint("gather ", gather), func(t *testing.T) {
			t.Parallel()
			o := badgerkv.Gathering(badgerkv.Options{}, gather)
			kvtest.Run(t,
				func(t *testing.T) kv.Engine { return open(t, t.TempDir(), o) },
				kvtest.Options{Reopen: func(t *testing.T, e kv.Engine) kv.Engine {
					if err := e.Close(); err != nil {
						t.Errorf("close before reopening: %v", err)
					}
					return open(t, e.(located).dir, o)
				}})
		})
	}
}

// TestViewsShareASnapshot reads in many goroutines while rows move, two of which share a
// view: each view sees one state, whose sum is always the same.
func TestViewsShareASnapshot(t *testing.T) {
	t.Parallel()
	const accounts, sum = 40, 40 * 3
	e := open(t, t.TempDir(), badgerkv.Gathering(badgerkv.Options{}, 500))
	err := e.Update(t.Context(), func(tx kv.Tx) error {
		for i := range byte(accounts) {
			if err := tx.Put([]byte{i}, []byte{3}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	total := func(r kv.Reader) error {
		got := 0
		return errors.Join(r.Scan(nil, nil, 0, func(key, value []byte) bool {
			if again, ok, err := r.Get(key); err != nil || !ok || !bytes.Equal(again, value) {
				t.Errorf("a scan sees %x=%x, get %x (%t, %v)", key, value, again, ok, err)
			}
			got += int(value[0])
			return true
		}), func() error {
			if got != sum {
				return fmt.Errorf("a view sees a sum of %d", got)
			}
			return nil
		}())
	}
	var done atomic.Bool
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !done.Load() {
				err := e.View(context.Background(), func(r kv.Reader) error {
					other := make(chan error)
					go func() { other <- total(r) }()
					return errors.Join(total(r), <-other)
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 400 {
		err := e.Update(t.Context(), func(tx kv.Tx) error {
			from, to := []byte{byte(i % accounts)}, []byte{byte((i*7 + 1) % accounts)}
			a, some, err := tx.Get(from)
			b, _, errB := tx.Get(to)
			if err = errors.Join(err, errB); err != nil || !some || bytes.Equal(from, to) {
				return err
			}
			if a[0] == 1 {
				err = tx.Delete(from)
			} else {
				err = tx.Put(from, []byte{a[0] - 1})
			}
			return errors.Join(err, tx.Put(to, []byte{append(b, 0)[0] + 1}))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	done.Store(true)
	wg.Wait()
}

func put(ctx context.Context, e kv.Engine, key string, value []byte) error {
	return e.Update(ctx, func(tx kv.Tx) error { return tx.Put([]byte(key), value) })
}

func TestBusyAndQuietReadTheSameDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i, busy := range []bool{true, false, true} {
		e := open(t, dir, badgerkv.Options{Busy: busy})
		if err := put(t.Context(), e, fmt.Sprint(i), []byte("value")); err != nil {
			t.Fatal(err)
		}
		n := 0
		err := e.View(t.Context(), func(r kv.Reader) error {
			return r.Scan(nil, nil, 0, func(_, _ []byte) bool { n++; return true })
		})
		if err != nil || n != i+1 {
			t.Errorf("opening %d found %d keys, want %d (%v)", i, n, i+1, err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTooBigWritesNothing(t *testing.T) {
	t.Parallel()
	e := open(t, t.TempDir(), badgerkv.Options{})
	long := bytes.Repeat([]byte{'x'}, 1<<20)
	for _, c := range []struct {
		name string
		fill func(tx kv.Tx) error
		text string
	}{
		{"a value", func(tx kv.Tx) error { return tx.Put([]byte("a"), long) }, "value of 1048576 bytes"},
		{"a key", func(tx kv.Tx) error { return tx.Put(long[:64_001], nil) }, "key of 64001 bytes"},
		{"a key to delete", func(tx kv.Tx) error { return tx.Delete(long[:64_001]) }, "key of 64001 bytes"},
		{"the bytes of a transaction", func(tx kv.Tx) error {
			for i := range 4 {
				if err := tx.Put([]byte{byte(i)}, long[1:]); err != nil {
					return err
				}
			}
			return nil
		}, "transaction of"},
		{"the keys of a transaction", func(tx kv.Tx) error {
			for i := range 30_000 {
				if err := tx.Delete([]byte{byte(i >> 8), byte(i)}); err != nil {
					return err
				}
			}
			return nil
		}, "keys, at most"},
	} {
		for _, swallow := range []bool{false, true} {
			err := e.Update(t.Context(), func(tx kv.Tx) error {
				if err := tx.Put([]byte("before"), nil); err != nil {
					return err
				}
				err := c.fill(tx)
				if !errors.Is(err, kv.ErrTooBig) {
					t.Errorf("%s: the write returned %v, want kv.ErrTooBig", c.name, err)
				}
				if again := tx.Put([]byte("after"), nil); !errors.Is(again, kv.ErrTooBig) {
					t.Errorf("%s: a later write returned %v, want kv.ErrTooBig", c.name, again)
				}
				if swallow {
					return nil
				}
				return err
			})
			if !errors.Is(err, kv.ErrTooBig) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: update returned %v, want kv.ErrTooBig with %q", c.name, err, c.text)
			}
		}
	}
	_ = e.View(t.Context(), func(r kv.Reader) error {
		return r.Scan(nil, nil, 0, func(key, _ []byte) bool {
			t.Errorf("key %.20q was written", key)
			return true
		})
	})
}

func TestTheLargestTransactionFits(t *testing.T) {
	t.Parallel()
	e := open(t, t.TempDir(), badgerkv.Options{})
	value := bytes.Repeat([]byte{'x'}, 1<<20-1)
	key := bytes.Repeat([]byte{'k'}, 64_000)
	for _, c := range []struct {
		name  string
		write func(tx kv.Tx, i int) error
	}{
		{"values", func(tx kv.Tx, i int) error { return tx.Put([]byte{0, byte(i)}, value) }},
		{"keys", func(tx kv.Tx, i int) error { return tx.Put(append([]byte{1, byte(i)}, key[2:]...), nil) }},
		{"small keys", func(tx kv.Tx, i int) error { return tx.Put([]byte{2, byte(i >> 8), byte(i)}, nil) }},
	} {
		most := 0
		err := e.Update(t.Context(), func(tx kv.Tx) error {
			for ; ; most++ {
				if err := c.write(tx, most); err != nil {
					return err
				}
			}
		})
		if !errors.Is(err, kv.ErrTooBig) || most == 0 {
			t.Fatalf("%s: got %v after %d writes, want kv.ErrTooBig", c.name, err, most)
		}
		err = e.Update(t.Context(), func(tx kv.Tx) error {
			for i := range most {
				if err := c.write(tx, i); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %d writes do not commit although the transaction took them: %v", c.name, most, err)
		}
	}
	if err := e.Close(); err != nil {
		t.Errorf("Badger does not take what Update took: %v", err)
	}
}

func TestSecondOpenIsRefused(t *testing.T) {
	t.Parallel()
	e := open(t, t.TempDir(), badgerkv.Options{})
	_, err := badgerkv.Open(e.dir, badgerkv.Options{})
	if !errors.Is(err, badgerkv.ErrInUse) {
		t.Errorf("got %v, want badgerkv.ErrInUse", err)
	}
	if err := put(t.Context(), e, "a", nil); err != nil {
		t.Errorf("the first engine after the refusal: %v", err)
	}
}

func BenchmarkUpdate(b *testing.B) {
	for _, writes := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("writes=%d", writes), func(b *testing.B) {
			e, err := badgerkv.Open(b.TempDir(), badgerkv.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close()
			value := make([]byte, 256)
			key := make([]byte, 16)
			n := uint64(0)
			b.ReportAllocs()
			for b.Loop() {
				err := e.Update(b.Context(), func(tx kv.Tx) error {
					for range writes {
						n++
						for i := range 8 {
							key[i] = byte(n * 0x9E3779B97F4A7C15 >> (8 * i))
						}
						if err := tx.Put(key, value); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*writes), "µs/write")
		})
	}
}
