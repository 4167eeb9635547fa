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
// # Strangers
//
// Anybody can make a key, so the registry accepts the handshake of any key, and
// the session decides what a stranger may send. What strangers can cost is
// bounded before that: by a limit on connections, by address validation (Retry)
// once handshakes come faster than HandshakesPerSecond, by small receive windows
// and by one stream a connection.
package quicnet
