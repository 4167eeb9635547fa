package paysync

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// ServerOptions are the options of a Server.
type ServerOptions struct {
	Listener  Listener
	Hub       Hub
	Authority []byte // raw authority fact of the working key
	// PingEvery is the ping interval for nodes; 0: by the number of nodes.
	PingEvery pay.Millis
	Versions  wire.Versions // of the protocol; zero: wire.Supported
	Log       *slog.Logger  // nil: nothing is logged
	// Settled is called, if it is not nil, when many nodes have connected since the
	// last time and no other one for a moment.
	Settled func()
	Seams   Seams
}

// Server serves the nodes of a registry.
type Server struct {
	opts ServerOptions
	log  *slog.Logger

	mu    sync.Mutex
	nodes map[pay.NodeID]*serverConn
	// outdated holds the members that last came without a common version.
	outdated map[pay.NodeID]bool
	rivals   map[pay.NodeID]Rivalry
	joined   int         // since Settled was called
	settle   *time.Timer // calls it; nil: too few have joined
}

const (
	// acceptLoops is how many goroutines accept connections. Chosen: enough to
	// keep the transport's queue of 32 finished handshakes from filling up.
	acceptLoops = 16
	// strangersMax bounds the connections that have sent no first message yet.
	// Chosen: each may hold pay.ReceiveWindowBytes for greetingTimeout.
	strangersMax = 1_024
	// settledNodes is how many nodes have to connect before Settled is called, and
	// settledAfter how long after the last. Chosen: what fewer leave behind is not
	// worth the call; a crowd that comes back does so within a few seconds.
	settledNodes = 100
	settledAfter = time.Second
)

// NewServer returns a server that does nothing until Run.
func NewServer(o ServerOptions) *Server {
	return &Server{opts: o, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), nodes: map[pay.NodeID]*serverConn{}, outdated: map[pay.NodeID]bool{}, rivals: map[pay.NodeID]Rivalry{}}
}

// Run serves until ctx is done, and returns nil then, or until the listener
// fails, and returns its error. When it returns, all its connections are closed.
// The listener stays open: it belongs to the caller.
func (s *Server) Run(parent context.Context) error {
	ctx, stop := context.WithCancelCause(parent)
	defer stop(nil)
	var conns, loops sync.WaitGroup
	strangers := make(chan struct{}, strangersMax)
	for range acceptLoops {
		loops.Go(func() {
			for {
				conn, err := s.opts.Listener.Accept(ctx)
				if err != nil {
					stop(fmt.Errorf("accept: %w", err))
					return
				}
				s.admit(ctx, conn, strangers, &conns)
			}
		})
	}
	loops.Wait()
	conns.Wait()
	s.mu.Lock()
	if s.settle != nil {
		s.settle.Stop()
	}
	s.mu.Unlock()
	if parent.Err() != nil {
		return nil
	}
	return context.Cause(ctx)
}

// admit starts serving a connection unless too many strangers are waiting.
func (s *Server) admit(ctx context.Context, conn Conn, strangers chan struct{}, conns *sync.WaitGroup) {
	select {
	case strangers <- struct{}{}:
	default:
		conns.Go(func() { conn.Close(CloseBusy) })
		return
	}
	conns.Go(func() {
		c := newServerConn(s, conn)
		first, err := c.greet(ctx)
		<-strangers
		if err != nil {
			s.log.Debug("sync: stranger left", "error", err)
			conn.Close(CloseDone)
			return
		}
		end := c.begin(ctx)
		c.answer(first)
		// Answering has made the stack of this goroutine large. What follows is mostly
		// waiting, so another one does it.
		conns.Go(func() {
			defer conn.Close(CloseDone)
			defer end()
			c.readOn()
			c.finish()
		})
	})
}

// Disconnect ends the session of a node that was revoked, if it has one, with a
// Bye that says so.
func (s *Server) Disconnect(revoked pay.NodeStatus) {
	s.mu.Lock()
	c := s.nodes[revoked.Node.ID()]
	s.mu.Unlock()
	if c != nil {
		c.stop(revokedError(revoked))
	}
}

// Nodes returns how many nodes are connected.
func (s *Server) Nodes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.nodes)
}

// Clocks returns what the clocks of the connected nodes show now, of those that
// said.
func (s *Server) Clocks() map[pay.NodeID]pay.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	clocks := make(map[pay.NodeID]pay.Time, len(s.nodes))
	for id, c := range s.nodes {
		if c.clock != 0 {
			clocks[id] = c.clock.Add(pay.MillisOf(time.Since(c.clockAt)))
		}
	}
	return clocks
}

// Connected reports whether a node has a session.
func (s *Server) Connected(node pay.NodeID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nodes[node] != nil
}

// join enters a session for its node, replacing an older one. It returns true and
// enters nothing when another process with the node's key has a session and
// answers.
func (s *Server) join(c *serverConn) (rival bool) {
	id := c.node.ID()
	for {
		s.mu.Lock()
		old := s.nodes[id]
		s.mu.Unlock()
		if old != nil && old.rivals(c) {
			s.noteRival(old, id)
			return true
		}
		s.mu.Lock()
		if s.nodes[id] != old && s.nodes[id] != nil {
			s.mu.Unlock()
			continue
		}
		s.nodes[id] = c
		s.noteJoined()
		s.mu.Unlock()
		if old != nil {
			old.stop(pay.NewError(pay.CodeInUse, "a newer connection of the same node took over", "if the node runs once only, this heals by itself; else stop the other one"))
		}
		return false
	}
}

// noteJoined has Settled called when enough nodes have connected. s.mu is held.
func (s *Server) noteJoined() {
	if s.joined++; s.joined < settledNodes || s.opts.Settled == nil {
		return
	}
	if s.settle != nil && s.settle.Stop() {
		s.settle.Reset(settledAfter)
		return
	}
	s.settle = time.AfterFunc(settledAfter, func() {
		s.mu.Lock()
		s.joined = 0
		s.mu.Unlock()
		s.opts.Settled()
	})
}

func (s *Server) leave(c *serverConn) {
	id := c.node.ID()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nodes[id] == c {
		delete(s.nodes, id)
	}
}

// noteVersion logs that a member has no version in common with the registry, once
// until it is served again: it will dial every half minute.
func (s *Server) noteVersion(id pay.NodeID, end error) {
	outdated := pay.CodeOf(end) == pay.CodeUpgrade
	if end != nil && !outdated {
		return
	}
	s.mu.Lock()
	before := s.outdated[id]
	if outdated {
		s.outdated[id] = true
	} else {
		delete(s.outdated, id)
	}
	s.mu.Unlock()
	if outdated && !before {
		s.log.Warn("sync: a node is not served until it or the registry is upgraded", "node", id.Short(), "error", end)
	}
}

func (s *Server) pingEvery() pay.Millis {
	return cmp.Or(s.opts.PingEvery, pingEveryFor(s.Nodes()))
}

// pingEveryFor returns the ping interval for a number of nodes. Chosen: few nodes
// notice a dead registry within four seconds, and 20,000 send 800 pings a second.
func pingEveryFor(nodes int) pay.Millis {
	switch {
	case nodes <= 500:
		return pay.MillisOf(2 * time.Second)
	case nodes <= 2_000:
		return pay.MillisOf(5 * time.Second)
	default:
		return pay.MillisOf(25 * time.Second)
	}
}
