package crowd

import (
	"math"
	"math/rand/v2"
	"time"
)

// The parameters of the channel; the package comment defines each. Chosen: usual
// values for one room in the 2.4 GHz band; none was measured on a shop floor.
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

// carry is where a person has the device.
type carry uint8

const (
	hand carry = iota
	pocket
)

// loss draws the loss there, in dB.
func (c carry) loss(r *rand.Rand) float64 {
	if c == pocket {
		return max(0, 10+3*r.NormFloat64())
	}
	return max(0, 1+1.5*r.NormFloat64())
}

// crowdingLoss draws the loss through people in between, in dB.
func crowdingLoss(r *rand.Rand) float64 { return max(0, 4+2*r.NormFloat64()) }

// fading is the state of one path between a device and the box.
type fading struct {
	at      time.Duration
	begun   bool
	shadow  float64
	scatter [channels]complex128 // each of unit power
}

// gain advances the path to the moment at and returns the gain in dB of one
// advert at that moment.
func (f *fading) gain(r *rand.Rand, at time.Duration, walking bool, rice float64) float64 {
	gap := at - f.at
	slow, fast := shadowStanding, fadingStanding
	if walking {
		slow, fast = shadowWalking, fadingWalking
	}
	keep, stay := decay(gap, slow), decay(gap, fast)
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

// decay is the correlation of a value after gap, with the time constant span.
func decay(gap, span time.Duration) float64 { return math.Exp(-gap.Seconds() / span.Seconds()) }

func pathLoss(metres float64) float64 {
	return 10 * lossExponent * math.Log10(max(metres, distanceMin))
}
