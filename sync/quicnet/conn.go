package quicnet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/wire"
	"github.com/quic-go/quic-go"
)

const (
	// handshakeIdle bounds the silence during a handshake; quic-go gives up
	// after twice that in any case. Chosen: below the longest time of a try.
	handshakeIdle = 10 * time.Second
	// idleTimeout ends a connection in which nothing arrives. Chosen: above two
	// of the longest ping intervals, so that pings notice a silent peer first.
	idleTimeout = 60 * time.Second
)

// config returns what both sides have in common. The pings in the stream keep the
// connection alive: QUIC's own are so small that a registry that was restarted
// does not answer them with a stateless reset. A small connection sends no
// datagram above paysync.DatagramBytesMin; others look for what the path carries.
func config(streams int64, small bool) *quic.Config {
	return &quic.Config{
		InitialPacketSize:              paysync.DatagramBytesMin,
		DisablePathMTUDiscovery:        small,
		HandshakeIdleTimeout:           handshakeIdle,
		MaxIdleTimeout:                 idleTimeout,
		InitialStreamReceiveWindow:     pay.ReceiveWindowBytes,
		MaxStreamReceiveWindow:         pay.ReceiveWindowBytes,
		InitialConnectionReceiveWindow: pay.ReceiveWindowBytes,
		MaxConnectionReceiveWindow:     pay.ReceiveWindowBytes,
		MaxIncomingStreams:             streams,
		MaxIncomingUniStreams:          -1,
		// A completed stream is not followed by another one.
		RequireStreamCreditRelease: true,
	}
}

// conn is a paysync.Conn over QUIC.
type conn struct {
	quic      *quic.Conn
	peer      pay.PublicKey
	authority []byte
	open      func(context.Context) (*quic.Stream, error)
	small     bool   // no datagram is above paysync.DatagramBytesMin
	release   func() // frees what belongs to this connection alone
	silent    func() // notes that the peer answers no more

	mu     sync.Mutex
	stream *quic.Stream
	once   sync.Once
}

var _ paysync.Conn = (*conn)(nil)

var errNotOpen = errors.New("quicnet: the stream is not open")

// Open opens or awaits the stream. Its error is quic-go's, when ctx is done or
// the connection has ended.
func (c *conn) Open(ctx context.Context) error {
	stream, err := c.open(ctx)
	if err != nil {
		return fmt.Errorf("open stream: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stream = stream
	return nil
}

func (c *conn) opened() (*quic.Stream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stream == nil {
		return nil, errNotOpen
	}
	return c.stream, nil
}

// Read reads from the stream. Its errors wrap paysync.ErrNotUnderstood when the
// peer closed the connection with paysync.CloseProtocol.
func (c *conn) Read(p []byte) (int, error) {
	s, err := c.opened()
	if err != nil {
		return 0, err
	}
	n, err := s.Read(p)
	var closed *quic.ApplicationError
	if errors.As(err, &closed) && closed.Remote && closed.ErrorCode == quic.ApplicationErrorCode(paysync.CloseProtocol) {
		err = fmt.Errorf("read from stream: %w: %w", paysync.ErrNotUnderstood, err)
	}
	return n, err
}

// Write takes p at once when the peer's window has room for it, and otherwise
// waits until the write deadline. Its errors are quic-go's, and errNotOpen.
func (c *conn) Write(p []byte) (int, error) {
	s, err := c.opened()
	if err != nil {
		return 0, err
	}
	err = s.TryWriteAll(p)
	if errors.Is(err, quic.ErrWouldBlock) {
		return s.Write(p)
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// CloseWrite ends the stream in this direction. Its errors are as those of Write.
func (c *conn) CloseWrite() error {
	s, err := c.opened()
	if err != nil {
		return err
	}
	return s.Close()
}

// SetReadDeadline works as in net.Conn, and fails before Open.
func (c *conn) SetReadDeadline(t time.Time) error {
	s, err := c.opened()
	if err != nil {
		return err
	}
	return s.SetReadDeadline(t)
}

// SetWriteDeadline works as in net.Conn, and fails before Open.
func (c *conn) SetWriteDeadline(t time.Time) error {
	s, err := c.opened()
	if err != nil {
		return err
	}
	return s.SetWriteDeadline(t)
}

// Peer returns the peer's key, whose possession the handshake has verified.
func (c *conn) Peer() pay.PublicKey { return c.peer }

// Authority returns the registry's raw authority, nil at the registry.
func (c *conn) Authority() []byte { return c.authority }

// Exporter returns keying material of the TLS session. It fails with crypto/tls's
// error when the handshake is not complete.
func (c *conn) Exporter() ([]byte, error) {
	cs := c.quic.ConnectionState().TLS
	return cs.ExportKeyingMaterial(wire.ExporterLabel, nil, wire.ExporterBytes)
}

// Arrived returns how many of the peer's packets have arrived.
func (c *conn) Arrived() uint64 { return c.quic.ConnectionStats().PacketsReceived }

// Small reports whether this side sends no datagram above
// paysync.DatagramBytesMin.
func (c *conn) Small() bool { return c.small }

// Close ends the connection.
func (c *conn) Close(code paysync.CloseCode) {
	c.once.Do(func() {
		if code == paysync.CloseSilent && c.quic.Context().Err() == nil {
			c.silent()
		}
		// The only error is that the connection is closed already.
		_ = c.quic.CloseWithError(quic.ApplicationErrorCode(code), "")
		c.release()
	})
}
