package paysync

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// ClientSession is the node's side of one session, as a pure state machine:
//
//	            Connected            Welcome(ResumeOn)
//	waiting ---------------> greeting ---------------> live
//	                          |  |  '-----> taking -----^ |
//	                          |  '--> aside --.           |
//	                          '-----------> ended <-------'
//
// taking: its store is an old copy and takes up what it lacks; aside: its outbox
// or its mirror does not fit, and only urgent claims are given (client_copy.go).
// It is used once and by one goroutine at a time.
type ClientSession struct {
	phase    phase
	scope    pay.Scope
	key      pay.PublicKey
	working  pay.PublicKey
	keys     keyring
	versions wire.Versions
	version  wire.Version // the one that the registry chose; 0 before Welcome

	holder  wire.Holder
	next    pay.Incarnation // for RenewOutbox
	welcome wire.Welcome
	taking  taking
	aside   *pay.Error // why the session steps aside
	lost    bool       // the registry holds less of the feed than the node, or another
	// unsettled counts what was sent aside and is not answered by Settled.
	unsettled int

	position pay.Position
	greetBy  time.Time
	arrived  uint64 // before Hello was sent
	ping     pinger

	small  bool   // as Path.Small
	behind bool   // the node counts as connected once upTo and ackTo are reached
	upTo   uint64 // number of the registry's last entry at Welcome
	ackTo  uint64 // number of the last item at the time of Connected

	cursor  pay.Cursor // of the entries given to MirrorEntries
	durable uint64     // number of the last entry that is mirrored
	// mirroring holds where the store will stand after each MirrorEntries that is not
	// answered.
	mirroring []pay.Cursor
	seen      seen

	// ack is what the registry acknowledged and the store has not been told. It waits
	// for the entries that mostly follow, at most until ackNoteBy, and for what notes
	// are under way.
	ack       pay.Acked
	ackNoteBy time.Time
	noting    int // NoteAck and NoteChain that are not answered

	out     window
	opened  bool      // the store has noted that items leave from now on
	ackBy   time.Time // when the next Ack is due, while something is in flight
	reading bool      // ReadOutbox is not answered yet
	asked   int       // its limit
	more    bool      // the outbox may hold items above out.sent
	grown   bool      // it grew while it was read
}

// errStalled marks the end of a session in which only small packets arrived.
var errStalled = errors.New("what was sent on the stream does not arrive")

type phase uint8

const (
	phaseWaiting phase = iota
	phaseGreeting
	phaseTaking
	phaseAside
	phaseLive
	phaseEnded
)

// ClientIdentity is what a ClientSession knows before it begins.
type ClientIdentity struct {
	Scope   pay.Scope
	Key     pay.PublicKey // the node's own
	Root    pay.NodeID    // the pinned root
	Working pay.PublicKey // the registry's key in the handshake
	// Authorities are raw authority facts that the node keeps, such as the one of
	// its enrolment. Those that Root did not sign are ignored.
	Authorities [][]byte
	Versions    wire.Versions // of the protocol that the node speaks; zero: wire.Supported
	// Holder tells this process apart from others with the node's key.
	Holder wire.Holder
	// Next is random, for the outbox of a node that takes up what it lacks.
	Next pay.Incarnation
	// Small is that of the connection's Path.
	Small bool
	// Doubtful means that the session before fell silent after it was welcomed. This
	// one counts as connected only once what waits on either side has arrived:
	// otherwise a path that carries greetings and no more would look well.
	Doubtful bool
}

// NewClientSession returns a session that waits for Connected.
func NewClientSession(id ClientIdentity) *ClientSession {
	s := &ClientSession{
		scope: id.Scope, key: id.Key, holder: id.Holder, next: id.Next, working: id.Working, keys: newKeyring(id.Root), versions: cmp.Or(id.Versions, wire.Supported()),
		small: id.Small, behind: id.Doubtful,
	}
	for _, raw := range id.Authorities {
		// One that does not verify adds no key; nothing else follows from it.
		_, _ = s.keys.add(raw)
	}
	return s
}

