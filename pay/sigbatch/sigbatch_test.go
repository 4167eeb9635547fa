package sigbatch_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"

	"filippo.io/edwards25519"
	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay/sigbatch"
)

// signed returns a message that the key of a seed has signed.
func signed(seed byte, message string) sigbatch.Signature {
	key := keyOf(seed)
	return sigbatch.Signature{
		Key: [32]byte(key.Public().(ed25519.PublicKey)), Message: []byte(message), Sig: ed25519.Sign(key, []byte(message)),
	}
}

func keyOf(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(append(make([]byte, 31), seed))
}

// alone returns what crypto/ed25519 refuses.
func alone(all []sigbatch.Signature) (wrong []int) {
	for i, s := range all {
		if !ed25519.Verify(s.Key[:], s.Message, s.Sig) {
			wrong = append(wrong, i)
		}
	}
	return wrong
}

// must returns v, where the library has no reason for an error.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// small returns the eight points of small order, the identity first.
func small() (all []*edwards25519.Point) {
	less := edwards25519.NewScalar().Negate(number(1))
	for y := byte(2); ; y++ {
		p, err := new(edwards25519.Point).SetBytes(append([]byte{y}, make([]byte, 31)...))
		if err != nil {
			continue
		}
		t := new(edwards25519.Point).ScalarMult(less, p)
		t.Add(t, p) // [L]p
		all = []*edwards25519.Point{edwards25519.NewIdentityPoint()}
		for range 7 {
			all = append(all, new(edwards25519.Point).Add(all[len(all)-1], t))
		}
		if all[4].Equal(all[0]) == 0 {
			return all
		}
	}
}

func number(n byte) *edwards25519.Scalar {
	return must(edwards25519.NewScalar().SetCanonicalBytes(append([]byte{n}, make([]byte, 31)...)))
}

// craft signs a message with the secret of seed, under the name of the key shifted by
// one point, and with an R shifted by another: shape makes the bytes of R, which is
// none of r = n B.
func craft(seed, n byte, message string, keyShift *edwards25519.Point, shape func(r *edwards25519.Point) []byte) sigbatch.Signature {
	digest := sha512.Sum512(keyOf(seed).Seed())
	a := must(edwards25519.NewScalar().SetBytesWithClamping(digest[:32]))
	key := new(edwards25519.Point).ScalarBaseMult(a)
	key.Add(key, keyShift)
	r := number(n)
	encoded := shape(new(edwards25519.Point).ScalarBaseMult(r))
	h := sha512.Sum512(slices.Concat(encoded, key.Bytes(), []byte(message)))
	s := edwards25519.NewScalar().MultiplyAdd(must(edwards25519.NewScalar().SetUniformBytes(h[:])), a, r)
	return sigbatch.Signature{Key: [32]byte(key.Bytes()), Message: []byte(message), Sig: append(encoded, s.Bytes()...)}
}

func plain(r *edwards25519.Point) []byte { return r.Bytes() }

func shifted(t *edwards25519.Point) func(*edwards25519.Point) []byte {
	return func(r *edwards25519.Point) []byte { return r.Add(r, t).Bytes() }
}

// unreduced are encodings of points that are not the canonical ones: y above p, and
// an x of 0 with a sign.
func unreduced() (all [][]byte) {
	ones := bytes.Repeat([]byte{0xff}, 32)
	for low := 0xed; low <= 0xff; low++ {
		for _, high := range []byte{0x7f, 0xff} {
			b := bytes.Clone(ones)
			b[0], b[31] = byte(low), high
			all = append(all, b)
		}
	}
	minus := bytes.Clone(ones) // -1, the y of the point of order 2
	minus[0] = 0xec
	one := append([]byte{1}, make([]byte, 31)...)
	one[31] = 0x80
	return append(all, minus, one)
}

