package paysync

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// Greeting is what Probe learns from a registry.
type Greeting struct {
	// Offset is the registry's clock minus the node's, within half of Trip.
	Offset pay.Millis
	// Trip is how long the answer to Hello took.
	Trip time.Duration
	// Ahead is the number of entries that the registry has for the node and the
	// node does not have yet.
	Ahead uint64
}

// Probe greets the registry once and leaves: it takes no entry, sends no item
// and changes nothing on either side. position is where the node stands. No
// Client may run for the node meanwhile: a second session would end its own.
//
// Its errors are *pay.Error: those of Dialer.Dial, those that the registry
// answers, CodeUpgrade, CodeConflict and CodeNotTrusted as in a session,
// CodeBadFact for an answer that breaks the protocol, CodeUnreachable for none.
func Probe(ctx context.Context, o ClientOptions, position pay.Position) (Greeting, error) {
	ctx, cancel := context.WithTimeout(ctx, dialMax)
	defer cancel()
	if o.Clock == nil {
		o.Clock = time.Now
	}
	o.Random = cmp.Or[io.Reader](o.Random, rand.Reader)
	conn, err := o.Dialer.Dial(ctx, o.Address, o.Root, o.Key)
	if err != nil {
		return Greeting{}, err
	}
	defer conn.Close(CloseDone)
	id := o.identity(conn, false)
	if _, err := io.ReadFull(o.Random, id.Holder[:]); err != nil {
		return Greeting{}, fmt.Errorf("draw a name for this process: %w", err)
	}
	s := NewClientSession(id)
	sent := o.Clock()
	hello := s.Step(sent, Connected{Position: position})[0].(Send)
	m, err := ask(ctx, conn, o.Address, hello.Message)
	if err != nil {
		return Greeting{}, err
	}
	trip := o.Clock().Sub(sent)
	if err := o.judge(ctx, s, s.Step(o.Clock(), Received{Message: m})); err != nil {
		return Greeting{}, err
	}
	w, ok := m.(wire.Welcome)
	if !ok {
		return Greeting{}, protocolError(fmt.Sprintf("%T answers Hello", m)).Err
	}
	g := Greeting{Trip: trip, Offset: w.Now.Sub(pay.TimeOf(sent.Add(trip / 2)))}
	if have := position.Head.Cursor.Seq; w.Head.Cursor.Seq > have {
		g.Ahead = w.Head.Cursor.Seq - have
	}
	return g, nil
}

// judge returns the error with which a session that answers Welcome with these
// effects would end, or that makes the node an old copy. It only reads.
func (o ClientOptions) judge(ctx context.Context, s *ClientSession, effects []Effect) error {
	for _, effect := range effects {
		switch e := effect.(type) {
		case End:
			return e.Err
		case ReadUrgent:
			return s.aside
		case NoteOldCopy:
			if e.Err != nil {
				return e.Err
			}
		case Weigh:
			weighed, err := NewNodeEffects(o.Journal).Do(ctx, e)
			if err != nil {
				return err
			}
			return o.judge(ctx, s, s.Step(o.Clock(), weighed))
		}
	}
	return nil
}
