package pay

import "fmt"

// DeviceType is what sort of device it is.
type DeviceType string

// The device types.
const (
	TypeTag   DeviceType = "tag"
	TypePhone DeviceType = "phone"
	TypeJack  DeviceType = "jack"
	TypeVoice DeviceType = "voice"
)

// Check returns nil for the four types, else an error that names the type.
func (t DeviceType) Check() error {
	switch t {
	case TypeTag, TypePhone, TypeJack, TypeVoice:
		return nil
	default:
		return fmt.Errorf("device type %q is not tag, phone, jack or voice", string(t))
	}
}

// BeaconKey is a public X25519 key (RFC 7748).
type BeaconKey [32]byte

// Bind is a device's statement that it belongs to one wallet at one registry.
// The device signs it with its identity key during pairing. Counter is the
// device's counter at the moment of signing.
type Bind struct {
	Registry NodeID     `cbor:"1,keyasint"` // the registry's root
	Resolver BeaconKey  `cbor:"2,keyasint"`
	Wallet   NodeID     `cbor:"3,keyasint"`
	Device   PublicKey  `cbor:"4,keyasint"`
	Beacon   BeaconKey  `cbor:"5,keyasint"`
	Exponent Exponent   `cbor:"6,keyasint"`
	Counter  Counter    `cbor:"7,keyasint"`
	Type     DeviceType `cbor:"8,keyasint"`
	// Former are the identities that the device had before and has forgotten.
	Former Former `cbor:"65,keyasint,omitzero"`
}

// Kind returns KindBind.
func (Bind) Kind() Kind { return KindBind }

// Check returns nil when every field is within its bounds.
func (b Bind) Check() error {
	if b.Exponent > ExponentMax {
		return fmt.Errorf("exponent %d is above %d", b.Exponent, ExponentMax)
	}
	return firstError(b.Type.Check(), b.Former.check())
}

// Mapping is a claim that registers a device with a wallet. The wallet signs it
// and encloses the device's own Bind, so that neither can do it without the
// other.
type Mapping struct {
	Device  DeviceID `cbor:"1,keyasint"`
	Bind    []byte   `cbor:"2,keyasint"` // the raw bytes of the Bind fact
	Vehicle Name     `cbor:"3,keyasint,omitempty"`
	Means   Name     `cbor:"4,keyasint,omitempty"`
	Created Time     `cbor:"5,keyasint"`
	// Link is where the device's link is, HOST:PORT, so that a wallet which takes
	// this one's place finds it; "" when that is not known.
	Link string `cbor:"65,keyasint,omitempty"`
	// Car is the vehicle that the device belongs to, or zero. Where it is there, Vehicle
	// is its plate.
	Car Vehicle `cbor:"66,keyasint,omitzero"`
}

// Kind returns KindMapping.
func (Mapping) Kind() Kind { return KindMapping }

// Check returns nil when every field is within its bounds; the enclosed fact is
// read by OpenBind.
func (m Mapping) Check() error {
	if len(m.Bind) == 0 || len(m.Bind) > FactBytesMax/2 {
		return fmt.Errorf("the enclosed bind has %d bytes", len(m.Bind))
	}
	if err := m.Car.checkOptional(); err != nil {
		return err
	}
	return firstError(m.Created.check(), checkText("vehicle", string(m.Vehicle), NameBytesMax), checkText("means", string(m.Means), NameBytesMax),
		checkText("link", m.Link, LinkBytesMax))
}

// OpenBind parses the enclosed Bind and verifies that the device which the
// mapping names has signed it. Its errors wrap ErrNotCanonical or ErrSignature,
// but for a fact of another kind.
func (m Mapping) OpenBind() (Bind, error) {
	f, err := Parse(m.Bind)
	if err != nil {
		return Bind{}, fmt.Errorf("open bind: %w", err)
	}
	b, err := As[Bind](f)
	if err != nil {
		return Bind{}, fmt.Errorf("open bind: %w", err)
	}
	if err := f.Verify(b.Device); err != nil {
		return Bind{}, fmt.Errorf("open bind: %w", err)
	}
	if f.Signer() != m.Device {
		return Bind{}, fmt.Errorf("open bind: signed by device %s, mapping names %s: %w", f.Signer().Short(), m.Device.Short(), ErrSignature)
	}
	return b, nil
}

// Revoke is a claim that ends a device's mapping. The wallet that owns the
// device signs it.
type Revoke struct {
	Device  DeviceID `cbor:"1,keyasint"`
	Created Time     `cbor:"2,keyasint"`
}

// Kind returns KindRevoke.
func (Revoke) Kind() Kind { return KindRevoke }

// Check returns nil when every field is within its bounds.
func (r Revoke) Check() error { return r.Created.check() }

// DeviceState is where a device's mapping stands.
type DeviceState string

// The states of a mapping. A wallet shows "pending" until the registry has decided.
const (
	DevicePending DeviceState = "pending"
	DeviceActive  DeviceState = "active"
	DeviceRevoked DeviceState = "revoked"
)

// DeviceStatus is the registry's statement that a device is mapped, or no longer.
type DeviceStatus struct {
	Device  DeviceID    `cbor:"1,keyasint"`
	Claim   FactID      `cbor:"2,keyasint"` // the mapping or revoke; zero when the registry acted
	State   DeviceState `cbor:"3,keyasint"`
	Type    DeviceType  `cbor:"4,keyasint"`
	Vehicle Name        `cbor:"5,keyasint,omitempty"`
	Means   Name        `cbor:"6,keyasint,omitempty"`
	At      Time        `cbor:"7,keyasint"`
	// Trusted is from when on its authentication codes count; 0: at once.
	Trusted Time `cbor:"8,keyasint,omitempty"`
	// Link is where its wallet has reached it last, HOST:PORT, or "".
	Link string `cbor:"65,keyasint,omitempty"`
	// Forgotten means that the mapping ended because the device forgot it: the
	// statement stands in the bind of the mapping that Claim names.
	Forgotten bool `cbor:"66,keyasint,omitempty"`
	// Car is the vehicle that the device belongs to, or zero.
	Car Vehicle `cbor:"67,keyasint,omitzero"`
}

// Kind returns KindDevice.
func (DeviceStatus) Kind() Kind { return KindDevice }

// Check returns nil when every field is within its bounds.
func (d DeviceStatus) Check() error {
	if d.State != DeviceActive && d.State != DeviceRevoked {
		return fmt.Errorf("device state %q is neither active nor revoked", string(d.State))
	}
	if d.Forgotten && d.State != DeviceRevoked {
		return fmt.Errorf("a device that is %s has not forgotten its wallet", d.State)
	}
	if err := d.Car.checkOptional(); err != nil {
		return err
	}
	return firstError(d.Type.Check(), d.At.check(), d.Trusted.check(), checkText("vehicle", string(d.Vehicle), NameBytesMax), checkText("means", string(d.Means), NameBytesMax),
		checkText("link", d.Link, LinkBytesMax))
}
