package pay

import "fmt"

// IdempotencyKey is the merchant's own name for one charge. It is chosen
// before the first try and never expires, so that a retry finds the payment
// that the first try made.
type IdempotencyKey string

// Check returns nil when k is 1..KeyBytesMax printable bytes.
func (k IdempotencyKey) Check() error {
	if k == "" {
		return fmt.Errorf("key is empty")
	}
	return checkText("key", string(k), KeyBytesMax)
}

// Request asks for a payment by whoever broadcast Code. A box signs it; the
// id of the fact is the id of the payment.
type Request struct {
	Key      IdempotencyKey `cbor:"1,keyasint"`
	Merchant Scope          `cbor:"2,keyasint"`
	Site     Name           `cbor:"3,keyasint"`
	Code     Code           `cbor:"4,keyasint"`
	Handle   Handle         `cbor:"5,keyasint"`
	Amount   Amount         `cbor:"6,keyasint"`
	Currency Currency       `cbor:"7,keyasint"`
	Ref      string         `cbor:"8,keyasint,omitempty"`
	TTL      Millis         `cbor:"9,keyasint"`
	Created  Time           `cbor:"10,keyasint"`
	// TwoChannel asks that the payer's device speaks too.
	TwoChannel bool `cbor:"11,keyasint,omitempty"`
}

// Kind returns KindRequest.
func (Request) Kind() Kind { return KindRequest }

// Check bounds every field.
func (r Request) Check() error {
	if r.TTL < RequestTTLMin || r.TTL > RequestTTLMax {
		return fmt.Errorf("ttl of %v is outside %v..%v", r.TTL.Std(), RequestTTLMin.Std(), RequestTTLMax.Std())
	}
	return firstError(r.Key.Check(), r.Merchant.check("m/"), r.Site.Check(), r.Handle.Check(),
		r.Amount.CheckPayable(), r.Currency.Check(), CheckRef(r.Ref), r.Created.check())
}

// Verdict is what a wallet says to an offer.
type Verdict string

// The verdicts.
const (
	Approve Verdict = "approve"
	Decline Verdict = "decline"
)

// Rule names who answered: "hand" for a person, else the rule that the owner
// of the wallet set, such as "under:20.00".
type Rule string

// ByHand is the Rule of an answer that a person gave.
const ByHand Rule = "hand"

// Answer is a wallet's word on one offer. It repeats what was shown, so that a
// changed amount can never hide behind an approval.
type Answer struct {
	Payment  PaymentID `cbor:"1,keyasint"`
	Offer    FactID    `cbor:"2,keyasint"`
	Merchant Scope     `cbor:"3,keyasint"`
	Amount   Amount    `cbor:"4,keyasint"`
	Currency Currency  `cbor:"5,keyasint"`
	Expires  Time      `cbor:"6,keyasint"`
	Verdict  Verdict   `cbor:"7,keyasint"`
	By       Rule      `cbor:"8,keyasint"`
	Created  Time      `cbor:"9,keyasint"`
	// Code is the device's authentication code, with an approval of an offer that
	// demands two channels, else zero.
	Code AuthCode `cbor:"10,keyasint,omitzero"`
}

// Kind returns KindAnswer.
func (Answer) Kind() Kind { return KindAnswer }

// Check bounds every field.
func (a Answer) Check() error {
	if a.Verdict != Approve && a.Verdict != Decline {
		return fmt.Errorf("verdict %q is neither approve nor decline", string(a.Verdict))
	}
	if a.By == "" {
		return fmt.Errorf("an answer names who gave it")
	}
	if a.Verdict == Decline && !a.Code.IsZero() {
		return fmt.Errorf("an authentication code stands beside a refusal to pay")
	}
	return firstError(a.Merchant.check("m/"), a.Amount.CheckPayable(), a.Currency.Check(),
		checkText("rule", string(a.By), RuleBytesMax), a.Expires.check(), a.Created.check())
}

// Cancel withdraws a request. The box that made the request signs it.
type Cancel struct {
	Payment PaymentID `cbor:"1,keyasint"`
	Created Time      `cbor:"2,keyasint"`
}

// Kind returns KindCancel.
func (Cancel) Kind() Kind { return KindCancel }

// Check bounds every field.
func (c Cancel) Check() error { return c.Created.check() }

// DeviceType says what a device is.
type DeviceType string

// The device types.
const (
	TypeTag   DeviceType = "tag"
	TypePhone DeviceType = "phone"
	TypeJack  DeviceType = "jack"
	TypeVoice DeviceType = "voice"
)

// Check returns nil for the four types.
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

// Bind is a device's word that it belongs to one wallet at one registry. The
// device signs it with its identity key during pairing. Counter is the
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
}

// Kind returns KindBind.
func (Bind) Kind() Kind { return KindBind }

// Check bounds every field.
func (b Bind) Check() error {
	if b.Exponent > ExponentMax {
		return fmt.Errorf("exponent %d is above %d", b.Exponent, ExponentMax)
	}
	return b.Type.Check()
}

// Mapping registers a device with a wallet. The wallet signs it and encloses
// the device's own Bind, so that neither can do it without the other.
type Mapping struct {
	Device  DeviceID `cbor:"1,keyasint"`
	Bind    []byte   `cbor:"2,keyasint"` // the raw bytes of the Bind fact
	Vehicle Name     `cbor:"3,keyasint,omitempty"`
	Means   Name     `cbor:"4,keyasint,omitempty"`
	Created Time     `cbor:"5,keyasint"`
}

// Kind returns KindMapping.
func (Mapping) Kind() Kind { return KindMapping }

// Check bounds every field; the enclosed fact is read by OpenBind.
func (m Mapping) Check() error {
	if len(m.Bind) == 0 || len(m.Bind) > FactBytesMax/2 {
		return fmt.Errorf("the enclosed bind has %d bytes", len(m.Bind))
	}
	return firstError(m.Created.check(), checkText("vehicle", string(m.Vehicle), NameBytesMax), checkText("means", string(m.Means), NameBytesMax))
}

// OpenBind parses the enclosed Bind and verifies the device's signature and
// that it is signed by the device the mapping names.
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

// Revoke ends a device's mapping. The wallet that owns it signs.
type Revoke struct {
	Device  DeviceID `cbor:"1,keyasint"`
	Created Time     `cbor:"2,keyasint"`
}

// Kind returns KindRevoke.
func (Revoke) Kind() Kind { return KindRevoke }

// Check bounds every field.
func (r Revoke) Check() error { return r.Created.check() }

func (s Scope) check(prefix string) error {
	if len(s) <= len(prefix) || len(s) > scopeBytesMax || string(s[:len(prefix)]) != prefix {
		return fmt.Errorf("scope %q does not start with %s", string(s), prefix)
	}
	return checkText("scope", string(s), scopeBytesMax)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
