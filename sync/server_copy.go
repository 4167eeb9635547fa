package paysync

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// outboxStanding compares the outbox of a Hello, which has a proof, with what the
// registry holds of it.
func outboxStanding(h wire.Hello, st Standing) wire.OutboxStanding {
	current := !st.Pushed || st.Outbox.Incarnation == h.Incarnation
	switch o := h.Outbox; {
	case st.Rival:
		return wire.OutboxRival
	case o.Acked > st.Outbox.N:
		return wire.OutboxBehind
	case o.Known && st.HasProof && o.Chain != st.Proof:
		return wire.OutboxForked
	case current:
		return wire.OutboxOn
	case o.Known && st.HasProof:
		return wire.OutboxPast
	default:
		return wire.OutboxForked
	}
}

// stepAside answers a node whose outbox or mirror does not fit, and nil for one
// that may go on or that compares numbers only. Of such a node only urgent claims
// are taken.
func (s *ServerSession) stepAside(w wire.Welcome, st Standing) []Effect {
	if w.Outbox == nil {
		return nil
	}
	fits := w.Outbox.Standing == wire.OutboxOn || w.Outbox.Standing == wire.OutboxPast
	if w.Resume == wire.ResumeOn && fits {
		return nil
	}
	s.phase = phaseAside
	s.evidence = pay.PutBack{
		Seq: s.hello.Cursor.Seq, Head: st.Head.Cursor.Seq, Acked: s.hello.Outbox.Acked, Number: st.Outbox.N,
		Forked: w.Resume == wire.ResumeFork,
	}
	lost := w.Resume == wire.ResumeAhead || w.Resume == wire.ResumeFork
	if lost || w.Outbox.Standing == wire.OutboxBehind {
		return []Effect{Send{w}, NotePutBack{Evidence: s.evidence}}
	}
	return []Effect{Send{w}}
}

func (s *ServerSession) keptRead(e KeptRead) []Effect {
	if len(e.Items) == 0 {
		return []Effect{End{Err: oldCopy(fmt.Sprintf("the registry does not keep the claims of this node behind number %d", e.After))}}
	}
	m := wire.Recalled{First: e.After + 1, Chain: e.Chain}
	for _, it := range e.Items {
		facts := make([][]byte, len(it.IDs))
		for i, id := range it.IDs {
			if facts[i] = it.Raws[i]; facts[i] == nil {
				facts[i] = id[:]
			}
		}
		m.Items = append(m.Items, facts)
	}
	return []Effect{Send{m}}
}

func (s *ServerSession) headRenewed(e HeadRenewed) []Effect {
	if !e.OK {
		return []Effect{End{Err: oldCopy("another copy of this node has pushed meanwhile")}}
	}
	s.past, s.hello.Incarnation = false, e.Renew.Next
	s.next, s.applied = e.Renew.N+1, e.Renew.N
	return []Effect{Send{wire.Renewed{Incarnation: e.Renew.Next}}}
}

func (s *ServerSession) urgentGiven(e UrgentGiven) []Effect {
	if s.phase != phaseLive && s.phase != phaseAside {
		return []Effect{protocolError("Urgent out of turn")}
	}
	return []Effect{ApplyUrgent(e)}
}

// OpenUrgent is OpenPush for an Urgent. A claim of a kind that is not urgent is an
// error too.
func OpenUrgent(node pay.PublicKey, m wire.Urgent) (UrgentGiven, error) {
	var out UrgentGiven
	for i, raw := range m.Facts {
		f, err := openSigned(raw, node)
		if err == nil && !f.Kind().Urgent() {
			err = fmt.Errorf("%s is not urgent", f.Kind())
		}
		if err != nil {
			return UrgentGiven{}, pay.Wrap(err, pay.CodeBadFact, fmt.Sprintf("urgent claim %d is not one that the node may give", i+1), "nothing was stored; update the node, and if it stays, report it")
		}
		out.Facts = append(out.Facts, f)
	}
	return out, nil
}
