package sigbatch

import (
	"io"

	"filippo.io/edwards25519"
)

// batch is what is verified together: terms[i] belongs to r[i].
type batch struct {
	pause func()
	r     []edwards25519.Point
	terms []term
}

// term is a signature without its R.
type term struct {
	key  *edwards25519.Point // the same pointer for equal keys
	s, h edwards25519.Scalar
}

// coefficient is the random multiple of one equation, little-endian.
type coefficient [coefficientBits / 8]byte

// holds reports whether all equations of the batch hold. It is false, too, when
// randomness is not to be had.
func (b *batch) holds(random io.Reader) bool {
	raw := make([]byte, len(b.r)*len(coefficient{}))
	if _, err := io.ReadFull(random, raw); err != nil {
		return false
	}
	z := make([]coefficient, len(b.r))
	for i := range z {
		z[i] = coefficient(raw[i*len(coefficient{}):])
	}
	sums := b.bitSums(z)
	for j := range sums[:torsionSums] {
		if b.pause(); !torsionFree(&sums[j]) {
			return false
		}
	}
	return b.others(z).Equal(weighted(sums)) == 1
}

// bitSums returns, for each bit of the coefficients, the sum of the R whose
// coefficient has it.
func (b *batch) bitSums(z []coefficient) *[coefficientBits]edwards25519.Point {
	var sums [coefficientBits]edwards25519.Point
	for j := range sums {
		sums[j].Set(edwards25519.NewIdentityPoint())
	}
	var subsets [1 << chunkPoints]edwards25519.Point
	for from := 0; from < len(b.r); from += chunkPoints {
		to := min(from+chunkPoints, len(b.r))
		b.pause()
		subsetSums(&subsets, b.r[from:to])
		for j := range sums {
			subset := 0
			for k, c := range z[from:to] {
				subset |= int(c[j/8]>>(j%8)&1) << k
			}
			if subset != 0 {
				sums[j].Add(&sums[j], &subsets[subset])
			}
		}
	}
	return &sums
}

// subsetSums sets sums[m] to the sum of the points whose bit is set in m, but for the
// empty one.
func subsetSums(sums *[1 << chunkPoints]edwards25519.Point, points []edwards25519.Point) {
	for k := range points {
		sums[1<<k].Set(&points[k])
		for m := 1; m < 1<<k; m++ {
			sums[1<<k|m].Add(&sums[m], &points[k])
		}
	}
}

// weighted returns the sum of 2^j sums[j].
func weighted(sums *[coefficientBits]edwards25519.Point) *edwards25519.Point {
	all := edwards25519.NewIdentityPoint()
	for j := len(sums) - 1; j >= 0; j-- {
		all.Add(all, all)
		all.Add(all, &sums[j])
	}
	return all
}

// others returns the sum of z(i) ([s(i)]B - [h(i)]A(i)).
func (b *batch) others(z []coefficient) *edwards25519.Point {
	base := edwards25519.NewScalar()
	perKey := make(map[*edwards25519.Point]*edwards25519.Scalar)
	for i, t := range b.terms {
		c := scalarOf(z[i])
		base.MultiplyAdd(c, &t.s, base)
		sum, ok := perKey[t.key]
		if !ok {
			sum = edwards25519.NewScalar()
			perKey[t.key] = sum
		}
		sum.MultiplyAdd(c, &t.h, sum)
	}
	scalars, points := []*edwards25519.Scalar{base}, []*edwards25519.Point{edwards25519.NewGeneratorPoint()}
	for key, sum := range perKey {
		scalars, points = append(scalars, sum.Negate(sum)), append(points, key)
	}
	return new(edwards25519.Point).VarTimeMultiScalarMult(scalars, points)
}

func scalarOf(c coefficient) *edwards25519.Scalar {
	var wide [64]byte
	copy(wide[:], c[:])
	s, err := edwards25519.NewScalar().SetUniformBytes(wide[:])
	if err != nil {
		panic("sigbatch: internal error: " + err.Error())
	}
	return s
}
