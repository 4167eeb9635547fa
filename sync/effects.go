package paysync

import (
	"context"
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// NodeEffects carries out the effects of one ClientSession on the node's store:
//
//	effect          call             answer
//	OpenOutbox      SessionOpened    Opened
//	ReadOutbox      Outbox           Queued
//	NoteAck         Acked            Noted
//	MirrorEntries   Mirror           Mirrored
//	Weigh           OutboxChain      Weighed
//	NoteChain       SetChain         Noted
//	NoteOldCopy     NoteOldCopy      none
//	TakeUp          TakeUp           TookUp
//	RenewOutbox     Renewed          OutboxRenewed
//	ReadUrgent      UrgentClaims     UrgentRead
//
// It has no goroutines and no clock. The shell calls Do in several goroutines,
// none for two effects of one row at a time; a simulation calls it in any order
// that respects each row.
type NodeEffects struct {
	journal Journal
	opened  bool // SessionOpened was called
}

// NewNodeEffects returns the effects of a session that is to begin.
func NewNodeEffects(j Journal) *NodeEffects { return &NodeEffects{journal: j} }

// Do carries out one effect and returns the event that answers it, nil for none.
// Its errors are the store's. It panics for an effect that is not in the table.
func (n *NodeEffects) Do(ctx context.Context, effect Effect) (Event, error) {
	switch e := effect.(type) {
	case OpenOutbox:
		n.opened = true
		return answer(Opened{}, "note session", n.journal.SessionOpened(ctx))
	case ReadOutbox:
		items, err := n.journal.Outbox(ctx, e.After, e.Limit)
		return answer(Queued{Items: items}, "read outbox", err)
	case NoteAck:
		return answer(Noted{}, "note acknowledgement", n.journal.Acked(ctx, e.Acked))
	case MirrorEntries:
		head, err := n.journal.Mirror(ctx, e.From, e.Facts, e.Ack)
		return answer(Mirrored{Head: head}, "mirror entries", err)
	case Weigh:
		chain, ok, err := n.journal.OutboxChain(ctx, e.N)
		return answer(Weighed{Chain: chain, Known: ok}, "read outbox chain", err)
	case NoteChain:
		return answer(Noted{}, "note outbox chain", n.journal.SetChain(ctx, e.N, e.Chain, e.Known))
	case NoteOldCopy:
		if e.Err == nil {
			return answer(nil, "note old copy", n.journal.NoteOldCopy(ctx, nil))
		}
		return answer(nil, "note old copy", n.journal.NoteOldCopy(ctx, &pay.OldCopy{Why: e.Err.Message, Hint: e.Err.Hint}))
	case TakeUp:
		return answer(TookUp{}, "take up items", n.journal.TakeUp(ctx, e.After, e.Items))
	case RenewOutbox:
		p, err := n.journal.Renewed(ctx, e.Incarnation)
		return answer(OutboxRenewed{Position: p}, "renew outbox", err)
	case ReadUrgent:
		facts, last, err := n.journal.UrgentClaims(ctx)
		return answer(UrgentRead{Facts: facts, Last: last}, "read urgent claims", err)
	default:
		panic(fmt.Sprintf("paysync: internal error: %T is not for a node's store", effect))
	}
}

// Close undoes OpenOutbox when the session is over. No Do may follow or be under
// way.
func (n *NodeEffects) Close() {
	if n.opened {
		n.journal.SessionClosed()
	}
}

// RegistryEffects carries out the effects of one ServerSession on the registry:
//
//	effect       calls                             answer
//	Look         Now, Member, View                 Stood
//	ApplyItems   Apply                             Applied
//	ReadFeed     Feed                              Fed
//	ReadKept     View                              KeptRead
//	RenewHead    Renew                             HeadRenewed
//	ApplyUrgent  ApplyUrgent                       UrgentApplied
//	NotePutBack  NotePutBack                       UrgentApplied, if the
//	                                               node shows an entry
//	FindVehicles Vehicles                          VehiclesFound
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
		return answer(Stood{Standing: standing}, "look up node", err)
	case ApplyItems:
		applied, err := r.Hub.Apply(ctx, r.Node, e.Incarnation, e.Items)
		if errors.Is(err, pay.ErrReplaced) {
			return nil, pay.Wrap(err, pay.CodeOldCopy, "another copy of this node has taken over its outbox", hintOldCopy)
		}
		return answer(Applied{Applied: applied}, "apply items", err)
	case ReadFeed:
		return readFeed(ctx, r.Hub, e)
	case ReadKept:
		read := KeptRead{After: e.After}
		err := r.Hub.View(ctx, func(held Holdings) (err error) {
			read.Items, read.Chain, err = held.Kept(r.Node, e.After, pay.BatchFactsMax, pay.BatchBytesMax)
			return err
		})
		return answer(read, "read applied items", err)
	case RenewHead:
		ok, err := r.Hub.Renew(ctx, r.Node, e.Renew.N, e.Renew.Chain, e.Renew.Next)
		return answer(HeadRenewed{Renew: e.Renew, OK: ok}, "renew outbox", err)
	case ApplyUrgent:
		return answer(UrgentApplied{}, "apply urgent claims", r.Hub.ApplyUrgent(ctx, e.Facts))
	case NotePutBack:
		return r.notePutBack(ctx, e)
	case FindVehicles:
		list, err := r.Hub.Vehicles(ctx, r.Node, e.Look.Codes)
		return answer(VehiclesFound{wire.Vehicles{N: e.Look.N, Vehicles: list}}, "find vehicles", err)
	default:
		panic(fmt.Sprintf("paysync: internal error: %T is not for a registry's store", effect))
	}
}

