package wire

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// Hello opens a session. The node reports how far its copy of the feed and its
// outbox are; the registry answers with a Welcome and the first entries in one
// flight.
type Hello struct {
	Version     Version         `cbor:"1,keyasint"` // the newest that the node speaks
	Scope       pay.Scope       `cbor:"2,keyasint"`
	Cursor      pay.Cursor      `cbor:"3,keyasint"` // zero epoch: never synced
	Digest      pay.Digest      `cbor:"4,keyasint"` // of the entries 1..Cursor.Seq
	Incarnation pay.Incarnation `cbor:"5,keyasint"`
	Last        uint64          `cbor:"6,keyasint"` // number of the newest outbox item, 0 if none
	// Oldest is the oldest version that the node speaks; 0 when it is Version.
	Oldest Version `cbor:"7,keyasint,omitempty"`
	// Outbox shows up to where the outbox is acknowledged; nil from a node that
	// compares numbers only.
	Outbox *OutboxProof `cbor:"80,keyasint,omitempty"`
	// Holder tells the processes apart that hold the node's key; zero from a node
	// that does not say.
	Holder Holder `cbor:"81,keyasint,omitzero"`
	// Clock is what the node's clock shows, which the registry compares with its own
	// and never takes; 0 from a node that does not say.
	Clock pay.Time `cbor:"82,keyasint,omitempty"`
}

// OutboxProof is the content of a node's outbox up to its last acknowledged item.
type OutboxProof struct {
	Acked uint64 `cbor:"1,keyasint"`
	// Chain is the chain after item Acked. Known is false when the node does not
	// know it, and Chain is zero then.
	Known bool      `cbor:"2,keyasint"`
	Chain pay.Chain `cbor:"3,keyasint"`
}

// Holder is random and new for each process that runs a node.
type Holder [8]byte

// Speaking returns the Hello with the versions that the node speaks.
func (h Hello) Speaking(v Versions) Hello {
	h.Version, h.Oldest = v.Max, v.oldest()
	return h
}

// Versions returns the versions that the node speaks.
func (h Hello) Versions() Versions { return versionsOf(h.Version, h.Oldest) }

// Type returns TypeHello.
func (Hello) Type() Type { return TypeHello }

// Check returns an error when a field is out of its bounds.
func (h Hello) Check() error {
	if len(h.Scope) > scopeBytesMax {
		return fmt.Errorf("scope has %d bytes, the limit is %d", len(h.Scope), scopeBytesMax)
	}
	if h.Cursor.Epoch == (pay.Epoch{}) && h.Cursor.Seq != 0 {
		return fmt.Errorf("cursor %d is of no epoch", h.Cursor.Seq)
	}
	if o := h.Outbox; o != nil && o.Acked > h.Last {
		return fmt.Errorf("item %d is acknowledged and the newest is %d", o.Acked, h.Last)
	}
	return checkOldest(h.Version, h.Oldest)
}

// scopeBytesMax bounds a scope in a message, before it is compared with the
// node's own. Chosen: above what pay
// allows, so that a wrong scope is answered and not taken for broken input.
const scopeBytesMax = 64

// Resume is how a session goes on after Hello.
type Resume uint8

// The ways to resume.
const (
	// ResumeOn means that the cursor lies on the registry's chain; entries follow
	// from Cursor.Seq+1.
	ResumeOn Resume = 1
	// ResumeAhead means that the node has entries that the registry does not know
	// in this epoch. Nothing follows; the node keeps what it has.
	ResumeAhead Resume = 2
	// ResumeEpoch means that the registry's history is of another epoch. Nothing
	// follows; the node keeps what it has.
	ResumeEpoch Resume = 3
	// ResumeFork means the same epoch and number with another chain. Nothing
	// follows; the node keeps what it has.
	ResumeFork Resume = 4
)

