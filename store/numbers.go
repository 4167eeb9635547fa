package store

import (
	"encoding/binary"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// numbers count what the store has numbered so far, and hold the newest rows of the
// log. They stand in one meta row, which a batch reads and writes at most once.
type numbers struct {
	log   uint64 // the last row of the log
	tail  []byte // the facts of its newest rows, which no row of space l holds
	asked uint64 // the last effect that was asked for
	open  uint64 // how many effects have no result yet, or one that waits

	known bool // they were read
}

const numbersBytes = 24

// logged returns the numbers after one more row of the log.
func (n numbers) logged(id pay.FactID) numbers {
	n.log, n.tail = n.log+1, append(slices.Clip(n.tail), id[:]...)
	return n
}

func (n numbers) encode() []byte {
	buf := binary.BigEndian.AppendUint64(make([]byte, 0, numbersBytes+len(n.tail)), n.log)
	buf = binary.BigEndian.AppendUint64(buf, n.asked)
	return append(binary.BigEndian.AppendUint64(buf, n.open), n.tail...)
}

func decodeNumbers(raw []byte) (n numbers, ok bool) {
	if len(raw) < numbersBytes {
		return n, false
	}
	n.log = binary.BigEndian.Uint64(raw)
	n.asked = binary.BigEndian.Uint64(raw[8:])
	n.open = binary.BigEndian.Uint64(raw[16:])
	n.tail = raw[numbersBytes:]
	n.known = true
	tail := len(n.tail) / idBytes
	return n, n.open <= n.asked && len(n.tail)%idBytes == 0 && tail < runItems && uint64(tail) <= n.log
}

func (v *View) numbers() (numbers, error) {
	raw, err := v.meta(metaNumbers)
	if err != nil {
		if version, formatErr := v.format(); formatErr == nil && version < 2 {
			return numbers{}, nil
		}
		return numbers{}, err
	}
	n, ok := decodeNumbers(raw)
	if !ok {
		return n, v.badMeta(metaNumbers, "numbers")
	}
	return n, nil
}

// count returns the numbers as this command and those before it in the batch
// have left them, for the caller to count on. The batch writes them at its end.
func (tx *Tx) count() (*numbers, error) {
	if tx.counted.known {
		return &tx.counted, nil
	}
	n, err := tx.numbers()
	if err != nil {
		return nil, err
	}
	tx.counted = n
	return &tx.counted, nil
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
	return epoch, n.log, err
}
