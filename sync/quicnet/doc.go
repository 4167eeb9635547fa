// Package quicnet carries paysync's sessions over QUIC (RFC 9000): one
// connection for each node, one bidirectional stream in it, opened by the node.
// It is the only importer of quic-go.
//
// # Identity
//
// Both sides present a minimal self-signed certificate over their Ed25519 key,
// and the TLS 1.3 handshake verifies that each holds its key; names, validity and
// certificate authorities are ignored. The registry's certificate carries its
// authority fact in an extension (AuthorityOID). A node pins the registry's root
// key and accepts only the peer whose TLS key is the working key of an authority
// that this root signed; it sends nothing to any other. VerifyConnection checks
// that for every connection; session tickets and 0-RTT are off.
//
// # Size of datagrams
//
// Connections begin with datagrams of paysync.DatagramBytesMin, which a path with
// IPv6's least MTU carries, and grow by path MTU discovery. QUIC-go never takes a
// size back that it has found, so a path that swallows it later stops the stream,
// while small packets still pass. The session notices that by its pings, which wait
// behind what was lost, and closes with paysync.CloseSilent. Both ends remember that
// for the address of the other (Paths): their next connections are small, which is
// to say that they do not look for larger datagrams. Where not even
// DatagramBytesMin gets through, nothing helps; Measure finds out.
//
//	first connection    1,200 bytes, then what discovery finds
//	it falls silent     noted at both ends, for pathMemory
//	next connections    1,200 bytes, no discovery
//
// Package relay is a path that swallows datagrams, for tests.
//
// # Strangers
//
// Anybody can make a key, so the registry accepts the handshake of any key, and
// the session decides what a stranger may send. What strangers can cost is
// bounded before that: by a limit on connections, by address validation (Retry)
// once handshakes come faster than HandshakesPerSecond, by small receive windows
// and by one stream a connection.
package quicnet
