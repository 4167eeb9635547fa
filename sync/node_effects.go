package paysync

import (
	"context"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
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
