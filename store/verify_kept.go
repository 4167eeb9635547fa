package store

import (
	"encoding/binary"

	"github.com/paybeacon/paybeacon/pay"
)

// appliedRow checks how far a node's outbox was applied: the last item is kept,
// unless a program of format 2 has applied it.
func (a *audit) appliedRow(key, value []byte) error {
	row, ok := decodeApplied(value)
	if !ok || len(key) != 1+idBytes {
		return damaged(key, "applied number")
	}
	chain, _, kept, err := a.v.kept(pay.NodeID(key[1:]), row.line, row.n)
	if err != nil {
		return err
	}
	if chain != row.chain || !kept && row.chain != (pay.Chain{}) {
		return finding("node %s: the last applied outbox item, %d, is not the one that is kept", pay.NodeID(key[1:]).Short(), row.n)
	}
	return nil
}

// keptRow checks an applied item: its chain follows that of the item before it, or
// begins there.
func (a *audit) keptRow(key, value []byte) error {
	chain, ids, ok := decodeKept(value)
	const lineEnd = 1 + idBytes + 8
	if !ok || len(key) != lineEnd+seqBytes {
		return damaged(key, "applied item")
	}
	node, line, n := pay.NodeID(key[1:]), pay.Incarnation(key[1+idBytes:lineEnd]), binary.BigEndian.Uint64(key[lineEnd:])
	before, _, _, err := a.v.kept(node, line, n-1)
	if err != nil {
		return err
	}
	if before.Follow(ids) != chain {
		return finding("node %s: the chain at outbox item %d does not follow", node.Short(), n)
	}
	row, ok, err := a.v.applied(node)
	switch {
	case err != nil:
		return err
	case !ok || row.line == line && n > row.n:
		return finding("node %s: outbox item %d is kept and was not applied", node.Short(), n)
	}
	return nil
}