// Version returns the version of the protocol that the session keeps; 0 before
// Welcome.
func (s *ClientSession) Version() wire.Version { return s.version }

// Step takes one event at the time now (monotonic, for timers only) and returns
// the effects to carry out. After an End it returns none.
func (s *ClientSession) Step(now time.Time, event Event) []Effect {
	if s.phase == phaseEnded {
		return nil
	}
	effects := s.step(now, event)
	for _, e := range effects {
		if _, ok := e.(End); ok {
			s.phase = phaseEnded
		}
	}
	return effects
}

// Wake returns when the next Tick is due; zero means never.
func (s *ClientSession) Wake() time.Time {
	switch s.phase {
	case phaseGreeting, phaseAside:
		return s.greetBy
	case phaseTaking, phaseLive:
		wake := s.ping.wake()
		for _, other := range [...]struct {
			counts bool
			at     time.Time
		}{{s.taking.asking, s.taking.by}, {len(s.out.sizes) > 0, s.ackBy}, {s.ack.N > 0 && s.noting == 0, s.ackNoteBy}} {
			if other.counts && other.at.Before(wake) {
				wake = other.at
			}
		}
		return wake
	default:
		return time.Time{}
	}
}

func (s *ClientSession) step(now time.Time, event Event) []Effect {
	switch e := event.(type) {
	case Connected:
		s.arrived = e.Arrived
		return s.connected(now, e.Position)
	case Received:
		return s.received(now, e.Message)
	case Opened:
		s.opened = true
		return s.pump()
	case Changed:
		s.more, s.grown = true, true
		return s.pump()
	case Queued:
		return s.queued(now, e.Items)
	case Mirrored:
		return s.mirrored(e.Head)
	case Noted:
		s.noting--
		return nil
	case Weighed:
		return s.weighed(now, e)
	case TookUp:
		return s.askOn(now)
	case OutboxRenewed:
		s.position = e.Position
		return s.goLive()
	case UrgentRead:
		return s.urgentRead(e)
	case LookAsked:
		if s.phase == phaseLive {
			return []Effect{Send{e.Look}}
		}
		return nil
	case Tick:
		return s.tick(now, e.Arrived)
	default:
		panic(fmt.Sprintf("paysync: internal error: %T is not for a node's session", event))
	}
}

func (s *ClientSession) connected(now time.Time, p pay.Position) []Effect {
	s.phase, s.greetBy = phaseGreeting, now.Add(greetingTimeout)
	s.position, s.cursor, s.durable = p, p.Head.Cursor, p.Head.Cursor.Seq
	hello := wire.Hello{Scope: s.scope, Cursor: p.Head.Cursor, Digest: p.Head.Digest, Incarnation: p.Incarnation, Last: p.Last,
		Outbox: &wire.OutboxProof{Acked: p.Acked, Known: p.Chained, Chain: p.Chain}, Holder: s.holder}
	return []Effect{Send{hello.Speaking(s.versions)}}
}

