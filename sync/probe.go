package paysync

import (
	"context"
	"fmt"
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
	conn, err := o.Dialer.Dial(ctx, o.Address, o.Root, o.Key)
	if err != nil {
		return Greeting{}, err
	}
	defer conn.Close(CloseDone)
	s := NewClientSession(o.identity(conn, false))
	sent := o.Clock()
	hello := s.Step(sent, Connected{Position: position})[0].(Send)
	m, err := ask(ctx, conn, o.Address, hello.Message)
	if err != nil {
		return Greeting{}, err
	}
	trip := o.Clock().Sub(sent)
	for _, e := range s.Step(o.Clock(), Received{Message: m}) {
		if end, ok := e.(End); ok {
			return Greeting{}, end.Err
		}
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