// odd are signatures that batches and crypto/ed25519 could judge differently.
func odd() map[string]sigbatch.Signature {
	all := map[string]sigbatch.Signature{"good": signed(1, "good")}
	identity := edwards25519.NewIdentityPoint()
	for i, t := range small() {
		all[fmt.Sprintf("R shifted by small point %d", i)] = craft(1, 5, "shift", identity, shifted(t))
		all[fmt.Sprintf("R is small point %d", i)] = craft(1, 0, "small", identity, shifted(t))
		for n := range 16 { // h is a multiple of 8 now and then
			all[fmt.Sprintf("key shifted by small point %d, message %d", i, n)] = craft(1, 7, fmt.Sprint(n), t, plain)
		}
		for j, r := range small() {
			s := sigbatch.Signature{Key: [32]byte(t.Bytes()), Message: []byte("small key"), Sig: append(r.Bytes(), make([]byte, 32)...)}
			all[fmt.Sprintf("key is small point %d, R %d", i, j)] = s
		}
	}
	for i, b := range unreduced() {
		all[fmt.Sprintf("R is unreduced %d", i)] = craft(1, 0, "unreduced", identity, func(*edwards25519.Point) []byte { return bytes.Clone(b) })
		for _, r := range small() {
			s := sigbatch.Signature{Key: [32]byte(b), Message: []byte("unreduced key"), Sig: append(r.Bytes(), make([]byte, 32)...)}
			all[fmt.Sprintf("key is unreduced %d, R %x", i, r.Bytes()[0])] = s
		}
	}
	for name, bend := range map[string]func(*sigbatch.Signature){
		"another message":  func(s *sigbatch.Signature) { s.Message = []byte("bad") },
		"another key":      func(s *sigbatch.Signature) { s.Key = signed(9, "").Key },
		"key is no point":  func(s *sigbatch.Signature) { s.Key = [32]byte{2} },
		"R bent":           func(s *sigbatch.Signature) { s.Sig[3] ^= 1 },
		"R is no point":    func(s *sigbatch.Signature) { copy(s.Sig, append([]byte{2}, make([]byte, 31)...)) },
		"s bent":           func(s *sigbatch.Signature) { s.Sig[40] ^= 1 },
		"s is s + L":       func(s *sigbatch.Signature) { addOrder(s.Sig[32:]) },
		"s has a high bit": func(s *sigbatch.Signature) { s.Sig[63] |= 0x80 },
		"sign of R":        func(s *sigbatch.Signature) { s.Sig[31] ^= 0x80 },
		"cut short":        func(s *sigbatch.Signature) { s.Sig = s.Sig[:63] },
		"too long":         func(s *sigbatch.Signature) { s.Sig = append(s.Sig, 0) },
		"none":             func(s *sigbatch.Signature) { s.Sig = nil },
		"zeros":            func(s *sigbatch.Signature) { clear(s.Sig) },
	} {
		s := signed(1, "good")
		bend(&s)
		all[name] = s
	}
	return all
}

// addOrder adds L, which is 2^252 and a little.
func addOrder(s []byte) {
	order := []byte("\xed\xd3\xf5\x5c\x1a\x63\x12\x58\xd6\x9c\xf7\xa2\xde\xf9\xde\x14\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10")
	carry := 0
	for i := range s {
		carry += int(s[i]) + int(order[i])
		s[i], carry = byte(carry), carry>>8
	}
}

// TestVerdictIsTheStandardLibrarys holds the two rules side by side: each odd
// signature among good ones, and all of them together.
func TestVerdictIsTheStandardLibrarys(t *testing.T) {
	t.Parallel()
	var good, every []sigbatch.Signature
	for i := range 9 {
		good = append(good, signed(byte(i%3), fmt.Sprint("good ", i)))
	}
	v := sigbatch.New(rand.Reader, nil)
	accepted, refused := 0, 0
	for name, s := range odd() {
		every = append(every, s)
		all := append(slices.Clone(good), s)
		got, want := sigbatch.Together(v, all), alone(all)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v are wrong, crypto/ed25519 says %v", name, got, want)
		}
		if want == nil {
			accepted++
		} else {
			refused++
		}
	}
	if accepted < 20 || refused < 100 {
		t.Errorf("%d of the odd signatures are accepted, %d are not", accepted, refused)
	}
	if got, want := v.Wrong(every), alone(every); !slices.Equal(got, want) {
		t.Errorf("together: %v are wrong, crypto/ed25519 says %v", got, want)
	}
}

