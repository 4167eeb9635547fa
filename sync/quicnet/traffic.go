package quicnet

import (
	"context"
	"sync"

	"github.com/quic-go/quic-go"
)

// Traffic is what went over the connections of a Listener, handshakes included. A
// packet that was sent again counts again.
type Traffic struct {
	PacketsSent, PacketsReceived uint64
	BytesSent, BytesReceived     uint64 // of the payload of UDP
}

func (t *Traffic) add(s quic.ConnectionStats) {
	t.PacketsSent += s.PacketsSent
	t.PacketsReceived += s.PacketsReceived
	t.BytesSent += s.BytesSent
	t.BytesReceived += s.BytesReceived
}

// traffic knows the connections that live, and the sum of those that have ended.
type traffic struct {
	mu   sync.Mutex
	live map[*quic.Conn]struct{}
	past Traffic
}

// follow counts a connection from now until it ends.
func (t *traffic) follow(q *quic.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.live == nil {
		t.live = map[*quic.Conn]struct{}{}
	}
	t.live[q] = struct{}{}
	context.AfterFunc(q.Context(), func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.live, q)
		t.past.add(q.ConnectionStats())
	})
}

// Traffic returns what went over all connections so far.
func (l *Listener) Traffic() Traffic {
	t := &l.traffic
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := t.past
	for q := range t.live {
		sum.add(q.ConnectionStats())
	}
	return sum
}
