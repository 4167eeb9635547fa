package paysync

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// applyInTurn applies the items of one push after those of the push before, in a
// goroutine of its own. It waits while applyAhead pushes, or applyAheadBytes, are
// under way. Only the reader calls it.
func (c *serverConn) applyInTurn(e ApplyItems) {
	size := min(sizeOf(e.Items), applyAheadBytes)
	if c.room.Acquire(c.ctx, size) != nil {
		return
	}
	select {
	case c.slots <- struct{}{}:
	case <-c.ctx.Done():
		c.room.Release(size)
		return
	}
	before, done := c.turn, make(chan struct{})
	c.turn = done
	c.work.Go(func() {
		defer c.room.Release(size)
		defer func() { <-c.slots }()
		defer close(done)
		if before != nil {
			<-before
		}
		// A push is never applied after one that was not.
		if c.ctx.Err() != nil {
			return
		}
		c.carryOut(e)
	})
}

// sizeOf returns how many bytes the facts of items have.
func sizeOf(items []pay.Item) (n int64) {
	for _, it := range items {
		for _, f := range it.Facts {
			n += int64(len(f.Raw()))
		}
	}
	return n
}

// followFeed follows the node's scope and sends what is new, as far as the node
// keeps up. Beside it, whoever has applied items sends what came of them.
func (c *serverConn) followFeed(scope pay.Scope) {
	grown, stop := c.server.opts.Hub.Watch(scope)
	defer stop()
	// The first ReadFeed is waiting already. It is served after Watch, so that
	// nothing falls between the two.
	follow(&c.line, &c.reads, grown, func(seq uint64) Event { return Grown{Seq: seq} })
}

// enrol decides on a claim to become a node. The proof is bound to this
// connection, so that one of another connection is worth nothing.
func (c *serverConn) enrol(m wire.Enrol) {
	own := orSupported(c.server.opts.Versions)
	if _, ok := own.Common(m.Versions()); !ok {
		c.stop(upgradeError(m.Versions(), own))
		return
	}
	exporter, err := c.conn.Exporter()
	if err != nil {
		c.stop(fmt.Errorf("export keying material: %w", err))
		return
	}
	member, err := c.server.opts.Hub.Enrol(c.ctx, pay.EnrolClaim{
		Invite: m.Invite, Proof: m.Proof, Exporter: exporter, Node: c.node, Role: m.Role, Name: m.Name,
	})
	if err != nil {
		c.stop(fmt.Errorf("enrol node: %w", err))
		return
	}
	c.server.log.Info("sync: node enrolled", "node", c.node.ID().Short(), "role", string(member.Node.Role))
	err = c.out.send(c.ctx, wire.Enrolled{
		Node: member.Node, Authority: member.Authority.Raw(), Currency: member.Currency, Resolver: member.Resolver,
	})
	if err != nil {
		c.stop(err)
	}
}
