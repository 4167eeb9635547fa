package store

import (
	"encoding/binary"

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
	return v.scan(logKey(nil, next), []byte{spaceLog + 1}, limit, func(key, value []byte) (bool, error) {
		seq, id, ok := splitLogRow(key, value)
		if !ok || seq != next {
			return false, damaged(key, "row of the log")
		}
		next++
		f, err := v.mustFact(id)
		if err == nil {
			err = fn(seq, f)
		}
		return err == nil, err
	})
}

// logged appends a fact to the log.
func (tx *Tx) logged(id pay.FactID) error {
	n, err := tx.count()
	if err != nil {
		return err
	}
	n.log++
	tx.published = true
	tx.key = logKey(tx.key[:0], n.log)
	return tx.put(tx.key, id[:])
}

func logKey(buf []byte, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append(buf, spaceLog), seq)
}

func splitLogRow(key, value []byte) (seq uint64, id pay.FactID, ok bool) {
	if len(key) != 1+seqBytes || len(value) != idBytes {
		return 0, id, false
	}
	return binary.BigEndian.Uint64(key[1:]), pay.FactID(value), true
}
