package node

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
)

// costNet is a network in memory for a bubble of synctest, in which what is sent
// arrives after costLatency, on each connection a little later than on the one before:
// so nothing happens at the same moment, and a run can be repeated. It counts what is sent: frames, bytes, and packets, which
// carry what one side sends at the same moment.
type costNet struct {
	authority []byte
	working   pay.PublicKey
	accept    chan paysync.Conn

	mu                     sync.Mutex
	conns                  int
	frames, packets, bytes int
	kinds                  [256]int // of frames
}

const (
	// costLatency is how long a datagram takes. Chosen: as on a local network.
	costLatency = 100 * time.Microsecond
	// costApart keeps what happens at two places apart. Chosen: short beside all else.
	costApart = 1_370 * time.Nanosecond
)

func newCostNet(authority pay.Fact, working pay.PublicKey) *costNet {
	return &costNet{authority: authority.Raw(), working: working, accept: make(chan paysync.Conn)}
}

func (n *costNet) Dial(ctx context.Context, _ string, _ pay.NodeID, key pay.Key) (paysync.Conn, error) {
	n.mu.Lock()
	n.conns++
	late := time.Duration(n.conns) * costApart
	n.mu.Unlock()
	up, down := newCostPipe(n, costLatency+late), newCostPipe(n, costLatency+2*late)
	far := &costConn{in: up, out: down, peer: key.Public()}
	near := &costConn{in: down, out: up, peer: n.working, authority: n.authority}
	select {
	case n.accept <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (n *costNet) Accept(ctx context.Context) (paysync.Conn, error) {
	select {
	case c := <-n.accept:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// count counts what one side writes; before are the bytes that it wrote at the same
// moment.
func (n *costNet) count(p []byte, before int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	packets := func(bytes int) int { return (bytes + paysync.DatagramBytesMin - 1) / paysync.DatagramBytesMin }
	n.packets += packets(before+len(p)) - packets(before)
	n.bytes += len(p)
	for len(p) > 4 {
		n.frames++
		n.kinds[p[4]]++
		p = p[4+binary.BigEndian.Uint32(p):]
	}
}

// costPipe carries one direction of a connection.
type costPipe struct {
	net  *costNet
	late time.Duration
	kick chan struct{} // has a token when something changed

	mu       sync.Mutex
	waiting  []costChunk
	arrived  uint64
	ended    bool
	deadline time.Time
	sentAt   time.Time
	sent     int // bytes at sentAt
}

type costChunk struct {
	at time.Time
	p  []byte
}

func newCostPipe(n *costNet, late time.Duration) *costPipe {
	return &costPipe{net: n, late: late, kick: make(chan struct{}, 1)}
}

func (c *costPipe) change(f func()) {
	c.mu.Lock()
	f()
	c.mu.Unlock()
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

func (c *costPipe) write(p []byte) (err error) {
	c.change(func() {
		if c.ended {
			err = net.ErrClosed
			return
		}
		now := time.Now()
		if now != c.sentAt {
			c.sentAt, c.sent = now, 0
		}
		c.net.count(p, c.sent)
		c.sent += len(p)
		c.waiting = append(c.waiting, costChunk{now.Add(c.late), append([]byte(nil), p...)})
	})
	return err
}

func (c *costPipe) read(p []byte) (int, error) {
	for {
		n, wait, err := c.take(p)
		if n > 0 || err != nil {
			return n, err
		}
		var due <-chan time.Time
		if wait > 0 {
			due = time.After(wait)
		}
		select {
		case <-due:
		case <-c.kick:
		}
	}
}

// take returns what has arrived, or for how long nothing will; 0 means that nobody
// knows.
func (c *costPipe) take(p []byte) (n int, wait time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if !c.deadline.IsZero() && !now.Before(c.deadline) {
		return 0, 0, os.ErrDeadlineExceeded
	}
	if len(c.waiting) > 0 {
		if first := &c.waiting[0]; !now.Before(first.at) {
			n = copy(p, first.p)
			if first.p = first.p[n:]; len(first.p) == 0 {
				c.waiting = c.waiting[1:]
				c.arrived++
			}
			return n, 0, nil
		}
		wait = c.waiting[0].at.Sub(now)
	} else if c.ended {
		return 0, 0, io.EOF
	}
	if !c.deadline.IsZero() && (wait == 0 || c.deadline.Sub(now) < wait) {
		wait = c.deadline.Sub(now)
	}
	return 0, wait, nil
}

// costConn is one end of a connection.
type costConn struct {
	in, out   *costPipe
	peer      pay.PublicKey
	authority []byte
}

func (*costConn) Open(context.Context) error       { return nil }
func (c *costConn) Read(p []byte) (int, error)     { return c.in.read(p) }
func (c *costConn) Write(p []byte) (int, error)    { return len(p), c.out.write(p) }
func (c *costConn) CloseWrite() error              { c.out.change(func() { c.out.ended = true }); return nil }
func (*costConn) SetWriteDeadline(time.Time) error { return nil }
func (c *costConn) Peer() pay.PublicKey            { return c.peer }
func (c *costConn) Authority() []byte              { return c.authority }
func (*costConn) Exporter() ([]byte, error)        { return []byte("one bubble"), nil }
func (*costConn) Small() bool                      { return false }
func (c *costConn) SetReadDeadline(t time.Time) error {
	c.in.change(func() { c.in.deadline = t })
	return nil
}

func (c *costConn) Arrived() uint64 {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	return c.in.arrived
}

func (c *costConn) Close(paysync.CloseCode) {
	for _, p := range []*costPipe{c.in, c.out} {
		p.change(func() { p.ended = true })
	}
}
