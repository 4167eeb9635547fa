package paysync

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// applyInTurn hands items to the hub, one push after the other, without making
// the reader wait unless too many are ahead. Only the reader calls it.
func (c *serverConn) applyInTurn(e ApplyItems) error {
	select {
	case c.slots <- struct{}{}:
	case <-c.ctx.Done():
		return nil
	}
	before, done := c.turn, make(chan struct{})
	c.turn = done
	c.work.Go(func() {
		defer func() { <-c.slots }()
		defer close(done)
		if before != nil {
			<-before
		}
		// A push is never applied after one that was not.
		if c.ctx.Err() != nil {
			return
		}
		if err := c.apply(e); err != nil {
			c.end(err)
		}
	})
	return nil
}

func (c *serverConn) apply(e ApplyItems) error {
	applied, err := c.server.opts.Hub.Apply(c.ctx, c.node.ID(), e.Incarnation, e.Items)
	if err != nil {
		return fmt.Errorf("apply items %d to %d: %w", e.Items[0].N, e.Items[len(e.Items)-1].N, err)
	}
	c.out.seams.at(atBeforeAck)
	c.step(Applied{Applied: applied})
	c.out.seams.at(atAfterAck)
	return nil
}

// feed follows the node's scope and sends what is new, as far as the node keeps
// up. It is the only one to read the feed for this session.
func (c *serverConn) feed(scope pay.Scope) {
	changed, stop := c.server.opts.Hub.Watch(scope)
	defer stop()
	// The first ReadFeed is waiting already. It is served after Watch, so that
	// nothing falls between the two.
	for {
		select {
		case <-changed:
			c.step(Grown{})
		case <-c.feedKick:
			if err := c.readFeed(scope); err != nil {
				c.end(err)
				return
			}
		case <-c.ctx.Done():
			return
		}
	}
}

func (c *serverConn) readFeed(scope pay.Scope) error {
	c.mu.Lock()
	want := c.read
	c.read = nil
	c.mu.Unlock()
	if want == nil {
		return nil
	}
	facts, err := c.server.opts.Hub.Feed(c.ctx, scope, want.After, want.Limit)
	if err != nil {
		return fmt.Errorf("read feed: %w", err)
	}
	fed := Fed{Facts: fitting(facts), More: len(facts) == want.Limit}
	if len(fed.Facts) < len(facts) {
		fed.More = true
	}
	if n := len(fed.Facts); n > 0 {
		var ok bool
		if fed.Chain, ok, err = c.server.opts.Hub.ChainAt(c.ctx, scope, want.After+uint64(n)); err != nil || !ok {
			return fmt.Errorf("read chain at entry %d (known: %v): %w", want.After+uint64(n), ok, err)
		}
	}
	c.step(fed)
	return nil
}

// fitting returns the first of facts that make one frame, at least one.
func fitting(facts [][]byte) [][]byte {
	bytes := 0
	for i, raw := range facts {
		bytes += len(raw) + 3
		if i > 0 && bytes > pay.BatchBytesMax {
			return facts[:i]
		}
	}
	return facts
}

// enrol decides on a claim to become a node. The proof is bound to this very
// connection, so that one overheard elsewhere is worth nothing.
func (c *serverConn) enrol(m wire.Enrol) {
	own := orSupported(c.server.opts.Versions)
	if _, ok := own.Common(m.Versions()); !ok {
		c.end(upgradeError(m.Versions(), own))
		return
	}
	exporter, err := c.conn.Exporter()
	if err != nil {
		c.end(fmt.Errorf("export keying material: %w", err))
		return
	}
	member, err := c.server.opts.Hub.Enrol(c.ctx, pay.EnrolClaim{
		Invite: m.Invite, Proof: m.Proof, Exporter: exporter, Node: c.node, Role: m.Role, Name: m.Name,
	})
	if err != nil {
		c.end(fmt.Errorf("enrol node: %w", err))
		return
	}
	c.server.log.Info("sync: node enrolled", "node", c.node.ID().Short(), "role", string(member.Node.Role))
	err = c.out.send(c.ctx, wire.Enrolled{
		Node: member.Node, Authority: member.Authority.Raw(), Currency: member.Currency, Resolver: member.Resolver,
	})
	if err != nil {
		c.end(err)
	}
}
