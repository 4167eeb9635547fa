package pay

import (
	"crypto/sha256"
	"errors"
	"maps"
)

// ErrGap means that pushed items do not follow the last one applied.
var ErrGap = errors.New("pay: outbox items leave a gap")

// ErrReplaced means that another incarnation of a node's outbox has replaced the
// one that pushes.
var ErrReplaced = errors.New("pay: the outbox was replaced by a newer one")

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
	// Chain is the chain of the outbox after item Acked. Chained is false when the
	// node does not know it: a registry that knows no such chains acknowledged some.
	Chain   Chain
	Chained bool
	Old     bool // the node knows itself to be an old copy
}

// Applied is what became of pushed items.
type Applied struct {
	N       uint64            // items up to here are durable at the registry
	Refused map[uint64]Reason // those among the pushed ones that were refused
	Grown   map[Scope]uint64  // where the feeds end that got entries by it; nil is allowed
}

// Acked is what the registry has acknowledged of an outbox: the items up to N of
// that incarnation are durable there, and those in Refused were refused. The zero
// Acked acknowledges nothing.
type Acked struct {
	Incarnation Incarnation
	N           uint64
	Refused     map[uint64]Reason
}

// And returns one acknowledgement for two, of which b is the later one.
func (a Acked) And(b Acked) Acked {
	if b.N == 0 {
		return a
	}
	if len(a.Refused) > 0 && a.Incarnation == b.Incarnation {
		refused := maps.Clone(a.Refused)
		maps.Copy(refused, b.Refused)
		b.Refused = refused
	}
	return b
}

// Chain is the running hash of a feed, or of the facts of an outbox: each link
// covers all before it.
type Chain [32]byte

// Next returns the chain after the entry with the given id.
func (c Chain) Next(id FactID) Chain {
	var buf [64]byte
	copy(buf[:], c[:])
	copy(buf[32:], id[:])
	return sha256.Sum256(buf[:])
}
