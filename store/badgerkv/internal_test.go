package badgerkv

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"github.com/dgraph-io/badger/v4/options"

	"github.com/paybeacon/paybeacon/store/badgerkv/commitlog"
	"github.com/paybeacon/paybeacon/store/kv"
)

// brokenFiles is a directory on a disk that breaks.
type brokenFiles struct {
	commitlog.Dir
	broken *bool
}

// Create makes a file that breaks with the disk.
func (d brokenFiles) Create(name string) (commitlog.File, error) {
	f, err := d.Dir.Create(name)
	return brokenFile{f, d.broken}, err
}

type brokenFile struct {
	commitlog.File
	broken *bool
}

// Sync fails when the disk is broken.
func (f brokenFile) Sync() error {
	if *f.broken {
		return syscall.EIO
	}
	return f.File.Sync()
}

func TestFailedFlushOfTheLogIsUnknownAndStopsTheEngine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	put := func(key string) error {
		return e.Update(context.Background(), func(tx kv.Tx) error { return tx.Put([]byte(key), nil) })
	}
	if err := put("before"); err != nil {
		t.Fatal(err)
	}
	files := brokenFiles{commitlog.Dir(dir), new(bool)}
	s, _, err := commitlog.Scan(files)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.log.Close(); err != nil {
		t.Fatal(err)
	}
	if e.log, err = s.Resume(4 * mib); err != nil {
		t.Fatal(err)
	}
	*files.broken = true
	if err := put("lost, or not"); !errors.Is(err, kv.ErrUnknown) || !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v, want kv.ErrUnknown and the cause", err)
	}
	*files.broken = false
	if err := put("refused"); err == nil || errors.Is(err, kv.ErrUnknown) {
		t.Errorf("the next update: got %v, want a refusal", err)
	}
	if err := e.View(context.Background(), func(kv.Reader) error { return nil }); err == nil {
		t.Error("the next view was not refused")
	}
	if err := e.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if e, err = Open(dir, Options{}); err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := put("after"); err != nil {
		t.Errorf("after opening again: %v", err)
	}
	_ = e.View(context.Background(), func(r kv.Reader) error {
		for key, want := range map[string]bool{"before": true, "after": true, "refused": false} {
			if _, got, err := r.Get([]byte(key)); got != want || err != nil {
				t.Errorf("%q is there: %t, %v", key, got, err)
			}
		}
		return nil
	})
}

