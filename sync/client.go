package paysync

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// ClientOptions are the options of a Client.
type ClientOptions struct {
	Dialer  Dialer
	Address string // of the registry, host:port
	Key     pay.Key
	Root    pay.NodeID // the pinned root
	Scope   pay.Scope
	// Authorities are raw authority facts that the node keeps, such as the one of
	// its enrolment.
	Authorities [][]byte
	Journal     Journal
	Clock       func() time.Time // the node's clock, to compare with the registry's; nil: time.Now
	// Time is the time of what the client says of itself, such as State.Since, which
	// may be right where Clock is in doubt; nil: Clock.
	Time     func() time.Time
	Random   io.Reader     // for jitter; nil: crypto/rand
	Log      *slog.Logger  // nil: nothing is logged
	Versions wire.Versions // of the protocol; zero: wire.Supported
	// Holder tells this process apart from others that have the same key; zero:
	// Run draws one.
	Holder wire.Holder
	Seams  Seams
}

// identity returns what a session over conn knows before it begins.
func (o ClientOptions) identity(conn Conn, doubtful bool) ClientIdentity {
	return ClientIdentity{
		Scope: o.Scope, Key: o.Key.Public(), Root: o.Root, Working: conn.Peer(), Versions: o.Versions,
		Authorities: append([][]byte{conn.Authority()}, o.Authorities...),
		Small:       conn.Small(), Doubtful: doubtful,
	}
}

// State describes a node's connection to the registry.
type State struct {
	// Up means that the registry has welcomed the node and, after a session that
	// fell silent, that what waited on either side has arrived since.
	Up    bool
	Since time.Time // when Up or Refused last changed
	// Refused is the code of the registry's answer when it answers and does not
	// serve the node, or the two disagree about history; "" otherwise.
	Refused pay.ErrorCode
	// Offset is the registry's clock minus the node's when the session began;
	// it is zero before the first session and keeps its last value afterwards.
	Offset pay.Millis
	// Now is what the registry's clock showed when the session began, and NowAt the
	// monotonic moment of that; zero before the first session.
	Now   pay.Time
	NowAt time.Time
	// Err is why the last try or session ended; nil while Up.
	Err error
	// Stall is why a session ended in which large datagrams seemed to get lost. It
	// stays while connections to the registry are small for that reason.
	Stall error
	// Rival is when the registry last reported that another process with the node's
	// key wants to connect; zero for never.
	Rival time.Time
}

// Client keeps one node in step with its registry.
type Client struct {
	opts   ClientOptions
	log    *slog.Logger
	holder wire.Holder

	mu       sync.Mutex
	state    State
	doubtful bool // a session fell silent, or only its Welcome was lost, and none was connected since
	changed  chan struct{}

	looks looks
}

// NewClient returns a client that does nothing until Run.
func NewClient(o ClientOptions) *Client {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Time == nil {
		o.Time = o.Clock
	}
	o.Random = cmp.Or[io.Reader](o.Random, rand.Reader)
	return &Client{opts: o, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), changed: make(chan struct{})}
}

// State returns the state of the connection.
func (c *Client) State() State {
	s, _ := c.Watch()
	return s
}

// Watch returns the state of the connection and a channel that is closed when
// it next changes.
func (c *Client) Watch() (State, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state, c.changed
}

