package store

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store/kv"
)

// The values of an earliest deadline that are not one.
const (
	dueUnknown pay.Time = math.MinInt64 // look before the next command
	dueNever   pay.Time = math.MaxInt64
)

// wakesMax bounds the deadlines of one subject at one moment. Chosen: far more
// than one transaction can set.
const wakesMax = 1 << 16

// Wake asks for a DeadlineReached on subject once at has come, after a restart
// too. Each call creates one deadline; it fires once. A deadline that has come
// already fires before the next command. A subject that fails its Check, and more
// than 65,536 deadlines of one subject at one moment, are errors.
func (tx *Tx) Wake(at pay.Time, subject pay.Subject) error {
	if err := subject.Check(); err != nil {
		return fmt.Errorf("set a deadline: %w", err)
	}
	for tie := range uint32(wakesMax) {
		key := dueKey(tx.room(), at, subject, tie)
		if taken, err := tx.has(key); err != nil {
			return err
		} else if !taken {
			tx.next = min(tx.next, at)
			return tx.put(key, nil)
		}
	}
	return fmt.Errorf("set a deadline of %s: %d stand at one moment already", subject.Short(), wakesMax)
}

// fireDue runs all deadlines up to the batch's now, as far as the batch has
// room, and learns when the next one is. Deadlines that are added meanwhile and
// have come are among them, so no command sees a deadline that it missed. While a
// registry's clock is in doubt they wait.
func (b *batch) fireDue(w kv.Tx) error {
	if b.held {
		return nil
	}
	for b.next <= b.moment.now && !b.full() {
		keys, err := b.dueKeys(w)
		if err != nil {
			return fmt.Errorf("read deadlines: %w", err)
		}
		for _, key := range keys {
			if err := b.fire(w, key); err != nil {
				return fmt.Errorf("run deadline: %w", err)
			}
		}
	}
	return nil
}

// dueKeys returns the keys of deadlines that have come, as many as the batch
// may still fire. It sets next to the first one that has not come.
func (b *batch) dueKeys(w kv.Tx) (keys [][]byte, err error) {
	v := View{s: b.store, r: w}
	b.next = dueNever
	err = v.scan([]byte{spaceDue}, []byte{spaceDue + 1}, b.plan.due-b.fired+1, func(key, _ []byte) error {
		at, _, ok := splitDueKey(key)
		if !ok {
			return damaged(key, "deadline")
		}
		if at > b.moment.now || len(keys) == b.plan.due-b.fired {
			b.next = at
			return errEnough
		}
		keys = append(keys, bytes.Clone(key))
		return nil
	})
	return keys, enough(err)
}

// fire removes one deadline and lets the role react to it. When that fails
// because of the deadline's subject, the subject is set aside; any other failure
// fails the batch: to go on without the deadline would let a late command win.
func (b *batch) fire(w kv.Tx, key []byte) error {
	at, subject, _ := splitDueKey(key)
	tx := newTx(b.store, b, w)
	b.fired++
	if err := errors.Join(tx.delete(key), tx.meet(subject, due{at: at}, b.plan.tooBig)); err != nil {
		return err
	}
	tx.ended = true
	b.add(tx.gains)
	return nil
}