func TestNoRoomForTheCommitLogIsNoSpace(t *testing.T) {
	t.Parallel()
	e, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	was := e.log
	full, err := commitlog.Create(&lateFull{Dir: commitlog.Dir(t.TempDir())}, e.log.End(), 4*mib)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	e.log = full
	n := byte(0)
	write := func(tx kv.Tx) error { return tx.Put([]byte{n}, bytes.Repeat([]byte{n}, 1<<20-1)) }
	for err == nil {
		n++
		err = e.Update(t.Context(), write)
	}
	if !errors.Is(err, kv.ErrNoSpace) || errors.Is(err, kv.ErrUnknown) || n != 4 {
		t.Errorf("after %d commits: %v", n, err)
	}
	// Nothing was written, so reading and writing go on.
	err = e.View(t.Context(), func(r kv.Reader) error {
		_, third, _ := r.Get([]byte{n - 1})
		_, fourth, err := r.Get([]byte{n})
		if !third || fourth {
			t.Errorf("before the refused commit %t, it %t", third, fourth)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	e.log = was
}

// lateFull has room for one file.
type lateFull struct {
	commitlog.Dir
	made bool
}

// Create fails with the error of a full disk, but for the first file.
func (f *lateFull) Create(name string) (commitlog.File, error) {
	if f.made {
		return nil, syscall.ENOSPC
	}
	f.made = true
	return f.Dir.Create(name)
}

func TestPanicInBadgersOpenIsAnError(t *testing.T) {
	t.Parallel()
	bo := badgerOptions(t.TempDir(), Options{}).WithCompression(options.Snappy)
	if _, err := openBadger(bo); err == nil || !strings.Contains(err.Error(), "panic in Badger") {
		t.Errorf("got %v, want the panic as an error", err)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		busy                  bool
		memtable              int64
		memtables, compactors int
	}{
		{false, 16 << 20, 2, 0},
		{true, 64 << 20, 5, 4},
	} {
		bo := badgerOptions("dir", Options{Busy: c.busy})
		if bo.MemTableSize != c.memtable || bo.NumMemtables != c.memtables || bo.NumCompactors != c.compactors {
			t.Errorf("busy %t: %d memtables of %d bytes, %d compactors",
				c.busy, bo.NumMemtables, bo.MemTableSize, bo.NumCompactors)
		}
		if bo.SyncWrites || bo.ExternalMagicVersion != inLog || bo.DetectConflicts || bo.MetricsEnabled || bo.NumVersionsToKeep != 1 {
			t.Errorf("busy %t: transactions are not as the package promises: %+v", c.busy, bo)
		}
		if bo.ValueThreshold != 1<<20 || bo.ValueLogFileSize != 16<<20 ||
			bo.Compression != options.None || bo.BlockCacheSize != 0 || bo.IndexCacheSize != 0 {
			t.Errorf("busy %t: files are not as the package promises: %+v", c.busy, bo)
		}
	}
}

func TestLoggerPassesOnWarningsAndErrors(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	l := newLogger(slog.New(slog.NewTextHandler(&buf, &slog.HandlerOptions{Level: slog.LevelDebug})))
	l.Debugf("one %d\n", 1)
	l.Infof("two %d\n", 2)
	l.Warningf("three %d\n", 3)
	l.Errorf("four %d\n", 4)
	got := buf.String()
	for text, want := range map[string]bool{
		"one": false, "two": false,
		`level=WARN msg="three 3" engine=badger`: true,
		`level=ERROR msg="four 4" engine=badger`: true,
	} {
		if strings.Contains(got, text) != want {
			t.Errorf("log %q: %q in it is %t, want %t", got, text, !want, want)
		}
	}
	newLogger(nil).Errorf("nobody listens")
}

func TestReserve(t *testing.T) {
	t.Parallel()
	small := newReserve(badgerOptions("dir", Options{}))
	busy := newReserve(badgerOptions("dir", Options{Busy: true}))
	for _, c := range []struct {
		name        string
		room        reserve
		shape       shape
		open, write uint64 // MiB
	}{
		{"small, empty", small, shape{}, 128, 152},
		{"small, level 0 filling", small, shape{upper: 80 * mib}, 160, 232},
		{"small, killed with two logs", small, shape{upper: 20 * mib, logs: 2}, 132, 172},
		{"small, deep levels small", small, shape{upper: 20 * mib, lower: 30 * mib, table: 4 * mib}, 128, 212},
		{"small, deep levels large", small, shape{upper: 20 * mib, lower: 900 * mib, table: 8 * mib}, 128, 344},
		{"busy, empty", busy, shape{}, 320, 608},
		{"busy, deep levels large", busy, shape{upper: 900 * mib, lower: 90_000 * mib, table: 30 * mib}, 1028, 2588},
	} {
		if got := c.room.toOpen(c.shape); got != c.open*mib {
			t.Errorf("%s: to open %d MiB, want %d", c.name, got/mib, c.open)
		}
		if got := c.room.toWrite(c.shape); got != c.write*mib {
			t.Errorf("%s: to write %d MiB, want %d", c.name, got/mib, c.write)
		}
		// The content of the memtables at the last Update may be in level 0 or in
		// logs when the directory is opened again, and half a memtable more is taken.
		c.shape.logs = 0
		later := c.shape
		later.upper += c.room.memtables * c.room.memtable
		if open, write := c.room.toOpen(later), c.room.toWrite(c.shape); open > write-c.room.memtable/2 {
			t.Errorf("%s: writing stops with %d MiB free, opening needs %d", c.name, write/mib, open/mib)
		}
	}
}
