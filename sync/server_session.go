package paysync

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// Standing is what the registry knows of a node that sent Hello.
type Standing struct {
	Known  bool // the node is enrolled, or was
	Member pay.NodeStatus
	Head   pay.Head // of the node's scope
	// Chain is the chain after entry Hello.Cursor.Seq; HasChain is false when
	// there is no such entry.
	Chain    pay.Chain
	HasChain bool
	Applied  uint64 // last item applied of the node's incarnation
	// Outbox is how far the node's outbox was applied, whichever incarnation pushed
	// it, if it ever did. Proof is the chain after item Hello.Outbox.Acked; HasProof
	// is false when it is not known. All four are read for a Hello with a proof.
	Outbox    pay.OutboxHead
	Pushed    bool
	Proof     pay.Chain
	HasProof  bool
	Rival     bool // another process with the node's key is connected
	Now       pay.Time
	PingEvery pay.Millis
	Authority []byte
}

// ServerSession is the registry's side of one session, as a pure state machine.
// It waits for Hello, looks up the node's Standing, and is live after a Welcome
// with wire.ResumeOn. It is used once and by one goroutine at a time. Its
// zero value speaks the versions of wire.Supported.
type ServerSession struct {
	phase    phase
	versions wire.Versions
	version  wire.Version // the one chosen; 0 before Welcome
	scope    pay.Scope
	hello    wire.Hello
	pace     pay.Millis // the interval between Pings that the node was told

	evidence pay.PutBack // of a node that steps aside
	past     bool        // the outbox must be renewed before anything is pushed
	renewed  bool        // it was asked to be, which it is once: each time leaves a row behind
	next     uint64      // number of the item that is to come next
	applied  uint64      // last item known to be durable
	ack      *wire.Ack   // that waits for the entries which are being read; nil for none

	feed    window
	reading bool   // ReadFeed is not answered yet
	more    bool   // the feed may go on behind feed.sent
	grown   bool   // it grew while it was read, nobody knows how far
	end     uint64 // the last entry that the feed is known to have
	poked   bool   // a Poke is sent for which no Seen made room

	fuel  bool      // the node is a box at pumps
	looks lookMeter // what it has asked of
	now   time.Time // of this Step
}

// NewServerSession returns a session of a registry that speaks those versions.
func NewServerSession(versions wire.Versions) *ServerSession {
	return &ServerSession{versions: versions}
}

// Version returns the version of the protocol that the session keeps; 0 before
// Welcome.
func (s *ServerSession) Version() wire.Version { return s.version }

// Step takes one event and returns the effects to carry out. After an End it
// returns none. The time, which is monotonic, counts for Look alone.
func (s *ServerSession) Step(now time.Time, event Event) []Effect {
	s.now = now
	if s.phase == phaseEnded {
		return nil
	}
	effects := s.step(event)
	for _, e := range effects {
		if _, ok := e.(End); ok {
			s.phase = phaseEnded
		}
	}
	return effects
}

func (s *ServerSession) step(event Event) []Effect {
	switch e := event.(type) {
	case Received:
		return s.received(e.Message)
	case Stood:
		return s.stood(e.Standing)
	case Pushed:
		return s.pushed(e)
	case Pinged:
		return s.pinged(e)
	case Applied:
		return s.appliedItems(e.Applied)
	case Grown:
		if e.Seq == 0 {
			s.more, s.grown = true, true
		}
		s.end = max(s.end, e.Seq)
		return s.pump(false)
	case Fed:
		return s.fed(e)
	case KeptRead:
		return s.keptRead(e)
	case HeadRenewed:
		return s.headRenewed(e)
	case UrgentGiven:
		return s.urgentGiven(e)
	case UrgentApplied:
		return []Effect{Send{wire.Settled{}}}
	case VehiclesFound:
		return []Effect{Send{e.Vehicles}}
	default:
		panic(fmt.Sprintf("paysync: internal error: %T is not for a registry's session", event))
	}
}

func (s *ServerSession) received(m wire.Message) []Effect {
	switch m := m.(type) {
	case wire.Bye:
		return []Effect{End{Err: m.Err()}}
	case wire.Hello:
		if s.phase != phaseWaiting {
			return []Effect{protocolError("a second Hello")}
		}
		s.phase, s.hello = phaseGreeting, m
		return []Effect{Look{Hello: m}}
	}
	if e, ok := m.(wire.Evidence); ok && s.phase == phaseAside {
		return []Effect{NotePutBack{Evidence: s.evidence, Entry: e.Fact}}
	}
	if s.phase != phaseLive {
		return []Effect{protocolError(fmt.Sprintf("%T out of turn", m))}
	}
	switch m := m.(type) {
	case wire.Recall:
		return []Effect{ReadKept{After: m.After}}
	case wire.Renew:
		if s.renewed {
			return []Effect{protocolError("a second Renew")}
		}
		s.renewed = true
		return []Effect{RenewHead{Renew: m}}
	case wire.Seen:
		return s.seen(m.Seq)
	case wire.Look:
		return s.looked(m)
	default:
		return []Effect{protocolError(fmt.Sprintf("%T from a node", m))}
	}
}

