package store

import (
	"encoding/binary"

	"github.com/paybeacon/paybeacon/pay"
)

// logRow checks that the log has no gap.
func (a *audit) logRow(key, value []byte) error {
	r, err := runAt(key, value, 1, "rows of the log", decodeLog)
	if err != nil {
		return err
	}
	return a.logRun(r)
}

func (a *audit) logRun(r run) error {
	if want := a.logged + 1; r.first() != want {
		a.logged = r.last // the next row is judged by itself
		return finding("log: row %d came where row %d should be", r.first(), want)
	}
	a.logged = r.last
	return r.each(0, func(_ uint64, item []byte, _ pay.Chain) error {
		a.standing.logged(pay.FactID(item))
		return nil
	})
}

// effect checks an effect's form and number, and that a result waits only for a
// subject that is set aside.
func (a *audit) effect(key, value []byte) error {
	row, ok := decodeEffect(value)
	if !ok || len(key) != 1+seqBytes {
		return damaged(key, "effect")
	}
	a.effects++
	n := binary.BigEndian.Uint64(key[1:])
	if n == 0 || n > a.numbers.asked {
		return finding("effect %d is outside 1..%d", n, a.numbers.asked)
	}
	waits, err := a.v.SetAside(row.Effect.Subject)
	if err == nil && row.Done && !waits {
		err = finding("effect %d has a result, and its subject %s is not set aside", n, row.Effect.Subject.Short())
	}
	return err
}

func (a *audit) endNumbers() error {
	if len(a.numbers.log.items) > 0 {
		a.blame(a.logRun(a.numbers.log))
	}
	if a.logged != a.numbers.log.last {
		return finding("the log ends at row %d and should at row %d", a.logged, a.numbers.log.last)
	}
	if a.effects != a.numbers.open {
		return finding("%d effects are there and %d should be", a.effects, a.numbers.open)
	}
	return nil
}

// asideWalk is a subject that is set aside, and the number that what waits of it
// has next.
type asideWalk struct {
	subject pay.Subject
	row     asideRow
	n       uint32
}

// asideRow checks the row of a subject, or one of the rows of what waits of it,
// which follow.
func (a *audit) asideRow(key, value []byte) error {
	subject, ok := splitAsideKey(key)
	if !ok {
		return damaged(key, "subject set aside")
	}
	if len(key) == asideItemBytes {
		return a.asideItem(subject, binary.BigEndian.Uint32(key[asideBytes:]), value)
	}
	a.blame(a.endAside())
	row, ok := decodeAside(value)
	if !ok {
		return damaged(key, "subject set aside")
	}
	a.aside = asideWalk{subject, row, row.first}
	return nil
}

func (a *audit) asideItem(subject pay.Subject, n uint32, value []byte) error {
	w := &a.aside
	if w.subject != subject || w.n != n {
		return finding("subject %s: number %d waits and is not counted", subject.Short(), n)
	}
	w.n++
	d, ok := decodeDue(value)
	if !ok {
		return damaged(asideItemKey(nil, subject, n), "that which waits")
	}
	if d.effect == 0 {
		return nil
	}
	row, _, err := a.v.effect(d.effect)
	if err == nil && (!row.Done || row.Effect.Subject != subject) {
		err = finding("subject %s: the result of effect %d waits and is missing", subject.Short(), d.effect)
	}
	return err
}

func (a *audit) endAside() error {
	w := a.aside
	a.aside = asideWalk{}
	if w.n != w.row.next {
		return finding("subject %s: what waits ends before number %d, and %d should be there", w.subject.Short(), w.n, w.row.next-w.row.first)
	}
	return nil
}

// appliedRow checks how far a node's outbox was applied: the items that the row holds
// follow those before them, and the last of all is kept, unless a program of format 2
// has applied it.
func (a *audit) appliedRow(key, value []byte) error {
	row, ok := decodeApplied(value)
	if !ok || len(key) != 1+idBytes {
		return damaged(key, "applied number")
	}
	node := pay.NodeID(key[1:])
	before, err := a.keptUpTo(node, row, row.tail.first()-1)
	if err != nil {
		return err
	}
	if before != row.tail.chain || row.tail.chainAt(row.n) != row.chain {
		return finding("node %s: the last applied outbox item, %d, is not the one that is kept", node.Short(), row.n)
	}
	return nil
}

// keptUpTo returns the chain after an applied item that has a row, zero when none has.
func (a *audit) keptUpTo(node pay.NodeID, row appliedRow, n uint64) (chain pay.Chain, err error) {
	row.tail = run{}
	r, ok, err := a.v.find(row.kept(node), n)
	if err != nil || !ok {
		return chain, err
	}
	return r.chainAt(n), nil
}

// keptLine is where the walk over applied items is.
type keptLine struct {
	node  pay.NodeID
	line  pay.Incarnation
	last  uint64
	chain pay.Chain // after item last
}

// keptRow checks applied items: their chain follows that of the item before them, or
// begins there.
func (a *audit) keptRow(key, value []byte) error {
	const lineEnd = 1 + idBytes + 8
	r, err := runAt(key, value, lineEnd, "applied items", decodeKept)
	if err != nil {
		return err
	}
	node, line := pay.NodeID(key[1:]), pay.Incarnation(key[1+idBytes:lineEnd])
	at := keptLine{node: node, line: line, last: r.last}
	before := at.chain
	if a.kept.node == node && a.kept.line == line && a.kept.last == r.first()-1 {
		before = a.kept.chain
	}
	if at.chain = r.chainAt(r.last); r.fixed {
		before = before.Follow(r.facts(r.last))
	}
	if a.kept = at; before != r.chain {
		return finding("node %s: the chain at outbox item %d does not follow", node.Short(), r.first())
	}
	row, ok, err := a.v.applied(node)
	switch {
	case err != nil:
		return err
	case !ok || row.line == line && r.last >= row.tail.first():
		return finding("node %s: outbox item %d is kept and was not applied", node.Short(), r.last)
	}
	return nil
}
