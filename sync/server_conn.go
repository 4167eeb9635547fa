package paysync

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// How many pushes of one node are applied or wait for it, for a long time when the
// registry's clock is in doubt. Beyond that the node is not read any more, and so
// gets no Pong. Chosen: more than a node sends without an acknowledgement, which is
// two frames and pay.PushWindowItems items, and a few frames of memory.
const (
	applyAhead      = pay.PushWindowItems
	applyAheadBytes = 4 * pay.FrameBytesMax
)

// serverConn carries out the effects of one ServerSession. An idle session has
// one goroutine, which reads. While the feed is read and sent there is another one,
// and while pushes are applied one for each, so that a Ping is answered meanwhile.
type serverConn struct {
	line[*ServerSession, RegistryEffects]
	server *Server
	node   pay.PublicKey
	holder wire.Holder
	once   bool          // it enrolled, and nothing follows
	aside  atomic.Bool   // it was welcomed and is served nothing
	beat   chan struct{} // has a token when a message came
	asked  sync.Mutex    // held while somebody waits for a beat

	feed        feedWork
	unwatch     func()              // ends that the feed is watched; nil: it is not
	interrupted chan struct{}       // closed when the end of ctx has stopped the reader
	slots       chan struct{}       // held by pushes that wait or are applied
	room        *semaphore.Weighted // the bytes of those

	clock   pay.Time // what the node's clock showed at clockAt; 0 if it did not say
	clockAt time.Time
	turn    <-chan struct{} // closed when the push before is done; used by serve only
	work    sync.WaitGroup
}

func newServerConn(s *Server, conn Conn) *serverConn {
	node := conn.Peer()
	effects := RegistryEffects{Hub: s.opts.Hub, Node: node.ID(), PingEvery: s.pingEvery, Authority: s.opts.Authority}
	c := &serverConn{
		line:   newLine(conn, s.opts.Seams, NewServerSession(s.opts.Versions), effects),
		server: s, node: node, beat: make(chan struct{}, 1), interrupted: make(chan struct{}), slots: make(chan struct{}, applyAhead),
		room: semaphore.NewWeighted(applyAheadBytes),
	}
	c.do, c.plain = c.carry, func(m wire.Message) bool { _, welcome := m.(wire.Welcome); return !welcome }
	return c
}

// greet returns a stranger's first message. Its errors are those of the
// connection and of wire.Reader.Next.
func (c *serverConn) greet(ctx context.Context) (wire.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, greetingTimeout)
	defer cancel()
	if err := c.conn.Open(ctx); err != nil {
		return nil, fmt.Errorf("await stream: %w", err)
	}
	defer context.AfterFunc(ctx, func() { c.interrupt() })()
	m, err := c.in.next()
	if errors.Is(err, wire.ErrMalformed) {
		c.conn.Close(CloseProtocol)
	}
	return m, err
}

// interrupt makes a blocked read return, now or as soon as it begins.
func (c *serverConn) interrupt() {
	// A connection that refuses a deadline is closed, which unblocks as well.
	_ = c.conn.SetReadDeadline(time.Now())
}

// begin starts the session, and returns what ends it.
func (c *serverConn) begin(ctx context.Context) (end func()) {
	c.line.begin(ctx)
	// A server that shuts down waits for no node.
	alone := context.AfterFunc(ctx, func() { c.conn.Close(CloseDone) })
	wake := context.AfterFunc(c.ctx, func() {
		c.interrupt()
		close(c.interrupted)
	})
	return func() {
		wake()
		alone()
		c.server.leave(c)
		c.stop(nil)
	}
}

// answer answers the first message. After a Hello the session goes on.
func (c *serverConn) answer(first wire.Message) {
	switch m := first.(type) {
	case wire.Enrol:
		c.once = true
		if err := c.enrol(m); err != nil {
			c.stop(err)
		}
	case wire.Hello:
		c.holder, c.clock, c.clockAt = m.Holder, m.Clock, time.Now()
		c.store.Rival = c.server.join(c)
		c.step(Received{Message: m})
	default:
		c.stop(protocolError(fmt.Sprintf("%T as the first message", first)).Err)
	}
}