func (s *ServerSession) stood(st Standing) []Effect {
	if s.phase != phaseGreeting {
		panic("paysync: internal error: a standing without a Hello")
	}
	if err := s.admit(st); err != nil {
		return []Effect{End{Err: err}}
	}
	own := cmp.Or(s.versions, wire.Supported())
	version, ok := own.Common(s.hello.Versions())
	if !ok {
		return []Effect{End{Err: upgradeError(s.hello.Versions(), own)}}
	}
	s.version, s.fuel = version, st.Member.Class == pay.ClassFuel
	w := wire.Welcome{
		Looks:  s.fuel,
		Resume: resume(s.hello, st), Head: st.Head, Incarnation: s.hello.Incarnation,
		Applied: st.Applied, Now: st.Now, PingEvery: st.PingEvery, Authority: st.Authority,
	}.Speaking(version, own)
	if s.hello.Outbox != nil {
		w.Outbox = &wire.OutboxReply{Standing: outboxStanding(s.hello, st), Chain: st.Outbox.Chain}
		w.Applied = st.Outbox.N
		s.past = w.Outbox.Standing == wire.OutboxPast
	}
	if aside := s.stepAside(w, st); aside != nil {
		return aside
	}
	if w.Resume != wire.ResumeOn {
		return []Effect{Send{w}, End{Err: pay.NewError(pay.CodeConflict, "the node's history is not the registry's", "nothing was changed on either side")}}
	}
	s.phase, s.scope = phaseLive, st.Member.Scope
	s.next, s.applied, s.pace = w.Applied+1, w.Applied, st.PingEvery
	s.feed.start(s.hello.Cursor.Seq, pay.FeedWindowEntries, pay.FeedWindowBytes)
	s.more = true
	return append([]Effect{Send{w}}, s.pump(false)...)
}

// admit returns the error for a node that may not have a session, or nil.
func (s *ServerSession) admit(st Standing) *pay.Error {
	switch {
	case !st.Known:
		return pay.NewError(pay.CodeNotEnrolled, "this registry does not know the node", "enrol it with an invite from: paybeacon admin invite")
	case st.Member.Revoked:
		return revokedError(st.Member)
	case st.Member.Role != pay.RoleBox && st.Member.Role != pay.RoleWallet:
		return pay.NewError(pay.CodeNotAllowed, "only boxes and wallets open sessions", "enrol the node as what it is")
	case st.Member.Scope != s.hello.Scope:
		return pay.NewError(pay.CodeNotAllowed, "the node is enrolled for another scope", "use the data directory it was enrolled with")
	default:
		return nil
	}
}

// revokedError is what a node hears that is revoked.
func revokedError(s pay.NodeStatus) *pay.Error {
	if s.Replaced {
		return pay.NewError(pay.CodeNotAllowed, "this wallet was replaced: its balance, receipts and devices are another one's, or wait for it", "use the wallet that takes its place; if you did not ask for that, ask who runs the registry")
	}
	return pay.NewError(pay.CodeNotAllowed, "the node was revoked", "ask who runs the registry for a new invite and enrol with a new data directory")
}

// resume compares the node's cursor with the registry's history.
func resume(h wire.Hello, st Standing) wire.Resume {
	switch {
	case h.Cursor.Epoch == pay.Epoch{}:
		return wire.ResumeOn
	case h.Cursor.Epoch != st.Head.Cursor.Epoch:
		return wire.ResumeEpoch
	case h.Cursor.Seq > st.Head.Cursor.Seq:
		return wire.ResumeAhead
	case h.Cursor.Seq == 0:
		return wire.ResumeOn
	case !st.HasChain || st.Chain != h.Cursor.Chain:
		return wire.ResumeFork
	case h.Cursor.Seq == st.Head.Cursor.Seq && h.Digest != st.Head.Digest:
		return wire.ResumeFork
	default:
		return wire.ResumeOn
	}
}

// pinged answers a Ping, and tells the node when another interval has become right.
func (s *ServerSession) pinged(e Pinged) []Effect {
	if s.phase != phaseLive {
		return []Effect{protocolError("Ping out of turn")}
	}
	effects := []Effect{Send{wire.Pong{Nonce: e.Nonce}}}
	if e.PingEvery != s.pace {
		s.pace = e.PingEvery
		effects = append(effects, Send{wire.Pace{PingEvery: e.PingEvery}})
	}
	return effects
}

// pushed applies the items that are new in this session. The Hub skips those that
// an earlier session applied.
func (s *ServerSession) pushed(e Pushed) []Effect {
	if s.phase != phaseLive {
		return []Effect{protocolError("Push out of turn")}
	}
	if s.past || e.Incarnation != s.hello.Incarnation {
		return []Effect{protocolError("Push of another outbox")}
	}
	first := e.Items[0].N
	if first > s.next {
		return []Effect{protocolError(fmt.Sprintf("item %d follows item %d", first, s.next-1))}
	}
	known := s.next - first
	if known >= uint64(len(e.Items)) {
		return s.acknowledge(wire.Ack{Incarnation: e.Incarnation, Applied: s.applied}, false)
	}
	items := e.Items[known:]
	s.next += uint64(len(items))
	return []Effect{ApplyItems{Incarnation: e.Incarnation, Items: items}}
}

