package paysync

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/wire"
)

// The points at which a test may kill the process.
const (
	atBeforePush   = "sync.before-push"
	atAfterPush    = "sync.after-push"
	atBeforeAck    = "sync.before-ack" // at the registry; the items are durable
	atAfterAck     = "sync.after-ack"
	atBeforeMirror = "sync.before-mirror"
	atAfterMirror  = "sync.after-mirror" // the entries are durable, Seen is not sent

	// Only a node that is an old copy passes these.
	atBeforeTakeUp = "sync.before-take-up"
	atAfterTakeUp  = "sync.after-take-up"
	atHeadRenewed  = "sync.head-renewed" // at the registry; Renewed is not sent
	atBeforeRenew  = "sync.before-renew"
	atAfterRenew   = "sync.after-renew"
)

// CrashPoints returns the names with which Seams.At is called.
func CrashPoints() []string {
	return []string{atBeforePush, atAfterPush, atBeforeAck, atAfterAck, atBeforeMirror, atAfterMirror}
}

// TakeUpCrashPoints returns the names with which Seams.At is called while a node takes
// up what it lacks; registry reports whether they are those of the registry.
func TakeUpCrashPoints(registry bool) []string {
	if registry {
		return []string{atHeadRenewed}
	}
	return []string{atBeforeTakeUp, atAfterTakeUp, atBeforeRenew, atAfterRenew}
}

// crashPoints returns the points that lie before an effect on a store and after it
// is durable; empty for none.
func crashPoints(effect Effect) (before, done string) {
	switch effect.(type) {
	case MirrorEntries:
		return atBeforeMirror, atAfterMirror
	case ApplyItems:
		return "", atBeforeAck
	case TakeUp:
		return atBeforeTakeUp, atAfterTakeUp
	case RenewOutbox:
		return atBeforeRenew, atAfterRenew
	case RenewHead:
		return "", atHeadRenewed
	default:
		return "", ""
	}
}

// Seams are hooks for tests. Their zero value does nothing.
type Seams struct {
	// At is called at each of CrashPoints.
	At func(point string)
	// Tap is called with each frame before encryption or after decryption; dir is
	// "in" or "out". The frame is valid during the call only.
	Tap func(dir string, frame []byte)
}

func (s Seams) at(point string) {
	if s.At != nil && point != "" {
		s.At(point)
	}
}

func (s Seams) tap(dir string, frame []byte) {
	if s.Tap != nil {
		s.Tap(dir, frame)
	}
}

// sender writes whole frames, one at a time, each within writeTimeout. It must
// not be used after an error, which may have left half a frame in the stream.
type sender struct {
	conn  Writer
	seams Seams
	mu    sync.Mutex
	buf   []byte
}

// send writes the messages in one piece; there is at least one.
func (s *sender) send(ctx context.Context, messages ...wire.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf = s.buf[:0]
	for _, m := range messages {
		begin := len(s.buf)
		s.buf = wire.Append(s.buf, m)
		s.seams.tap("out", s.buf[begin:])
	}
	m := messages[len(messages)-1]
	timeout := writeTimeout
	if ctx.Err() != nil {
		timeout = partingTimeout
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return fmt.Errorf("send %T: %w", m, err)
	}
	if _, err := s.conn.Write(s.buf); err != nil {
		return fmt.Errorf("send %T: %w", m, err)
	}
	if cap(s.buf) > keepBytes {
		s.buf = nil
	}
	for _, m := range messages {
		if _, ok := m.(wire.Ack); ok {
			s.seams.at(atAfterAck)
		}
	}
	return nil
}

const (
	// keepBytes is the largest buffer kept for an idle connection. Chosen: holds
	// every frame but runs of entries and items.
	keepBytes = 4 << 10
	// partingTimeout bounds what is done for a peer after the session ended.
	// Chosen: several round trips of a slow line.
	partingTimeout = time.Second
)

// receiver reads messages from a Conn.
type receiver struct {
	*wire.Reader
	seams Seams
}

func (r receiver) next() (wire.Message, error) {
	m, err := r.Next()
	if err == nil {
		r.seams.tap("in", r.Frame())
	}
	return m, err
}
