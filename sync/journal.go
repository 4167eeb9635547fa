package paysync

import (
	"context"

	"github.com/paybeacon/paybeacon/pay"
)

// Journal is what a node's session needs of the node's store. All methods are
// durable when they return.
type Journal interface {
	// Position says where the node stands.
	Position(ctx context.Context) (pay.Position, error)
	// Outbox returns up to limit items with numbers above after, in order.
	Outbox(ctx context.Context, after uint64, limit int) ([]pay.Item, error)
	// Mirror appends verified feed entries behind the entry that from names and
	// returns the new head. Entries the node has already are skipped.
	Mirror(ctx context.Context, from pay.Cursor, facts []pay.Fact) (pay.Head, error)
	// Acked notes that the items up to n of that incarnation are durable at the
	// registry, and which of them were refused.
	Acked(ctx context.Context, inc pay.Incarnation, n uint64, refused map[uint64]pay.Reason) error
	// SessionOpened notes, before anything is pushed, that what is queued may
	// from now on have left the node. SessionClosed undoes the notion that new
	// items leave at once.
	SessionOpened(ctx context.Context) error
	SessionClosed()
	// Changed returns a channel that gets a token after each commit that added
	// to the outbox. Tokens coalesce.
	Changed() <-chan struct{}
}

// Hub is what the registry's sessions need of the registry. All methods are
// durable when they return.
type Hub interface {
	// Member returns the standing of a node; ok is false for a stranger.
	Member(ctx context.Context, node pay.NodeID) (status pay.NodeStatus, ok bool, err error)
	// Enrol decides on a claim to become a node.
	Enrol(ctx context.Context, claim pay.EnrolClaim) (pay.Membership, error)
	// Head returns the state of a feed.
	Head(ctx context.Context, scope pay.Scope) (pay.Head, error)
	// ChainAt returns the chain after entry seq; ok is false beyond the end.
	ChainAt(ctx context.Context, scope pay.Scope, seq uint64) (chain pay.Chain, ok bool, err error)
	// Feed returns up to limit raw entries with numbers above after, in order.
	Feed(ctx context.Context, scope pay.Scope, after uint64, limit int) ([][]byte, error)
	// Applied returns the number of the last applied item of an incarnation.
	Applied(ctx context.Context, node pay.NodeID, inc pay.Incarnation) (uint64, error)
	// Apply applies verified items in order; those applied before are skipped,
	// a gap is an error that wraps ErrGap.
	Apply(ctx context.Context, node pay.NodeID, inc pay.Incarnation, items []pay.Item) (pay.Applied, error)
	// Watch returns a channel that gets a token after each commit that added to
	// the feed. Tokens coalesce. stop releases it.
	Watch(scope pay.Scope) (changed <-chan struct{}, stop func())
	// Now returns the registry's time.
	Now() pay.Time
}
