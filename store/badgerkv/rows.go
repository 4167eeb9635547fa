package badgerkv

import (
	"encoding/binary"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/paybeacon/paybeacon/store/badgerkv/commitlog"
	"github.com/paybeacon/paybeacon/store/kv"
)

// What the commit log holds of an Update is a series of rows:
//
//	1 put or 0 delete 1, uvarint key length, uvarint value length (put only), key, value
//
// with keys as Badger has them. After a crash, what is passed to Badger is read from
// these bytes.
const (
	rowDelete = 0
	rowPut    = 1
)

var errRows = fmt.Errorf("%w: a commit in the log holds no rows", errDamaged)

// rowWriter appends the writes of an overlay.
type rowWriter struct{ buf []byte }

// Put appends a write. It never fails.
func (w *rowWriter) Put(key, value []byte) error {
	w.buf = append(w.buf, rowPut)
	w.buf = binary.AppendUvarint(w.buf, uint64(1+len(key)))
	w.buf = binary.AppendUvarint(w.buf, uint64(len(value)))
	w.buf = append(append(append(w.buf, keyPrefix), key...), value...)
	return nil
}

// Delete appends a removal. It never fails.
func (w *rowWriter) Delete(key []byte) error {
	w.buf = append(w.buf, rowDelete)
	w.buf = binary.AppendUvarint(w.buf, uint64(1+len(key)))
	w.buf = append(append(w.buf, keyPrefix), key...)
	return nil
}

// row is one write; a nil value is a removal. Its bytes alias those it was read from.
type row struct{ key, value []byte }

// readRow reads the next row and returns the bytes behind it. It returns errRows.
func readRow(b []byte) (r row, rest []byte, err error) {
	if len(b) == 0 || b[0] > rowPut {
		return r, nil, errRows
	}
	put := b[0] == rowPut
	keyBytes, b, ok := cutUvarint(b[1:])
	valueBytes := uint64(0)
	if ok && put {
		valueBytes, b, ok = cutUvarint(b)
	}
	if !ok || keyBytes == 0 || keyBytes > 1+keyBytesMax || valueBytes > valueBytesMax || keyBytes+valueBytes > uint64(len(b)) || b[0] != keyPrefix {
		return r, nil, errRows
	}
	r.key, b = b[:keyBytes:keyBytes], b[keyBytes:]
	if put {
		r.value, b = b[:valueBytes:valueBytes], b[valueBytes:]
	}
	return r, b, nil
}

func cutUvarint(b []byte) (n uint64, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 {
		return 0, nil, false
	}
	return n, b[size:], true
}

// markKey is the key under which Badger has the position of the last commit whose
// rows it has. It lies outside the keys of transactions.
const markKey = "c"

// markBytes is the length of its value: number 8, checksum of the commit 4, checksum
// of both 4.
const markBytes = 16

func encodeMark(at commitlog.Position) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, markBytes), at.Number)
	b = binary.BigEndian.AppendUint32(b, at.Sum)
	return binary.BigEndian.AppendUint32(b, checksum(b))
}

func decodeMark(b []byte) (at commitlog.Position, err error) {
	if len(b) != markBytes || checksum(b[:12]) != binary.BigEndian.Uint32(b[12:]) {
		return at, fmt.Errorf("%w: the mark of the last commit is changed", errDamaged)
	}
	return commitlog.Position{Number: binary.BigEndian.Uint64(b), Sum: binary.BigEndian.Uint32(b[8:])}, nil
}

// passOne passes the rows of a commit to Badger, and the mark behind them. It returns
// errRows or an error of Badger.
func passOne(to *badger.WriteBatch, at commitlog.Position, payload []byte) error {
	for len(payload) > 0 {
		r, rest, err := readRow(payload)
		switch {
		case err != nil:
		case r.value == nil:
			err = to.Delete(r.key)
		default:
			err = to.Set(r.key, r.value)
		}
		if err != nil {
			return fmt.Errorf("pass on commit %d: %w", at.Number, err)
		}
		payload = rest
	}
	return to.Set([]byte(markKey), encodeMark(at))
}

// replay passes the commits of the log that Badger's tables lack to Badger, in as few
// transactions as it takes. A commit may be in two of them, if the memtables were larger
// when it was made: after a crash between these it is replayed again, because the mark is
// in the second. It returns errDamaged or an error of Badger.
func (e *Engine) replay(log *commitlog.Scanned, after commitlog.Position) error {
	batch := e.db.NewWriteBatch()
	defer batch.Cancel()
	passed := 0
	err := log.Replay(after, func(at commitlog.Position, payload []byte) error {
		// The log of large memtables fills many small ones, and Badger waits for ever
		// with a full level 0 if nobody merges it.
		if passed += len(payload); passed >= mib {
			passed = 0
			e.mergeIfDue()
		}
		return passOne(batch, at, payload)
	})
	if err == nil {
		err = batch.Flush()
	}
	if err != nil {
		return fmt.Errorf("replay the commit log: %w", err)
	}
	return nil
}

// logged appends the writes of an overlay to the log, and gathers them when they are
// durable. It returns commitlog.ErrNoSegment when nothing was written, and any other
// error when it is unknown whether the commit is durable.
func (e *Engine) logged(o *kv.Overlay) error {
	w := rowWriter{buf: e.rows[:0]}
	if err := o.Apply(&w); err != nil {
		return err
	}
	if e.rows = w.buf; cap(w.buf) > rowsKept {
		e.rows = nil
	}
	e.space.written += commitlog.SizeOf(len(w.buf))
	flushed := e.log.Flushes()
	if _, err := e.log.Append(w.buf); err != nil {
		return err
	}
	e.gather(o)
	e.counts.Commit(o, e.log.Flushes()-flushed)
	return nil
}

// rowsKept is the largest buffer that an Update leaves for the next one, in bytes.
// Chosen: more than nearly every batch of the executor takes.
const rowsKept = 1 << 20
