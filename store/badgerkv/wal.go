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

// A version of this program without a commit log had its last commits in Badger's
// logs alone. Badger replays the log of a memtable up to the first record that it cannot
// read, and cuts the rest off without reporting it. That is right for a
// transaction that was not written completely, for which no Update has returned.
// It is wrong for a byte that changed later: all records from there on would be
// lost. The two can be distinguished, because a process writes its records one
// after the other:
//
//   - a write that was cut short by the end of the process leaves the beginning
//     of one record, or of one transaction, and then zeros;
//   - a write that was cut short by the end of the machine lacks whole sectors,
//     which read as zeros;
//   - everything else was written completely and has changed.
//
// A record in a log is
//
//	meta 1, user meta 1, uvarint key length, uvarint value length,
//	uvarint expiry, key, value, CRC-32C of all these 4
//
// and a transaction is a series of records with the bit metaTxn, whose keys end
// with the transaction's number, and then a record with the bit metaTxnEnd, whose
// value is that number. Published: the source of Badger v4.
const (
	walHeadBytes  = 20
	metaTxn       = 1 << 6
	metaTxnEnd    = 1 << 7
	txnEndKey     = "!badger!txn"
	numberBytes   = 8
	checksumBytes = 4
)

// walSector is the unit in which a disk loses data when the machine ends, in
// bytes. Chosen: the smallest sector of any disk; larger ones are multiples.
const walSector = 512

var errChangedLog = errors.New("a record that was written is changed")

// checkLog returns errChangedLog if Badger would drop records from a log that were
// once written completely, or the error of reading the file.
func checkLog(path string) error {
	data, unmap, err := mapFile(path)
	if err == nil {
		err = checkRecords(data)
		err = errors.Join(err, unmap())
	}
	if err != nil {
		return fmt.Errorf("read the log %s: %w", filepath.Base(path), err)
	}
	return nil
}

// checkRecords reads the records as Badger does, and examines the first one that
// cannot be read. It returns errChangedLog if that one was written completely.
func checkRecords(data []byte) error {
	if len(data) <= walHeadBytes {
		return nil
	}
	end := lastNonZero(data)
	at, txn := walHeadBytes, uint64(0) // of the transaction that is open, or 0
	for {
		r, ok := readRecord(data, at)
		if !ok || (txn == 0 && r.ends) || (txn != 0 && r.number != txn) {
			break
		}
		if at, txn = r.end, r.number; r.ends {
			txn = 0
		}
	}
	if at >= end || !wasChanged(data[:end], at, txn) {
		return nil
	}
	return fmt.Errorf("at byte %d: %w", at, errChangedLog)
}

// record is one record of a log.
type record struct {
	end    int    // the offset of the next one
	number uint64 // of its transaction
	ends   bool   // its transaction
}

// readRecord reads the record at an offset; ok is false if there is no complete
// one, or one with a head that the engine never writes.
func readRecord(data []byte, at int) (r record, ok bool) {
	if at+2 > len(data) || data[at]&(metaTxn|metaTxnEnd) == 0 || data[at+1] != 0 {
		return r, false
	}
	var sizes [3]uint64 // of key and value, and when it expires
	next := at + 2
	for i := range sizes {
		n, size := binary.Uvarint(data[next:min(len(data), next+binary.MaxVarintLen64)])
		if size <= 0 {
			return r, false
		}
		sizes[i], next = n, next+size
	}
	if sizes[0] <= numberBytes || sizes[0] > math.MaxUint16 || sizes[1] > valueBytesMax || sizes[2] != 0 {
		return r, false
	}
	valueAt := next + int(sizes[0])
	sumAt := valueAt + int(sizes[1])
	if sumAt+checksumBytes > len(data) || checksum(data[at:sumAt]) != binary.BigEndian.Uint32(data[sumAt:]) {
		return r, false
	}
	r = record{end: sumAt + checksumBytes, ends: data[at]&metaTxnEnd != 0}
	if r.ends {
		n, err := strconv.ParseUint(string(data[valueAt:sumAt]), 10, 64)
		r.number = n
		return r, err == nil
	}
	r.number = math.MaxUint64 - binary.BigEndian.Uint64(data[valueAt-numberBytes:])
	return r, true
}

// wasChanged reports whether the bytes from an offset on were written completely
// and have changed since: a whole record follows, or they are the record that ends the
// transaction, which is open at the offset. data has no zeros at its end. A sector may
// be missing in the last transaction only.
func wasChanged(data []byte, at int, txn uint64) bool {
	found := false
	for next := at + 1; next < len(data); next++ {
		r, ok := readRecord(data, next)
		if !ok {
			continue
		}
		if !hasZeroSector(data, at, next) || (txn != 0 && r.number != txn) {
			return true
		}
		found, txn, next = true, r.number, r.end-1
	}
	return !found && isAltered(data[at:], endRecord(txn))
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// endOf returns the record that ends a transaction.
func endRecord(txn uint64) []byte {
	value := strconv.FormatUint(txn, 10)
	out := []byte{metaTxnEnd, 0, byte(len(txnEndKey) + numberBytes), byte(len(value)), 0}
	out = append(out, txnEndKey...)
	out = binary.BigEndian.AppendUint64(out, math.MaxUint64-txn)
	out = append(out, value...)
	return binary.BigEndian.AppendUint32(out, checksum(out))
}

// isAltered reports whether have is want with some bytes changed, rather than the
// beginning of want or something else.
func isAltered(have, want []byte) bool {
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

// hasZeroSector reports whether a sector between two offsets is all zeros.
func hasZeroSector(data []byte, from, to int) bool {
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
