package paysync

import (
	"context"
	"fmt"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// Greeting is what a registry says to a node that only came to look.
type Greeting struct {
	// Offset is the registry's clock minus the node's, good to half of Trip.
	Offset pay.Millis
	// Trip is how long the answer to Hello took.
	Trip time.Duration
	// Ahead says how many entries the registry has for the node that the node
	// does not have yet.
	Ahead uint64
}

// Probe greets the registry once and leaves: it takes no entry, sends no item
// and changes nothing on either side. It is for a node that no Client runs for;
// a second session would end the first. clock is the node's; position is where
// it stands.
//
// Its errors are *pay.Error: those of Dialer.Dial, what the registry itself
// says, and CodeConflict when the two disagree about history.
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
	s := NewClientSession(o.identity(conn))
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
