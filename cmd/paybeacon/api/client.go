package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/paybeacon/paybeacon/pay"
)

// ErrNoDaemon says that nobody listens on the control socket.
var ErrNoDaemon = errors.New("no daemon listens on the control socket")

// ErrDaemonLost says that the daemon went away after the request was handed
// over: what it did is not known.
var ErrDaemonLost = errors.New("the daemon went away before it answered")

// answerBytesMax bounds an answer. Chosen: the longest list of payments has a
// hundredth.
const answerBytesMax = 64 << 20

// Ask puts a verb to the daemon behind a control socket. It returns ErrNoDaemon
// when nothing was sent, a *pay.Error with CodeUnreachable that wraps
// ErrDaemonLost when the daemon went away before it answered, and else the error
// that the daemon answered with, a *pay.Error.
func Ask[Request, Answered any](ctx context.Context, socket string, v Verb[Request, Answered], q Request) (Reply[Answered], error) {
	return AskTelling(ctx, socket, v, q, nil)
}

// AskTelling is Ask, with the notes of the daemon passed to tell unless it is nil.
// A daemon of old has none.
func AskTelling[Request, Answered any](ctx context.Context, socket string, v Verb[Request, Answered], q Request, tell func(note json.RawMessage)) (Reply[Answered], error) {
	body, err := json.Marshal(q)
	if err != nil {
		return Reply[Answered]{}, fmt.Errorf("encode request: %w", err)
	}
	raw, err := post(ctx, socket, v.Name, body, tell)
	if errors.Is(err, ErrDaemonLost) {
		err = pay.Wrap(err, pay.CodeUnreachable, "ask the daemon", lostHint(&q))
	}
	if err != nil {
		return Reply[Answered]{}, err
	}
	return readReply[Answered](raw)
}

func post(ctx context.Context, socket, verb string, body []byte, tell func(json.RawMessage)) (json.RawMessage, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, ErrNoDaemon
	}
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://node/v1/"+verb, bytes.NewReader(body))
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("make request: %w", err)
	}
	if tell != nil {
		req.Header.Set("Accept", notesType)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, daemonLost(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if tell != nil && resp.Header.Get("Content-Type") == notesType {
		raw, err := readNotes(resp.Body, tell)
		var told answered
		switch {
		case errors.As(err, &told):
			return nil, told.error
		case err != nil:
			return nil, daemonLost(ctx, err)
		}
		return raw, nil
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
	if err != nil {
		return nil, daemonLost(ctx, err)
	}
	if resp.StatusCode == http.StatusOK {
		return raw, nil
	}
	var p Problem
	if err := json.Unmarshal(raw, &p); err != nil || p.Code == "" {
		return nil, pay.NewError(pay.CodeFailed, fmt.Sprintf("the daemon answered with status %d", resp.StatusCode), "look at the daemon's log")
	}
	return nil, p.Err()
}

func daemonLost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", ErrDaemonLost, err)
}

// lostHint says what to do after the daemon went away. A key helps where the request
// bears one.
func lostHint(q any) string {
	if _, ok := q.(keyed); ok {
		return "start it again and repeat the same command; with the same --key nothing is done twice"
	}
	return "start it again, look at what is there, then repeat the command if need be"
}
