// Package quicnet carries paysync's sessions over QUIC (RFC 9000): one
// connection for each node, one bidirectional stream in it, opened by the node.
// It is the only importer of quic-go.
//
// # Identity
//
// Both sides show a minimal self-signed certificate over their Ed25519 key and
// prove the key in the TLS 1.3 handshake; names, validity and certificate
// authorities play no part. The registry's certificate carries its authority
// fact in an extension (AuthorityOID). A node pins the registry's root key and
// accepts exactly the peer whose TLS key is the working key of an authority
// that this root has signed, and says nothing to any other. The check stands in
// VerifyConnection, which runs for every connection; session tickets and 0-RTT
// are off.
//
// # Strangers
//
// Anybody can make a key, so the registry lets any key finish the handshake and
// leaves it to the session what a stranger may say. What strangers can cost is
// bounded before: by a limit on connections, by address validation (Retry) once
// handshakes come faster than HandshakesPerSecond, by small receive windows and
// by one stream a connection.
package quicnet
