package badgerkv_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"testing"

	"github.com/paybeacon/paybeacon/store/badgerkv"
	"github.com/paybeacon/paybeacon/store/kv"
)

// TestLevelZeroStaysBounded fills many small memtables. Badger would wait for ever with a
// full level 0 if nobody merged it.
func TestLevelZeroStaysBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := open(t, dir, badgerkv.Small(badgerkv.Gathering(badgerkv.Options{}, 60_000)))
	rng, want := seeded(t), map[string][]byte{}
	err := e.View(t.Context(), func(r kv.Reader) error { // a snapshot that no merge may take anything from
		for range 1_000 {
			if err := e.Update(t.Context(), func(tx kv.Tx) error { return change(tx, rng, 12_000, want) }); err != nil {
				return err
			}
		}
		return r.Scan(nil, nil, 0, func(key, _ []byte) bool { t.Errorf("row %q", key); return true })
	})
	if err != nil {
		t.Fatal(err)
	}
	engine := e.Engine.(*badgerkv.Engine)
	engine.Settle()
	levels, below := engine.Levels(), int64(0)
	for _, l := range levels[1:] {
		below += l.Size
	}
	if levels[0].NumTables > 12 || below == 0 {
		t.Errorf("level 0 has %d tables, and %d bytes are below", levels[0].NumTables, below)
	}
	same(t, "merged", e, want)
	same(t, "after a crash", open(t, crashed(t, dir), badgerkv.Options{}), want)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	same(t, "closed", open(t, dir, badgerkv.Options{}), want)
}

// The log of a large memtable fills far more small ones than level 0 takes.
func TestLevelZeroStaysBoundedInAReplay(t *testing.T) {
	t.Parallel()
	const records = 350 // 14 MiB
	after := crashed(t, running(t, records))
	if left := glob(t, after, "*.sst"); len(left) > 0 {
		t.Fatalf("tables were written: %q", left)
	}
	holds(t, after, badgerkv.Small(badgerkv.Options{}), records)
}

// Each time a store is closed, level 0 has one table more.
func TestLevelZeroOfManyStartsStaysBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	most := 0
	for n := range byte(30) {
		e := open(t, dir, badgerkv.Options{})
		engine := e.Engine.(*badgerkv.Engine)
		engine.Settle()
		most = max(most, engine.Levels()[0].NumTables)
		if err := put(t.Context(), e, string([]byte{n}), nil); err != nil {
			t.Fatal(err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if most > 6 {
		t.Errorf("level 0 had %d tables", most)
	}
}

// tellIdle runs in the child: it fails if Badger's compactors run, which look for work
// 20 times a second each.
func tellIdle(dir string, o badgerkv.Options) (err error) {
	e, err := badgerkv.Open(dir, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	if err := putRecord(e, 1); err != nil {
		return err
	}
	var stacks bytes.Buffer
	shown := func(name string) bool { return bytes.Contains(stacks.Bytes(), []byte(name)) }
	// A goroutine that has not run yet does not show what it will do.
	for !shown("flushMemtable") || o.Busy && !shown("runCompactor") {
		runtime.Gosched()
		stacks.Reset()
		if err := pprof.Lookup("goroutine").WriteTo(&stacks, 2); err != nil {
			return err
		}
	}
	if shown("runCompactor") {
		return errors.New("compactors run")
	}
	return nil
}

func TestIdleEngineHasNoCompactors(t *testing.T) {
	t.Parallel()
	for part, idle := range map[string]bool{"idle": true, "idle busy": false} {
		cmd := exec.Command(os.Args[0], t.TempDir())
		cmd.Env = append(os.Environ(), childEnv+"="+part)
		if out, err := cmd.CombinedOutput(); (err == nil) != idle {
			t.Errorf("%s: %v\n%s", part, err, out)
		}
	}
}
