package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// The control socket is how every other command with the same --data talks to
// the running daemon: HTTP and JSON over a unix socket that only the owner can
// open. A verb is a POST to /v1/VERB whose body is the verb's request. The
// answer is the verb's object, or an error object with status 400.
//
// Verbs that only read also work without a daemon: the command then opens the
// store itself and runs the same function (see ask).

const (
	controlBytesMax  = 1 << 20
	controlReadLimit = 10 * time.Second
)

// verb is one thing a node can be asked over its control socket.
type verb struct {
	// read says that the verb needs no daemon.
	Read bool
	Run  func(ctx context.Context, q RawRequest) (any, error)
}

// RawRequest is a verb's request as it came in.
type RawRequest struct {
	Body []byte
	key  pay.IdempotencyKey // the Idempotency-Key header
}

// Verbs are all that one node can be asked.
type Verbs map[string]verb

// On makes a verb from a function of a typed request.
func On[Q any](read bool, f func(ctx context.Context, q Q) (any, error)) verb {
	return verb{Read: read, Run: func(ctx context.Context, raw RawRequest) (any, error) {
		var q Q
		if len(raw.Body) > 0 {
			if err := decodeQuery(raw.Body, &q); err != nil {
				return nil, pay.Wrap(err, pay.CodeUsage, "read request", "send the one JSON object that the verb takes, and no other fields")
			}
		}
		if k, ok := any(&q).(keyed); ok && raw.key != "" {
			have := k.keyField()
			if *have != "" && *have != raw.key {
				return nil, pay.NewError(pay.CodeUsage, "read request: its key and the Idempotency-Key header differ", "give one of them")
			}
			*have = raw.key
		}
		return f(ctx, q)
	}}
}

// keyed is a request that may bear an idempotency key.
type keyed interface{ keyField() *pay.IdempotencyKey }

// decodeQuery reads exactly one JSON object. A field that the verb does not
// know is refused: a charge that was meant to hold an amount must not take it.
func decodeQuery(body []byte, q any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(q); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	return nil
}

// Serve answers until ctx ends.
func Serve(ctx context.Context, l net.Listener, vs Verbs, log *slog.Logger) error {
	return ServeHTTP(ctx, l, Handler(vs), log)
}

func ServeHTTP(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: controlReadLimit,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve http: %w", err)
	case <-ctx.Done():
		_ = srv.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve http: %w", err)
		}
		return nil
	}
}

func Handler(vs Verbs) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/{verb}", func(w http.ResponseWriter, r *http.Request) {
		v, ok := vs[r.PathValue("verb")]
		if !ok {
			refuseHTTP(w, pay.NewError(pay.CodeNotAllowed, fmt.Sprintf("this node cannot %q", text.Printable(r.PathValue("verb"))),
				"check --data: it names a node of another role"))
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, controlBytesMax))
		if err != nil {
			refuseHTTP(w, pay.Wrap(err, pay.CodeUsage, "read request", "send a smaller one"))
			return
		}
		answer, err := v.Run(r.Context(), RawRequest{Body: body, key: pay.IdempotencyKey(r.Header.Get("Idempotency-Key"))})
		if err != nil {
			refuseHTTP(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	})
	return mux
}

func refuseHTTP(w http.ResponseWriter, err error) {
	e := wireError{Problem: Describe(err)}
	var extra *Detailed
	if errors.As(err, &extra) {
		e.Extra = extra.Extra
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(e)
}
