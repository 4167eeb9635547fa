package ocpp

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/pay"
)

// filled returns a folder with a book of three runs, and the numbers of those.
func filled(t *testing.T) (dir string, ids []int) {
	t.Helper()
	dir = t.TempDir()
	b, err := openBook(dir, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		r, err := b.create(run{Point: "A", Pump: pay.PumpNumber(n + 1), Session: pumps.Session{byte(n + 1)}, IDTag: "tag", Phase: phaseSent, Most: 9})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID)
	}
	if err := b.journal.close(); err != nil {
		t.Fatal(err)
	}
	return dir, ids
}

// TestJournalCutAnywhere cuts the file after each byte: what was whole before is there,
// the next number is above all of them, and what is added then is found the next time.
func TestJournalCutAnywhere(t *testing.T) {
	t.Parallel()
	dir, ids := filled(t)
	whole, err := os.ReadFile(filepath.Join(dir, journalName))
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) + 1 {
		cut := t.TempDir()
		if err := os.WriteFile(filepath.Join(cut, journalName), whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := openBook(cut, rand.Reader)
		if err != nil {
			t.Fatalf("after %d bytes: %v", n, err)
		}
		had := len(b.runs)
		for id := range b.runs {
			if id >= b.next {
				t.Fatalf("after %d bytes: number %d comes again", n, id)
			}
		}
		if n == len(whole) && (had != 3 || b.next != ids[2]+1) {
			t.Fatalf("the whole file holds %d runs, next %d", had, b.next)
		}
		if _, err := b.create(run{Point: "A", Phase: phaseSent}); err != nil {
			t.Fatal(err)
		}
		_ = b.journal.close()
		again, err := openBook(cut, rand.Reader)
		if err != nil || len(again.runs) != had+1 {
			t.Fatalf("after %d bytes and one more: %d runs, not %d: %v", n, len(again.runs), had+1, err)
		}
		_ = again.journal.close()
	}
}

// TestJournalDamage changes each byte of the file: either it is refused, or it was in the
// last line, which counts as never written.
func TestJournalDamage(t *testing.T) {
	t.Parallel()
	dir, _ := filled(t)
	whole, err := os.ReadFile(filepath.Join(dir, journalName))
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	bad := t.TempDir()
	for n := range whole {
		spoiled := bytes.Clone(whole)
		spoiled[n] ^= 0x01
		if err := os.WriteFile(filepath.Join(bad, journalName), spoiled, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := openBook(bad, rand.Reader)
		if n < last-1 && !errors.Is(err, ErrDamaged) {
			t.Fatalf("byte %d of %d: %v", n, len(whole), err)
		}
		if err == nil {
			if len(b.runs) > 2 {
				t.Fatalf("byte %d of the last line was changed, and it counts", n)
			}
			_ = b.journal.close()
		}
	}
}

// TestJournalStaysSmall writes more than the file may hold: it is written anew with what
// still counts.
func TestJournalStaysSmall(t *testing.T) {
	t.Parallel()
	dir, ids := filled(t)
	b, err := openBook(dir, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// As if it were long already, so that the next record has it written anew.
	b.journal.size = journalBytesMax
	r := b.runs[ids[0]]
	r.Phase = phaseSettled
	b.lives[3] = 77
	if err := b.save(r); err != nil {
		t.Fatal(err)
	}
	if b.journal.size > 4_000 {
		t.Errorf("it has %d bytes", b.journal.size)
	}
	if err := b.save(b.runs[ids[1]]); err != nil {
		t.Fatal(err)
	}
	_ = b.journal.close()
	again, err := openBook(dir, rand.Reader)
	if err != nil || len(again.runs) != 3 || again.runs[ids[0]].Phase != phaseSettled || again.lives[3] != 77 || again.next != b.next {
		t.Fatalf("%+v, %v", again, err)
	}
	_ = again.journal.close()
}

// TestNothingAfterAFailedWrite refuses everything once a write has failed.
func TestNothingAfterAFailedWrite(t *testing.T) {
	t.Parallel()
	dir, ids := filled(t)
	b, err := openBook(dir, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_ = b.journal.file.Close()
	first := b.save(b.runs[ids[0]])
	if first == nil {
		t.Fatal("a closed file took a record")
	}
	if b.journal.file, err = os.OpenFile(b.journal.path, os.O_RDWR, 0o600); err != nil {
		t.Fatal(err)
	}
	defer b.journal.close()
	if err := b.save(b.runs[ids[1]]); !errors.Is(err, first) {
		t.Fatalf("the next was %v", err)
	}
}

// TestNumbers draws them from above zero up to below 2^31, each once, and then none.
func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, first := range [][]byte{{0, 0, 0, 0}, {255, 255, 255, 255}} {
		b, err := openBook(t.TempDir(), bytes.NewReader(first))
		if err != nil {
			t.Fatal(err)
		}
		r, err := b.create(run{Point: "A"})
		if err != nil || r.ID < 1 || r.ID > transactionMax/2+1 {
			t.Fatalf("%v: %d, %v", first, r.ID, err)
		}
		b.next = transactionMax - 1
		if r, err = b.create(run{Point: "A"}); err != nil || r.ID != transactionMax-1 {
			t.Fatalf("the last: %v, %v", r, err)
		}
		if _, err := b.create(run{Point: "A"}); !errors.Is(err, errExhausted) {
			t.Fatalf("one after the last: %v", err)
		}
		_ = b.journal.close()
	}
}

// TestKeptRuns forgets the oldest settled ones first, then those that nobody asked for,
// and never one that is not settled.
func TestKeptRuns(t *testing.T) {
	t.Parallel()
	b, err := openBook(t.TempDir(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	defer b.journal.close()
	open, err := b.create(run{Point: "A", Session: pumps.Session{1}, Phase: phaseStarted})
	if err != nil {
		t.Fatal(err)
	}
	unasked, err := b.create(run{Point: "A", Phase: phaseStarted})
	if err != nil {
		t.Fatal(err)
	}
	var settled []*run
	for range 2 * keptMax {
		r, err := b.create(run{Point: "A", Session: pumps.Session{2}, Phase: phaseSettled})
		if err != nil {
			t.Fatal(err)
		}
		settled = append(settled, r)
	}
	if b.runs[open.ID] == nil || b.runs[unasked.ID] == nil || b.runs[settled[0].ID] != nil || len(b.runs) != keptMax+1 {
		t.Fatalf("%d runs are kept", len(b.runs))
	}
	for range 2 * keptMax {
		if _, err := b.create(run{Point: "A", Phase: phaseStarted}); err != nil {
			t.Fatal(err)
		}
	}
	if b.runs[open.ID] == nil || len(b.runs) != keptMax+1 {
		t.Fatalf("%d runs are kept", len(b.runs))
	}
}