func (s *ClientSession) received(now time.Time, m wire.Message) []Effect {
	if bye, ok := m.(wire.Bye); ok {
		return []Effect{End{Err: byeError(bye, s.versions), Final: isFinal(bye.Code)}}
	}
	if s.phase == phaseGreeting {
		if w, ok := m.(wire.Welcome); ok {
			return s.welcomed(now, w)
		}
		return []Effect{protocolError(fmt.Sprintf("%T before Welcome", m))}
	}
	if s.phase == phaseAside {
		if _, ok := m.(wire.Settled); ok && s.unsettled > 0 {
			s.unsettled--
			return s.settled(nil)
		}
		return nil
	}
	switch m.(type) {
	case wire.Pong, wire.Pace:
	default:
		s.ping.happened(now)
	}
	switch m := m.(type) {
	case wire.Entries:
		if s.phase == phaseTaking {
			return s.hold(m)
		}
		return s.entries(m)
	case wire.Ack:
		if s.phase != phaseLive {
			return []Effect{protocolError("Ack out of turn")}
		}
		return s.acked(now, m)
	case wire.Recalled:
		return s.recalled(m)
	case wire.Renewed:
		if s.phase != phaseTaking || !s.taking.asking || m.Incarnation != s.next {
			return []Effect{protocolError("Renewed out of turn")}
		}
		s.taking.asking = false
		return []Effect{RenewOutbox{Incarnation: s.next}}
	case wire.Rival:
		return []Effect{Rivalled{}}
	case wire.Vehicles:
		return []Effect{VehiclesCame{m}}
	case wire.Pong:
		if !s.ping.pong(now, m.Nonce) {
			return []Effect{protocolError("a Pong that answers no Ping")}
		}
		return nil
	case wire.Pace:
		s.ping.pace(now, m.PingEvery.Std())
		return nil
	case wire.Poke:
		s.seen.asked = true
		return []Effect{s.sendSeen()}
	default:
		return []Effect{protocolError(fmt.Sprintf("%T from a registry", m))}
	}
}

// isFinal reports whether dialling again cannot change a registry's refusal. A
// refusal for the version can change: the registry may be upgraded after its
// nodes.
func isFinal(code pay.ErrorCode) bool {
	switch code {
	case pay.CodeNotAllowed, pay.CodeNotEnrolled, pay.CodeConflict:
		return true
	default:
		return false
	}
}

func (s *ClientSession) welcomed(now time.Time, w wire.Welcome) []Effect {
	s.welcome = w
	if err := s.checkWelcome(w); err != nil {
		return []Effect{End{Err: err}}
	}
	if err := s.checkHistory(w); err != nil {
		return s.stepAside(now, err)
	}
	s.version = w.Version
	s.cursor.Epoch = w.Head.Cursor.Epoch
	s.ping.start(now, w.PingEvery.Std(), quietFor(s.scope), w.Now)
	return s.compareOutbox(now)
}

// goLive begins to push and to take in entries. What the registry has applied is
// what the node has published.
func (s *ClientSession) goLive() []Effect {
	w := s.welcome
	s.phase = phaseLive
	s.out.start(w.Applied, pay.PushWindowItems, pay.PushWindowBytes)
	s.more = s.more || s.position.Last > w.Applied
	s.upTo, s.ackTo = w.Head.Cursor.Seq, s.position.Last
	s.behind = s.behind && !s.reached()
	effects := []Effect{WentUp{Now: w.Now, Behind: s.behind}, OpenOutbox{}}
	if s.position.Old {
		effects = append(effects, NoteOldCopy{})
	}
	others := len(effects)
	if w.Outbox == nil && s.position.Chained {
		effects = append(effects, NoteChain{N: s.position.Acked})
	}
	if w.Applied > s.position.Acked {
		effects = append(effects, NoteAck{pay.Acked{Incarnation: s.position.Incarnation, N: w.Applied}})
	}
	if w.Outbox != nil && !s.position.Chained {
		effects = append(effects, NoteChain{N: w.Applied, Chain: w.Outbox.Chain, Known: true})
	}
	s.noting += len(effects) - others
	s.seen = seen{sent: s.durable}
	return append(effects, s.release()...)
}

