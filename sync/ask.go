package paysync

import (
	"context"
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// ask sends one message over a new connection and returns the answer. address
// is the registry's, for people. Its errors are *pay.Error: CodeBadFact when the
// answer cannot be read, CodeUpgrade when the registry cannot read the question,
// CodeUnreachable when there is no answer until ctx is done.
func ask(ctx context.Context, conn Conn, address string, question wire.Message) (wire.Message, error) {
	m, err := exchange(ctx, conn, question)
	switch {
	case err == nil:
		return m, nil
	case errors.Is(err, wire.ErrMalformed):
		return nil, protocolError("an answer that cannot be read").Err
	case pay.CodeOf(err) == pay.CodeUpgrade:
		return nil, err
	default:
		return nil, pay.Wrap(err, pay.CodeUnreachable, "the registry at "+address+" does not answer", "check that it runs and can be reached, then try again")
	}
}

func exchange(ctx context.Context, conn Conn, question wire.Message) (wire.Message, error) {
	if err := conn.Open(ctx); err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	defer context.AfterFunc(ctx, func() { conn.Close(CloseSilent) })()
	out := sender{conn: conn}
	if err := out.send(ctx, question); err != nil {
		return nil, err
	}
	m, err := wire.ReadMessage(conn, pay.FirstFrameBytesMax)
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	if err != nil {
		return nil, readError(err)
	}
	return m, nil
}
