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
	n, err := v.numbers()
	if err != nil {
		return err
	}
	return v.walkFacts(n.rows(), after, limit, fn)
}

// logged appends a fact to the log. The newest rows stand among the numbers until they
// are a run.
func (tx *Tx) logged(id pay.FactID) error {
	n, err := tx.count()
	if err != nil {
		return err
	}
	n.log = n.log.add(id[:]...)
	tx.published = true
	full, ok := n.log.spill(pay.Chain{})
	if !ok {
		return nil
	}
	return tx.put(logKey(tx.room(), full.last), full.items)
}

func logKey(buf []byte, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append(buf, spaceLog), seq)
}

func decodeLog(last uint64, raw []byte) (r run, ok bool) {
	r = run{last: last, items: raw, fixed: true}
	return r, r.sound() && len(raw) > 0
}
