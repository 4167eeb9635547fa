package crowd

import (
	"math"
	"math/rand/v2"
	"time"
)

// The parameters that every Channel shares. Chosen: usual values of one room in
// the 2.4 GHz band and of its receivers; the traces do not show them.
const (
	distanceMin  = 0.1 // metres; nearer makes no difference
	hearingFloor = -95.0
	lostOneIn    = 10
	unknownOneIn = 100
	unknownRSSI  = 127

	channels = 3
)

// carry is where a person has the device.
type carry uint8

const (
	hand carry = iota
	pocket
)

// Spread is a normal distribution, in dB.
type Spread struct{ Mean, Sigma float64 }

// loss draws a loss, which is never negative.
func (s Spread) loss(r *rand.Rand) float64 { return max(0, s.Mean+s.Sigma*r.NormFloat64()) }

// crowding is the loss through people in between. Chosen: in the traces nobody
// stands between the two phones.
var crowding = Spread{4, 2}

// Channel is what lies between a device and the box: how strength falls with
// distance, and how it differs from phone to phone, from place to place and from
// advert to advert. Levels and deviations are in dB.
type Channel struct {
	// Name is what figures call the channel.
	Name string
	// Exponent is the path-loss exponent.
	Exponent float64
	// Phones is the deviation of the true power of phones from the stated one. One
	// in MisstatedOneIn, if that is not 0, deviates by Misstated more.
	Phones         float64
	MisstatedOneIn int
	Misstated      float64
	// Hand and Pocket are the losses where a device is carried.
	Hand, Pocket Spread
	// Facing is the gain of a person who faces the box, Back the gain of one who
	// turns the back, which is negative; between the two it follows the cosine.
	Facing, Back float64
	// Place is the deviation that comes from where exactly a person stands. It
	// changes with the time constants PlaceStanding, or not at all where that is 0,
	// and PlaceWalking.
	Place                       float64
	PlaceStanding, PlaceWalking time.Duration
	// Levels is the deviation of the three levels of a place, one for each
	// advertising channel; Drift that of a change of each with the time constant
	// DriftMemory; Noise that of single adverts, which fades deepen more than they raise.
	Levels, Drift, Noise float64
	DriftMemory          time.Duration
	// RiceHand and RiceHidden are the K factors of Rician fading, as powers, that
	// takes the place of Levels, Drift and Noise where they are not 0, with the time
	// constant RiceStanding.
	RiceHand, RiceHidden float64
	RiceStanding         time.Duration
	// Walking is the time constant of all fading while a person walks: a wavelength
	// is 12 cm.
	Walking time.Duration
}

// Measured is the channel of phones that people carry. TestConstantsMatchTraces
// holds it to the recordings, except for Phones, Hand and Pocket, which no part
// of the redistributable recordings tells apart: those were measured with the
// whole of them. Measured: 4,577 recordings of phones at 0.6 to 4.6 m, MIT
// Lincoln Laboratory, 2020; README names them.
func Measured() Channel {
	return Channel{
		Name: "measured", Exponent: 1.45, Phones: 5.3,
		Hand: Spread{1, 1.5}, Pocket: Spread{6.5, 3},
		Facing: 3.1, Back: -4.0,
		Place: 4.4, PlaceWalking: time.Second,
		Levels: 3.2, Drift: 1.8, Noise: 3.1, DriftMemory: 1500 * time.Millisecond,
		Walking: 60 * time.Millisecond,
	}
}

// Kind is a channel that is kinder than any that was measured: README, "Who is asked",
// holds the wrong picks in both side by side, simulated, with brackets. It shows what a rule reaches where nothing but distance
// and fast fading matters. Chosen: usual values of textbooks.
func Kind() Channel {
	return Channel{
		Name: "kind", Exponent: 2, Phones: 3, MisstatedOneIn: 8, Misstated: 6,
		Hand: Spread{1, 1.5}, Pocket: Spread{10, 3},
		Place: 2.5, PlaceStanding: 5 * time.Second, PlaceWalking: time.Second,
		RiceHand: 4, RiceHidden: 1, RiceStanding: 500 * time.Millisecond, // 6 and 0 dB
		Walking: 60 * time.Millisecond,
	}
}

