package paysync

import (
	"context"
	"errors"
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
	s := NewClientSession(ClientIdentity{
		Scope: o.Scope, Root: o.Root, Working: conn.Peer(), Authorities: append([][]byte{conn.Authority()}, o.Authorities...),
		Versions: o.Versions,
	})
	sent := o.Clock()
	m, err := greet(ctx, conn, s.Step(sent, Connected{Position: position}))
	if errors.Is(err, wire.ErrMalformed) {
		return Greeting{}, protocolError("an answer that cannot be read").Err
	}
	if pay.CodeOf(err) == pay.CodeUpgrade {
		return Greeting{}, err
	}
	if err != nil {
		return Greeting{}, pay.Wrap(err, pay.CodeUnreachable, "the registry at "+o.Address+" does not answer", "check that it runs and can be reached")
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

// greet sends what a session wants to say first and returns the answer.
func greet(ctx context.Context, conn Conn, effects []Effect) (wire.Message, error) {
	if err := conn.Open(ctx); err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	defer context.AfterFunc(ctx, func() { conn.Close(CloseSilent) })()
	out := sender{conn: conn}
	for _, e := range effects {
		if send, ok := e.(Send); ok {
			if err := out.send(ctx, send.Message); err != nil {
				return nil, err
			}
		}
	}
	m, err := wire.ReadMessage(conn, pay.FirstFrameBytesMax)
	if err != nil && ctx.Err() != nil {
		return nil, errors.Join(context.Cause(ctx), err)
	}
	if err != nil {
		return nil, readError(err)
	}
	return m, nil
}