// checkWelcome returns why the session ends for a Welcome that is not good, nil for one
// that is.
func (s *ClientSession) checkWelcome(w wire.Welcome) *pay.Error {
	a, err := s.keys.add(w.Authority)
	switch {
	case !s.versions.Holds(w.Version):
		return upgradeError(s.versions, w.Versions())
	case err != nil || a.Working != s.working:
		return pay.NewError(pay.CodeNotTrusted, "the registry's authority does not name the key it uses", "ask who runs the registry")
	case w.Now >= a.Until:
		return pay.NewError(pay.CodeNotTrusted, "the authority of the registry's key ended at "+a.Until.String(), "ask who runs the registry to renew it")
	case w.Resume == wire.ResumeOn && w.Incarnation != s.position.Incarnation:
		return protocolError("Welcome is about another outbox").Err
	default:
		return nil
	}
}

// checkHistory compares Welcome with the state of the node and returns in what the
// two disagree. Nothing is changed then on either side.
func (s *ClientSession) checkHistory(w wire.Welcome) *pay.Error {
	conflict := func(message string) *pay.Error {
		return pay.NewError(pay.CodeConflict, message,
			"nothing was changed on either side; keep this data directory and bring back the registry's (or this node's) newest copy")
	}
	content := w.Outbox != nil
	switch {
	case w.Resume == wire.ResumeAhead:
		return conflict(fmt.Sprintf("this node has %d entries, the registry only %d: the registry has lost some", s.cursor.Seq, w.Head.Cursor.Seq))
	case w.Resume == wire.ResumeEpoch:
		return conflict("the registry's history began anew since this node last saw it")
	case w.Resume == wire.ResumeFork && content:
		return oldCopy(fmt.Sprintf("this node and the registry have different histories up to entry %d: one of the two is an old copy", s.cursor.Seq))
	case w.Resume == wire.ResumeFork:
		return conflict(fmt.Sprintf("this node and the registry have different histories up to entry %d", s.cursor.Seq))
	case w.Applied < s.position.Acked:
		return conflict(fmt.Sprintf("the registry acknowledged %d items of this node and now knows %d: it has lost some", s.position.Acked, w.Applied))
	case !content && w.Applied > s.position.Last:
		return conflict(fmt.Sprintf("the registry has %d items of this node, which itself has %d: this data directory is an old copy", w.Applied, s.position.Last))
	case !content:
		return nil
	}
	switch w.Outbox.Standing {
	case wire.OutboxOn, wire.OutboxPast:
		return nil
	case wire.OutboxRival:
		return oldCopy("another copy of this data directory is connected to the registry")
	default:
		return oldCopy(fmt.Sprintf("this node and the registry know different claims up to number %d", s.position.Acked))
	}
}

// entries verifies what the registry sent and mirrors what is new. If one entry
// is wrong, none of the message is stored.
func (s *ClientSession) entries(m wire.Entries) []Effect {
	bad := func(why string) []Effect {
		return []Effect{End{Err: pay.NewError(pay.CodeBadFact, "the registry sent entries that do not verify: "+why,
			"nothing was stored; if it stays, ask who runs the registry to audit it")}}
	}
	switch {
	case m.Scope != s.scope:
		return bad("they are of another scope")
	case m.First > s.cursor.Seq+1:
		return bad(fmt.Sprintf("entry %d follows entry %d", m.First, s.cursor.Seq))
	}
	known := s.cursor.Seq + 1 - m.First
	if known >= uint64(len(m.Facts)) {
		return nil
	}
	next := s.cursor
	facts, right, err := s.keys.openAll(m.Facts[known:])
	if err != nil {
		return bad(fmt.Sprintf("entry %d: %v", next.Seq+1+uint64(right), err))
	}
	for _, f := range facts {
		next.Seq, next.Chain = next.Seq+1, next.Chain.Next(f.ID())
		s.seen.bytes += len(f.Raw())
	}
	if next.Chain != m.Chain {
		return bad(fmt.Sprintf("the chain up to entry %d is another", next.Seq))
	}
	e := MirrorEntries{From: s.cursor, Facts: facts, Ack: s.takeAck(), Later: next.Seq < s.upTo || len(s.mirroring) > 0}
	s.cursor, s.mirroring = next, append(s.mirroring, next)
	return []Effect{e}
}

