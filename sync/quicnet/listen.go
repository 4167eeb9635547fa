package quicnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/quic-go/quic-go"
	"golang.org/x/time/rate"
)

// ListenOptions are the options of Listen.
type ListenOptions struct {
	Socket    net.PacketConn // closed by Listener.Close
	Key       pay.Key        // the registry's working key
	Authority []byte         // raw authority fact that names Key
	// ResetKey and TokenKey are random secrets that stay the same across restarts.
	// With them, nodes notice a restarted registry at their next ping. A nil
	// ResetKey means no stateless resets, a nil TokenKey a new key for each start.
	ResetKey, TokenKey *[32]byte
	// ConnectionsMax bounds connections, handshakes included; 0: 20,000.
	ConnectionsMax int
	// HandshakesPerSecond is how fast handshakes may come before peers have to
	// validate their address first; 0: 500.
	HandshakesPerSecond int
}

const (
	// connectionsDefault is the default of ConnectionsMax. Chosen: the number of
	// nodes that one registry is meant for.
	connectionsDefault = 20_000
	// handshakesDefault is the default of HandshakesPerSecond. Chosen: bounds the
	// signatures that packets with made-up addresses can cause; above it an honest
	// node waits one more round trip.
	handshakesDefault = 500
)

// Listener accepts nodes. Any number of goroutines may call Accept.
type Listener struct {
	socket    net.PacketConn
	transport *quic.Transport
	listener  *quic.Listener
	paths     *Paths
	traffic   traffic
}

var _ paysync.Listener = (*Listener)(nil)

var errFull = errors.New("quicnet: too many connections")

// Listen starts to listen. The caller closes the Listener. Its errors are those
// of making the certificate and of quic-go.
func Listen(o ListenOptions) (*Listener, error) {
	tlsConfig, err := serverTLS(o.Key, o.Authority)
	if err != nil {
		return nil, err
	}
	most, perSecond := orDefault(o.ConnectionsMax, connectionsDefault), orDefault(o.HandshakesPerSecond, handshakesDefault)
	handshakes := rate.NewLimiter(rate.Limit(perSecond), perSecond)
	paths := new(Paths)
	small := func(from *quic.ClientInfo) bool { return paths.small(addrOf(from.RemoteAddr), time.Now()) }
	transport := &quic.Transport{
		Conn:                o.Socket,
		StatelessResetKey:   (*quic.StatelessResetKey)(o.ResetKey),
		TokenGeneratorKey:   (*quic.TokenGeneratorKey)(o.TokenKey),
		VerifySourceAddress: func(net.Addr) bool { return !handshakes.Allow() },
		ConnContext:         admission(int64(most), small),
	}
	common := config(1, false)
	common.GetConfigForClient = func(from *quic.ClientInfo) (*quic.Config, error) { return config(1, small(from)), nil }
	listener, err := transport.Listen(tlsConfig, common)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen: %w", err), transport.Close())
	}
	return &Listener{socket: o.Socket, transport: transport, listener: listener, paths: paths}, nil
}

// smallKey is where the context of a connection tells whether it is small.
type smallKey struct{}

// admission returns a hook that lets at most that many connections exist and notes
// which of them are small.
func admission(most int64, small func(*quic.ClientInfo) bool) func(context.Context, *quic.ClientInfo) (context.Context, error) {
	var present atomic.Int64
	return func(ctx context.Context, from *quic.ClientInfo) (context.Context, error) {
		if present.Add(1) > most {
			present.Add(-1)
			return nil, errFull
		}
		// quic-go ends the context with the connection or its failed handshake.
		context.AfterFunc(ctx, func() { present.Add(-1) })
		return context.WithValue(ctx, smallKey{}, small(from)), nil
	}
}

func orDefault(n, fallback int) int {
	if n == 0 {
		return fallback
	}
	return n
}

// Addr returns the address that is listened on.
func (l *Listener) Addr() net.Addr { return l.socket.LocalAddr() }

// Accept returns the next connection whose handshake is complete. Its error is
// quic-go's, when ctx is done or the Listener is closed.
func (l *Listener) Accept(ctx context.Context) (paysync.Conn, error) {
	for {
		q, err := l.listener.Accept(ctx)
		if err != nil {
			return nil, fmt.Errorf("accept: %w", err)
		}
		peer, _, err := peerKey(q.ConnectionState().TLS)
		if err != nil {
			_ = q.CloseWithError(quic.ApplicationErrorCode(paysync.CloseProtocol), "")
			continue
		}
		l.paths.follow(q)
		l.traffic.follow(q)
		small, _ := q.Context().Value(smallKey{}).(bool)
		return &conn{quic: q, peer: peer, open: q.AcceptStream, small: small, release: func() {}, silent: func() {}}, nil
	}
}

// Close ends the listener and all its connections and closes the socket. It
// returns their errors joined.
func (l *Listener) Close() error {
	return errors.Join(l.listener.Close(), l.transport.Close(), l.socket.Close())
}