// Welcome answers Hello.
type Welcome struct {
	Version     Version         `cbor:"1,keyasint"` // the one chosen, which both sides keep
	Resume      Resume          `cbor:"2,keyasint"`
	Head        pay.Head        `cbor:"3,keyasint"` // of the node's scope at the registry
	Incarnation pay.Incarnation `cbor:"4,keyasint"` // of the outbox that Applied counts
	Applied     uint64          `cbor:"5,keyasint"` // last outbox item applied
	Now         pay.Time        `cbor:"6,keyasint"` // the registry's clock
	PingEvery   pay.Millis      `cbor:"7,keyasint"`
	Authority   []byte          `cbor:"8,keyasint"` // raw authority fact of the working key
	// Oldest and Newest are the ends of what the registry speaks; 0 when they
	// are Version.
	Oldest Version `cbor:"9,keyasint,omitempty"`
	Newest Version `cbor:"10,keyasint,omitempty"`
	// Outbox says how the node's outbox fits what the registry holds of it, to a
	// node whose Hello has a proof.
	Outbox *OutboxReply `cbor:"80,keyasint,omitempty"`
	// Looks means that the registry answers Look to the node.
	Looks bool `cbor:"81,keyasint,omitempty"`
}

// OutboxReply compares a node's outbox with what the registry holds of it.
type OutboxReply struct {
	Standing OutboxStanding `cbor:"1,keyasint"`
	Chain    pay.Chain      `cbor:"2,keyasint"` // after item Applied
}

// OutboxStanding is how the outbox of a Hello fits what the registry holds.
type OutboxStanding uint8

// The standings of an outbox. One that is not known counts as OutboxForked.
const (
	// OutboxOn means that the incarnation may push, and that what the node holds
	// for acknowledged lies on the registry's chain.
	OutboxOn OutboxStanding = 1
	// OutboxPast means that what the node holds for acknowledged lies on the
	// registry's chain, and that its incarnation may not push any more: the node
	// takes up what it lacks and begins a new one.
	OutboxPast OutboxStanding = 2
	// OutboxForked means that it does not lie there, or cannot be shown to.
	OutboxForked OutboxStanding = 3
	// OutboxBehind means that the registry holds fewer items than it acknowledged.
	OutboxBehind OutboxStanding = 4
	// OutboxRival means that another process with the node's key is connected.
	OutboxRival OutboxStanding = 5
)

// Speaking returns the Welcome with the version chosen and the versions that
// the registry speaks, which hold it.
func (w Welcome) Speaking(chosen Version, v Versions) Welcome {
	w.Version, w.Oldest, w.Newest = chosen, v.Min, v.Max
	if w.Oldest == chosen {
		w.Oldest = 0
	}
	if w.Newest == chosen {
		w.Newest = 0
	}
	return w
}

// Versions returns the versions that the registry speaks.
func (w Welcome) Versions() Versions {
	v := versionsOf(w.Version, w.Oldest)
	if w.Newest != 0 {
		v.Max = w.Newest
	}
	return v
}

// Type returns TypeWelcome.
func (Welcome) Type() Type { return TypeWelcome }

// Check returns an error when a field is out of its bounds.
func (w Welcome) Check() error {
	switch {
	case w.Resume < ResumeOn || w.Resume > ResumeFork:
		return fmt.Errorf("resume %d is not known", w.Resume)
	case checkPingEvery(w.PingEvery) != nil:
		return checkPingEvery(w.PingEvery)
	case w.Head.Cursor.Epoch == (pay.Epoch{}):
		return fmt.Errorf("registry names no epoch")
	case w.Newest != 0 && w.Newest <= w.Version:
		return fmt.Errorf("newest version %d is not above the one chosen, %d", w.Newest, w.Version)
	}
	if err := checkOldest(w.Version, w.Oldest); err != nil {
		return err
	}
	return checkFact(w.Authority)
}

// The bounds of a ping interval. Chosen: the longest lets a dead registry go
// unnoticed for four minutes; the shortest is for tests.
const (
	pingEveryMin pay.Millis = 100
	pingEveryMax pay.Millis = 120_000
)

func checkFact(raw []byte) error {
	if len(raw) == 0 || len(raw) > pay.FactBytesMax {
		return fmt.Errorf("fact of %d bytes is outside 1..%d", len(raw), pay.FactBytesMax)
	}
	return nil
}
