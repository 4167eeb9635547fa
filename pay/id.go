package pay

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// FactID names one signed fact: the SHA-256 of its COSE Sig_structure. Two
// facts with the same id state the same thing and are signed by the same key.
type FactID [32]byte

// PaymentID names a payment: it is the FactID of the request that opened it.
type PaymentID FactID

// NodeID names an identity key (registry root, registry working key, box,
// wallet or device): the SHA-256 of the key's DER SubjectPublicKeyInfo.
type NodeID [32]byte

// DeviceID names a device by its identity key.
type DeviceID = NodeID

// String returns the id as 64 lower-case hexadecimal digits.
func (id FactID) String() string { return hex.EncodeToString(id[:]) }

// String returns the id as 64 lower-case hexadecimal digits.
func (id PaymentID) String() string { return hex.EncodeToString(id[:]) }

// String returns the id as 64 lower-case hexadecimal digits.
func (id NodeID) String() string { return hex.EncodeToString(id[:]) }

// Short returns the first ten digits, enough for a person to tell payments
// apart on a screen. Commands accept any unambiguous beginning of an id.
func (id PaymentID) Short() string { return id.String()[:10] }

// Short returns the first ten digits of the id.
func (id NodeID) Short() string { return id.String()[:10] }

// IsZero reports whether no fact is named.
func (id FactID) IsZero() bool { return id == FactID{} }

// IsZero reports whether no payment is named.
func (id PaymentID) IsZero() bool { return id == PaymentID{} }

// IsZero reports whether no key is named.
func (id NodeID) IsZero() bool { return id == NodeID{} }

// ParsePaymentID reads the 64 hexadecimal digits written by String. It returns
// an error for any other text.
func ParsePaymentID(s string) (PaymentID, error) {
	raw, err := parseHex32(s)
	return PaymentID(raw), err
}

// ParseNodeID reads the 64 hexadecimal digits written by String. It returns an
// error for any other text.
func ParseNodeID(s string) (NodeID, error) {
	raw, err := parseHex32(s)
	return NodeID(raw), err
}

func parseHex32(s string) (out [32]byte, err error) {
	raw, err := hex.DecodeString(strings.ToLower(s))
	if err != nil || len(raw) != len(out) {
		return out, fmt.Errorf("parse id: want %d hexadecimal digits, have %d characters", 2*len(out), len(s))
	}
	return [32]byte(raw), nil
}

// Scope is the unit of entitlement, order and audit: "m/ID" for a merchant,
// "w/ID" for a wallet, "s" for the registry alone. Scope ids are minted by
// invites; which node may sign for which scope is a table at the registry.
type Scope string

// ScopeRegistry is the scope that only the registry reads.
const ScopeRegistry Scope = "s"

// Role says what a node, or a key, is for.
type Role string

// The roles. The root is the key that every node pins; it signs for no node.
const (
	RoleRoot     Role = "root"
	RoleRegistry Role = "registry"
	RoleBox      Role = "box"
	RoleWallet   Role = "wallet"
	RoleDevice   Role = "device"
)

// Scope returns the scope with the given id for a node of this role; ok is
// false for roles that have no scope of their own.
func (r Role) Scope(id string) (s Scope, ok bool) {
	switch r {
	case RoleBox:
		return Scope("m/" + id), true
	case RoleWallet:
		return Scope("w/" + id), true
	case RoleRegistry:
		return ScopeRegistry, true
	default:
		return "", false
	}
}

func (s Scope) check(prefix string) error {
	if len(s) <= len(prefix) || len(s) > scopeBytesMax || string(s[:len(prefix)]) != prefix {
		return fmt.Errorf("scope %q does not start with %s", string(s), prefix)
	}
	return checkText("scope", string(s), scopeBytesMax)
}
