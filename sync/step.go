package paysync

import (
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// Event is something that happened to a session. The sealed set stands below.
type Event interface{ event() }

// Effect is something that a session wants done. The effects of one Step are carried
// out in the order given.
type Effect interface{ effect() }

// Events of both sessions.
type (
	// Received reports a message of the peer. A ServerSession gets Pushed for a
	// Push instead, after its signatures were verified.
	Received struct{ Message wire.Message }
	// Tick reports that the time of Wake has come. Arrived is that of Path.
	Tick struct{ Arrived uint64 }
)

// Effects of both sessions.
type (
	// Send sends a message to the peer.
	Send struct{ Message wire.Message }
	// End ends the session. Final means that trying again cannot help.
	End struct {
		Err   *pay.Error
		Final bool
	}
)

// Events of a ClientSession.
type (
	// Connected reports that the transport is up and where the store stands.
	// Arrived is that of Path.
	Connected struct {
		Position pay.Position
		Arrived  uint64
	}
	// Opened answers OpenOutbox once it is durable.
	Opened struct{}
	// Changed reports that the outbox has grown.
	Changed struct{}
	// Queued answers ReadOutbox.
	Queued struct{ Items []pay.Item }
	// Mirrored answers MirrorEntries once they are durable.
	Mirrored struct{ Head pay.Head }
	// Noted answers NoteAck and NoteChain once they are durable.
	Noted struct{}
	// Weighed answers Weigh; Known is false when the node cannot tell.
	Weighed struct {
		Chain pay.Chain
		Known bool
	}
	// TookUp answers TakeUp once it is durable.
	TookUp struct{}
	// OutboxRenewed answers RenewOutbox once it is durable.
	OutboxRenewed struct{ Position pay.Position }
	// UrgentRead answers ReadUrgent. Last is the last entry of the node's mirror, zero
	// when it is empty.
	UrgentRead struct {
		Facts []pay.Fact
		Last  pay.Fact
	}
)

// Effects of a ClientSession.
type (
	// WentUp reports that the registry welcomed the node; its clock shows Now.
	// Behind means that the node does not count as connected before CaughtUp.
	WentUp struct {
		Now    pay.Time
		Behind bool
	}
	// CaughtUp reports that what waited on either side has arrived.
	CaughtUp struct{}
	// OpenOutbox notes in the store that items may leave the node from now on.
	OpenOutbox struct{}
	// ReadOutbox reads up to Limit items after number After.
	ReadOutbox struct {
		After uint64
		Limit int
	}
	// NoteAck notes in the store what the registry acknowledged.
	NoteAck struct{ pay.Acked }
	// MirrorEntries stores verified feed entries behind From and notes, with them,
	// what the registry acknowledged. Later means that more entries follow, which can
	// be verified meanwhile; those may be stored together with them.
	MirrorEntries struct {
		From  pay.Cursor
		Facts []pay.Fact
		Ack   pay.Acked
		Later bool
	}
	// Weigh reads the chain of the outbox after item N.
	Weigh struct{ N uint64 }
	// NoteChain notes the registry's chain after item N, the last acknowledged one;
	// or, when it is not Known, that the registry has none.
	NoteChain struct {
		N     uint64
		Chain pay.Chain
		Known bool
	}
	// NoteOldCopy notes that the node is an old copy, or that it is none when Err
	// is nil.
	NoteOldCopy struct{ Err *pay.Error }
	// TakeUp stores items of the node's own behind item After.
	TakeUp struct {
		After uint64
		Items []pay.Recalled
	}
	// RenewOutbox notes that the outbox goes on under another incarnation.
	RenewOutbox struct{ Incarnation pay.Incarnation }
	// ReadUrgent reads the claims that may be given to the registry out of turn, and
	// the last entry of the mirror.
	ReadUrgent struct{}
	// Rivalled reports that another process with the node's key wants to connect.
	Rivalled struct{}
)

// Events of a ServerSession.
type (
	// Stood answers Look.
	Stood struct{ Standing Standing }
	// Pushed reports a Push whose facts OpenPush has verified.
	Pushed struct {
		Incarnation pay.Incarnation
		Items       []pay.Item
	}
	// Pinged reports a Ping, and the interval that is right for nodes now.
	Pinged struct {
		Nonce     uint64
		PingEvery pay.Millis
	}
	// Applied answers ApplyItems once they are durable.
	Applied struct{ Applied pay.Applied }
	// Grown reports that the feed has grown: up to entry Seq, if that is known.
	Grown struct{ Seq uint64 }
	// Fed answers ReadFeed. Chain is after the last of Facts; More means that the
	// feed goes on behind them.
	Fed struct {
		Facts [][]byte
		Chain pay.Chain
		More  bool
	}
	// KeptRead answers ReadKept. Chain is after the last of Items.
	KeptRead struct {
		After uint64
		Items []pay.KeptItem
		Chain pay.Chain
	}
	// HeadRenewed answers RenewHead once it is durable; it is not OK when the
	// registry stands elsewhere by now.
	HeadRenewed struct {
		Renew wire.Renew
		OK    bool
	}
	// UrgentGiven reports an Urgent whose facts OpenUrgent has verified.
	UrgentGiven struct{ Facts []pay.Fact }
	// UrgentApplied answers ApplyUrgent once they are durable.
	UrgentApplied struct{}
)

// Effects of a ServerSession.
type (
	// Look reads the Standing of the node that sent Hello.
	Look struct{ Hello wire.Hello }
	// ApplyItems applies verified items.
	ApplyItems struct {
		Incarnation pay.Incarnation
		Items       []pay.Item
	}
	// ReadFeed reads up to Limit entries after number After, at most
	// pay.BatchBytesMax of them but at least one.
	ReadFeed struct {
		Scope pay.Scope
		After uint64
		Limit int
		Here  bool // by the goroutine that has applied items, and not by the one that follows the feed
	}
	// ReadKept reads applied items of the node behind number After, as many as one
	// message holds.
	ReadKept struct{ After uint64 }
	// RenewHead lets another incarnation of the node's outbox push.
	RenewHead struct{ Renew wire.Renew }
	// ApplyUrgent applies verified claims out of turn.
	ApplyUrgent struct{ Facts []pay.Fact }
	// NotePutBack notes what the node holds of the registry that the registry does
	// not. Entry is what the node shows for it, nil for nothing.
	NotePutBack struct {
		Evidence pay.PutBack
		Entry    []byte
	}
)

const (
	// greetingTimeout bounds the time from connection to Welcome, and how long
	// the registry waits for a stranger's first message. Chosen: covers a registry
	// that has just started; strangersMax connections can wait that long.
	greetingTimeout = 10 * time.Second
	// writeTimeout is how long a peer may leave a write blocked. Chosen: its
	// windows are smaller than the transport's, so only one that stopped reading
	// blocks at all.
	writeTimeout = 5 * time.Second
	// ackNoteDelay is how long an acknowledgement waits for the entries that mostly
	// follow it, so that both are stored in one commit. Chosen: long beside the way
	// from one to the next, short beside what a person waits for.
	ackNoteDelay = 20 * time.Millisecond
	// ackTimeout is how long nothing of what was pushed may be acknowledged
	// before the node dials and pushes again. Chosen: above the slowest commit of
	// a disk that still works.
	ackTimeout = 30 * time.Second
	// pingMisses is the number of ping intervals without a Pong that end a
	// session. Chosen: one lost Pong is a hiccup, two are silence.
	pingMisses = 2
)

func protocolError(what string) End {
	return End{Err: pay.NewError(pay.CodeBadFact, "the other side broke the protocol: "+what, "update both programs to the same version; if it stays, report it")}
}

func (Received) event()      {}
func (Tick) event()          {}
func (Connected) event()     {}
func (Opened) event()        {}
func (Changed) event()       {}
func (Queued) event()        {}
func (Mirrored) event()      {}
func (Noted) event()         {}
func (Stood) event()         {}
func (Pushed) event()        {}
func (Pinged) event()        {}
func (Applied) event()       {}
func (Grown) event()         {}
func (Fed) event()           {}
func (Weighed) event()       {}
func (TookUp) event()        {}
func (OutboxRenewed) event() {}
func (UrgentRead) event()    {}
func (KeptRead) event()      {}
func (HeadRenewed) event()   {}
func (UrgentGiven) event()   {}
func (UrgentApplied) event() {}

func (Send) effect()          {}
func (End) effect()           {}
func (WentUp) effect()        {}
func (CaughtUp) effect()      {}
func (OpenOutbox) effect()    {}
func (ReadOutbox) effect()    {}
func (NoteAck) effect()       {}
func (MirrorEntries) effect() {}
func (Look) effect()          {}
func (ApplyItems) effect()    {}
func (ReadFeed) effect()      {}
func (Weigh) effect()         {}
func (NoteChain) effect()     {}
func (NoteOldCopy) effect()   {}
func (TakeUp) effect()        {}
func (RenewOutbox) effect()   {}
func (ReadUrgent) effect()    {}
func (Rivalled) effect()      {}
func (ReadKept) effect()      {}
func (RenewHead) effect()     {}
func (ApplyUrgent) effect()   {}
func (NotePutBack) effect()   {}
