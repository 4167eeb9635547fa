package store

import (
	"encoding/binary"
	"errors"

	"github.com/paybeacon/paybeacon/pay"
)

// Log calls fn for the facts that the registry published with numbers above
// after, in the order in which it did, at most limit times (limit <= 0: no
// limit), until fn returns an error, which it returns. Each fact is there once,
// however many feeds it stands in. A store that was made before there was a log
// begins it with what it published next. A node has no log.
func (v *View) Log(after uint64, limit int, fn func(seq uint64, f pay.Fact) error) error {
	next := after + 1
	if next == 0 {
		return nil
	}
	n, err := v.numbers()
	if err != nil {
		return err
	}
	take := func(last uint64, ids []byte) error {
		for ; next <= last; next++ {
			behind := int(last-next+1) * idBytes
			if behind > len(ids) {
				return damaged(logKey(nil, next), "absence")
			}
			f, err := v.mustFact(pay.FactID(ids[len(ids)-behind:]))
			if err == nil {
				err = fn(next, f)
			}
			if err == nil && limit > 0 && next-after == uint64(limit) {
				err = errEnough
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	if next <= n.log-uint64(len(n.tail)/idBytes) {
		err = v.scan(logKey(nil, next), []byte{spaceLog + 1}, 0, func(key, value []byte) (bool, error) {
			last, ok := splitLogRow(key, value)
			if !ok {
				return false, damaged(key, "rows of the log")
			}
			err := take(last, value)
			return err == nil, err
		})
	}
	if err == nil {
		err = take(n.log, n.tail)
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// logged appends a fact to the log. The newest rows stand among the numbers until they
// are a run.
func (tx *Tx) logged(id pay.FactID) error {
	n, err := tx.count()
	if err != nil {
		return err
	}
	*n = n.logged(id)
	tx.published = true
	if n.log%runItems != 0 {
		return nil
	}
	full := n.tail
	n.tail = nil
	tx.key = logKey(tx.key[:0], n.log)
	return tx.put(tx.key, full)
}

func logKey(buf []byte, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append(buf, spaceLog), seq)
}

// splitLogRow returns the number of the last of a run of rows of the log, whose facts
// are the row's value.
func splitLogRow(key, value []byte) (last uint64, ok bool) {
	n := len(value) / idBytes
	if len(key) != 1+seqBytes || len(value)%idBytes != 0 || n < 1 || n > runItems {
		return 0, false
	}
	last = binary.BigEndian.Uint64(key[1:])
	return last, uint64(n) <= last
}
