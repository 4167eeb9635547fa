package pay

// EnrolClaim is a node's wish to be enrolled, as it came over the connection.
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
