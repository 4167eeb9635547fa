package pay

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"io"
)

// PublicKey is an Ed25519 public key (RFC 8032): 32 bytes.
type PublicKey [ed25519.PublicKeySize]byte

// spkiPrefix is the DER of a SubjectPublicKeyInfo for Ed25519 up to the key
// itself (RFC 8410): it is the same for every key.
const spkiPrefix = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"

// ID returns the name of the key: SHA-256 over its SubjectPublicKeyInfo.
func (p PublicKey) ID() NodeID {
	der := make([]byte, 0, len(spkiPrefix)+len(p))
	der = append(der, spkiPrefix...)
	return sha256.Sum256(append(der, p[:]...))
}

// Key is an Ed25519 private key together with its name. A Key is immutable and
// may be used from any number of goroutines.
type Key struct {
	priv ed25519.PrivateKey
	pub  PublicKey
	id   NodeID
}

// NewKey makes a key from 32 bytes of random, whose error it returns.
func NewKey(random io.Reader) (Key, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return Key{}, fmt.Errorf("make key: %w", err)
	}
	return KeyFromSeed(seed)
}

// KeyFromSeed returns the key with the given RFC 8032 seed, or an error when
// that has not 32 bytes.
func KeyFromSeed(seed []byte) (Key, error) {
	if len(seed) != ed25519.SeedSize {
		return Key{}, fmt.Errorf("make key: seed has %d bytes, want %d", len(seed), ed25519.SeedSize)
	}
	priv := ed25519.NewKeyFromSeed(seed)
	k := Key{priv: priv, pub: PublicKey(priv.Public().(ed25519.PublicKey))}
	k.id = k.pub.ID()
	return k, nil
}

// ID returns the name of the key.
func (k Key) ID() NodeID { return k.id }

// Public returns the public half.
func (k Key) Public() PublicKey { return k.pub }

// Seed returns the 32-byte seed, to be kept in a file of mode 0600.
func (k Key) Seed() []byte { return k.priv.Seed() }

// Signer returns the private key for use in TLS.
func (k Key) Signer() ed25519.PrivateKey { return k.priv }
