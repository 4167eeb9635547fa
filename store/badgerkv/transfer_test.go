package badgerkv

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"github.com/paybeacon/paybeacon/store/kv"
)

// opened returns an engine that gathers so many bytes.
func opened(t *testing.T, dir string, gather int) *Engine {
	t.Helper()
	e, err := Open(dir, Gathering(Options{}, gather))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// change puts "key=value" and deletes "-key", and returns the error of Update.
func change(e *Engine, ops ...string) error {
	return e.Update(context.Background(), func(tx kv.Tx) error {
		for _, op := range ops {
			key, value, put := strings.Cut(op, "=")
			var err error
			if put {
				err = tx.Put([]byte(key), []byte(value))
			} else {
				err = tx.Delete([]byte(op[1:]))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// rowsOf returns what a reader sees, read by Scan and again by Get.
func rowsOf(t *testing.T, r kv.Reader) string {
	t.Helper()
	var rows []string
	err := r.Scan(nil, nil, 0, func(key, value []byte) bool {
		rows = append(rows, string(key)+"="+string(value))
		return true
	})
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		got, ok, getErr := r.Get([]byte(key))
		seen := strings.Contains(" "+strings.Join(rows, " ")+" ", " "+key+"="+string(got)+" ")
		if err = errors.Join(err, getErr); seen != ok {
			t.Errorf("get %q = %q, %t, and a scan sees %q", key, got, ok, rows)
		}
	}
	if err != nil {
		t.Error(err)
	}
	return strings.Join(rows, " ")
}

func expect(t *testing.T, when string, e *Engine, want string) {
	t.Helper()
	err := e.View(context.Background(), func(r kv.Reader) error {
		if got := rowsOf(t, r); got != want {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
		return nil
	})
	if err != nil {
		t.Errorf("%s: %v", when, err)
	}
}

// TestTransferDoesNotShow stops a transfer before and after Badger has its rows, and
// looks at what transactions see that begin and end in between.
func TestTransferDoesNotShow(t *testing.T) {
	t.Parallel()
	e := opened(t, t.TempDir(), 150)
	commit, stopped, goOn := e.commit, make(chan string), make(chan bool)
	e.commit = func(txn *badger.Txn) error {
		stopped <- "before"
		<-goOn
		err := commit(txn)
		stopped <- "after"
		<-goOn
		return err
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(change(e, "a=1", "b="+strings.Repeat("b", 80), "c=1"))
	must(change(e, "-b", "c=2", "d=1")) // no room for it: what is there leaves
	<-stopped
	expect(t, "before Badger has it", e, "a=1 c=2 d=1")
	must(e.View(t.Context(), func(early kv.Reader) error {
		must(change(e, "-a", "b=3"))
		expect(t, "an update during the transfer", e, "b=3 c=2 d=1")
		goOn <- true
		<-stopped
		expect(t, "when Badger has it", e, "b=3 c=2 d=1")
		return e.View(t.Context(), func(late kv.Reader) error {
			must(change(e, "-b", "-d", "e=1"))
			expect(t, "an update after that", e, "c=2 e=1")
			goOn <- true
			e.Settle()
			expect(t, "after the transfer", e, "c=2 e=1")
			if got := rowsOf(t, early); got != "a=1 c=2 d=1" {
				t.Errorf("a view from before: %q", got)
			}
			if got := rowsOf(t, late); got != "b=3 c=2 d=1" {
				t.Errorf("a view from during the transfer: %q", got)
			}
			return nil
		})
	}))
	e.commit = commit
	must(change(e, "e="+strings.Repeat("e", 80)))
	must(change(e, "e=2"))
	e.Settle()
	expect(t, "after the next one", e, "c=2 e=2")
}

// What Badger refuses is in the log, which a restart replays.
func TestTransferThatFailsStopsTheEngine(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken disk")
	for name, commit := range map[string]func(*badger.Txn) error{
		"refused":      func(*badger.Txn) error { return errors.Join(badger.ErrTxnTooBig, broken) },
		"perhaps made": func(txn *badger.Txn) error { return errors.Join(txn.Commit(), broken) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			e := opened(t, dir, 1)
			e.commit = commit
			for _, op := range []string{"a=1", "b=1"} {
				if err := change(e, op); err != nil {
					t.Errorf("what the log has: %v", err)
				}
			}
			e.Settle()
			// The outcome of an Update that was not begun is known.
			err := change(e, "c=1")
			if err == nil || errors.Is(err, kv.ErrUnknown) || errors.Is(err, kv.ErrTooBig) || !strings.Contains(err.Error(), "broken disk") {
				t.Errorf("the next update: got %v, want a refusal with the cause", err)
			}
			if err := e.View(t.Context(), func(kv.Reader) error { t.Error("a view ran"); return nil }); err == nil {
				t.Error("the next view was not refused")
			}
			if err := e.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			expect(t, "opened again", opened(t, dir, 1), "a=1 b=1")
		})
	}
}

// An Update that waits for a transfer which fails writes nothing.
func TestUpdateThatWaitsForATransferThatFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := opened(t, dir, 1)
	stopped := make(chan bool)
	e.commit = func(*badger.Txn) error { <-stopped; return errors.New("broken disk") }
	for _, op := range []string{"a=1", "b=1"} {
		if err := change(e, op); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error)
	go func() { done <- change(e, "c=1") }()
	close(stopped)
	if err := <-done; err == nil || errors.Is(err, kv.ErrUnknown) {
		t.Errorf("got %v, want a refusal", err)
	}
	_ = e.Close()
	expect(t, "opened again", opened(t, dir, 1), "a=1 b=1")
}

func TestLastTransferThatFailsKeepsTheLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := opened(t, dir, mib)
	if err := change(e, "a=1", "b=2"); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken disk")
	e.commit = func(*badger.Txn) error { return broken }
	if err := e.Close(); !errors.Is(err, broken) {
		t.Errorf("close: got %v, want the cause", err)
	}
	expect(t, "opened again", opened(t, dir, mib), "a=1 b=2")
}

// Rows that are written again and again reach Badger once in a transfer, with ballast in
// place of the rest.
func TestWritesOfOneKeyMerge(t *testing.T) {
	t.Parallel()
	e := opened(t, t.TempDir(), 100_000)
	commit, transfers, most := e.commit, 0, 0
	e.commit = func(txn *badger.Txn) error {
		transfers++
		rows, ballast := 0, 0
		it := txn.NewIterator(badger.IteratorOptions{AllVersions: true})
		for it.Rewind(); it.Valid(); it.Next() {
			// Those before have the version of their own commit.
			switch key := it.Item().Key(); {
			case it.Item().Version() != txn.ReadTs():
			case key[0] == keyPrefix:
				rows++
			case key[0] == ballastKey:
				ballast += int(it.Item().ValueSize())
			}
		}
		it.Close()
		if transfers == 1 && rows != 2 || ballast > 100_000 {
			t.Errorf("transfer %d has %d rows and %d bytes of ballast", transfers, rows, ballast)
		}
		most = max(most, ballast)
		return commit(txn)
	}
	value := strings.Repeat("v", 1_000)
	for range 500 {
		if err := change(e, "a="+value, "b="+value); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if transfers < 10 || transfers > 11 || most < 95_000 {
		t.Errorf("%d transfers, with at most %d bytes of ballast", transfers, most)
	}
}

// A gathering with its ballast is one transaction, whatever the memtable.
func TestOneTransactionTakesWhatIsGathered(t *testing.T) {
	t.Parallel()
	for _, busy := range []bool{false, true} {
		bo := badgerOptions("dir", Options{Busy: busy})
		if most := bo.MemTableSize * 15 / 100; gatherBytes+64<<10 > most {
			t.Errorf("busy %t: %d bytes are gathered, and Badger takes %d", busy, gatherBytes, most)
		}
	}
}
