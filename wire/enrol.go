package wire

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// ExporterLabel and ExporterBytes name the keying material of the TLS session
// (RFC 8446 section 7.5, empty context) that the proof of an invite is bound to.
// Chosen: 32 bytes, as long as the digest that takes them.
const (
	ExporterLabel = "EXPORTER-paybeacon-enrol"
	ExporterBytes = 32
)

// Enrol asks to become a node. Proof is pay.InviteProof over the secret of the
// invite and this connection's TLS exporter.
type Enrol struct {
	Version Version      `cbor:"1,keyasint"` // the newest that the node speaks
	Invite  pay.InviteID `cbor:"2,keyasint"`
	Proof   [32]byte     `cbor:"3,keyasint"`
	Role    pay.Role     `cbor:"4,keyasint"` // what the node asks for; the invite decides
	Name    pay.Name     `cbor:"5,keyasint,omitempty"`
	// Oldest is the oldest version that the node speaks; 0 when it is Version.
	Oldest Version `cbor:"6,keyasint,omitempty"`
}

// Speaking returns the Enrol with the versions that the node speaks.
func (e Enrol) Speaking(v Versions) Enrol {
	e.Version, e.Oldest = v.Max, v.oldest()
	return e
}

// Versions returns the versions that the node speaks.
func (e Enrol) Versions() Versions { return versionsOf(e.Version, e.Oldest) }

// Type returns TypeEnrol.
func (Enrol) Type() Type { return TypeEnrol }

// Check returns an error when a field is out of its bounds.
func (e Enrol) Check() error {
	if e.Role != pay.RoleBox && e.Role != pay.RoleWallet {
		return fmt.Errorf("only a box or a wallet can enrol")
	}
	if e.Name != "" {
		if err := e.Name.Check(); err != nil {
			return err
		}
	}
	return checkOldest(e.Version, e.Oldest)
}

// Enrolled answers Enrol.
type Enrolled struct {
	Node      pay.NodeStatus `cbor:"1,keyasint"`
	Authority []byte         `cbor:"2,keyasint"`
	Currency  pay.Currency   `cbor:"3,keyasint"`
	Resolver  pay.BeaconKey  `cbor:"4,keyasint"` // which devices get at pairing
}

// Type returns TypeEnrolled.
func (Enrolled) Type() Type { return TypeEnrolled }

// Check returns an error when a field is out of its bounds.
func (e Enrolled) Check() error {
	if err := e.Node.Check(); err != nil {
		return err
	}
	if err := e.Currency.Check(); err != nil {
		return err
	}
	return checkFact(e.Authority)
}
