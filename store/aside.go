package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store/kv"
)

// asideTextMax bounds the error text that is kept of a subject. Chosen: as long
// as a message between nodes.
const asideTextMax = pay.TextBytesMax

// Aside is a subject that is set aside: the role failed on a deadline of it, or
// on the result of an effect on it. What failed waits, and whatever else comes
// due for the subject waits behind it, until all of it is tried again.
type Aside struct {
	Subject pay.Subject
	Due     pay.Time // when that which failed came due
	Tries   int      // how often it has failed
	Waiting int      // how many deadlines and results wait, this one included
	Err     string   // why it failed the last time
}

// SetAside reports whether a deadline of the subject failed and waits to be
// tried again. It returns an error when the rows cannot be read.
func (v *View) SetAside(subject pay.Subject) (bool, error) {
	_, ok, err := v.aside(subject)
	return ok, err
}

// Aside calls fn for each subject that is set aside, ordered by kind and id,
// until fn returns an error, which it returns.
func (v *View) Aside(fn func(a Aside) error) error {
	return v.asideFrom([]byte{spaceAside}, fn)
}

func (v *View) asideFrom(from []byte, fn func(a Aside) error) error {
	return v.scan(from, []byte{spaceAside + 1}, 0, func(key, value []byte) error {
		if len(key) == asideItemBytes {
			return nil // belongs to the row before
		}
		subject, ok := splitAsideKey(key)
		row, good := decodeAside(value)
		if !ok || !good {
			return damaged(key, "subject set aside")
		}
		return fn(row.aside(subject))
	})
}

// asideRow is the row of a subject that is set aside. What waits stands in rows
// of its own, numbered from first to next-1.
type asideRow struct {
	due         pay.Time
	tries       uint32
	first, next uint32
	text        string
}

const asideRowBytes = 8 + 3*4 // without the text

func (r asideRow) encode() []byte {
	buf := binary.BigEndian.AppendUint64(make([]byte, 0, asideRowBytes+len(r.text)), timeBits(r.due))
	buf = binary.BigEndian.AppendUint32(buf, r.tries)
	buf = binary.BigEndian.AppendUint32(buf, r.first)
	buf = binary.BigEndian.AppendUint32(buf, r.next)
	return append(buf, r.text...)
}

func decodeAside(raw []byte) (r asideRow, ok bool) {
	if len(raw) < asideRowBytes || len(raw) > asideRowBytes+asideTextMax {
		return r, false
	}
	r.due = timeOfBits(binary.BigEndian.Uint64(raw))
	r.tries = binary.BigEndian.Uint32(raw[8:])
	r.first = binary.BigEndian.Uint32(raw[12:])
	r.next = binary.BigEndian.Uint32(raw[16:])
	r.text = string(raw[asideRowBytes:])
	return r, r.tries > 0 && r.first < r.next
}

func (r asideRow) aside(subject pay.Subject) Aside {
	return Aside{Subject: subject, Due: r.due, Tries: int(r.tries), Waiting: int(r.next - r.first), Err: r.text}
}

func (v *View) aside(subject pay.Subject) (r asideRow, ok bool, err error) {
	return rowAt(v, asideKey(v.room(), subject), "subject set aside", decodeAside)
}

func (tx *Tx) putAside(subject pay.Subject, r asideRow) error {
	return tx.put(asideKey(tx.room(), subject), r.encode())
}

// due is what comes due for a subject: a deadline, or the result of an effect.
type due struct {
	at     pay.Time // of a deadline; of a result, when it came
	effect uint64   // the number of the effect, 0 for a deadline
}

const dueRowBytes = 16

func (d due) encode() []byte {
	buf := binary.BigEndian.AppendUint64(make([]byte, 0, dueRowBytes), timeBits(d.at))
	return binary.BigEndian.AppendUint64(buf, d.effect)
}

