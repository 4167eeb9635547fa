package paysync

import (
	"context"

	"github.com/paybeacon/paybeacon/pay"
)

// Journal is the store of a node as its session needs it. Whatever its methods
// write is durable when they return. Their errors end the session; it is then
// tried again.
type Journal interface {
	Mirror
	Outbox
	SessionNotes
	TakingUp
}

// Mirror is a node's copy of the feed of its scope.
type Mirror interface {
	// Position returns where the node stands.
	Position(ctx context.Context) (pay.Position, error)
	// Mirror appends verified feed entries behind the entry that from names and
	// returns the new head. Entries that the node has already are skipped. What the
	// registry acknowledged is noted with them, before them, as Outbox.Acked does.
	Mirror(ctx context.Context, from pay.Cursor, facts []pay.Fact, ack pay.Acked) (pay.Head, error)
}

// Outbox holds the items that a node publishes, numbered 1, 2, 3, ...
type Outbox interface {
	// Outbox returns up to limit items with numbers above after, in order.
	Outbox(ctx context.Context, after uint64, limit int) ([]pay.Item, error)
	// Acked notes which items are durable at the registry, and which of them were
	// refused.
	Acked(ctx context.Context, ack pay.Acked) error
	// Changed returns a channel that gets a token after each commit that added
	// to the outbox. Tokens coalesce.
	Changed() <-chan struct{}
}

// SessionNotes is how a node remembers whether an item can have left it.
type SessionNotes interface {
	// SessionOpened notes, before anything is pushed, that from now on items may
	// have left the node, those queued and those to come.
	SessionOpened(ctx context.Context) error
	// SessionClosed notes that items to come stay in the node until SessionOpened
	// is called again.
	SessionClosed()
}

// TakingUp is how a node whose store is an old copy takes up what it lacks.
type TakingUp interface {
	// OutboxChain returns the chain of the outbox after item n, from the last
	// acknowledged item to the newest.
	OutboxChain(ctx context.Context, n uint64) (chain pay.Chain, ok bool, err error)
	// SetChain notes the registry's chain after item n, if that is the last
	// acknowledged one; or that the registry has none.
	SetChain(ctx context.Context, n uint64, chain pay.Chain, known bool) error
	// NoteOldCopy notes that the node is an old copy, or with nil that it is none.
	NoteOldCopy(ctx context.Context, found *pay.OldCopy) error
	// TakeUp stores applied items of the node's own behind item after, the last
	// acknowledged one.
	TakeUp(ctx context.Context, after uint64, items []pay.Recalled) error
	// Renewed notes that the outbox goes on under another incarnation, and that the
	// node is no old copy any more. It returns where the node stands then.
	Renewed(ctx context.Context, inc pay.Incarnation) (pay.Position, error)
	// UrgentClaims returns the queued claims of kinds that are pay.Kind.Urgent, and the
	// last entry of the mirror, zero when it is empty.
	UrgentClaims(ctx context.Context) (claims []pay.Fact, last pay.Fact, err error)
}

// Hub is the registry as its sessions need it. Whatever its methods write is
// durable when they return. Their errors end the session, and a *pay.Error among
// them is sent to the node.
type Hub interface {
	Members
	Feeds
	Outboxes
	// Now returns the registry's time.
	Now() pay.Time
	// View calls fn with what the registry holds at one moment.
	View(ctx context.Context, fn func(Holdings) error) error
}

// Members decides which nodes there are.
type Members interface {
	// Member returns the standing of a node; ok is false for a stranger.
	Member(ctx context.Context, node pay.NodeID) (status pay.NodeStatus, ok bool, err error)
	// Enrol decides on a claim to become a node.
	Enrol(ctx context.Context, claim pay.EnrolClaim) (pay.Membership, error)
	// Vehicles returns which of the codes that a box hears now are those of vehicles, to a
	// box at pumps. It keeps nothing.
	Vehicles(ctx context.Context, box pay.NodeID, codes []pay.CodeHeard) ([]pay.VehicleHeard, error)
}

// Feeds holds the feed of each scope.
type Feeds interface {
	// Feed returns up to limit raw entries with numbers above after, in order, and
	// the chain after each.
	Feed(ctx context.Context, scope pay.Scope, after uint64, limit int) (raws [][]byte, chains []pay.Chain, err error)
	// Watch calls grown with the number of the last entry after each commit that
	// added to the feed. It must not wait, and may not call the Hub. Once stop has
	// returned it is not called any more.
	Watch(scope pay.Scope, grown func(end uint64)) (stop func())
}

// Holdings is what the registry holds of a node: its feed, and of its outbox, whose
// store may be an old copy.
type Holdings interface {
	// Head returns the state of a feed.
	Head(scope pay.Scope) (pay.Head, error)
	// ChainAt returns the chain after entry seq; ok is false beyond the end.
	ChainAt(scope pay.Scope, seq uint64) (chain pay.Chain, ok bool, err error)
	// Applied returns the number of the last applied item of an incarnation.
	Applied(node pay.NodeID, inc pay.Incarnation) (uint64, error)
	// AppliedHead returns how far a node's outbox was applied, whichever
	// incarnation pushed it; ok is false for a node that has pushed nothing.
	AppliedHead(node pay.NodeID) (head pay.OutboxHead, ok bool, err error)
	// AppliedChain returns the chain after item n of a node's outbox, if it is
	// known.
	AppliedChain(node pay.NodeID, n uint64) (chain pay.Chain, ok bool, err error)
	// Kept returns applied items behind number after, at most limit and about size
	// bytes, and the chain after the last of them.
	Kept(node pay.NodeID, after uint64, limit, size int) (items []pay.KeptItem, chain pay.Chain, err error)
}

// Outboxes applies what nodes push.
type Outboxes interface {
	// Apply applies verified items in order; those applied before are skipped,
	// a gap is an error that wraps pay.ErrGap.
	Apply(ctx context.Context, node pay.NodeID, inc pay.Incarnation, items []pay.Item) (pay.Applied, error)
	// Renew lets the incarnation next push from item n+1 on, and no other; it
	// returns false when the registry does not stand at n with that chain.
	Renew(ctx context.Context, node pay.NodeID, n uint64, chain pay.Chain, next pay.Incarnation) (ok bool, err error)
	// ApplyUrgent applies verified claims out of turn.
	ApplyUrgent(ctx context.Context, facts []pay.Fact) error
	// NotePutBack keeps what a node holds of the registry that the registry lost.
	// entry is the id of a fact that the registry has signed, or zeros: if it holds
	// that fact, nothing is kept, and else p counts as proven.
	NotePutBack(ctx context.Context, node pay.NodeID, p pay.PutBack, entry pay.FactID) error
}
