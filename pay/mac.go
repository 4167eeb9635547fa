package pay

import "crypto/sha256"

// MAC returns HMAC-SHA-256 (RFC 2104) of a message. It is that of crypto/hmac, which
// makes ten objects for it: here a short message costs none. It panics for a key above
// 64 bytes.
func MAC(key, message []byte) [32]byte {
	const block = 64
	var pad [block]byte
	if copy(pad[:], key) < len(key) {
		panic("pay: internal error: the key of a MAC is too long")
	}
	var inner, outer [4 * block]byte
	for i, b := range pad {
		inner[i], outer[i] = b^0x36, b^0x5c
	}
	sum := sha256.Sum256(append(inner[:block], message...))
	return sha256.Sum256(append(outer[:block], sum[:]...))
}
