package store

import (
	"encoding/binary"

	"github.com/paybeacon/paybeacon/pay"
)

// numbers count what the store has numbered so far, and hold the newest rows of the
// log. They stand in one meta row, which a batch reads and writes at most once.
type numbers struct {
	log   run    // the newest rows of the log, which no row of space l holds
	asked uint64 // the last effect that was asked for
	open  uint64 // how many effects have no result yet, or one that waits

	known bool // they were read
}

const numbersBytes = 24

// rows are where the rows of the log stand.
func (n numbers) rows() series { return series{n.log, logKey, decodeLog} }

func (n numbers) encode() []byte {
	buf := binary.BigEndian.AppendUint64(make([]byte, 0, numbersBytes+len(n.log.items)), n.log.last)
	buf = binary.BigEndian.AppendUint64(buf, n.asked)
	return append(binary.BigEndian.AppendUint64(buf, n.open), n.log.items...)
}

func decodeNumbers(raw []byte) (n numbers, ok bool) {
	if len(raw) < numbersBytes {
		return n, false
	}
	n.log = run{last: binary.BigEndian.Uint64(raw), items: raw[numbersBytes:], fixed: true}
	n.asked = binary.BigEndian.Uint64(raw[8:])
	n.open = binary.BigEndian.Uint64(raw[16:])
	n.known = true
	return n, n.open <= n.asked && n.log.sound()
}

func (v *View) numbers() (numbers, error) {
	n, ok, err := metaAt(v, metaNumbers, "numbers", decodeNumbers)
	if ok || err != nil {
		return n, err
	}
	if version, err := v.format(); err != nil || version < 2 {
		return n, err
	}
	return n, v.broken(damaged(metaKey(nil, metaNumbers), "absence"))
}

// count returns the numbers as this command and those before it in the batch
// have left them, for the caller to count on. The batch writes them at its end.
func (tx *Tx) count() (n *numbers, err error) {
	if !tx.counted.known {
		tx.counted, err = tx.numbers()
	}
	return &tx.counted, err
}

// OpenEffects returns how many effects are not finished.
func (v *View) OpenEffects() (uint64, error) {
	n, err := v.numbers()
	return n.open, err
}

// LogEnd returns the epoch of the registry's history and the number of the last
// row of its log, 0 when there is none.
func (v *View) LogEnd() (epoch pay.Epoch, seq uint64, err error) {
	n, err := v.numbers()
	if err != nil {
		return epoch, 0, err
	}
	epoch, err = v.epoch()
	return epoch, n.log.last, err
}

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
