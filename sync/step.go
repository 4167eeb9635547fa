package paysync

import (
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// Event is something that happened to a session. The sealed set stands below.
type Event interface{ event() }

// Effect is something that a session wants done. The effects of one Step are
// carried out in the order given.
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
	NoteAck struct {
		Incarnation pay.Incarnation
		N           uint64
		Refused     map[uint64]pay.Reason
	}
	// MirrorEntries stores verified feed entries behind From.
	MirrorEntries struct {
		From  pay.Cursor
		Facts []pay.Fact
	}
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
	// Applied answers ApplyItems once they are durable.
	Applied struct{ Applied pay.Applied }
	// Grown reports that the feed has grown.
	Grown struct{}
	// Fed answers ReadFeed. Chain is after the last of Facts; More means that the
	// feed goes on behind them.
	Fed struct {
		Facts [][]byte
		Chain pay.Chain
		More  bool
	}
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
	}
)

func (Received) event()  {}
func (Tick) event()      {}
func (Connected) event() {}
func (Opened) event()    {}
func (Changed) event()   {}
func (Queued) event()    {}
func (Mirrored) event()  {}
func (Stood) event()     {}
func (Pushed) event()    {}
func (Applied) event()   {}
func (Grown) event()     {}
func (Fed) event()       {}

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

const (
	// greetingTimeout bounds the time from connection to Welcome, and how long
	// the registry waits for a stranger's first message. Chosen: covers a registry
	// that has just started; strangersMax connections can wait that long.
	greetingTimeout = 10 * time.Second
	// writeTimeout is how long a peer may leave a write blocked. Chosen: its
	// windows are smaller than the transport's, so only one that stopped reading
	// blocks at all.
	writeTimeout = 5 * time.Second
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