func (s *ClientSession) mirrored(head pay.Head) []Effect {
	up := slices.Index(s.mirroring, head.Cursor)
	if up < 0 {
		return []Effect{End{Err: pay.NewError(pay.CodeFailed, fmt.Sprintf("the store mirrored up to entry %d, the session up to %d", head.Cursor.Seq, s.cursor.Seq),
			"another program may use this data directory")}}
	}
	s.mirroring = append(s.mirroring[:0], s.mirroring[up+1:]...)
	s.durable = head.Cursor.Seq
	if s.seen.isDue(s.durable) {
		return append([]Effect{s.sendSeen()}, s.catchUp()...)
	}
	return s.catchUp()
}

// reached reports whether what waited at Welcome has arrived, on both sides.
func (s *ClientSession) reached() bool { return s.durable >= s.upTo && s.out.acked >= s.ackTo }

// catchUp returns CaughtUp when it is due.
func (s *ClientSession) catchUp() []Effect {
	if !s.behind || !s.reached() {
		return nil
	}
	s.behind = false
	return []Effect{CaughtUp{}}
}

func (s *ClientSession) tick(now time.Time, arrived uint64) []Effect {
	silent := End{Err: pay.NewError(pay.CodeUnreachable, "the registry does not answer", "it is tried again; check the network and that the registry runs")}
	over := func(by time.Time) bool { return !now.Before(by) }
	switch {
	case s.phase == phaseGreeting && over(s.greetBy) && arrived > s.arrived:
		return []Effect{End{Err: unanswered()}}
	case s.phase == phaseGreeting && over(s.greetBy):
		return []Effect{silent}
	case s.phase == phaseAside && over(s.greetBy):
		return []Effect{End{Err: s.aside}}
	case s.phase != phaseLive && s.phase != phaseTaking:
		return nil
	case len(s.out.sizes) > 0 && over(s.ackBy), s.taking.asking && over(s.taking.by):
		return []Effect{silent}
	}
	nonce, due, dead := s.ping.tick(now, arrived)
	switch {
	case dead && s.ping.halfAlive(arrived) && s.durable == s.cursor.Seq:
		return []Effect{End{Err: stalled(s.small)}}
	case dead:
		return []Effect{silent}
	case due:
		return append(s.owedSeen(), Send{wire.Ping{Nonce: nonce}})
	case s.ack.N > 0 && s.noting == 0 && over(s.ackNoteBy):
		note := NoteAck{s.takeAck()}
		s.noting++
		return []Effect{note}
	default:
		return nil
	}
}

// unanswered returns the error of a session in which packets came back after Hello
// and no Welcome did.
func unanswered() *pay.Error {
	return pay.Wrap(errStalled, pay.CodeUnreachable,
		fmt.Sprintf("the registry is reached and its answer does not arrive: it is stuck, or datagrams of %d bytes do not get through", DatagramBytesMin),
		"see the registry's log, and give every tunnel and link on the way an MTU of at least 1280")
}

// stalled returns the error of a session in which small packets go to and fro
// while what is on the stream does not arrive: Ping and Pong follow, in the
// stream, what was lost before them. small means that no datagram was above
// DatagramBytesMin.
func stalled(small bool) *pay.Error {
	if small {
		return pay.Wrap(errStalled, pay.CodeUnreachable,
			fmt.Sprintf("datagrams of %d bytes seem not to get through to the registry or back, while smaller ones do", DatagramBytesMin),
			"the protocol needs them: give every tunnel and link on the way an MTU of at least 1280; if that is so, see the registry's log")
	}
	return pay.Wrap(errStalled, pay.CodeUnreachable,
		fmt.Sprintf("datagrams above %d bytes seem not to get through to the registry or back", DatagramBytesMin),
		"the next connections send none; a tunnel or link on the way has a smaller MTU than its ends, or the registry is stuck: see its log")
}
