package crowd

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

const (
	// codePeriod is the length of a step. Chosen: 2^6 s, as in the product.
	codePeriod = 64 * time.Second
	// advertDelay is the longest random delay of an advert. Published: Bluetooth
	// Core 5.4, volume 6, part B, 4.4.2.2 (advDelay).
	advertDelay = 10 * time.Millisecond
	// walkingSpeed is in metres a second. Chosen: slow walking in a shop.
	walkingSpeed = 1.0
	// blockedFrom is how many metres before the till others may stand in between.
	// Chosen: behind the place of the customer.
	blockedFrom = 0.7
)

// stop is a place along the lane at a moment. A person walks from one stop to the
// next.
type stop struct {
	at    time.Duration
	along float64 // metres before the till; negative beyond it
}

// person is a person with a device, or a static beacon on a wall.
type person struct {
	aside    float64 // metres across the counter from the line that runs to the till
	behind   bool    // the counter, or at another till
	stops    []stop
	carry    carry
	turned   float64       // radians away from the box
	crowding float64       // dB lost to others while not at the till
	leaves   time.Duration // out of the shop from this moment
	returns  time.Duration // until this one

	stated   pay.RSSI
	power    float64 // true one at 1 m in dBm, less the loss in hand or pocket
	interval time.Duration
	static   []byte // payload of a beacon that never changes; nil for a device

	channel *Channel
	path    path
	second  path // to the second ear
	plate   *Plate
	played  *playback // recordings that take the place of the channel, or nil
	code    pay.Code
	address ble.Address
	nominal time.Duration // when the next code would begin without jitter
	rotates time.Duration // when it begins
	due     time.Duration
	payload []byte
}

// position returns where the person is, whether still in the queue before the till,
// and whether the person walks.
func (p *person) position(at time.Duration) (across, along float64, waits, walking bool) {
	along = p.stops[0].along
	for i := 1; i < len(p.stops); i++ {
		a, b := p.stops[i-1], p.stops[i]
		if at >= b.at {
			along = b.along
			continue
		}
		if at > a.at {
			share := float64(at-a.at) / float64(b.at-a.at)
			along = a.along + share*(b.along-a.along)
			walking = a.along != b.along
		}
		break
	}
	return p.aside, along, along > blockedFrom, walking
}

// strength draws the strength in dBm of an advert that is sent at the moment at,
// and whether the box hears it.
func (p *person) strength(r *rand.Rand, at time.Duration) (rssi int, heard bool) {
	if p.played != nil {
		return p.played.strength(at)
	}
	across, along, waits, walking := p.position(at)
	metres := math.Hypot(across, along)
	c, hidden := p.channel, p.carry == pocket
	dBm := p.power + c.turned(p.turned) - c.pathLoss(metres) - p.plate.loss(p, metres)
	if waits && p.crowding > 0 {
		hidden = true
		dBm -= p.crowding
	}
	dBm += p.path.gain(r, c, r.IntN(channels), at, walking, hidden)
	lost, unknown := r.IntN(lostOneIn) == 0, r.IntN(unknownOneIn) == 0
	if unknown {
		return unknownRSSI, !lost
	}
	return int(math.Round(min(dBm, 20))), !lost && dBm >= hearingFloor
}

// send returns the payload that is sent at the moment at, and plans the next one.
func (p *person) send(r *rand.Rand, at time.Duration) []byte {
	if p.static == nil && at >= p.rotates {
		p.rotate(r)
		for p.nominal <= at {
			p.nominal += codePeriod
		}
		p.rotates = p.nominal + time.Duration(r.Int64N(int64(pay.SwitchJitterMax.Std())))
	}
	p.due = at + p.interval + time.Duration(r.Int64N(int64(advertDelay)))
	if p.due >= p.leaves && p.due < p.returns {
		p.due = p.returns + time.Duration(r.Int64N(int64(p.interval)))
	}
	return p.payload
}

// rotate changes code and address together.
func (p *person) rotate(r *rand.Rand) {
	binary.BigEndian.PutUint64(p.code[:], r.Uint64())
	var fresh [8]byte
	binary.BigEndian.PutUint64(fresh[:], r.Uint64())
	copy(p.address[:], fresh[:])
	p.address[0] &= 0x3F // non-resolvable private
	p.payload = ble.AppendEID(nil, p.code, p.stated)
	if p.stated < ble.PowerMin {
		// AppendEID clamps the stated power; a device that cheats does not.
		p.payload[len(p.payload)-len(p.code)-1] = byte(int8(p.stated) + 41)
	}
}
