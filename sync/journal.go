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
}

// Mirror is a node's copy of the feed of its scope.
type Mirror interface {
	// Position returns where the node stands.
	Position(ctx context.Context) (pay.Position, error)
	// Mirror appends verified feed entries behind the entry that from names and
	// returns the new head. Entries that the node has already are skipped.
	Mirror(ctx context.Context, from pay.Cursor, facts []pay.Fact) (pay.Head, error)
}

// Outbox holds the items that a node publishes, numbered 1, 2, 3, ...
type Outbox interface {
	// Outbox returns up to limit items with numbers above after, in order.
	Outbox(ctx context.Context, after uint64, limit int) ([]pay.Item, error)
	// Acked notes that the items up to n of that incarnation are durable at the
	// registry, and which of them were refused.
	Acked(ctx context.Context, inc pay.Incarnation, n uint64, refused map[uint64]pay.Reason) error
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

// Hub is the registry as its sessions need it. Whatever its methods write is
// durable when they return. Their errors end the session, and a *pay.Error among
// them is sent to the node.
type Hub interface {
	Members
	Feeds
	FeedWatch
	Outboxes
	Clock
}

// Members decides which nodes there are.
type Members interface {
	// Member returns the standing of a node; ok is false for a stranger.
	Member(ctx context.Context, node pay.NodeID) (status pay.NodeStatus, ok bool, err error)
	// Enrol decides on a claim to become a node.
	Enrol(ctx context.Context, claim pay.EnrolClaim) (pay.Membership, error)
}

// Feeds holds the feed of each scope.
type Feeds interface {
	// Head returns the state of a feed.
	Head(ctx context.Context, scope pay.Scope) (pay.Head, error)
	// ChainAt returns the chain after entry seq; ok is false beyond the end.
	ChainAt(ctx context.Context, scope pay.Scope, seq uint64) (chain pay.Chain, ok bool, err error)
	// Feed returns up to limit raw entries with numbers above after, in order.
	Feed(ctx context.Context, scope pay.Scope, after uint64, limit int) ([][]byte, error)
}

// FeedWatch reports that a feed has grown.
type FeedWatch interface {
	// Watch returns a channel that gets a token after each commit that added to
	// the feed. Tokens coalesce. stop releases it.
	Watch(scope pay.Scope) (changed <-chan struct{}, stop func())
}

// Outboxes applies what nodes push.
type Outboxes interface {
	// Applied returns the number of the last applied item of an incarnation.
	Applied(ctx context.Context, node pay.NodeID, inc pay.Incarnation) (uint64, error)
	// Apply applies verified items in order; those applied before are skipped,
	// a gap is an error that wraps pay.ErrGap.
	Apply(ctx context.Context, node pay.NodeID, inc pay.Incarnation, items []pay.Item) (pay.Applied, error)
}

// Clock is the registry's clock.
type Clock interface {
	// Now returns the registry's time.
	Now() pay.Time
}