// notePutBack keeps evidence. What the node shows counts when this registry has
// signed it; what it did not sign is not kept at all.
func (r RegistryEffects) notePutBack(ctx context.Context, e NotePutBack) (Event, error) {
	if e.Entry == nil {
		return answer(nil, "note evidence", r.Hub.NotePutBack(ctx, r.Node, e.Evidence, pay.FactID{}))
	}
	a, err := pay.OpenAuthority(r.Authority, pay.NodeID{})
	var f pay.Fact
	if err == nil {
		f, err = openSigned(e.Entry, a.Working)
	}
	if err != nil {
		return UrgentApplied{}, nil //nolint:nilerr // it shows nothing, and that is the answer
	}
	return answer(UrgentApplied{}, "note evidence", r.Hub.NotePutBack(ctx, r.Node, e.Evidence, f.ID()))
}

func (r RegistryEffects) look(ctx context.Context, h wire.Hello) (st Standing, err error) {
	st = Standing{Now: r.Hub.Now(), PingEvery: r.PingEvery(), Authority: r.Authority, Rival: r.Rival}
	if st.Member, st.Known, err = r.Hub.Member(ctx, r.Node); err != nil || !st.Known {
		return st, err
	}
	err = r.Hub.View(ctx, func(held Holdings) (err error) {
		st.Head, err = held.Head(st.Member.Scope)
		if seq := h.Cursor.Seq; err == nil && seq > 0 && seq <= st.Head.Cursor.Seq {
			st.Chain, st.HasChain, err = held.ChainAt(st.Member.Scope, seq)
		}
		if err == nil {
			st.Applied, err = held.Applied(r.Node, h.Incarnation)
		}
		if err == nil && h.Outbox != nil {
			st.Outbox, st.Pushed, err = held.AppliedHead(r.Node)
		}
		if err == nil && h.Outbox != nil {
			st.Proof, st.HasProof, err = held.AppliedChain(r.Node, h.Outbox.Acked)
		}
		return err
	})
	return st, err
}

func readFeed(ctx context.Context, feeds Feeds, e ReadFeed) (Event, error) {
	facts, chains, err := feeds.Feed(ctx, e.Scope, e.After, e.Limit)
	fed := Fed{Facts: oneFrame(facts)}
	fed.More = len(facts) == e.Limit || len(fed.Facts) < len(facts)
	if n := len(fed.Facts); n > 0 {
		fed.Chain = chains[n-1]
	}
	return answer(fed, "read feed", err)
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

// answer returns the event that answers an effect, none with an error.
func answer(e Event, what string, err error) (Event, error) {
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return e, nil
}