// WaitUp returns nil once the node is connected. Its error is the cause of ctx's
// end, when ctx ends first.
func (c *Client) WaitUp(ctx context.Context) error {
	for {
		state, changed := c.Watch()
		if state.Up {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (c *Client) setState(change func(*State)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.state
	change(&c.state)
	c.state.Refused = refusalOf(c.state.Err)
	if c.state.Up != before.Up || c.state.Refused != before.Refused || c.state.Since.IsZero() {
		c.state.Since = c.opts.Time()
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// refusalOf returns the code of an error that a registry answered with, "" for one
// that means that it was not reached, or that does not concern the node's standing.
func refusalOf(err error) pay.ErrorCode {
	switch code := pay.CodeOf(err); code {
	case pay.CodeNotAllowed, pay.CodeNotEnrolled, pay.CodeNotTrusted, pay.CodeConflict, pay.CodeUpgrade, pay.CodeOldCopy:
		return code
	default:
		return ""
	}
}

// connected makes the node count as connected.
func (c *Client) connected() {
	c.setState(func(s *State) { s.Up, s.Err, c.doubtful = true, nil, false })
}

// finalError ends Run: trying again cannot help.
type finalError struct{ err *pay.Error }

func (e finalError) Error() string { return e.err.Error() }
func (e finalError) Unwrap() error { return e.err }

// Run dials the registry, keeps the session, and dials again whenever it is
// lost, at once and then ever more slowly, up to every 30 s. It returns nil when
// ctx is done, a *pay.Error when the registry gave an answer that trying again
// cannot change: the node was revoked or is not known (CodeNotAllowed,
// CodeNotEnrolled), or the two disagree about history (CodeConflict); and the
// error of Random. A node that is an old copy (CodeOldCopy), and a disagreement
// about history with a registry that compares contents, are tried again, because
// bringing back the newest copy of either side settles them. A registry of other versions (CodeUpgrade) is dialled again
// like one that does not answer, because it may be upgraded. Run deletes nothing
// that is stored.
func (c *Client) Run(ctx context.Context) error {
	away := time.Now()
	c.holder = c.opts.Holder
	if c.holder == (wire.Holder{}) {
		if _, err := io.ReadFull(c.opts.Random, c.holder[:]); err != nil {
			return fmt.Errorf("draw a name for this process: %w", err)
		}
	}
	for try := 0; ; try++ {
		if err := c.pause(ctx, try, time.Since(away)); err != nil {
			return err
		}
		lived, err := c.session(ctx, try)
		if ctx.Err() != nil {
			err = nil
		}
		c.setState(func(s *State) {
			s.Up, s.Err = false, err
			if errors.Is(err, errStalled) {
				s.Stall = err
			}
			c.doubtful = c.doubtful || errors.Is(err, errStalled) || lived > 0 && pay.CodeOf(err) == pay.CodeUnreachable
		})
		if err == nil {
			return nil
		}
		var final finalError
		if errors.As(err, &final) {
			c.log.Error("sync: stopped", "error", err)
			return final.err
		}
		c.log.Info("sync: no session", "try", try, "code", pay.CodeOf(err), "error", err)
		if lived >= sessionLong {
			try, away = -1, time.Now()
		}
	}
}

// pause waits before the next try, or until ctx is done. Its error is that of the
// source of randomness.
func (c *Client) pause(ctx context.Context, try int, away time.Duration) error {
	jitter, err := jitterFrom(c.opts.Random)
	if err != nil {
		return err
	}
	select {
	case <-time.After(redialAfter(try, away, jitter)):
	case <-ctx.Done():
	}
	return nil
}

// session dials once and keeps the session until it ends. lived is how long it
// was up.
func (c *Client) session(ctx context.Context, try int) (lived time.Duration, err error) {
	dialCtx, cancel := context.WithTimeout(ctx, dialWithin(try))
	defer cancel()
	conn, err := c.opts.Dialer.Dial(dialCtx, c.opts.Address, c.opts.Root, c.opts.Key)
	if err != nil {
		return 0, err
	}
	defer conn.Close(CloseDone)
	if err := conn.Open(dialCtx); err != nil {
		return 0, fmt.Errorf("open stream: %w", err)
	}
	position, err := c.opts.Journal.Position(ctx)
	if err != nil {
		return 0, fmt.Errorf("read position: %w", err)
	}
	var next pay.Incarnation
	if _, err := io.ReadFull(c.opts.Random, next[:]); err != nil {
		return 0, fmt.Errorf("draw an incarnation: %w", err)
	}
	return newClientConn(c, conn, next).run(ctx, position)
}

// rivalled notes that another process with the node's key wants to connect.
func (c *Client) rivalled() {
	c.log.Warn("sync: another process with the key of this node wants to connect")
	c.setState(func(s *State) { s.Rival = c.opts.Clock() })
}
