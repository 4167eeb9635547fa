package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store/kv"
)

// effectRow is the row of an effect that was asked for. It goes when the role
// has reacted to the result.
type effectRow struct {
	Effect pay.Effect `cbor:"1,keyasint"`
	// Done means that there is a Result, which waits because the effect's subject
	// is set aside.
	Done   bool   `cbor:"2,keyasint,omitempty"`
	Result []byte `cbor:"3,keyasint,omitempty"`
}

func decodeEffect(raw []byte) (r effectRow, ok bool) {
	err := pay.Decode(raw, &r)
	return r, err == nil && r.Effect.Check() == nil && len(r.Result) <= pay.EffectBytesMax && (r.Done || r.Result == nil)
}

func effectKey(buf []byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(buf, spaceEffect), n)
}

// Effects calls fn for each effect with a number above after that has no result
// yet, in order, until fn returns an error, which it returns. Numbers of finished
// effects are missing.
func (v *View) Effects(after uint64, fn func(n uint64, e pay.Effect) error) error {
	if after+1 == 0 {
		return nil
	}
	return v.scan(effectKey(nil, after+1), []byte{spaceEffect + 1}, 0, func(key, value []byte) error {
		row, ok := decodeEffect(value)
		if !ok || len(key) != 1+seqBytes {
			return damaged(key, "effect")
		}
		if row.Done {
			return nil
		}
		return fn(binary.BigEndian.Uint64(key[1:]), row.Effect)
	})
}

func (v *View) effect(n uint64) (r effectRow, ok bool, err error) {
	return rowAt(v, effectKey(v.room(), n), "effect", decodeEffect)
}

func (tx *Tx) putEffect(n uint64, r effectRow) error {
	return tx.put(effectKey(tx.room(), n), pay.Encode(r))
}

// ask stores an effect that a reaction asked for, under the next number.
func (tx *Tx) ask(e pay.Effect) error {
	if err := e.Check(); err != nil {
		return err
	}
	n, err := tx.count()
	if err != nil {
		return err
	}
	n.asked++
	n.open++
	tx.effects = true
	return tx.putEffect(n.asked, effectRow{Effect: e})
}

// Finish hands the result of effect n to the role. It returns false, and does
// nothing, when the effect has a result already. When the role fails on it
// because of the effect's subject, the subject is set aside and the result
// waits; that is no error. A result of more than pay.EffectBytesMax bytes, and a
// number that no effect has had, are errors.
func (tx *Tx) Finish(n uint64, result []byte) (first bool, err error) {
	return tx.finish(n, result, nil)
}

// finish is Finish. failed is why the role must fail on the result, when that is
// known already.
func (tx *Tx) finish(n uint64, result []byte, failed error) (first bool, err error) {
	if len(result) > pay.EffectBytesMax {
		return false, fmt.Errorf("result has %d bytes, the limit is %d", len(result), pay.EffectBytesMax)
	}
	counted, err := tx.count()
	if err != nil {
		return false, err
	}
	if n == 0 || n > counted.asked {
		return false, fmt.Errorf("there was no effect %d yet", n)
	}
	row, ok, err := tx.effect(n)
	if err != nil || !ok || row.Done {
		return false, err
	}
	row.Done, row.Result = true, result
	return true, errors.Join(tx.putEffect(n, row), tx.meet(row.Effect.Subject, due{at: tx.Now(), effect: n}, failed))
}

// Finish is Tx.Finish in a transaction of its own. A result whose consequences
// are too big for the engine sets the subject aside, too.
func (s *Store) Finish(ctx context.Context, n uint64, result []byte) (first bool, err error) {
	finish := func(failed error) error {
		return s.Do(ctx, func(tx *Tx) (err error) {
			first, err = tx.finish(n, result, failed)
			return err
		})
	}
	if err = finish(nil); errors.Is(err, kv.ErrTooBig) {
		err = finish(err)
	}
	return first && err == nil, wrap("finish effect", err)
}

// reactToResult lets the role react to the result of an effect, and removes the
// effect.
func (tx *Tx) reactToResult(n uint64) error {
	row, _, err := tx.effect(n)
	if err == nil && !row.Done {
		err = damaged(effectKey(nil, n), "missing result")
	}
	if err != nil {
		return err
	}
	counted, err := tx.count()
	if err != nil {
		return err
	}
	counted.open--
	tx.effects = true
	return errors.Join(tx.delete(effectKey(tx.room(), n)), tx.reactGuarded(pay.EffectDone{Effect: row.Effect, Result: row.Result}))
}
