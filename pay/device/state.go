package device

import (
	"bytes"
	"crypto/ecdh"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"

	"github.com/paybeacon/paybeacon/pay"
)

// State is everything that a device stores. It holds secrets: store it in a file
// that only its owner can read. Encode writes the line "paybeacon-device/3", /2 where
// no level is set or /1 where no boot is known either, and then this struct in deterministic CBOR.
type State struct {
	Seed     [32]byte     `cbor:"1,keyasint"` // of the Ed25519 identity key (RFC 8032)
	Beacon   [32]byte     `cbor:"2,keyasint"` // X25519 private key (RFC 7748)
	Exponent pay.Exponent `cbor:"3,keyasint"`
	Counter  Reading      `cbor:"4,keyasint"` // its value at At
	At       pay.Time     `cbor:"5,keyasint"` // by the device's wall clock
	Binding  *Binding     `cbor:"6,keyasint,omitempty"`
	// Spent is the PIN that made the binding, until the wallet has confirmed that
	// it has the bind; otherwise zero.
	Spent pay.PIN `cbor:"7,keyasint"`
	// Former are the raw Forgotten facts of the identities before this one, until a
	// wallet has taken them in with a bind.
	Former [][]byte `cbor:"8,keyasint,omitempty"`
	// Boot is which boot of the machine it was at At, and Up for how long that had
	// lasted; "" where nobody knows.
	Boot pay.BootID `cbor:"9,keyasint,omitempty"`
	Up   pay.Millis `cbor:"10,keyasint,omitempty"`
	// Level is the correction of the power that it states.
	Level stated `cbor:"11,keyasint,omitzero"`
}

// Binding is the wallet that a device belongs to, and its registry. A value is
// never changed, only replaced.
type Binding struct {
	Registry pay.NodeID     `cbor:"1,keyasint"` // the registry's root
	Resolver pay.BeaconKey  `cbor:"2,keyasint"`
	Wallet   pay.PublicKey  `cbor:"3,keyasint"`
	Type     pay.DeviceType `cbor:"4,keyasint"`
}

const (
	stateLabel   = "paybeacon-device/"
	stateVersion = 3
	stateBoot    = 2 // without a level
	statePlain   = 1 // without the boot either
	// bootBytesMax bounds the name of a boot. Chosen: about twice a UUID.
	bootBytesMax = 64
	// stateBytesMax bounds a state file, in bytes. Chosen: more than ten times the
	// some 300 bytes that a state takes.
	stateBytesMax = 4 << 10
	// wallMax bounds the stored wall time, in milliseconds either side of 1970.
	// Chosen: far beyond any real date, and too small for sums to overflow.
	wallMax pay.Time = 1 << 50
)

// New returns the state of a new, unpaired device with keys and first counter
// from random. now is its wall clock. It returns the error of random, or of Check
// for an invalid k or now.
func New(random io.Reader, k pay.Exponent, now pay.Time) (State, error) {
	s := State{Exponent: k, At: now}
	var first [4]byte
	for _, part := range [][]byte{s.Seed[:], s.Beacon[:], first[:]} {
		if _, err := io.ReadFull(random, part); err != nil {
			return State{}, fmt.Errorf("make device: %w", err)
		}
	}
	s.Counter = Reading(binary.BigEndian.Uint32(first[:])) * 1000 % readingFirstMax
	if err := s.Check(); err != nil {
		return State{}, fmt.Errorf("make device: %w", err)
	}
	return s, nil
}

// Check validates every field. It returns an error that states the first invalid
// one; for an unknown device type that is the error of pay.DeviceType.Check.
func (s State) Check() error {
	switch {
	case s.Exponent > pay.ExponentMax:
		return fmt.Errorf("exponent %d is above %d", s.Exponent, pay.ExponentMax)
	case s.Counter < 0 || s.Counter > ReadingMax:
		return fmt.Errorf("the counter is outside its 32 bits")
	case s.At < -wallMax || s.At > wallMax:
		return fmt.Errorf("the stored wall time is not a date")
	case len(s.Former) > pay.FormerMax:
		return fmt.Errorf("%d former identities, the limit is %d", len(s.Former), pay.FormerMax)
	case len(s.Boot) > bootBytesMax || s.Up < 0:
		return fmt.Errorf("the stored boot is none")
	case s.Level.check() != nil:
		return s.Level.check()
	case s.Binding == nil:
		return nil
	}
	if err := s.Binding.Type.Check(); err != nil {
		return err
	}
	_, err := s.IdentityKey(s.Binding.Resolver)
	return err
}

