// Package link is the conversation between a wallet and a device on the local
// network: pairing, authentication codes and release, over TCP.
//
// # Idea
//
// Both sides speak TLS 1.3 with a self-signed certificate that says nothing but
// an Ed25519 key, and each proves its key in the handshake. Once a device is
// bound, each side knows the other's key and needs nothing more. Before that,
// both prove that they know the PIN the device shows, by an HMAC over keying
// material of this very TLS session, their role and both keys
// (pay.PairingProof). Somebody in the middle has two sessions and keys of his
// own, so that a proof of one session is worth nothing in the other. The wallet
// proves first; to a wrong proof the device answers by closing, nothing else,
// and only pay.PairingTries wrong ones are allowed. A listener in the middle can
// therefore try a guess on nobody but the device. (He could try all 2^60 PINs
// against the wallet's proof at home; the PIN ends after ten minutes.)
//
// # Layout
//
// ALPN is "paybeacon-link/1". The proof's keying material is the TLS exporter
// "EXPORTER-paybeacon-link" without context, 32 bytes (RFC 8446 section 7.5).
// Each message is one frame, at most pay.LinkFrameBytesMax without its length:
//
//	+--------+--------+--------+--------+--------+-------------------+
//	|  length of type and body, uint32  |  type  |  body             |
//	|            big-endian             | uint8  |  length - 1 bytes |
//	+--------+--------+--------+--------+--------+-------------------+
//
// A body is a map in deterministic CBOR (RFC 8949 section 4.2):
//
//	type      from     body
//	1 prove   wallet   {1: proof, 32 bytes}
//	2 ask     wallet   {1: registry root's id, 32 bytes, 2: resolver key, 32 bytes, 3: device type, text}
//	3 kept    wallet   {}
//	4 release wallet   {}
//	5 sign    wallet   {1: purpose, "pay" or "step-up-above", 2: nonce, 3: subject, 32 bytes,
//	                    4: merchant's scope, text, left out for a step-up, 5: amount, 6: currency}
//	16 proof  device   {1: proof, 32 bytes}
//	17 bind   device   {1: the Bind fact's raw bytes}
//	18 done   device   {}
//	19 refuse device   {1: reason, text: "bound", "paired", "pin", "malformed", "failed" or "often"}
//	20 code   device   {1: authentication code, 64 bytes}
//
// # Flow
//
//	wallet                    device
//	prove    ->                          may be left out when device and wallet
//	         <-  proof                   know each other's key already
//	ask      ->                          the wallet's id is the key proven in TLS
//	                                     the binding is made durable, then signed
//	         <-  bind
//	                                     the wallet makes its mapping durable
//	kept     ->                          the spent PIN ends
//	         <-  done
//
// or, by the wallet that the device is bound to: sign, code; or release, done. A
// wallet may ask again in the same conversation and gets a fresh bind. A
// conversation lasts seconds and nothing is left over between two of them: each
// side may restart at any time, and finds the other by its address and its key.
//
// # Guarantee
//
// A wallet keeps a bind only from a device that proved the PIN, or whose key it
// pinned, and only when it states exactly what was asked, with a counter no
// older than pay.LinkRoundMax. It keeps a code only from the device whose key it
// pinned, and only when the code verifies. The connection may die at any byte: either
// nothing was bound, or the device is bound to a wallet that can run the same
// pairing again with the same PIN and then gets its bind. Every frame,
// conversation and number of connections is bounded in size and time, before
// and after a peer has proven anything.
package link