func (s *ServerSession) appliedItems(a pay.Applied) []Effect {
	// An earlier session of the same node may have sent more than this one so
	// far; that is acknowledged when it is sent again.
	n := min(a.N, s.next-1)
	if n < s.applied {
		return []Effect{End{Err: pay.NewError(pay.CodeFailed, fmt.Sprintf("the registry's store went back from item %d to %d", s.applied, n), "see the registry's log")}}
	}
	before := s.applied
	s.applied = n
	m := wire.Ack{Incarnation: s.hello.Incarnation, Applied: n}
	for _, r := range slices.Sorted(maps.Keys(a.Refused)) {
		if r > before && r <= n {
			m.Refused = append(m.Refused, wire.RefusedItem{N: r, Reason: a.Refused[r]})
		}
	}
	s.end = max(s.end, a.Grown[s.scope])
	return s.acknowledge(m, true)
}

// acknowledge sends an Ack, together with the entries that came of the same claims
// if they are about to be read.
func (s *ServerSession) acknowledge(m wire.Ack, here bool) (effects []Effect) {
	if s.ack != nil {
		if len(s.ack.Refused)+len(m.Refused) > pay.BatchFactsMax {
			effects = append(effects, Send{*s.ack})
		} else {
			m.Refused = append(s.ack.Refused, m.Refused...)
		}
		s.ack = nil
	}
	if s.end <= s.feed.sent && !s.reading {
		return append(effects, Send{m})
	}
	more := s.pump(here)
	if !s.reading {
		return append(append(effects, Send{m}), more...)
	}
	s.ack = &m
	return append(effects, more...)
}

// pump reads on in the feed when it may hold more and the window has room. When
// the window has none, one Poke asks for a Seen, which makes room. here is ReadFeed.Here.
func (s *ServerSession) pump(here bool) []Effect {
	if s.phase != phaseLive || s.reading || !s.more && s.end <= s.feed.sent {
		return nil
	}
	if s.feed.room() <= 0 {
		if s.poked {
			return nil
		}
		s.poked = true
		return []Effect{Send{wire.Poke{}}}
	}
	s.reading, s.grown = true, false
	return []Effect{ReadFeed{Scope: s.scope, After: s.feed.sent, Limit: min(s.feed.room(), pay.BatchFactsMax), Here: here}}
}

func (s *ServerSession) fed(e Fed) []Effect {
	s.reading = false
	s.more = s.grown || e.More
	var effects []Effect
	if s.ack != nil {
		effects, s.ack = append(effects, Send{*s.ack}), nil
	}
	if len(e.Facts) == 0 {
		s.end = min(s.end, s.feed.sent) // what was said to be there is not
		return append(effects, s.pump(false)...)
	}
	m := wire.Entries{Scope: s.scope, First: s.feed.sent + 1, Facts: e.Facts, Chain: e.Chain}
	for _, raw := range e.Facts {
		s.feed.send(len(raw))
	}
	return append(append(effects, Send{m}), s.pump(false)...)
}

func (s *ServerSession) seen(n uint64) []Effect {
	// A node answers Poke with the Seen that it sent before, so an old number is
	// allowed.
	if n > s.feed.sent {
		return []Effect{protocolError(fmt.Sprintf("entry %d seen, sent were %d", n, s.feed.sent))}
	}
	if n > s.feed.acked {
		s.feed.ack(n)
		s.poked = false
	}
	return s.pump(false)
}

// OpenPush parses the facts of a Push and verifies that node signed each of
// them. It needs no session, so that the expensive part (signatures) runs without
// a lock. Its errors are *pay.Error with CodeBadFact.
func OpenPush(node pay.PublicKey, m wire.Push) (Pushed, error) {
	out := Pushed{Incarnation: m.Incarnation, Items: make([]pay.Item, len(m.Items))}
	var facts []signedFact
	for i, item := range m.Items {
		opened := make([]pay.Fact, len(item.Facts))
		for j, raw := range item.Facts {
			f, err := pay.Parse(raw)
			if err != nil {
				return Pushed{}, wrongFact(m, len(facts), err)
			}
			opened[j] = f
			facts = append(facts, signedFact{f, node, len(facts)})
		}
		out.Items[i] = pay.Item{N: m.First + uint64(i), Age: item.Age, Facts: opened}
	}
	if at, err := verifyAll(facts); err != nil {
		return Pushed{}, wrongFact(m, at, err)
	}
	return out, nil
}

// wrongFact returns the error that names a fact of m by its place among all of them.
func wrongFact(m wire.Push, at int, err error) error {
	n := m.First
	for _, item := range m.Items {
		if at < len(item.Facts) {
			break
		}
		at -= len(item.Facts)
		n++
	}
	return pay.Wrap(err, pay.CodeBadFact, fmt.Sprintf("fact %d of item %d is not one that the node signed", at+1, n), "nothing was stored; update the node, and if it stays, report it")
}
