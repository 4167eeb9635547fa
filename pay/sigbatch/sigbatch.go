// Package sigbatch verifies many Ed25519 signatures together, for less than what
// they cost one by one, and with exactly the verdict of crypto/ed25519 on each of
// them.
//
// # The one rule
//
// crypto/ed25519 accepts a signature (R, s) of a message by the key A when s is
// below the order L of the base point B, and the canonical encoding of
//
//	[s]B - [h]A     with h = SHA-512(R, A, message) mod L
//
// is R, byte by byte. No factor of 8 clears what a point has of small order, so that
// the textbook's batch, which adds up random multiples of all these equations,
// would accept some signatures that every node refuses. Here, three more things are
// seen to:
//
//   - each key has no part of small order; one that does is never in a batch;
//   - R is encoded canonically, or the signature is not in the batch;
//   - the R of a batch have no part of small order. That is one question for all
//     of them: the sum over a random half of them has such a part with a chance
//     of at least one half if any of them does, and torsionSums such halves are asked.
//
// Then all points lie in the group of order L, where the sum of the equations, each
// multiplied by a random number of 128 bits, holds by chance with a probability of
// 2^-128 unless each equation holds. A batch that fails is verified one by one by
// crypto/ed25519, so that it condemns nothing itself.
//
// # How it is cheap
//
// The bits of the random numbers are the random halves: with b(i,j) for bit j of the
// number of signature i,
//
//	W(j) = sum of b(i,j) R(i)     and     sum of z(i) R(i) = sum of 2^j W(j)
//
// W is added up by the method of the Four Russians, chunkPoints at a time. Equal keys
// are multiplied once for the whole batch.
//
// # Where it is used
//
// An audit has thousands of signatures at hand, and what a node catches up on comes by
// a hundred and more in a message. Otherwise facts come by ones and twos; a batch of
// less than Least costs more than its parts.
package sigbatch

import (
	"crypto/ed25519"
	"crypto/sha512"
	"fmt"
	"io"

	"filippo.io/edwards25519"
)

const (
	// Size is how many signatures are verified together for the least time each.
	// Chosen: twice as many save no more than a twentieth, and take twice the memory.
	Size = 1024

	// Least is from how many signatures on a batch costs less. Measured.
	Least = 96

	// coefficientBits are those of the random multiple of each equation. Chosen: as
	// hard to guess as a key.
	coefficientBits = 128

	// torsionSums are how many random halves of the R are asked for a part of small
	// order. Chosen: one that has it passes with a probability of 2^-64 at most, and
	// each try needs another audit or another message.
	torsionSums = 64

	// chunkPoints are so many R of which all sums are made at once. Measured: 4 to 6
	// cost the same.
	chunkPoints = 5

	// keysMax bounds the keys that are remembered. Chosen: some ten megabytes.
	keysMax = 1 << 15
)

// Signature is what is verified: that Sig is Key's signature of Message.
type Signature struct {
	Key     [ed25519.PublicKeySize]byte
	Message []byte
	Sig     []byte
}

// alone reports whether the signature verifies by crypto/ed25519.
func (s *Signature) alone() bool { return ed25519.Verify(s.Key[:], s.Message, s.Sig) }

// Verifier verifies batches and remembers the keys. It is for one goroutine at a time.
type Verifier struct {
	random io.Reader
	pause  func()
	keys   map[[ed25519.PublicKeySize]byte]*edwards25519.Point // nil: not for a batch
}

// New returns a Verifier. Nobody who can choose signatures may know what random
// yields; it is that of crypto/rand but in tests. Unless pause is nil, it is called
// several times a millisecond while a batch is verified, so that the caller can let
// others go first.
func New(random io.Reader, pause func()) *Verifier {
	if pause == nil {
		pause = func() {}
	}
	return &Verifier{random: random, pause: pause, keys: make(map[[ed25519.PublicKeySize]byte]*edwards25519.Point)}
}

// Wrong returns the indices of the signatures that crypto/ed25519 refuses, in their
// order; nil for none. Any number of signatures may be given.
func (v *Verifier) Wrong(all []Signature) []int { return v.wrong(all, Least) }

// wrong is Wrong with batches of least signatures and more.
func (v *Verifier) wrong(all []Signature, least int) (wrong []int) {
	together := make([]bool, len(all))
	if len(all) >= least {
		b := batch{pause: v.pause}
		for i := range all {
			v.pause()
			together[i] = v.add(&b, &all[i])
		}
		if len(b.r) < least || !b.holds(v.random) {
			clear(together)
		}
	}
	for i := range all {
		if together[i] {
			continue
		}
		if v.pause(); !all[i].alone() {
			wrong = append(wrong, i)
		}
	}
	return wrong
}

// add adds a signature to a batch, unless it must be verified alone.
func (v *Verifier) add(b *batch, s *Signature) bool {
	if len(s.Sig) != ed25519.SignatureSize || !canonicalPoint(s.Sig[:32]) {
		return false
	}
	key := v.key(s.Key)
	if key == nil {
		return false
	}
	r, err := new(edwards25519.Point).SetBytes(s.Sig[:32])
	if err != nil {
		return false
	}
	scalar, err := edwards25519.NewScalar().SetCanonicalBytes(s.Sig[32:])
	if err != nil {
		return false
	}
	b.r = append(b.r, *r)
	b.terms = append(b.terms, term{key: key, s: *scalar, h: hash(s)})
	return true
}

// hash returns h of a signature.
func hash(s *Signature) edwards25519.Scalar {
	d := sha512.New()
	d.Write(s.Sig[:32])
	d.Write(s.Key[:])
	d.Write(s.Message)
	var sum [sha512.Size]byte
	h, err := edwards25519.NewScalar().SetUniformBytes(d.Sum(sum[:0]))
	if err != nil {
		panic(fmt.Sprintf("sigbatch: internal error: %v", err))
	}
	return *h
}

// key returns the point of a key, or nil when its signatures are verified alone: it
// is no point, or one with a part of small order.
func (v *Verifier) key(encoded [ed25519.PublicKeySize]byte) *edwards25519.Point {
	p, known := v.keys[encoded]
	if known {
		return p
	}
	p, err := new(edwards25519.Point).SetBytes(encoded[:])
	if err != nil || !torsionFree(p) {
		p = nil
	}
	if len(v.keys) >= keysMax {
		clear(v.keys)
	}
	v.keys[encoded] = p
	return p
}

// canonicalPoint reports whether no other bytes encode the same point, if these
// encode any. It is false for the two points whose x is 0, too.
func canonicalPoint(b []byte) bool {
	low, high := b[0], b[31]&0x7f
	zeros, ones := high == 0, high == 0x7f
	for _, x := range b[1:31] {
		zeros, ones = zeros && x == 0, ones && x == 0xff
	}
	// p is 2^255 - 19, so that p-1 ends with 0xec.
	return (!zeros || low != 1) && (!ones || low < 0xec)
}

// torsionFree reports whether [L]p is the identity: whether p lies in the group of
// the base point.
func torsionFree(p *edwards25519.Point) bool {
	less := edwards25519.NewScalar().Negate(one()) // L-1
	q := new(edwards25519.Point).VarTimeMultiScalarMult([]*edwards25519.Scalar{less}, []*edwards25519.Point{p})
	return q.Negate(q).Equal(p) == 1
}

func one() *edwards25519.Scalar {
	s, err := edwards25519.NewScalar().SetCanonicalBytes(append([]byte{1}, make([]byte, 31)...))
	if err != nil {
		panic(fmt.Sprintf("sigbatch: internal error: %v", err))
	}
	return s
}
