package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

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
	return ask(ctx, &Line{socket: socket, once: true}, v, q, tell)
}

// AskOn is Ask over a line that stays.
func AskOn[Request, Answered any](ctx context.Context, l *Line, v Verb[Request, Answered], q Request) (Reply[Answered], error) {
	return ask(ctx, l, v, q, nil)
}

func ask[Request, Answered any](ctx context.Context, l *Line, v Verb[Request, Answered], q Request, tell func(note json.RawMessage)) (Reply[Answered], error) {
	body, err := json.Marshal(q)
	if err != nil {
		return Reply[Answered]{}, fmt.Errorf("encode request: %w", err)
	}
	verb := v.Name
	if w, ok := any(&q).(waiting); ok && *w.waitField() > 0 {
		verb += "?" + waitParam + "=" + w.waitField().Std().String()
	}
	raw, err := l.post(ctx, verb, body, tell)
	if errors.Is(err, ErrDaemonLost) {
		err = pay.Wrap(err, pay.CodeUnreachable, "ask the daemon", lostHint(&q))
	}
	if err != nil {
		return Reply[Answered]{}, err
	}
	return readReply[Answered](raw)
}

// Line is a connection to a control socket over which one caller asks, one verb after
// the other. It is made with the first question, and anew after an error or a long rest.
type Line struct {
	socket string
	once   bool // it is for one question
	conn   net.Conn
	in     *bufio.Reader
	used   time.Time
}

// NewLine returns a line to a control socket. Whoever has it calls Close in the end.
func NewLine(socket string) *Line { return &Line{socket: socket} }

// Close ends the connection, if there is one.
func (l *Line) Close() {
	if l.conn != nil {
		_ = l.conn.Close()
		l.conn = nil
	}
}

// lineRest is after how long without a question a line is made anew. Chosen: before
// the daemon ends it.
const lineRest = idleTimeMax / 2

func (l *Line) dial(ctx context.Context) error {
	if l.conn != nil && time.Since(l.used) < lineRest {
		return nil
	}
	l.Close()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", l.socket)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return ErrNoDaemon
	}
	l.conn, l.in = conn, bufio.NewReader(conn)
	return nil
}

// post sends a verb with its request and returns the answer.
func (l *Line) post(ctx context.Context, verb string, body []byte, tell func(json.RawMessage)) (raw json.RawMessage, err error) {
	if err := l.dial(ctx); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://node/v1/"+verb, bytes.NewReader(body))
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Close = l.once
	if tell != nil {
		req.Header.Set("Accept", notesType)
	}
	conn := l.conn
	left := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // ends what waits for the daemon
	whole := false
	defer func() {
		if l.used = time.Now(); !left() || !whole || l.once {
			l.Close()
		}
	}()
	if err := req.Write(conn); err != nil {
		return nil, daemonLost(ctx, err)
	}
	resp, err := http.ReadResponse(l.in, req) //nolint:bodyclose // it is read to its end, or the line is closed
	if err != nil {
		return nil, daemonLost(ctx, err)
	}
	raw, err = answerIn(ctx, resp, tell)
	whole = !resp.Close && !errors.Is(err, ErrDaemonLost)
	return raw, err
}

// answerIn reads the answer of a response, or the error that it is.
func answerIn(ctx context.Context, resp *http.Response, tell func(json.RawMessage)) (json.RawMessage, error) {
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
