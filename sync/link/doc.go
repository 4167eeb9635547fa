// Package link is the protocol between a wallet and a device on the local
// network: pairing, authentication codes and release, over TCP.
//
// # Idea
//
// Both sides use TLS 1.3 with a self-signed certificate that carries only an
// Ed25519 key, and each proves in the handshake that it has its key. Once a
// device is bound, each side knows the other's key, and that is enough. Before
// that, both prove that they know the PIN that the device shows, by an HMAC over
// keying material of this TLS session, their role and both keys
// (pay.PairingProof). An attacker in the middle has two sessions with keys of its
// own, so a proof from one session is invalid in the other. The wallet proves
// first. The device answers a wrong proof only by closing, and it allows
// pay.PairingTries wrong proofs. The attacker can therefore test guesses only
// with the device. (It could also compare all 2^60 PINs with the wallet's proof
// offline; the PIN ends after ten minutes.)
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
//	5 sign    wallet   {1: purpose, "pay" or "step-up-above", 2: nonce, 16 bytes,
//	                    3: subject, 32 bytes, 4: merchant's scope, text, left out for a
//	                    step-up, 5: amount, 6: currency}
//	6 succeed wallet   {1: authority, 2: the registry's Replaced fact, raw bytes}
//	7 air     wallet   {}
//	8 level   wallet   {1: by how many dB more than its factory value the device is to state its power, -4, 0 or 4}
//	9 sign-fuel wallet {1: nonce, 2: subject, 3: merchant's scope, 4: amount, 5: currency, 6: site,
//	                    7: {1: pump, 2: product, 3: unit, 4: price, 5: the most, left out for none}}
//	16 proof  device   {1: proof, 32 bytes}
//	17 bind   device   {1: the Bind fact's raw bytes}
//	18 done   device   {}
//	19 refuse device   {1: reason, text: "bound", "paired", "pin", "malformed", "failed", "often", "silent" or "fixed"}
//	20 code   device   {1: authentication code, 64 bytes}
//	21 on-air device   {1: the code that is on the air, 8 bytes, 2: for how long it stays, ms}
//	22 states device   {1: how long from now until the level holds, ms, 0 for already}
//
// # Flow
//
//	wallet                    device
//	prove    ->                          may be left out if device and wallet
//	         <-  proof                   know each other's key already
//	ask      ->                          the wallet's key is that of the handshake
//	                                     the binding is made durable, then signed
//	         <-  bind
//	                                     the wallet makes its mapping durable
//	kept     ->                          the spent PIN becomes invalid
//	         <-  done
//
// or, by the wallet that the device is bound to: sign, code; air, on-air; level, states; or release,
// done. A device of an older version refuses a type that it does not know as
// malformed, and is not the worse for it. A
// wallet that has taken the place of another shows the registry's statements with
// succeed, done, as often as wallets were replaced since; the device belongs to it
// from the one on that leads to the key which it proved in the handshake. A
// wallet may send ask again on the same connection and gets a fresh bind. A
// connection lasts seconds, and no state remains between two of them: each side
// may restart at any time, and finds the other by its address and its key.
//
// # Guarantee
//
// A wallet keeps a bind only from a device that proved the PIN, or whose key it
// pinned, and only if the bind matches the request exactly and its counter is at
// most pay.LinkRoundMax old. It keeps a code only from the device whose key it
// pinned, and only if the code verifies. The connection may end at any byte:
// either nothing was bound, or the device is bound to a wallet that can run the
// same pairing again with the same PIN and then gets its bind. The size of every
// frame, the length of every connection and the number of connections are
// bounded, before and after a peer is authenticated.
package link