// TestSmallPartsDoNotCancel: signatures whose R are shifted by points that add up to
// nothing are each refused, however often they are asked about.
func TestSmallPartsDoNotCancel(t *testing.T) {
	t.Parallel()
	points, identity := small(), edwards25519.NewIdentityPoint()
	v := sigbatch.New(rand.Reader, nil)
	for range 8 {
		for i := 1; i < 8; i++ {
			all := []sigbatch.Signature{
				craft(1, 5, "one", identity, shifted(points[i])), craft(2, 6, "other", identity, shifted(points[8-i])), signed(3, "good"),
			}
			if got := sigbatch.Together(v, all); !slices.Equal(got, []int{0, 1}) {
				t.Errorf("shifted by %d and %d: %v are wrong", i, 8-i, got)
			}
		}
	}
}

// TestBatchOfAllSizes finds one bad signature at the edges and in the middle, and
// nothing among good ones.
func TestBatchOfAllSizes(t *testing.T) {
	t.Parallel()
	v := sigbatch.New(rand.Reader, nil)
	var all []sigbatch.Signature
	for i := range 2*160 + 3 {
		all = append(all, signed(byte(i%5), fmt.Sprint(i)))
	}
	for _, n := range []int{0, 1, 4, 5, 6, 159, 160, 161, len(all)} {
		if got := v.Wrong(all[:n]); got != nil {
			t.Errorf("%d good: %v are wrong", n, got)
		}
		for _, at := range []int{0, n / 2, n - 1} {
			if at < 0 || n == 0 {
				continue
			}
			bad := slices.Clone(all[:n])
			bad[at].Message = []byte("another")
			if got := v.Wrong(bad); !slices.Equal(got, []int{at}) {
				t.Errorf("%d with a bad one at %d: %v are wrong", n, at, got)
			}
		}
	}
}

// TestNoRandomness: every signature is verified alone.
func TestNoRandomness(t *testing.T) {
	t.Parallel()
	for _, r := range []io.Reader{iotest.ErrReader(errors.New("no")), bytes.NewReader(nil)} {
		all := []sigbatch.Signature{signed(1, "a"), craft(1, 5, "b", edwards25519.NewIdentityPoint(), shifted(small()[4]))}
		if got := sigbatch.Together(sigbatch.New(r, nil), all); !slices.Equal(got, []int{1}) {
			t.Errorf("%v are wrong", got)
		}
	}
}

// TestRulesAgree draws batches of good and odd signatures, with bytes changed here and
// there.
func TestRulesAgree(t *testing.T) {
	t.Parallel()
	var odds []sigbatch.Signature
	pool := odd()
	for _, name := range slices.Sorted(maps.Keys(pool)) {
		odds = append(odds, pool[name])
	}
	rapid.Check(t, func(t *rapid.T) {
		v := sigbatch.New(mathrand.NewChaCha8([32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "random"))), nil)
		var all []sigbatch.Signature
		for range rapid.IntRange(1, 12).Draw(t, "signatures") {
			s := signed(rapid.ByteRange(0, 3).Draw(t, "key"), rapid.StringN(0, 20, 80).Draw(t, "message"))
			if rapid.IntRange(0, 3).Draw(t, "odd") == 0 {
				s = rapid.SampledFrom(odds).Draw(t, "which")
			}
			if rapid.IntRange(0, 3).Draw(t, "bent") == 0 && len(s.Sig) > 0 {
				s.Sig = bytes.Clone(s.Sig)
				s.Sig[rapid.IntRange(0, len(s.Sig)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			}
			all = append(all, s)
		}
		if got, want := sigbatch.Together(v, all), alone(all); !slices.Equal(got, want) {
			t.Fatalf("%v are wrong, crypto/ed25519 says %v", got, want)
		}
	})
}