func decodeDue(raw []byte) (d due, ok bool) {
	if len(raw) != dueRowBytes {
		return d, false
	}
	return due{at: timeOfBits(binary.BigEndian.Uint64(raw)), effect: binary.BigEndian.Uint64(raw[8:])}, true
}

// meet lets the role react to what has come due for a subject, or sets it aside
// when the role fails because of the subject, or lets it wait behind what was
// set aside before. failed is why that would fail, when that is known already.
// The error concerns all subjects.
func (tx *Tx) meet(subject pay.Subject, d due, failed error) error {
	row, waits, err := tx.aside(subject)
	switch {
	case err != nil:
		return err
	case waits:
		return tx.keepAside(subject, row, d)
	case failed != nil:
		return tx.setAside(subject, d, failed)
	}
	failed, err = tx.confine(func(inner *Tx) error { return inner.reactTo(subject, d) })
	if err != nil || failed == nil {
		return err
	}
	return tx.setAside(subject, d, failed)
}

// setAside keeps what failed, and why.
func (tx *Tx) setAside(subject pay.Subject, d due, failed error) error {
	row := asideRow{due: d.at, tries: 1, text: asideText(failed)}
	tx.notes = append(tx.notes, asideNote("set aside: the rule for it failed", subject, row, failed))
	return tx.keepAside(subject, row, d)
}

// keepAside adds one that waits to a subject's row, and stores both.
func (tx *Tx) keepAside(subject pay.Subject, row asideRow, d due) error {
	row.next++
	return errors.Join(tx.put(asideItemKey(tx.room(), subject, row.next-1), d.encode()), tx.putAside(subject, row))
}

// reactTo lets the role react to what has come due.
func (tx *Tx) reactTo(subject pay.Subject, d due) error {
	if d.effect > 0 {
		return tx.reactToResult(d.effect)
	}
	return tx.reactGuarded(pay.DeadlineReached{Subject: subject})
}

// confine runs fn above an overlay of its own and joins what it wrote when it
// succeeds. failed is its error when that concerns only what fn is about; err
// is one that concerns everything: of the engine, of the store's own rows, or
// that nothing can be signed.
func (tx *Tx) confine(fn Command) (failed, err error) {
	inner, failed, err := tx.inside(&tx.gains, fn)
	if failed != nil && (inner.fault != nil || concernsAll(failed)) {
		return nil, failed
	}
	return failed, err
}

// concernsAll reports whether an error has a cause that is common to all
// subjects.
func concernsAll(err error) bool {
	common := []error{pay.ErrCannotSign, kv.ErrUnknown, kv.ErrClosed, kv.ErrNoSpace, kv.ErrTooBig}
	return slices.ContainsFunc(common, func(cause error) bool { return errors.Is(err, cause) })
}

// panicked is the error of a rule that panicked.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("the rule panicked: %v", p.value) }

// reactGuarded lets the role react to an input that brings no fact and does what
// follows. A panic of the role becomes an error: it must not end all the
// others' payments as well.
func (tx *Tx) reactGuarded(in pay.Input) error {
	if tx.s.opts.Reactor == nil {
		return nil
	}
	r, err := tx.guarded(in)
	if err != nil {
		return fmt.Errorf("react: %w", err)
	}
	return tx.Publish(r)
}

func (tx *Tx) guarded(in pay.Input) (r pay.Reaction, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicked{value, debug.Stack()}
		}
	}()
	return tx.s.opts.Reactor.React(tx, tx.Now(), in)
}

// asideText is an error as it is kept.
func asideText(err error) string {
	text := strings.ToValidUTF8(err.Error(), "?")
	return strings.ToValidUTF8(text[:min(len(text), asideTextMax)], "")
}

func asideNote(text string, subject pay.Subject, row asideRow, err error) note {
	args := []any{"subject", subject.String(), "due", row.due.String(), "tries", row.tries, "err", err}
	var p *panicked
	if errors.As(err, &p) {
		args = append(args, "stack", string(p.stack))
	}
	return note{slog.LevelError, text, args}
}
