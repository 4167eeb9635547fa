package badgerkv_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"github.com/paybeacon/paybeacon/store/badgerkv"
)

func TestClosedStoreHasNoLog(t *testing.T) {
	t.Parallel()
	e := open(t, t.TempDir(), badgerkv.Options{})
	for n := range uint64(20) {
		if err := putRecord(e, n+1); err != nil {
			t.Fatal(err)
		}
	}
	killed := crashed(t, e.dir)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if left := glob(t, e.dir, "commits*"); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	// A version without a commit log opens it, and refuses that of a killed process,
	// whose last commits it would not find.
	if db, err := badger.Open(badgerkv.OlderOptions(killed, false)); err == nil || !strings.Contains(err.Error(), "magic number") {
		if err == nil {
			_ = db.Close()
		}
		t.Errorf("an older version opened what a killed process left: %v", err)
	}
	older(t, e.dir, false, 20, 40, true)
	holds(t, e.dir, badgerkv.Options{}, 40)
	older(t, e.dir, false, 41, 60, true)
	holds(t, e.dir, badgerkv.Options{}, 60)
	holds(t, killed, badgerkv.Options{}, 20)
}

// older writes records up to n as a version without a commit log did, in a directory
// that has some, and returns a copy from before it was closed.
func older(t *testing.T, dir string, busy bool, from, n uint64, closes bool) (killed string) {
	t.Helper()
	db, err := badger.Open(badgerkv.OlderOptions(dir, busy))
	if err != nil {
		t.Fatal(err)
	}
	for i := from + 1; i <= n; i++ {
		keys, value := record(i)
		err := db.Update(func(txn *badger.Txn) error {
			return errors.Join(txn.Set(append([]byte("k"), keys[0]...), value), txn.Set(append([]byte("k"), keys[1]...), value))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if !closes {
		killed = crashed(t, dir)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return killed
}

// A store that an older version left, closed or killed, with either size of its
// memtables, opens with either.
func TestStoreOfAnOlderVersionOpens(t *testing.T) {
	t.Parallel()
	const records = 800 // more than a small memtable with its arena takes
	for _, was := range []bool{false, true} {
		for _, busy := range []bool{false, true} {
			t.Run(fmt.Sprintf("busy %t then %t", was, busy), func(t *testing.T) {
				t.Parallel()
				closed := t.TempDir()
				killed := older(t, closed, was, 0, records, false)
				holds(t, closed, badgerkv.Options{Busy: busy}, records)
				again := crashed(t, killed)
				holds(t, killed, badgerkv.Options{Busy: busy}, records)
				mem := glob(t, again, "*.mem")[0]
				overwrite(t, mem, 5_000, "\x99\x98")
				if _, err := badgerkv.Open(again, badgerkv.Options{Busy: busy}); err == nil || !strings.Contains(err.Error(), "a record that was written is changed") {
					t.Errorf("a changed log of an older version: %v", err)
				}
			})
		}
	}
}