// peerGone is the cause of an end that the peer or the network brought about: no
// Bye can reach the peer.
type peerGone struct{ err error }

func (e peerGone) Error() string { return e.err.Error() }
func (e peerGone) Unwrap() error { return e.err }

// part sends Bye with the cause, when this side ended the session, and gives it a
// moment to arrive.
func (c *serverConn) part() {
	cause := context.Cause(c.ctx)
	if cause != nil {
		<-c.interrupted
		c.server.log.Debug("sync: session ended", "node", c.node.ID().Short(), "cause", cause)
		var gone peerGone
		if errors.As(cause, &gone) || c.out.send(c.ctx, wire.ByeFor(cause)) != nil {
			return
		}
	}
	if c.conn.CloseWrite() != nil {
		return
	}
	c.linger()
	if pay.CodeOf(cause) == pay.CodeBadFact {
		c.conn.Close(CloseProtocol)
	}
}

// linger reads and drops what comes until the node closes its side, so that
// closing the connection does not overtake what was sent last.
func (c *serverConn) linger() {
	if c.conn.SetReadDeadline(time.Now().Add(partingTimeout)) != nil {
		return
	}
	var sink [1 << 10]byte
	for {
		if _, err := c.conn.Read(sink[:]); err != nil {
			return
		}
	}
}

// finish waits until nothing is done for the session any more, and parts.
func (c *serverConn) finish() {
	if c.unwatch != nil {
		c.unwatch()
	}
	c.work.Wait()
	c.part()
}

// readOn reads until the session ends.
func (c *serverConn) readOn() {
	for c.ctx.Err() == nil && !c.once {
		m, err := c.in.next()
		if err != nil {
			c.stop(asBadInput(err))
			return
		}
		kick(c.beat)
		event, err := c.opened(m)
		if err != nil {
			c.stop(err)
			return
		}
		c.step(event)
	}
}

// opened returns the event that a message is, after its signatures were verified.
func (c *serverConn) opened(m wire.Message) (Event, error) {
	switch m := m.(type) {
	case wire.Push:
		return OpenPush(c.node, m)
	case wire.Urgent:
		return OpenUrgent(c.node, m)
	case wire.Ping:
		return Pinged{Nonce: m.Nonce, PingEvery: c.server.pingEvery()}, nil
	default:
		return Received{Message: m}, nil
	}
}

// asBadInput returns the error for the node when a message could not be parsed,
// and peerGone when the stream failed.
func asBadInput(err error) error {
	if !errors.Is(err, wire.ErrMalformed) {
		return peerGone{fmt.Errorf("read from node: %w", err)}
	}
	e := protocolError("a message that cannot be read").Err
	e.Err = err
	return e
}

// carry carries out what needs no other goroutine, in the one that stepped.
func (c *serverConn) carry(effect Effect) error {
	switch e := effect.(type) {
	case Send:
		if w, ok := e.Message.(wire.Welcome); ok {
			return c.welcome(w)
		}
		return c.out.send(c.ctx, e.Message)
	case ReadFeed:
		if e.Here {
			c.feed.inTurn(func() { c.carryOut(e) })
		} else {
			c.readFeed(e)
		}
	case ApplyItems:
		c.applyInTurn(e)
	case End:
		c.server.noteVersion(c.node.ID(), e.Err)
		return e.Err
	default:
		c.carryOut(effect)
	}
	return nil
}

// welcome sends the Welcome and, when the session goes on, starts the feed. The
// entries follow without waiting for anything from the node.
func (c *serverConn) welcome(w wire.Welcome) error {
	live := c.session.phase == phaseLive
	c.aside.Store(!live)
	if err := c.out.send(c.ctx, w); err != nil || !live {
		return err
	}
	c.server.noteVersion(c.node.ID(), nil)
	c.in.SetLimit(pay.FrameBytesMax)
	// The first ReadFeed comes after it, so that nothing falls between the two.
	c.unwatch = c.server.opts.Hub.Watch(c.session.scope, c.feedGrew)
	return nil
}
