package badgerkv_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/store/badgerkv"
	"github.com/paybeacon/paybeacon/store/kv"
)

// record n is two keys that are written together. Its length is derived from n, so
// that logs and memtables end at various offsets.
func record(n uint64) (keys [2][]byte, value []byte) {
	for i := range keys {
		keys[i] = binary.BigEndian.AppendUint64([]byte{byte('a' + i)}, n)
	}
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], n)
	source := rand.NewChaCha8(seed)
	value = make([]byte, source.Uint64()%40_000)
	_, _ = source.Read(value)
	return keys, value
}

func putRecord(e kv.Engine, n uint64) error {
	return e.Update(context.Background(), func(tx kv.Tx) error {
		keys, value := record(n)
		return errors.Join(tx.Put(keys[0], value), tx.Put(keys[1], value))
	})
}

// countRecords checks that the engine holds the records 1 to n without a gap,
// each of them whole, and nothing else, and returns n.
func countRecords(e kv.Engine) (n uint64, err error) {
	var counts [2]uint64
	err = e.View(context.Background(), func(r kv.Reader) error {
		for i := range counts {
			var bad error
			from, to := []byte{byte('a' + i)}, []byte{byte('b' + i)}
			err := r.Scan(from, to, 0, func(key, got []byte) bool {
				counts[i]++
				keys, want := record(counts[i])
				if string(key) != string(keys[i]) || string(got) != string(want) {
					bad = fmt.Errorf("record %d is %x with %d bytes", counts[i], key, len(got))
				}
				return bad == nil
			})
			if err := errors.Join(err, bad); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && counts[0] != counts[1] {
		err = fmt.Errorf("%d first halves and %d second halves of records", counts[0], counts[1])
	}
	return counts[0], err
}

// commitUntilKilled runs in the child: it checks the records, prints their number,
// and adds records, printing each number after its Update has returned.
func commitUntilKilled(dir string, o badgerkv.Options) error {
	e, err := badgerkv.Open(dir, o)
	if err != nil {
		return err
	}
	n, err := countRecords(e)
	if err != nil {
		return err
	}
	for {
		fmt.Println(n)
		n++
		if err := putRecord(e, n); err != nil {
			return err
		}
	}
}

// runUntilKilled runs the child, kills it after some of its lines or some time,
// and returns the last number that it printed. With no time it has all it takes.
func runUntilKilled(t *testing.T, part, dir string, lines int, after time.Duration) (last uint64, said bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0], dir)
	cmd.Env = append(os.Environ(), childEnv+"="+part)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if after > 0 {
		deadline := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		defer deadline.Stop()
	}
	scanner := bufio.NewScanner(out)
	for n := 0; scanner.Scan(); n++ {
		if last, err = strconv.ParseUint(scanner.Text(), 10, 64); err != nil {
			t.Fatal(err)
		}
		said = true
		if n == lines {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait()
	if cmd.ProcessState.Exited() {
		t.Fatalf("the child ended by itself: %v", cmd.ProcessState)
	}
	return last, said
}

// losePower spoils what a killed process left as a power failure does: of the files
// that Badger does not flush, any sectors are gone, or the end, or all.
func losePower(t *testing.T, dir string, rng *rand.Rand) {
	t.Helper()
	for _, pattern := range []string{"*.mem", "*.vlog", "DISCARD"} {
		for _, path := range glob(t, dir, pattern) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			switch rng.IntN(4) {
			case 0:
				data = data[:rng.IntN(len(data)/512+1)*512]
			case 1:
				data = nil
			}
			for at := 0; at+512 <= len(data); at += 512 {
				if rng.IntN(2) == 0 {
					clear(data[at:][:512])
				}
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestNothingCommittedIsLostToSIGKILL(t *testing.T) {
	t.Parallel()
	testNothingIsLost(t, func(string, *rand.Rand) {})
}

func TestNothingCommittedIsLostToAPowerFailure(t *testing.T) {
	t.Parallel()
	testNothingIsLost(t, func(dir string, rng *rand.Rand) { losePower(t, dir, rng) })
}

// testNothingIsLost kills a process again and again, each time with what after does
// to its directory.
func testNothingIsLost(t *testing.T, after func(dir string, rng *rand.Rand)) {
	t.Helper()
	rng := seeded(t)
	dir := t.TempDir()
	committed := uint64(0)
	for range 16 {
		within := time.Minute
		if rng.IntN(4) == 0 {
			within = 1 + time.Duration(rng.Int64N(int64(200*time.Millisecond)))
		}
		last, said := runUntilKilled(t, "commit", dir, rng.IntN(80), within)
		after(dir, rng)
		if said && last < committed {
			t.Fatalf("the child found %d records at most, but %d were committed", last, committed)
		}
		committed = max(committed, last)
	}
	n, err := countRecords(open(t, dir, badgerkv.Options{}))
	if err != nil || n < committed {
		t.Errorf("found %d records, %d were committed (%v)", n, committed, err)
	}
	t.Logf("%d records survived", n)
}
