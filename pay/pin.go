package pay

import (
	"fmt"
	"io"
	"strings"
)

// PIN is the one-time secret that a device shows for pairing: 12 Crockford
// base32 characters, 60 bits.
type PIN [12]byte

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewPIN returns a PIN of 60 bits from random, whose error it returns.
func NewPIN(random io.Reader) (PIN, error) {
	var raw, p PIN
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return PIN{}, fmt.Errorf("make PIN: %w", err)
	}
	for i, b := range raw {
		p[i] = crockford[b&31]
	}
	return p, nil
}

// String returns the PIN in groups of four: XXXX-XXXX-XXXX.
func (p PIN) String() string {
	return string(p[0:4]) + "-" + string(p[4:8]) + "-" + string(p[8:12])
}

// ParsePIN reads a PIN as a person types it: hyphens and spaces may be left
// out, case does not matter, and O, I and L are read as 0, 1 and 1. Its errors
// are *Error with CodePIN and never repeat the input.
func ParsePIN(s string) (PIN, error) {
	s = strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(s))
	var p PIN
	if len(s) != len(p) {
		return PIN{}, NewCase(CodePIN, "pin_form", fmt.Sprintf("read PIN: %d characters, want %d", len(s), len(p)))
	}
	for i := range p {
		if strings.IndexByte(crockford, s[i]) < 0 {
			return PIN{}, NewCase(CodePIN, "pin_form", fmt.Sprintf("read PIN: character %d is none that a PIN holds", i+1))
		}
		p[i] = s[i]
	}
	return p, nil
}

// PairingProof proves knowledge of a PIN on one TLS connection: HMAC-SHA256
// under the PIN over the prover's role, the connection's exporter, the prover's
// key and the other side's key. Compare with hmac.Equal.
func PairingProof(pin PIN, exporter []byte, prover Role, own, peer PublicKey) [32]byte {
	return proof(pin[:], "paybeacon/1 pair", []byte(prover), exporter, own[:], peer[:])
}
