package badgerkv_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/store/badgerkv"
	"github.com/paybeacon/paybeacon/store/kv"
)

const mib = 1 << 20

// disk is a probe that returns the test's value and counts the calls, with a clock
// that moves only when the test sets it.
type disk struct {
	free   atomic.Uint64
	probes atomic.Int64
	clock  atomic.Int64
}

func newDisk(free uint64) *disk {
	d := &disk{}
	d.free.Store(free)
	return d
}

func (d *disk) options() badgerkv.Options {
	return badgerkv.Options{
		FreeBytes: func(string) (uint64, error) {
			d.probes.Add(1)
			return d.free.Load(), nil
		},
		Now: func() time.Time { return time.Unix(0, d.clock.Load()) },
	}
}

func (d *disk) pass(by time.Duration) { d.clock.Add(int64(by)) }

func TestOpenNeedsRoom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		busy bool
		free uint64
		ok   bool
	}{
		{"just enough", false, 128 * mib, true},
		{"a byte less", false, 128*mib - 1, false},
		{"nothing", false, 0, false},
		{"busy, just enough", true, 320 * mib, true},
		{"busy, a byte less", true, 320*mib - 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			o := newDisk(c.free).options()
			o.Busy = c.busy
			e, err := badgerkv.Open(dir, o)
			if c.ok {
				if err != nil {
					t.Fatal(err)
				}
				_ = e.Close()
				return
			}
			if !errors.Is(err, kv.ErrNoSpace) {
				t.Fatalf("got %v, want kv.ErrNoSpace", err)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
				t.Errorf("the refused opening left %q", left)
			}
		})
	}
}

func TestUpdateNeedsRoom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		busy bool
		need uint64
	}{
		{"small box", false, 152 * mib},
		{"busy registry", true, 608 * mib},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDisk(c.need)
			o := d.options()
			o.Busy = c.busy
			e := open(t, t.TempDir(), o)
			if err := put(t.Context(), e, "a", []byte("1")); err != nil {
				t.Fatalf("with just enough room: %v", err)
			}
			d.pass(time.Second)
			d.free.Store(c.need - 1)
			err := e.Update(t.Context(), func(kv.Tx) error { t.Error("the function ran"); return nil })
			if !errors.Is(err, kv.ErrNoSpace) {
				t.Fatalf("a byte less: got %v, want kv.ErrNoSpace", err)
			}
			for _, part := range []string{e.dir, " MiB free", " MiB needed", "make room"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			_ = e.View(t.Context(), func(r kv.Reader) error {
				if _, ok, err := r.Get([]byte("a")); !ok || err != nil {
					t.Errorf("reading without room to write: %t, %v", ok, err)
				}
				return nil
			})
			d.free.Store(c.need)
			if err := put(t.Context(), e, "b", nil); err != nil {
				t.Errorf("when there is room again: %v", err)
			}
		})
	}
}

func TestProbeIsAskedSparingly(t *testing.T) {
	t.Parallel()
	d := newDisk(1 << 40)
	e := open(t, t.TempDir(), d.options())
	ask := func(updates, bytesEach int) int64 {
		t.Helper()
		before := d.probes.Load()
		value := make([]byte, bytesEach)
		for range updates {
			if err := put(t.Context(), e, "key", value); err != nil {
				t.Fatal(err)
			}
		}
		return d.probes.Load() - before
	}
	if n := ask(100, 10); n != 1 {
		t.Errorf("100 small updates at one moment asked %d times, want 1", n)
	}
	d.pass(99 * time.Millisecond)
	if n := ask(10, 10); n != 0 {
		t.Errorf("updates within 100 ms asked %d times, want 0", n)
	}
	d.pass(time.Millisecond)
	if n := ask(10, 10); n != 1 {
		t.Errorf("updates after 100 ms asked %d times, want 1", n)
	}
	if n := ask(40, 1*mib-1); n != 9 {
		t.Errorf("40 MiB at one moment asked %d times, want every fourth update but the first", n)
	}
	if n := ask(2, 10); n != 1 {
		t.Errorf("updates after them asked %d times, want 1", n)
	}
	d.pass(-time.Hour)
	if n := ask(10, 10); n != 1 {
		t.Errorf("updates after the clock went back asked %d times, want 1", n)
	}
}

// However the clock moves, the room for half a memtable covers the writes between
// two checks.
func TestLessThanHalfAMemtableBetweenProbes(t *testing.T) {
	t.Parallel()
	d := newDisk(1 << 40)
	e := open(t, t.TempDir(), d.options())
	value := bytes.Repeat([]byte{'x'}, 1*mib-1)
	written, most, probes := 0, 0, d.probes.Load()
	for i := range 20 {
		err := e.Update(t.Context(), func(tx kv.Tx) error {
			for j := range 2 {
				if err := tx.Put([]byte{byte(i), byte(j)}, value); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := d.probes.Load(); n != probes {
			written, probes = 0, n
		}
		written += 2 * len(value)
		most = max(most, written)
	}
	if most >= 8*mib {
		t.Errorf("%d bytes were written on one answer, want less than half a memtable", most)
	}
}

func TestRefusalEndsWithoutTheClock(t *testing.T) {
	t.Parallel()
	d := newDisk(1 << 40)
	e := open(t, t.TempDir(), d.options())
	d.free.Store(0)
	for range 3 {
		if err := put(t.Context(), e, "a", nil); !errors.Is(err, kv.ErrNoSpace) {
			t.Fatalf("full disk: got %v, want kv.ErrNoSpace", err)
		}
	}
	d.free.Store(1 << 40)
	if err := put(t.Context(), e, "a", nil); err != nil {
		t.Errorf("room again, at the same moment: %v", err)
	}
}

func TestProbeThatFailsRefuses(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken probe")
	var fail atomic.Bool
	o := badgerkv.Options{FreeBytes: func(string) (uint64, error) {
		if fail.Load() {
			return 1 << 40, broken
		}
		return 1 << 40, nil
	}}
	e := open(t, t.TempDir(), o)
	fail.Store(true)
	if err := put(context.Background(), e, "a", nil); !errors.Is(err, broken) {
		t.Errorf("update: got %v, want the probe's error", err)
	}
	if _, err := badgerkv.Open(t.TempDir(), o); !errors.Is(err, broken) {
		t.Errorf("open: got %v, want the probe's error", err)
	}
}
