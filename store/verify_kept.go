package store

import (
	"encoding/binary"

	"github.com/paybeacon/paybeacon/pay"
)

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
	if len(key) != lineEnd+seqBytes {
		return damaged(key, "applied items")
	}
	node, line := pay.NodeID(key[1:]), pay.Incarnation(key[1+idBytes:lineEnd])
	r, ok := decodeKept(binary.BigEndian.Uint64(key[lineEnd:]), value)
	if !ok {
		return damaged(key, "applied items")
	}
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
