package device

import (
	"crypto/hmac"
	"io"

	"github.com/paybeacon/paybeacon/pay"
)

// Pairing is the PIN that an unpaired device shows, with its expiry and the count
// of wrong proofs. It is a value: Prove returns the next one. The zero Pairing
// has no PIN and accepts no proof.
type Pairing struct {
	pin     pay.PIN
	began   pay.Time
	expires pay.Time
	wrong   int
}

// NewPairing returns a Pairing whose PIN comes from random and is valid from now
// for pay.PairingTTL. It returns the error of random.
func NewPairing(random io.Reader, now pay.Time) (Pairing, error) {
	pin, err := pay.NewPIN(random)
	if err != nil {
		return Pairing{}, err
	}
	return Pairing{pin: pin, began: now, expires: now.Add(pay.PairingTTL)}, nil
}

// PIN returns the PIN and when it expires.
func (p Pairing) PIN() (pay.PIN, pay.Time) { return p.pin, p.expires }

// Open reports whether a proof can still succeed at now. It cannot if the clock
// went back to before the PIN was made, because the PIN must not be valid for
// longer than shown.
func (p Pairing) Open(now pay.Time) bool {
	return p.pin != pay.PIN{} && now >= p.began && now < p.expires && p.wrong < pay.PairingTries
}

// Why returns the reason for which a new PIN is shown after p.
func (p Pairing) Why() Why {
	switch {
	case p.pin == pay.PIN{}:
		return WhyStarted
	case p.wrong >= pay.PairingTries:
		return WhyTries
	default:
		return WhyExpired
	}
}

// Prove checks a wallet's proof of the PIN on the connection with the given
// exporter. If it is right, ok is true and own is the device's proof to send
// back. If it is wrong, next has one try less and nothing may be sent. If the PIN
// is not open, next is p.
func (p Pairing) Prove(now pay.Time, exporter []byte, device, wallet pay.PublicKey, proof [32]byte) (next Pairing, own [32]byte, ok bool) {
	if !p.Open(now) {
		return p, own, false
	}
	if own, ok = checkProof(p.pin, exporter, device, wallet, proof); !ok {
		p.wrong++
	}
	return p, own, ok
}

// checkProof checks a wallet's proof and, only if it is right, makes the
// device's.
func checkProof(pin pay.PIN, exporter []byte, device, wallet pay.PublicKey, proof [32]byte) (own [32]byte, ok bool) {
	want := pay.PairingProof(pin, exporter, pay.RoleWallet, wallet, device)
	if !hmac.Equal(want[:], proof[:]) {
		return own, false
	}
	return pay.PairingProof(pin, exporter, pay.RoleDevice, device, wallet), true
}
