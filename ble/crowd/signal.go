package crowd

import (
	"math"
	"math/rand/v2"
	"time"
)

// What the air does to a signal; the package comment says what each one means.
const (
	lossExponent   = 2.0
	distanceMin    = 0.1 // metres; nearer makes no difference
	spreadSigma    = 3.0
	misstatedOneIn = 8
	misstatedSigma = 6.0
	shadowSigma    = 2.5
	hearingFloor   = -95.0
	lostOneIn      = 10
	unknownOneIn   = 100
	unknownRSSI    = 127

	shadowStanding = 5 * time.Second
	shadowWalking  = time.Second
	fadingStanding = 500 * time.Millisecond
	fadingWalking  = 60 * time.Millisecond

	riceHand   = 4.0 // 6 dB
	riceHidden = 1.0 // 0 dB

	channels = 3
)

// carry is where somebody has the device.
type carry uint8

const (
	hand carry = iota
	pocket
)

// loss draws what is lost there, in dB.
func (c carry) loss(r *rand.Rand) float64 {
	if c == pocket {
		return max(0, 10+3*r.NormFloat64())
	}
	return max(0, 1+1.5*r.NormFloat64())
}

// crowdingLoss draws what somebody standing between takes, in dB.
func crowdingLoss(r *rand.Rand) float64 { return max(0, 4+2*r.NormFloat64()) }

// fading is what changes about one path through the air with time.
type fading struct {
	at      time.Duration
	begun   bool
	shadow  float64
	scatter [channels]complex128 // each of unit power
}

// next moves on to the moment at and returns the gain in dB of one advert then.
func (f *fading) next(r *rand.Rand, at time.Duration, walking bool, rice float64) float64 {
	gap := at - f.at
	slow, fast := shadowStanding, fadingStanding
	if walking {
		slow, fast = shadowWalking, fadingWalking
	}
	keep, stay := memory(gap, slow), memory(gap, fast)
	if !f.begun {
		f.begun, keep, stay = true, 0, 0
	}
	f.at = at
	f.shadow = keep*f.shadow + math.Sqrt(1-keep*keep)*shadowSigma*r.NormFloat64()
	fresh := math.Sqrt((1 - stay*stay) / 2)
	for c := range f.scatter {
		f.scatter[c] = complex(stay, 0)*f.scatter[c] + complex(fresh*r.NormFloat64(), fresh*r.NormFloat64())
	}
	s := f.scatter[r.IntN(channels)]
	re := math.Sqrt(rice/(rice+1)) + real(s)/math.Sqrt(rice+1)
	im := imag(s) / math.Sqrt(rice+1)
	return f.shadow + 10*math.Log10(max(re*re+im*im, 1e-6))
}

// memory is how much of a value is left of it after gap.
func memory(gap, span time.Duration) float64 { return math.Exp(-gap.Seconds() / span.Seconds()) }

func pathLoss(metres float64) float64 {
	return 10 * lossExponent * math.Log10(max(metres, distanceMin))
}
