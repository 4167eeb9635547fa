package paysync

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// ErrNotUnderstood means that the peer closed the connection with CloseProtocol.
var ErrNotUnderstood = errors.New("paysync: the peer could not read what was sent to it")

// Conn is one connection to a peer whose key was verified, with one long stream
// in each direction. Read and Write may be used at the same time, by one
// goroutine each; the other methods by any.
type Conn interface {
	Reader
	Writer
	Identity
	Path
	// Open opens the stream at a node and awaits it at the registry. It comes
	// before Read and Write. It returns an error when ctx is done or the
	// connection has ended.
	Open(ctx context.Context) error
	// Close ends the connection, unblocks Read and Write, and returns when the
	// connection holds no resources any more. It may be called repeatedly.
	Close(code CloseCode)
}

// Reader is the stream from the peer.
type Reader interface {
	// Read works as in net.Conn. Its errors wrap ErrNotUnderstood when the peer
	// closed the connection with CloseProtocol.
	io.Reader
	// SetReadDeadline works as in net.Conn.
	SetReadDeadline(t time.Time) error
}

// Writer is the stream to the peer.
type Writer interface {
	// Write works as in net.Conn.
	io.Writer
	// SetWriteDeadline works as in net.Conn.
	SetWriteDeadline(t time.Time) error
	// CloseWrite tells the peer that nothing more will be written.
	CloseWrite() error
}

// Identity is what the handshake of a connection established.
type Identity interface {
	// Peer returns the peer's key, whose possession the handshake has verified.
	Peer() pay.PublicKey
	// Authority returns the raw authority fact that the registry presented and
	// that was checked against the pinned root; nil at the registry.
	Authority() []byte
	// Exporter returns wire.ExporterBytes bytes of keying material that only
	// the two ends of this connection know, or an error when the handshake gives
	// none.
	Exporter() ([]byte, error)
}

// DatagramBytesMin is the payload of a datagram that every path of a Conn must
// carry, in both directions. Published: RFC 9000 section 14.
const DatagramBytesMin = 1_200

// Path is the way that the datagrams of a connection take.
type Path interface {
	// Arrived returns how many of the peer's packets have arrived. Acknowledgements
	// count, so it grows even where nothing arrives on the stream.
	Arrived() uint64
	// Small reports whether no datagram that this side sends is above
	// DatagramBytesMin. Otherwise larger ones may have been found to get through.
	Small() bool
}

// CloseCode is the reason for closing a connection, as the peer's transport gets
// it.
type CloseCode uint8

// The close codes.
const (
	CloseDone     CloseCode = 0 // as agreed, or on the way out
	CloseProtocol CloseCode = 1 // the peer broke the protocol
	CloseSilent   CloseCode = 2 // the peer does not answer
	CloseBusy     CloseCode = 3 // too many connections
)

// Dialer connects a node to its registry.
type Dialer interface {
	// Dial returns a connection to the registry at address (host:port) once the
	// handshake has verified its working key and the authority of root for it. Its
	// errors are *pay.Error: CodeNotTrusted when somebody else answers,
	// CodeUnreachable when nobody does.
	Dial(ctx context.Context, address string, root pay.NodeID, key pay.Key) (Conn, error)
}

// Listener waits for nodes.
type Listener interface {
	// Accept returns the next connection; several goroutines may call it. It
	// returns an error when ctx is done or the listener was closed.
	Accept(ctx context.Context) (Conn, error)
}
