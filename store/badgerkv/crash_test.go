package badgerkv_test

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/store/badgerkv"
	"github.com/paybeacon/paybeacon/store/kv"
)

// crashed returns a copy of the directory of an open engine, as a killed process
// leaves it: one during which Badger made and removed nothing.
func crashed(t *testing.T, dir string) string {
	t.Helper()
	for {
		before, err := sizes(dir)
		after := t.TempDir()
		if err == nil {
			err = os.CopyFS(after, os.DirFS(dir))
		}
		now, again := sizes(dir)
		if err = errors.Join(err, again); err == nil && maps.Equal(before, now) {
			return after
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if err := os.RemoveAll(after); err != nil {
			t.Fatal(err)
		}
	}
}

// sizes returns the names of the files in dir with their sizes.
func sizes(dir string) (map[string]int64, error) {
	entries, err := os.ReadDir(dir)
	found := map[string]int64{}
	for _, entry := range entries {
		info, infoErr := entry.Info()
		if err = errors.Join(err, infoErr); infoErr == nil {
			found[entry.Name()] = info.Size()
		}
	}
	return found, err
}

// running returns the directory of an open engine with n records.
func running(t *testing.T, n uint64) string {
	t.Helper()
	e := open(t, t.TempDir(), badgerkv.Options{})
	for i := range n {
		if err := putRecord(e, i+1); err != nil {
			t.Fatal(err)
		}
	}
	return e.dir
}

func glob(t *testing.T, dir, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(paths)
	return paths
}

// holds opens a directory, checks that it has n records, takes another, and closes it.
func holds(t *testing.T, dir string, o badgerkv.Options, n uint64) {
	t.Helper()
	e := open(t, dir, o)
	got, err := countRecords(e)
	if err != nil || got != n {
		t.Errorf("found %d records, want %d (%v)", got, n, err)
	}
	if err := putRecord(e, n+1); err != nil {
		t.Error(err)
	}
	if err := e.Engine.(*badgerkv.Engine).Verify(t.Context()); err != nil {
		t.Errorf("verify: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

// Badger's own logs are not flushed: after a power failure any of their pages may be
// missing, whole or in part. What was committed is there nevertheless.
func TestBadgersLogsAreNotNeeded(t *testing.T) {
	t.Parallel()
	const records = 250
	dir := running(t, records)
	for _, c := range []struct {
		name  string
		spoil func(data []byte, rng *rand.Rand) []byte
	}{
		{"as they are", func(data []byte, _ *rand.Rand) []byte { return data }},
		{"empty", func([]byte, *rand.Rand) []byte { return nil }},
		{"cut off", func(data []byte, rng *rand.Rand) []byte { return data[:rng.IntN(len(data))] }},
		{"pages missing", func(data []byte, rng *rand.Rand) []byte {
			for at := 0; at+512 <= len(data); at += 512 {
				if rng.IntN(3) == 0 {
					clear(data[at:][:512])
				}
			}
			return data
		}},
		{"random bytes", func(data []byte, rng *rand.Rand) []byte {
			for i := range data {
				data[i] = byte(rng.Uint32())
			}
			return data
		}},
		{"as a memtable of --busy", func(data []byte, _ *rand.Rand) []byte { return append(data, make([]byte, 96<<20)...) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, 2))
			after := crashed(t, dir)
			mems := glob(t, after, "*.mem")
			if len(mems) == 0 {
				t.Fatal("no log of a memtable")
			}
			for _, path := range mems {
				data, err := os.ReadFile(path)
				if err == nil {
					err = os.WriteFile(path, c.spoil(data, rng), 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			holds(t, after, badgerkv.Options{}, records)
		})
	}
}

func TestDamagedCommitLogIsRefused(t *testing.T) {
	t.Parallel()
	dir := running(t, 150)
	early := crashed(t, dir)
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, dir string, logs []string)
		want   string
	}{
		{"no log", func(t *testing.T, _ string, logs []string) {
			for _, path := range logs {
				_ = os.Remove(path)
			}
		}, "it is missing"},
		{"first segment missing", func(_ *testing.T, _ string, logs []string) { _ = os.Remove(logs[0]) }, "the log begins after commit"},
		{"last segment missing", func(_ *testing.T, _ string, logs []string) { _ = os.Remove(logs[len(logs)-1]) }, "is missing"},
		{"changed byte", func(t *testing.T, _ string, logs []string) { overwrite(t, logs[0], 1_000, "\x99\x98") }, "a page is changed"},
		{"half a segment", func(t *testing.T, _ string, logs []string) { shorten(t, logs[0], 2<<20) }, "and had"},
		{"no manifest", func(_ *testing.T, dir string, _ []string) {
			_ = os.Remove(filepath.Join(dir, "MANIFEST"))
			for _, path := range append(glob(t, dir, "*.sst"), glob(t, dir, "*.mem")...) {
				_ = os.Remove(path)
			}
		}, "MANIFEST is missing beside it"},
		{"number of the application changed", func(t *testing.T, dir string, _ []string) {
			overwrite(t, filepath.Join(dir, "MANIFEST"), 4, "\x00")
		}, "external magic number"},
		{"number of the application gone", func(t *testing.T, dir string, _ []string) {
			overwrite(t, filepath.Join(dir, "MANIFEST"), 4, "\x00\x00")
		}, "it ends at commit 150 and the tables at"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			after := crashed(t, early)
			c.damage(t, after, glob(t, after, "commits-*.log"))
			before := files(t, after)
			e, err := badgerkv.Open(after, badgerkv.Options{})
			if err == nil {
				_ = e.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), "the directory is damaged, restore it from a backup") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want it to say %q and the remedy", err, c.want)
			}
			for name, size := range before {
				if got, ok := files(t, after)[name]; !ok || got != size {
					t.Errorf("refusing changed %s from %d to %d bytes", name, size, got)
				}
			}
		})
	}
}

