package paysync

import (
	"maps"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

const (
	// rivalAnswers is how long a session may take to show that it lives, when
	// another process with the node's key connects. Chosen: many round trips, and
	// hardly noticed by a node that was killed and comes back.
	rivalAnswers = 1500 * time.Millisecond
	// RivalMemory is how long a process counts as there after it last tried to
	// connect. Chosen: several of the longest pauses between tries.
	RivalMemory = 2 * time.Minute
)

// Rivalry is that two processes with one node's key want to be connected.
type Rivalry struct {
	Since time.Time // when the second one was first noticed
	Last  time.Time // when it last tried
}

// rivals reports whether the session lives and belongs to another process than a
// newer one of the same node.
func (c *serverConn) rivals(newer *serverConn) bool {
	none := wire.Holder{}
	if c.holder == none || newer.holder == none || c.holder == newer.holder || c.aside.Load() {
		return false
	}
	return c.answers(newer)
}

// answers reports whether the node of the session answers a Poke in time.
func (c *serverConn) answers(newer *serverConn) bool {
	c.asked.Lock()
	defer c.asked.Unlock()
	select {
	case <-c.beat:
	default:
	}
	if c.out.send(c.ctx, wire.Poke{}) != nil {
		return false
	}
	select {
	case <-c.beat:
		return true
	case <-time.After(rivalAnswers):
	case <-c.ctx.Done():
	case <-newer.ctx.Done():
	}
	return false
}

// noteRival remembers a second process with the key of a node and tells the one
// that is connected.
func (s *Server) noteRival(connected *serverConn, id pay.NodeID) {
	now := time.Now()
	s.mu.Lock()
	r, known := s.rivals[id]
	if !known || now.Sub(r.Last) > RivalMemory {
		r = Rivalry{Since: now}
	}
	fresh := r.Last.IsZero()
	r.Last = now
	s.rivals[id] = r
	s.mu.Unlock()
	if fresh {
		s.log.Warn("sync: two processes with one key", "node", id.Short())
	}
	// One that cannot be told any more ends by itself.
	_ = connected.out.send(connected.ctx, wire.Rival{})
}

// Rivals returns the nodes of which a second process has tried to connect lately.
func (s *Server) Rivals() map[pay.NodeID]Rivalry {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.rivals, func(_ pay.NodeID, r Rivalry) bool { return now.Sub(r.Last) > RivalMemory })
	return maps.Clone(s.rivals)
}
