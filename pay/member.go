package pay

import "fmt"

// EnrolClaim is a node's claim to be enrolled, as it came over the connection.
// It is no fact: the invite proves it.
type EnrolClaim struct {
	Invite   InviteID
	Proof    [32]byte
	Exporter []byte    // TLS exporter of the connection the claim came over
	Node     PublicKey // the key the node proved in TLS
	Role     Role
	Name     Name
}

// Membership is what a node learns when it is enrolled.
type Membership struct {
	Node      NodeStatus
	Authority Fact
	Currency  Currency
	Resolver  BeaconKey
}

// NodeStatus is the registry's statement that a node was enrolled or revoked.
// It stands in the registry's own scope.
type NodeStatus struct {
	Node         PublicKey `cbor:"1,keyasint"`
	Role         Role      `cbor:"2,keyasint"`
	Scope        Scope     `cbor:"3,keyasint"`
	Name         Name      `cbor:"4,keyasint"`
	MerchantName Name      `cbor:"5,keyasint,omitempty"` // the merchant, for a box
	Site         Name      `cbor:"6,keyasint,omitempty"` // for a box
	Revoked      bool      `cbor:"7,keyasint"`
	At           Time      `cbor:"8,keyasint"`
	// Replaced means that the node was revoked because another wallet is to take
	// its place.
	Replaced bool `cbor:"65,keyasint,omitempty"`
	// Replaces is the wallet whose place this one has taken, or zero.
	Replaces NodeID `cbor:"66,keyasint,omitzero"`
	// Class is what a box is for; "" for any shop.
	Class BoxClass `cbor:"67,keyasint,omitempty"`
}

// Kind returns KindNode.
func (NodeStatus) Kind() Kind { return KindNode }

// Check returns nil when every field is within its bounds.
func (n NodeStatus) Check() error {
	prefix := "m/"
	if n.Role == RoleWallet {
		prefix = "w/"
	} else if n.Role != RoleBox {
		return fmt.Errorf("role %q is neither box nor wallet", string(n.Role))
	}
	if (n.Replaced && !n.Revoked) || ((n.Replaced || !n.Replaces.IsZero()) && n.Role != RoleWallet) {
		return fmt.Errorf("only a revoked wallet is replaced, and only by a wallet")
	}
	if n.Class != "" && n.Role != RoleBox {
		return fmt.Errorf("a %s has no class", n.Role)
	}
	return firstError(checkText("class", string(n.Class), classBytesMax), n.Scope.check(prefix), n.Name.Check(), n.At.check(), checkText("merchant name", string(n.MerchantName), NameBytesMax), checkText("site", string(n.Site), NameBytesMax))
}
