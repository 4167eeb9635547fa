package paysync

import (
	"cmp"
	"fmt"
	"sync"

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

// feedWork is what a session has still to do with its feed. There is a goroutine for
// it only while there is something to do: most of what is connected is idle.
type feedWork struct {
	mu    sync.Mutex
	read  Effect     // nil: none; the session asks for no other meanwhile
	grown uint64     // the feed's last entry, if it has grown; else 0
	under bool       // a goroutine is at it
	turn  sync.Mutex // held while a read is carried out, with all that comes of it
}

// inTurn runs fn, which carries out a read: what is sent because of it has left before
// the next is carried out, by whichever goroutine.
func (f *feedWork) inTurn(fn func()) {
	f.turn.Lock()
	defer f.turn.Unlock()
	fn()
}

// readFeed has the feed read, and feedGrew the session told that it has grown. Neither
// waits.
func (c *serverConn) readFeed(e Effect) {
	c.workOnFeed(func(f *feedWork) { f.read = e })
}

func (c *serverConn) feedGrew(end uint64) { c.workOnFeed(func(f *feedWork) { f.grown = end }) }

func (c *serverConn) workOnFeed(note func(*feedWork)) {
	c.feed.mu.Lock()
	defer c.feed.mu.Unlock()
	note(&c.feed)
	if !c.feed.under {
		c.feed.under = true
		c.work.Go(c.followFeed)
	}
}

// followFeed reads the feed and sends what is new, as far as the node keeps up, until
// nothing is left to do. Beside it, whoever has applied items sends what came of them.
func (c *serverConn) followFeed() {
	for {
		c.feed.mu.Lock()
		read, grown := c.feed.read, c.feed.grown
		c.feed.read, c.feed.grown = nil, 0
		if c.feed.under = (read != nil || grown > 0) && c.ctx.Err() == nil; !c.feed.under {
			c.feed.mu.Unlock()
			return
		}
		c.feed.mu.Unlock()
		if grown > 0 {
			c.step(Grown{Seq: grown})
		}
		if read != nil {
			c.feed.inTurn(func() { c.carryOut(read) })
		}
	}
}

// enrol decides on a claim to become a node. The proof is bound to this
// connection, so that one of another connection is worth nothing.
func (c *serverConn) enrol(m wire.Enrol) error {
	own := cmp.Or(c.server.opts.Versions, wire.Supported())
	if _, ok := own.Common(m.Versions()); !ok {
		return upgradeError(m.Versions(), own)
	}
	exporter, err := c.conn.Exporter()
	if err != nil {
		return fmt.Errorf("export keying material: %w", err)
	}
	member, err := c.server.opts.Hub.Enrol(c.ctx, pay.EnrolClaim{
		Invite: m.Invite, Proof: m.Proof, Exporter: exporter, Node: c.node, Role: m.Role, Name: m.Name,
	})
	if err != nil {
		return fmt.Errorf("enrol node: %w", err)
	}
	c.server.log.Info("sync: node enrolled", "node", c.node.ID().Short(), "role", string(member.Node.Role))
	return c.out.send(c.ctx, wire.Enrolled{
		Node: member.Node, Authority: member.Authority.Raw(), Currency: member.Currency, Resolver: member.Resolver,
	})
}
