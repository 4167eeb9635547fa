package paysync

import (
	"fmt"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// A node's data directory may be an older copy of what it was. By numbers alone
// that cannot be seen: the copy may have published as many other claims as it
// lacks. So both sides compare the content of the outbox, by a chain. A copy that
// is a beginning of what the registry holds takes up what it lacks:
//
//	greeting --Welcome--> weigh --differs--> recall --> take up --> ... --> renew --> live
//	                        '----the same----------------------------------------------^
//
// Until then nothing is pushed and no entry of the feed is taken in, because what
// the node makes of an entry rests on the claims that it lacks.

const hintOldCopy = "stop the other one, or bring back the newest copy of this directory; a device is revoked all the same, and nothing else is taken until then"

func oldCopy(why string) *pay.Error { return pay.NewError(pay.CodeOldCopy, why, hintOldCopy) }

// taking is how far a node has taken up what it lacks.
type taking struct {
	n     uint64    // items up to here are here
	chain pay.Chain // after item n
	by    time.Time // when the answer is due, while asking
	// asking means that the registry was asked for something.
	asking bool
	held   []wire.Entries // that came meanwhile
	bytes  int            // of their facts
}

// compareOutbox goes on after a Welcome that fits so far: it compares what the
// node holds for acknowledged, and what it still has to send, with what the
// registry has applied.
func (s *ClientSession) compareOutbox(now time.Time) []Effect {
	w, p := s.welcome, s.position
	switch o := w.Outbox; {
	case o == nil || !p.Chained && o.Standing == wire.OutboxOn:
		return s.goLive()
	case o.Standing == wire.OutboxPast:
		return s.takeUp(now, "its outbox goes on elsewhere")
	case w.Applied > p.Acked:
		s.phase = phaseTaking
		return []Effect{Weigh{N: w.Applied}}
	case o.Chain != p.Chain:
		return s.stepAside(now, oldCopy(fmt.Sprintf("this node and the registry know different claims up to number %d", p.Acked)))
	default:
		return s.goLive()
	}
}

// weighed compares the node's own items with those that the registry has applied
// beyond what it acknowledged.
func (s *ClientSession) weighed(now time.Time, e Weighed) []Effect {
	if e.Known && e.Chain == s.welcome.Outbox.Chain {
		return s.goLive()
	}
	return s.takeUp(now, fmt.Sprintf("the registry holds claims of this node up to number %d that are not here", s.welcome.Applied))
}

// takeUp begins to take up what the node lacks.
func (s *ClientSession) takeUp(now time.Time, why string) []Effect {
	if !s.position.Chained {
		return s.stepAside(now, oldCopy(why+", and this directory is of an older version, which cannot show that it is a beginning of that"))
	}
	s.phase = phaseTaking
	s.taking = taking{n: s.position.Acked, chain: s.position.Chain, held: s.taking.held, bytes: s.taking.bytes}
	note := oldCopy("this data directory is an old copy: " + why)
	note.Hint = "it takes up what it lacks by itself; wait a moment"
	return append([]Effect{NoteOldCopy{Err: note}}, s.askOn(now)...)
}

// askOn asks for the next items, or for a new incarnation when all are here.
func (s *ClientSession) askOn(now time.Time) []Effect {
	s.taking.asking, s.taking.by = true, now.Add(ackTimeout)
	if s.taking.n < s.welcome.Applied {
		return []Effect{Send{wire.Recall{After: s.taking.n}}}
	}
	return []Effect{Send{wire.Renew{N: s.taking.n, Chain: s.taking.chain, Next: s.next}}}
}

// recalled verifies items of the node's own and stores them.
func (s *ClientSession) recalled(m wire.Recalled) []Effect {
	bad := func(why string) []Effect {
		return []Effect{End{Err: pay.NewError(pay.CodeBadFact, "the registry handed back claims that do not verify: "+why,
			"nothing was stored; if it stays, ask who runs the registry to audit it")}}
	}
	t := &s.taking
	last := t.n + uint64(len(m.Items))
	if !t.asking || m.First != t.n+1 || last > s.welcome.Applied {
		return []Effect{protocolError("Recalled out of turn")}
	}
	items := make([]pay.Recalled, len(m.Items))
	chain := t.chain
	for i, raws := range m.Items {
		for _, raw := range raws {
			if err := s.recall(&items[i], raw); err != nil {
				return bad(fmt.Sprintf("item %d: %v", m.First+uint64(i), err))
			}
		}
		chain = chain.Follow(items[i].IDs)
	}
	if chain != m.Chain || last == s.welcome.Applied && chain != s.welcome.Outbox.Chain {
		return bad(fmt.Sprintf("the chain up to item %d is another", last))
	}
	effect := TakeUp{After: t.n, Items: items}
	t.asking, t.n, t.chain = false, last, chain
	return []Effect{effect}
}

// recall adds one element of a Recalled to an item: a fact that this node has
// signed, or the id of one that was not kept.
func (s *ClientSession) recall(it *pay.Recalled, raw []byte) error {
	if len(raw) == len(pay.FactID{}) {
		it.IDs = append(it.IDs, pay.FactID(raw))
		return nil
	}
	f, err := openSigned(raw, s.key)
	if err != nil {
		return err
	}
	it.IDs, it.Facts = append(it.IDs, f.ID()), append(it.Facts, f)
	return nil
}

// hold keeps entries that came before the node has taken up what it lacks. What
// the registry sends before it gets a Seen is bounded.
func (s *ClientSession) hold(m wire.Entries) []Effect {
	for _, raw := range m.Facts {
		s.taking.bytes += len(raw)
	}
	if s.taking.bytes > pay.FeedWindowBytes+pay.FrameBytesMax {
		return []Effect{protocolError("more entries than the window holds")}
	}
	s.taking.held = append(s.taking.held, m)
	return nil
}

// release takes in the entries that were held, as if they had come in one message.
func (s *ClientSession) release() []Effect {
	held := s.taking.held
	s.taking = taking{}
	var all MirrorEntries
	for _, m := range held {
		for _, effect := range s.entries(m) {
			e, ok := effect.(MirrorEntries)
			if !ok {
				return []Effect{effect} // nothing of them is stored
			}
			if len(all.Facts) == 0 {
				all.From = e.From
			}
			all.Facts = append(all.Facts, e.Facts...)
		}
	}
	if len(all.Facts) == 0 {
		return nil
	}
	return []Effect{all}
}

// stepAside ends the session because the node's outbox or its mirror does not fit.
// A registry that compares contents takes urgent claims first.
func (s *ClientSession) stepAside(now time.Time, err *pay.Error) []Effect {
	if s.welcome.Outbox == nil {
		return []Effect{End{Err: err, Final: true}}
	}
	s.phase, s.aside, s.greetBy = phaseAside, err, now.Add(greetingTimeout)
	w := s.welcome
	s.lost = w.Resume == wire.ResumeAhead || w.Resume == wire.ResumeFork || w.Outbox.Standing == wire.OutboxBehind
	if err.Code == pay.CodeOldCopy {
		return []Effect{NoteOldCopy{Err: err}, ReadUrgent{}}
	}
	return []Effect{ReadUrgent{}}
}

// urgentRead gives the registry the claims that it takes from anybody with the
// node's key, and shows it what it has lost.
func (s *ClientSession) urgentRead(e UrgentRead) (effects []Effect) {
	if s.lost && !e.Last.IsZero() {
		effects = append(effects, Send{wire.Evidence{Fact: e.Last.Raw()}})
	}
	if len(e.Facts) > 0 {
		var m wire.Urgent
		for _, f := range e.Facts[:min(len(e.Facts), pay.UrgentFactsMax)] {
			m.Facts = append(m.Facts, f.Raw())
		}
		effects = append(effects, Send{m})
	}
	return s.settled(effects)
}

// settled ends the session when nothing that was sent waits for its Settled.
func (s *ClientSession) settled(sent []Effect) []Effect {
	s.unsettled += len(sent)
	if s.unsettled > 0 {
		return sent
	}
	return []Effect{End{Err: s.aside}}
}
