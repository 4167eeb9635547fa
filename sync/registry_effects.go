package paysync

import (
	"context"
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// RegistryEffects carries out the effects of one ServerSession on the registry:
//
//	effect       calls                             answer
//	Look         Now, Member, Head, ChainAt,       Stood
//	             Applied, AppliedHead,
//	             AppliedChain
//	ApplyItems   Apply                             Applied
//	ReadFeed     Feed                              Fed
//	ReadKept     Kept                              KeptRead
//	RenewHead    Renew                             HeadRenewed
//	ApplyUrgent  ApplyUrgent                       UrgentApplied
//	NotePutBack  NotePutBack                       UrgentApplied, if the
//	                                               node shows an entry
//
// It has no goroutines and no state. The shell calls Do in several goroutines,
// none for two effects of one row at a time; a simulation calls it in any order
// that respects each row.
type RegistryEffects struct {
	Hub       Hub
	Node      pay.NodeID        // the peer, as the transport has verified it
	PingEvery func() pay.Millis // for Welcome
	Authority []byte            // raw authority fact of the working key
	Rival     bool              // another process with the node's key is connected
}

// Do carries out one effect and returns the event that answers it. Its errors
// are the Hub's. It panics for an effect that is not in the table.
func (r RegistryEffects) Do(ctx context.Context, effect Effect) (Event, error) {
	switch e := effect.(type) {
	case Look:
		standing, err := r.look(ctx, e.Hello)
		if err != nil {
			return nil, err
		}
		return Stood{Standing: standing}, nil
	case ApplyItems:
		applied, err := r.Hub.Apply(ctx, r.Node, e.Incarnation, e.Items)
		if errors.Is(err, pay.ErrReplaced) {
			return nil, pay.Wrap(err, pay.CodeOldCopy, "another copy of this node has taken over its outbox", hintOldCopy)
		}
		if err != nil {
			return nil, fmt.Errorf("apply items %d to %d: %w", e.Items[0].N, e.Items[len(e.Items)-1].N, err)
		}
		return Applied{Applied: applied}, nil
	case ReadFeed:
		return readFeed(ctx, r.Hub, e)
	case ReadKept:
		items, chain, err := r.Hub.Kept(ctx, r.Node, e.After, pay.BatchFactsMax, pay.BatchBytesMax)
		return KeptRead{After: e.After, Items: items, Chain: chain}, wrap("read applied items", err)
	case RenewHead:
		ok, err := r.Hub.Renew(ctx, r.Node, e.Renew.N, e.Renew.Chain, e.Renew.Next)
		return HeadRenewed{Renew: e.Renew, OK: ok}, wrap("renew outbox", err)
	case ApplyUrgent:
		return UrgentApplied{}, wrap("apply urgent claims", r.Hub.ApplyUrgent(ctx, e.Facts))
	case NotePutBack:
		return r.notePutBack(ctx, e)
	default:
		panic(fmt.Sprintf("paysync: internal error: %T is not for a registry's store", effect))
	}
}

// notePutBack keeps evidence. What the node shows counts when this registry has
// signed it; what it did not sign is not kept at all.
func (r RegistryEffects) notePutBack(ctx context.Context, e NotePutBack) (Event, error) {
	if e.Entry == nil {
		return nil, wrap("note evidence", r.Hub.NotePutBack(ctx, r.Node, e.Evidence, pay.FactID{}))
	}
	f, err := pay.Parse(e.Entry)
	if err == nil {
		err = r.signed(f)
	}
	if err != nil {
		return UrgentApplied{}, nil //nolint:nilerr // it shows nothing, and that is the answer
	}
	return UrgentApplied{}, wrap("note evidence", r.Hub.NotePutBack(ctx, r.Node, e.Evidence, f.ID()))
}

// signed returns nil when the registry's working key has signed f.
func (r RegistryEffects) signed(f pay.Fact) error {
	a, err := pay.OpenAuthority(r.Authority, pay.NodeID{})
	if err != nil {
		return err
	}
	return f.Verify(a.Working)
}

func (r RegistryEffects) look(ctx context.Context, h wire.Hello) (Standing, error) {
	st := Standing{Now: r.Hub.Now(), PingEvery: r.PingEvery(), Authority: r.Authority}
	var err error
	if st.Member, st.Known, err = r.Hub.Member(ctx, r.Node); err != nil || !st.Known {
		return st, wrap("look up node", err)
	}
	if err := st.lookAtFeed(ctx, r.Hub, h.Cursor.Seq); err != nil {
		return st, err
	}
	if st.Applied, err = r.Hub.Applied(ctx, r.Node, h.Incarnation); err != nil || h.Outbox == nil {
		return st, wrap("read outbox position", err)
	}
	st.Rival = r.Rival
	return st, st.lookAtOutbox(ctx, r.Hub, r.Node, h.Outbox.Acked)
}

// lookAtOutbox adds how far the node's outbox was applied, and the chain after the
// item that the node names.
func (st *Standing) lookAtOutbox(ctx context.Context, copies Copies, node pay.NodeID, acked uint64) (err error) {
	if st.Outbox, st.Pushed, err = copies.AppliedHead(ctx, node); err != nil {
		return wrap("read outbox position", err)
	}
	st.Proof, st.HasProof, err = copies.AppliedChain(ctx, node, acked)
	return wrap("read outbox chain", err)
}

// lookAtFeed adds the head of the member's scope, and the chain after the entry
// that the node names, if there is one.
func (st *Standing) lookAtFeed(ctx context.Context, feeds Feeds, seq uint64) (err error) {
	if st.Head, err = feeds.Head(ctx, st.Member.Scope); err != nil {
		return wrap("read head", err)
	}
	if seq > 0 && seq <= st.Head.Cursor.Seq {
		st.Chain, st.HasChain, err = feeds.ChainAt(ctx, st.Member.Scope, seq)
	}
	return wrap("read chain", err)
}

func readFeed(ctx context.Context, feeds Feeds, e ReadFeed) (Event, error) {
	facts, chains, err := feeds.Feed(ctx, e.Scope, e.After, e.Limit)
	if err != nil {
		return nil, fmt.Errorf("read feed: %w", err)
	}
	fed := Fed{Facts: oneFrame(facts), More: len(facts) == e.Limit}
	if len(fed.Facts) < len(facts) {
		fed.More = true
	}
	if n := len(fed.Facts); n > 0 {
		fed.Chain = chains[n-1]
	}
	return fed, nil
}

// oneFrame returns as many of facts as make one frame, at least one.
func oneFrame(facts [][]byte) [][]byte {
	bytes := 0
	for i, raw := range facts {
		bytes += len(raw) + 3
		if i > 0 && bytes > pay.BatchBytesMax {
			return facts[:i]
		}
	}
	return facts
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
