package pay

import "errors"

// ErrGap says that pushed items do not follow the last one applied.
var ErrGap = errors.New("pay: outbox items leave a gap")

// Rows is the part of a store's transaction that a role works on: its own rows,
// in a key space that no other part of the program writes, and the facts that
// are already stored. Keys and values are copied by the store.
type Rows interface {
	// Get returns a copy of the row at key, and whether there is one.
	Get(key []byte) (value []byte, ok bool, err error)
	// Scan calls fn for each row in [from, to) in byte order, at most limit
	// times (limit <= 0: no limit), until fn returns false. A nil to means the
	// end of the role's rows. fn must not keep key or value.
	Scan(from, to []byte, limit int, fn func(key, value []byte) (more bool)) error
	// Fact returns a stored fact.
	Fact(id FactID) (Fact, bool, error)
}

// WritableRows is Rows inside a transaction.
type WritableRows interface {
	Rows
	// Put stores a row.
	Put(key, value []byte) error
	// Delete removes a row. Nothing may depend on a row being gone.
	Delete(key []byte) error
	// Wake asks for an Input with this payment in Due once at has come, after
	// a restart too. Each call stands for itself and fires once.
	Wake(at Time, payment PaymentID) error
}

// Input is one thing that happened: a fact arrived, or a deadline came.
type Input struct {
	// Fact arrived and its signature is verified; the zero Fact for a deadline.
	Fact Fact
	// Age is how long before now its author stored the fact.
	Age Millis
	// With are the facts of the same outbox item that come after Fact.
	With []Fact
	// Due is the payment whose deadline came.
	Due PaymentID
	// Scope is the feed the fact stands in, on a node; empty at the registry,
	// where facts arrive from their authors.
	Scope Scope
	// Refused, on a node, says that the registry acknowledged the node's own
	// Fact and refused it for this reason.
	Refused Reason
}

// Posting is a fact that a role states. At the registry it is appended to the
// feeds of the Scopes; on a node Scopes is empty and it goes to the outbox.
type Posting struct {
	Fact   Fact
	Scopes []Scope
}

// Reaction is all that a role does about one Input.
type Reaction struct {
	Postings []Posting
	// Refused is the reason when the input was a command that was refused; the
	// author is told even where no signed refusal was posted.
	Refused Reason
}

// Cursor says how far a node has read a feed: the epoch of the registry's
// history, the number of the last entry and the chain up to it.
type Cursor struct {
	Epoch Epoch  `cbor:"1,keyasint"`
	Seq   uint64 `cbor:"2,keyasint"`
	Chain Chain  `cbor:"3,keyasint"`
}

// Epoch is random and new whenever the registry's history may have changed.
type Epoch [8]byte

// Incarnation is random and new whenever a node's outbox numbering begins anew.
type Incarnation [8]byte

// Digest is the sum modulo 2^128 (big-endian) of the first 16 bytes of the ids
// of a set of facts. Equal sets have equal digests.
type Digest [16]byte

// Head is the state of a feed.
type Head struct {
	Cursor Cursor `cbor:"1,keyasint"`
	Digest Digest `cbor:"2,keyasint"` // of the entries 1..Seq
}

// Item is one entry of a node's outbox: facts that are applied together.
type Item struct {
	N     uint64
	Age   Millis // since the node stored it
	Facts []Fact
}

// Add returns the digest of the set with one more fact.
func (d Digest) Add(id FactID) Digest {
	var carry uint16
	for i := len(d) - 1; i >= 0; i-- {
		sum := uint16(d[i]) + uint16(id[i]) + carry
		d[i], carry = byte(sum), sum>>8
	}
	return d
}

// Position says where a node stands: how far its mirror of the feed goes and
// what of its outbox the registry has acknowledged.
type Position struct {
	Head        Head
	Incarnation Incarnation
	Acked       uint64 // items up to here are durable at the registry
	Last        uint64 // number of the newest item, 0 if there never was one
}

// Applied is what became of pushed items.
type Applied struct {
	N       uint64            // items up to here are durable at the registry
	Refused map[uint64]Reason // those among the pushed ones that were refused
}

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