func TestVerifyReadsTheCommitLog(t *testing.T) {
	t.Parallel()
	e := open(t, t.TempDir(), badgerkv.Options{})
	for n := range uint64(150) {
		if err := putRecord(e, n+1); err != nil {
			t.Fatal(err)
		}
	}
	verify := e.Engine.(*badgerkv.Engine).Verify
	if err := verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	logs := glob(t, e.dir, "commits-*.log")
	if len(logs) < 2 {
		t.Fatalf("only %q", logs)
	}
	for _, path := range logs {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		overwrite(t, path, 10_000, string([]byte{data[10_000] ^ 1}))
		if err := verify(t.Context()); err == nil || !strings.Contains(err.Error(), "restore it from a backup") {
			t.Errorf("a changed byte in %s: %v", filepath.Base(path), err)
		}
		overwrite(t, path, 10_000, string(data[10_000:10_001]))
	}
	if err := verify(t.Context()); err != nil {
		t.Errorf("changed back: %v", err)
	}
}

// An older log beside newer tables would bring back old values.
func TestLogOlderThanTheTablesIsRefused(t *testing.T) {
	t.Parallel()
	e := open(t, t.TempDir(), badgerkv.Options{})
	for n := range uint64(5) {
		if err := putRecord(e, n+1); err != nil {
			t.Fatal(err)
		}
	}
	older := crashed(t, e.dir)
	for n := range uint64(1_000) {
		if err := putRecord(e, n+6); err != nil {
			t.Fatal(err)
		}
	}
	after := crashed(t, e.dir)
	if len(glob(t, after, "*.sst")) == 0 {
		t.Fatal("no table was written")
	}
	for _, path := range glob(t, after, "commits-*") {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range glob(t, older, "commits-*") {
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(after, filepath.Base(path)), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := badgerkv.Open(after, badgerkv.Options{})
	if err == nil || !strings.Contains(err.Error(), "is older than the tables") {
		t.Errorf("got %v", err)
	}
}

// The log is as long as what Badger has not written out, and no commit needs more
// than its one flush.
func TestLogDoesNotGrow(t *testing.T) {
	t.Parallel()
	e := open(t, t.TempDir(), badgerkv.Options{})
	const records = 2_500 // 100 MiB
	longest := 0
	for n := range uint64(records) {
		if err := putRecord(e, n+1); err != nil {
			t.Fatal(err)
		}
		longest = max(longest, len(glob(t, e.dir, "commits-*")))
	}
	// Four memtables of 16 MiB may wait, in segments of 4 MiB.
	if longest > 20 {
		t.Errorf("the log had %d segments", longest)
	}
	s := e.Engine.(*badgerkv.Engine).Counts()
	if s.Commits != records || s.Rows != 2*records || s.Flushes < records || s.Flushes > records+records/20 {
		t.Errorf("%+v", s)
	}
	holds(t, crashed(t, e.dir), badgerkv.Options{}, records)
}

// A store that writes the same row again and again has a log no longer than others.
func TestLogOfTheSameRowDoesNotGrow(t *testing.T) {
	t.Parallel()
	e := open(t, t.TempDir(), badgerkv.Small(badgerkv.Gathering(badgerkv.Options{}, 60_000)))
	longest := 0
	for n := range 2_000 { // 16 MiB
		if err := put(t.Context(), e, "same", bytes.Repeat([]byte{byte(n)}, 8_000)); err != nil {
			t.Fatal(err)
		}
		longest = max(longest, len(glob(t, e.dir, "commits-*")))
	}
	// Four memtables of 512 KiB may wait, in segments of 128 KiB.
	if longest > 24 {
		t.Errorf("the log had %d segments", longest)
	}
}

// TestKilledBusyStartsWithout kills a process with large memtables that has written
// more than a small one takes.
func TestKilledBusyStartsWithout(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const lines = 1_100 // 44 MiB in one memtable of 64
	last, _ := runUntilKilled(t, "busy", dir, lines, 0)
	if last < lines {
		t.Fatalf("killed after %d records", last)
	}
	e := open(t, dir, badgerkv.Options{})
	n, err := countRecords(e)
	if err != nil || n < last || n > last+1 {
		t.Errorf("found %d records of %d (%v)", n, last, err)
	}
}

// One transaction of a large memtable is more than a small one takes at once.
func TestLargestTransactionOfBusyIsReplayedWithout(t *testing.T) {
	t.Parallel()
	e := open(t, t.TempDir(), badgerkv.Options{Busy: true})
	value := bytes.Repeat([]byte{'x'}, 1<<20-1)
	err := e.Update(t.Context(), func(tx kv.Tx) error {
		for i := range byte(9) {
			if err := tx.Put([]byte{i}, value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	after := open(t, crashed(t, e.dir), badgerkv.Options{})
	n := 0
	err = after.View(t.Context(), func(r kv.Reader) error {
		return r.Scan(nil, nil, 0, func(_, got []byte) bool { n++; return bytes.Equal(got, value) })
	})
	if n != 9 || err != nil {
		t.Errorf("%d of 9 values (%v)", n, err)
	}
}

// What is left of a start that was cut short does no harm.
func TestStartThatWasCutShort(t *testing.T) {
	t.Parallel()
	// The log was made, and Badger had not begun.
	fresh := t.TempDir()
	e := open(t, fresh, badgerkv.Options{})
	begun := t.TempDir()
	for _, path := range glob(t, fresh, "commits-*.log") {
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(begun, filepath.Base(path)), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(begun, "commits.tmp"), make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	holds(t, begun, badgerkv.Options{}, 0)

	// The store was closed, and its log not removed.
	for n := range uint64(20) {
		if err := putRecord(e, n+1); err != nil {
			t.Fatal(err)
		}
	}
	logs := crashed(t, fresh)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range glob(t, logs, "commits-*.log") {
		if err := os.Rename(path, filepath.Join(fresh, filepath.Base(path))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	holds(t, fresh, badgerkv.Options{}, 20)
}
