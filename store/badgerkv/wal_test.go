package badgerkv

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/dgraph-io/badger/v4"
)

// logOf returns the log of a store after some transactions, and the offset at
// which each of them ends. The last one covers several sectors.
func logOf(t *testing.T) (data []byte, ends []int) {
	t.Helper()
	dir := t.TempDir()
	db, err := openBadger(OlderOptions(dir, false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	read := func() []byte {
		raw, err := os.ReadFile(filepath.Join(dir, "00001.mem"))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for n, rows := range []int{1, 3, 1, 12, 2, 20} {
		err := db.Update(func(tx *badger.Txn) error {
			for row := range rows {
				if err := tx.Set(fmt.Appendf(nil, "row %d of %d", row, n), bytes.Repeat([]byte{byte(n + 1), 0, byte(row)}, 10*row)); err != nil {
					return err
				}
			}
			return tx.Delete([]byte("row 0 of 0"))
		})
		if err != nil {
			t.Fatal(err)
		}
		data = read()
		ends = append(ends, lastNonZero(data))
	}
	// The space after the end is long enough for every case here.
	return data[:ends[len(ends)-1]+8*walSector], ends
}

func TestChangedByteInALogIsFound(t *testing.T) {
	t.Parallel()
	data, ends := logOf(t)
	if err := checkRecords(data); err != nil {
		t.Fatalf("a sound log: %v", err)
	}
	end := ends[len(ends)-1]
	missed := 0
	for at := walHeadBytes; at < end; at++ {
		for _, mask := range []byte{0x01, 0x10, 0x40, 0x80, 0xC0, 0xFF, data[at]} {
			// If the very last byte is missing, it may not have been written.
			if mask == 0 || (at == end-1 && mask == data[at]) {
				continue
			}
			data[at] ^= mask
			// In the last transaction, zeros up to the end of a sector look like a
			// sector that was not written. Badger writes the rows of a transaction
			// in any order, so that a record seldom begins there.
			sector := (at/walSector + 1) * walSector
			unwritten := at >= ends[len(ends)-2] && sector <= end && allZero(data[at:sector])
			if !unwritten && checkRecords(data) == nil {
				missed++
				t.Errorf("byte %d of %d changed by %#x: not found", at, end, mask)
			}
			data[at] ^= mask
		}
		if missed > 10 {
			t.Fatal("and so on")
		}
	}
	// After the end a byte has no meaning.
	for at := end + 4; at < len(data); at++ {
		data[at] ^= 0x40
		if err := checkRecords(data); err != nil {
			t.Fatalf("byte %d behind the end %d: %v", at, end, err)
		}
		data[at] ^= 0x40
	}
}

func TestTransactionCutShortIsNoDamage(t *testing.T) {
	t.Parallel()
	data, ends := logOf(t)
	end, before := ends[len(ends)-1], ends[len(ends)-2]
	for cut := walHeadBytes; cut <= end; cut++ {
		short := bytes.Clone(data)
		clear(short[cut:])
		if err := checkRecords(short); err != nil {
			t.Fatalf("nothing behind byte %d: %v", cut, err)
		}
	}
	for cut := 0; cut < end; cut++ {
		if err := checkRecords(data[:cut]); err != nil {
			t.Fatalf("a file of %d bytes: %v", cut, err)
		}
	}
	// A machine that stops may have written any subset of the sectors.
	first, sectors := before/walSector, (end-1)/walSector-before/walSector+1
	if sectors < 4 {
		t.Fatalf("the last transaction covers %d sectors only", sectors)
	}
	for present := range 1 << sectors {
		holed := bytes.Clone(data)
		for i := range sectors {
			if present&(1<<i) == 0 {
				clear(holed[max(before, (first+i)*walSector):min(end, (first+i+1)*walSector)])
			}
		}
		if err := checkRecords(holed); err != nil {
			t.Errorf("sectors %b of the last transaction: %v", present, err)
		}
	}
	// In a transaction that is followed by another, a missing sector is damage.
	holed := bytes.Clone(data)
	clear(holed[(ends[2]/walSector+1)*walSector : (ends[2]/walSector+2)*walSector])
	if (ends[2]/walSector+2)*walSector > ends[3] || checkRecords(holed) == nil {
		t.Error("a missing sector in an earlier transaction was not found")
	}
}