// Encode returns the bytes to store.
func (s State) Encode() []byte {
	version := stateVersion
	switch {
	case s.Level != stated{}:
	case s.Boot != "":
		version = stateBoot
	default:
		version = statePlain
	}
	return append([]byte(stateLabel+strconv.Itoa(version)+"\n"), pay.Encode(s)...)
}

// Decode reads what Encode wrote. It returns a *pay.Error with CodeNewerData if a
// newer program wrote it, and with CodeConfig if it is damaged.
func Decode(raw []byte) (State, error) {
	damaged := func(err error) (State, error) {
		return State{}, pay.WrapCase(err, pay.CodeConfig, "device_state_damaged", "read the device's state")
	}
	if len(raw) > stateBytesMax {
		return damaged(fmt.Errorf("it has %d bytes, the limit is %d", len(raw), stateBytesMax))
	}
	line, body, ok := bytes.Cut(raw, []byte("\n"))
	digits, labelled := bytes.CutPrefix(line, []byte(stateLabel))
	if !ok || !labelled {
		return damaged(fmt.Errorf("it does not begin with %q", stateLabel))
	}
	version, err := strconv.ParseUint(string(digits), 10, 32)
	if err != nil || version == 0 {
		return damaged(fmt.Errorf("it names no version"))
	}
	if version > stateVersion {
		return State{}, pay.NewCase(pay.CodeNewerData, "device_state_newer", fmt.Sprintf("the device's state has version %d, this program knows %d", version, stateVersion))
	}
	var s State
	if err := pay.Decode(body, &s); err != nil {
		return damaged(err)
	}
	if err := s.Check(); err != nil {
		return damaged(err)
	}
	return s, nil
}

// Key returns the identity key.
func (s State) Key() pay.Key {
	key, err := pay.KeyFromSeed(s.Seed[:])
	if err != nil {
		panic("device: internal error: " + err.Error())
	}
	return key
}

// BeaconKey returns the public half of the beacon key.
func (s State) BeaconKey() pay.BeaconKey {
	return pay.BeaconKey(s.beaconPrivate().PublicKey().Bytes())
}

// IdentityKey returns the key from which the codes are made for the registry with
// the key resolver. It returns the error of crypto/ecdh if resolver is no valid
// X25519 key (such as one of low order), or that of pay.DeriveIdentityKey.
func (s State) IdentityKey(resolver pay.BeaconKey) (pay.IdentityKey, error) {
	public, err := ecdh.X25519().NewPublicKey(resolver[:])
	if err != nil {
		return pay.IdentityKey{}, fmt.Errorf("read resolver key: %w", err)
	}
	shared, err := s.beaconPrivate().ECDH(public)
	if err != nil {
		return pay.IdentityKey{}, fmt.Errorf("read resolver key: %w", err)
	}
	return pay.DeriveIdentityKey(shared, resolver, s.BeaconKey())
}

// String returns the device's short ID and none of its secrets.
func (s State) String() string { return "device " + s.Key().ID().Short() }

// GoString returns the same as String, so that no verb of fmt prints secrets.
func (s State) GoString() string { return s.String() }

// boundTo reports whether the device is bound to wallet.
func (s State) boundTo(wallet pay.PublicKey) bool {
	return s.Binding != nil && s.Binding.Wallet == wallet
}

func (s State) beaconPrivate() *ecdh.PrivateKey {
	key, err := ecdh.X25519().NewPrivateKey(s.Beacon[:])
	if err != nil {
		panic("device: internal error: " + err.Error())
	}
	return key
}