// power draws the true power of a device that states stated, in dBm.
func (c *Channel) power(r *rand.Rand, stated float64) float64 {
	p := stated + c.Phones*r.NormFloat64()
	if c.MisstatedOneIn > 0 && r.IntN(c.MisstatedOneIn) == 0 {
		p += c.Misstated * r.NormFloat64()
	}
	return p
}

// carried draws the loss of a device that is carried so.
func (c *Channel) carried(r *rand.Rand, how carry) float64 {
	if how == pocket {
		return c.Pocket.loss(r)
	}
	return c.Hand.loss(r)
}

// turned returns the gain of a person who has turned away from the box by angle,
// in radians.
func (c *Channel) turned(angle float64) float64 {
	return (c.Facing+c.Back)/2 + (c.Facing-c.Back)/2*math.Cos(angle)
}

func (c *Channel) pathLoss(metres float64) float64 {
	return 10 * c.Exponent * math.Log10(max(metres, distanceMin))
}

// path is the state of one path between a device and the box.
type path struct {
	at      time.Duration
	begun   bool
	place   float64
	levels  [channels]float64
	drift   [channels]float64
	scatter [channels]complex128 // of unit power
}

// gain advances the path to the moment at and returns the gain in dB of one
// advert on the advertising channel n.
func (f *path) gain(r *rand.Rand, c *Channel, n int, at time.Duration, walking, hidden bool) float64 {
	gap := at - f.at
	if !f.begun {
		f.begun, gap, walking = true, time.Hour, true // everything is drawn anew
	}
	f.at = at
	slow, still, drift, fast := c.PlaceStanding, time.Duration(0), c.DriftMemory, c.RiceStanding
	if walking {
		slow, still, drift, fast = c.PlaceWalking, c.Walking, min(c.DriftMemory, c.Walking), c.Walking
	}
	f.place = next(r, f.place, c.Place, gap, slow)
	if c.RiceHand > 0 {
		k := c.RiceHand
		if hidden {
			k = c.RiceHidden
		}
		return f.place + f.rice(r, n, k, decay(gap, fast))
	}
	for i := range channels {
		f.levels[i] = next(r, f.levels[i], c.Levels, gap, still)
		f.drift[i] = next(r, f.drift[i], c.Drift, gap, drift)
	}
	return f.place + f.levels[n] + f.drift[n] + c.Noise*(1-r.ExpFloat64())
}

// rice advances the scattered part of each channel, of which stay is kept, and
// returns the gain in dB of one advert on channel n.
func (f *path) rice(r *rand.Rand, n int, k, stay float64) float64 {
	fresh := math.Sqrt((1 - stay*stay) / 2)
	for c := range f.scatter {
		f.scatter[c] = complex(stay, 0)*f.scatter[c] + complex(fresh*r.NormFloat64(), fresh*r.NormFloat64())
	}
	re := math.Sqrt(k/(k+1)) + real(f.scatter[n])/math.Sqrt(k+1)
	im := imag(f.scatter[n]) / math.Sqrt(k+1)
	return 10 * math.Log10(max(re*re+im*im, 1e-6))
}

// next draws the value that follows value after gap, of deviation sigma and the
// time constant memory; with none it stays as it is.
func next(r *rand.Rand, value, sigma float64, gap, memory time.Duration) float64 {
	if memory == 0 {
		return value
	}
	keep := decay(gap, memory)
	return keep*value + math.Sqrt(1-keep*keep)*sigma*r.NormFloat64()
}

// decay is the correlation of a value after gap, with the time constant span.
func decay(gap, span time.Duration) float64 { return math.Exp(-gap.Seconds() / span.Seconds()) }
