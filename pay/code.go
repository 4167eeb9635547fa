package pay

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
)

// Code is what a device broadcasts: an Eddystone ephemeral identifier of 8
// bytes. It changes every 2^K seconds, and only the registry, which shares the
// identity key with the device, can compute it or link two of them.
type Code [8]byte

// String returns the code as 16 hexadecimal digits.
func (c Code) String() string { return hex.EncodeToString(c[:]) }

// IdentityKey is the AES-128 key that a device and the registry share.
type IdentityKey [16]byte

// Counter is a device's own clock in seconds. It only ever goes up.
type Counter uint32

// Step is the number of a code in the life of a device: Counter >> K.
type Step uint32

// Exponent is the K of Eddystone-EID: a code lives 2^K seconds, K = 0..15.
type Exponent uint8

// Seconds returns how long one step lasts.
func (k Exponent) Seconds() Counter { return 1 << k }

// Step returns the step in which the counter stands.
func (k Exponent) Step(c Counter) Step { return Step(c >> k) }

// Start returns the counter's value at the beginning of step s.
func (k Exponent) Start(s Step) Counter { return Counter(s) << k }

// CodeAt returns the code that a device with identity key ik broadcasts during
// step s, as the Eddystone-EID specification computes it: a temporary key for
// the current 65,536 s from ik, and from that the identifier.
func CodeAt(ik IdentityKey, k Exponent, s Step) Code {
	var out [1]Code
	CodesAt(ik, k, s, out[:])
	return out[0]
}

// CodesAt fills out with the codes of step s and those that follow it. It is
// CodeAt for many steps at the price of few keys.
func CodesAt(ik IdentityKey, k Exponent, s Step, out []Code) {
	var temporary cipher.Block
	var block [aes.BlockSize]byte
	for i := range out {
		t := uint32(k.Start(s + Step(i)))
		if temporary == nil || uint16(t) < uint16(k.Seconds()) {
			block = [aes.BlockSize]byte{11: 0xFF, 14: byte(t >> 24), 15: byte(t >> 16)}
			newCipher(ik[:]).Encrypt(block[:], block[:])
			temporary = newCipher(block[:])
		}
		block = [aes.BlockSize]byte{11: byte(k)}
		binary.BigEndian.PutUint32(block[12:], t)
		temporary.Encrypt(block[:], block[:])
		copy(out[i][:], block[:])
	}
}

func newCipher(key []byte) cipher.Block {
	c, err := aes.NewCipher(key)
	if err != nil {
		panic("pay: internal error: AES-128 key of wrong size")
	}
	return c
}
