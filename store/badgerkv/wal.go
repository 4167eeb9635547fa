package badgerkv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"path/filepath"
	"strconv"
)

// Badger replays the log of a memtable up to the first record that it cannot
// read and cuts the rest off without a word. That is right for a transaction
// whose writing was cut short, for which no Update has returned, and wrong for
// a byte that changed later: everything from there on would be gone. The two
// look different, because a process writes its records one behind the other:
//
//   - what was cut short by the end of the process is the beginning of one
//     record, or of one transaction, with zeros behind it;
//   - what was cut short by the end of the machine lacks whole sectors, which
//     read as zeros;
//   - in anything else the bytes did arrive, and were changed.
//
// A record in a log is
//
//	meta 1, user meta 1, uvarint key length, uvarint value length,
//	uvarint expiry, key, value, CRC-32C of all that 4
//
// and a transaction is records with the bit of a transaction, whose keys end
// with its number, followed by one that ends it and names the number.
const (
	walHeadBytes  = 20
	walSector     = 512
	metaTxn       = 1 << 6
	metaTxnEnd    = 1 << 7
	txnEndKey     = "!badger!txn"
	numberBytes   = 8
	checksumBytes = 4
)

var errChangedLog = errors.New("a record that was written is changed")

// checkLog returns an error when Badger would drop from a log what was once
// written completely.
func checkLog(path string) error {
	data, unmap, err := mapped(path)
	if err == nil {
		err = checkRecords(data)
		err = errors.Join(err, unmap())
	}
	if err != nil {
		return fmt.Errorf("read the log %s: %w", filepath.Base(path), err)
	}
	return nil
}

// checkRecords walks the records as Badger will, and looks at what stops it.
func checkRecords(data []byte) error {
	if len(data) <= walHeadBytes {
		return nil
	}
	end := lastNonZero(data)
	at, txn := walHeadBytes, uint64(0)
	for {
		r, ok := readRecord(data, at)
		if !ok || !r.follows(txn) {
			break
		}
		at, txn = r.end, r.open()
	}
	if at >= end || !changed(data[:end], at, txn) {
		return nil
	}
	return fmt.Errorf("at byte %d: %w", at, errChangedLog)
}

// record is one record of a log.
type record struct {
	end    int // where the next one begins
	meta   byte
	number uint64 // of its transaction
}

// readRecord reads the record at an offset; ok is false when there is none that
// is whole.
func readRecord(data []byte, at int) (r record, ok bool) {
	keyAt, valueAt, end, ok := layout(data, at)
	if !ok || end > len(data) {
		return r, false
	}
	body := data[at : end-checksumBytes]
	if checksum(body) != binary.BigEndian.Uint32(data[end-checksumBytes:]) {
		return r, false
	}
	r = record{end: end, meta: data[at]}
	key, value := data[keyAt:valueAt], data[valueAt:end-checksumBytes]
	if r.meta&metaTxnEnd != 0 {
		n, err := strconv.ParseUint(string(value), 10, 64)
		r.number = n
		return r, err == nil
	}
	r.number = math.MaxUint64 - binary.BigEndian.Uint64(key[len(key)-numberBytes:])
	return r, true
}

// layout returns where the parts of the record at an offset are, if its head is
// one that the engine would write. end may lie beyond the data.
func layout(data []byte, at int) (keyAt, valueAt, end int, ok bool) {
	if at+2 > len(data) || data[at]&(metaTxn|metaTxnEnd) == 0 || data[at+1] != 0 {
		return 0, 0, 0, false
	}
	keyAt = at + 2
	var sizes [3]uint64
	for i := range sizes {
		n, size := binary.Uvarint(data[keyAt:min(len(data), keyAt+binary.MaxVarintLen64)])
		if size <= 0 {
			return 0, 0, 0, false
		}
		sizes[i], keyAt = n, keyAt+size
	}
	if sizes[0] <= numberBytes || sizes[0] > math.MaxUint16 || sizes[1] > valueBytesMax || sizes[2] != 0 {
		return 0, 0, 0, false
	}
	valueAt = keyAt + int(sizes[0])
	return keyAt, valueAt, valueAt + int(sizes[1]) + checksumBytes, true
}

// follows says whether a record may come next when the transaction with the
// given number is open; 0 stands for none.
func (r record) follows(txn uint64) bool {
	if txn == 0 {
		return r.meta&metaTxnEnd == 0
	}
	return r.number == txn
}

// open returns the number of the transaction that is open behind the record.
func (r record) open() uint64 {
	if r.meta&metaTxnEnd != 0 {
		return 0
	}
	return r.number
}

// changed says whether the bytes from an offset on, none of them zeros at the
// end, were written completely and changed afterwards. txn is the transaction
// that is open there. A sector may be missing in the last transaction only.
func changed(data []byte, at int, txn uint64) bool {
	found := false
	for next := at + 1; next < len(data); next++ {
		r, ok := readRecord(data, next)
		if !ok {
			continue
		}
		if !hasHole(data, at, next) || (txn != 0 && r.number != txn) {
			return true
		}
		found, txn, next = true, r.number, r.end-1
	}
	if found {
		return false
	}
	if like(data[at:], endOf(txn)) {
		return true
	}
	_, _, end, ok := layout(data, at)
	switch {
	case !ok || hasHole(data, at, len(data)):
		return false
	case end <= len(data):
		return true
	case end >= len(data)+checksumBytes:
		return false
	}
	// All but the last bytes of the checksum are there: they were not written,
	// or are zeros. The others say which.
	var sum [checksumBytes]byte
	binary.BigEndian.PutUint32(sum[:], checksum(data[at:end-checksumBytes]))
	return !bytes.HasPrefix(sum[:], data[end-checksumBytes:])
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// endOf returns the record that ends a transaction.
func endOf(txn uint64) []byte {
	value := strconv.FormatUint(txn, 10)
	out := []byte{metaTxnEnd, 0, byte(len(txnEndKey) + numberBytes), byte(len(value)), 0}
	out = append(out, txnEndKey...)
	out = binary.BigEndian.AppendUint64(out, math.MaxUint64-txn)
	out = append(out, value...)
	return binary.BigEndian.AppendUint32(out, checksum(out))
}

// like says whether have is want with something changed in it, and not just its
// beginning.
func like(have, want []byte) bool {
	if len(have) <= len(want)-checksumBytes || len(have) > len(want) {
		return false
	}
	same := 0
	for i, b := range have {
		if b == want[i] {
			same++
		}
	}
	return same >= len(have)/2 && same < len(have)
}

// hasHole says whether a sector between two offsets is all zeros.
func hasHole(data []byte, from, to int) bool {
	for from < to {
		next := min(to, (from/walSector+1)*walSector)
		if next%walSector == 0 && allZero(data[from:next]) {
			return true
		}
		from = next
	}
	return false
}

func allZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// lastNonZero returns the length of data without the zeros at its end.
func lastNonZero(data []byte) int {
	for len(data) >= walSector && allZero(data[len(data)-walSector:]) {
		data = data[:len(data)-walSector]
	}
	return len(bytes.TrimRight(data, "\x00"))
}
