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

// Ask puts a request to the daemon behind a control socket and returns its
// answer. It returns ErrNoDaemon when nothing was sent.
func Ask(ctx context.Context, socket, name string, body []byte) (json.RawMessage, error) {
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
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://node/v1/"+name, bytes.NewReader(body))
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("make request: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, daemonLost(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64*controlBytesMax))
	if err != nil {
		return nil, daemonLost(ctx, err)
	}
	if resp.StatusCode == http.StatusOK {
		return raw, nil
	}
	var e wireError
	if err := json.Unmarshal(raw, &e); err != nil || e.Code == "" {
		return nil, pay.NewError(pay.CodeFailed, fmt.Sprintf("the daemon answered with status %d", resp.StatusCode), "look at the daemon's log")
	}
	err = pay.NewError(e.Code, e.Message, e.Hint)
	if len(e.Extra) > 0 {
		err = &Detailed{err: err, Extra: e.Extra}
	}
	return nil, err
}

// ErrDaemonLost says that the daemon went away after the request was handed
// over: what it did is not known.
var ErrDaemonLost = errors.New("the daemon went away before it answered")

func daemonLost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return pay.Wrap(fmt.Errorf("%w: %w", ErrDaemonLost, err), pay.CodeUnreachable, "ask the daemon",
		"start it again and repeat the same command; with the same --key nothing is done twice")
}
