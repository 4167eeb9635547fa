package badgerkv_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/store/badgerkv"
	"github.com/paybeacon/paybeacon/store/kv"
)

// written returns a directory with a store of one table.
func written(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	e := open(t, dir, badgerkv.Options{})
	for n := range uint64(20) {
		if err := putRecord(e, n+1); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// files returns the names and sizes of the files in dir, except the lock.
func files(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	found, err := sizes(dir)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// overwrite puts data at offset, counted from the end when it is negative.
func overwrite(t *testing.T, path string, offset int64, data string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if offset < 0 {
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		offset += info.Size()
	}
	if _, err := f.WriteAt([]byte(data), offset); err != nil {
		t.Fatal(err)
	}
}

func shorten(t *testing.T, path string, by int64) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()-by); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	const manifest, sst = "MANIFEST", "000001.sst"
	const damaged = "the directory is damaged, restore it from a backup"
	junk := strings.Repeat("\xfe\xa5", 8)
	for _, c := range []struct {
		name   string
		file   string
		damage func(t *testing.T, path string)
		want   string
	}{
		{"format of a newer version", manifest, func(t *testing.T, p string) { overwrite(t, p, 6, "\x00\x63") },
			"format 99 and this program reads format 8: use the version that wrote it"},
		{"no manifest", manifest, func(t *testing.T, p string) { _ = os.Remove(p) }, "MANIFEST is missing beside 000001.sst"},
		{"empty manifest", manifest, func(t *testing.T, p string) { _ = os.Truncate(p, 0) }, damaged},
		{"foreign manifest", manifest, func(t *testing.T, p string) { overwrite(t, p, 0, junk) }, damaged},
		{"changed manifest", manifest, func(t *testing.T, p string) { overwrite(t, p, -8, junk[:8]) }, damaged},
		{"manifest without its last byte", manifest, func(t *testing.T, p string) { shorten(t, p, 1) }, "can be read up to byte"},
		{"longer record in the manifest", manifest, func(t *testing.T, p string) { overwrite(t, p, 19, "\x50") }, damaged},
		{"no table", sst, func(t *testing.T, p string) { _ = os.Remove(p) }, damaged},
		{"empty table", sst, func(t *testing.T, p string) { _ = os.Truncate(p, 0) }, damaged},
		{"half a table", sst, func(t *testing.T, p string) { shorten(t, p, 10_000) }, damaged},
		{"table without its last byte", sst, func(t *testing.T, p string) { shorten(t, p, 1) }, damaged},
		{"changed index of a table", sst, func(t *testing.T, p string) { overwrite(t, p, -100, junk) }, damaged},
		{"changed end of a table", sst, func(t *testing.T, p string) { overwrite(t, p, -16, junk) }, damaged},
		{"half a key registry", "KEYREGISTRY", func(t *testing.T, p string) { shorten(t, p, 10) }, damaged},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := written(t)
			c.damage(t, filepath.Join(dir, c.file))
			before := files(t, dir)
			e, err := badgerkv.Open(dir, badgerkv.Options{})
			if err == nil {
				_ = e.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("got %q, want it to say %q and where", err, c.want)
			}
			after := files(t, dir)
			for name, size := range before {
				if got, ok := after[name]; !ok || got != size {
					t.Errorf("refusing changed %s from %d to %d bytes", name, size, got)
				}
			}
		})
	}
}

// A process killed between creating a log and giving it a size leaves it empty.
func TestEmptyLogsOfAKilledProcessDoNoHarm(t *testing.T) {
	t.Parallel()
	dir := written(t)
	for _, name := range []string{"00009.mem", "000009.vlog"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := open(t, dir, badgerkv.Options{})
	if n, err := countRecords(e); n != 20 || err != nil {
		t.Errorf("found %d records, want 20 (%v)", n, err)
	}
	if err := putRecord(e, 21); err != nil {
		t.Error(err)
	}
}

func TestDirectoryOfOtherFilesIsNotTouched(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "letter.txt")
	if err := os.WriteFile(path, []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := open(t, dir, badgerkv.Options{})
	if err := e.Update(t.Context(), func(tx kv.Tx) error { return tx.Put(nil, nil) }); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(path); string(got) != "dear" {
		t.Errorf("the file became %q (%v)", got, err)
	}
}

// TestChangedByteInATableIsFound changes bytes in all parts of a table's blocks.
// Reading may fail then, but never panics, and Verify always fails.
func TestChangedByteInATableIsFound(t *testing.T) {
	t.Parallel()
	dir := written(t)
	path := filepath.Join(dir, "000001.sst")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	e := open(t, dir, badgerkv.Options{})
	if err := e.Engine.(*badgerkv.Engine).Verify(t.Context()); err != nil {
		t.Fatalf("a sound store: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	failed := 0
	// The index, which is at the end and is checked when the store is opened, is
	// far smaller than this.
	for at := 0; at < len(whole)-4_096; at += 4_999 {
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		overwrite(t, path, int64(at), string([]byte{whole[at] ^ 0xA5}))
		e, err := badgerkv.Open(dir, badgerkv.Options{})
		if err != nil {
			continue
		}
		if err := e.Verify(t.Context()); err == nil {
			t.Errorf("byte %d of %d: not found", at, len(whole))
		}
		err = e.View(t.Context(), func(r kv.Reader) error {
			return r.Scan(nil, nil, 0, func(key, _ []byte) bool {
				_, _, err := r.Get(key)
				return err == nil
			})
		})
		if err != nil {
			failed++
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("scanning stumbled %d times", failed)
}
