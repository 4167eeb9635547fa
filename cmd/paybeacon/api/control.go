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

	"github.com/paybeacon/paybeacon/pay"
)

// The control socket is how every other command with the same --data talks to
// the running daemon: HTTP and JSON over a unix socket that only the owner can
// open. A verb is a POST to /v1/VERB whose body is the verb's request. The
// answer is the verb's object with status 200, or an error object with the
// status of its code (pay.InfoOf). A charge may be asked to wait for the outcome:
// POST /v1/charge?wait=10s. What a verb says before it answers stands in
// notes.go.

const (
	// bodyBytesMax bounds the body of a request. Published: the contract with people and
	// scripts, "HTTP".
	bodyBytesMax = 64 << 10
	// headerBytesMax bounds the header of a request. Chosen: ours has a line or two.
	headerBytesMax = 16 << 10
	// headerTimeMax and bodyTimeMax bound the time that a request takes to arrive.
	// Chosen: it comes from this machine or its neighbours.
	headerTimeMax = 10 * time.Second
	bodyTimeMax   = 10 * time.Second
	// idleTimeMax bounds the time that a connection waits for its next request.
	// Chosen: a page that somebody looks at asks more often.
	idleTimeMax = time.Minute
)

// Serve answers the verbs of a node on its control socket until ctx ends.
func Serve(ctx context.Context, l net.Listener, vs Verbs, log *slog.Logger) error {
	return ServeHTTP(ctx, l, NewHandler(vs), log)
}

// ServeHTTP serves h on a listener until ctx ends, and closes it. What the server
// has to complain about is logged for debugging only.
func ServeHTTP(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	srv := &http.Server{
		Handler:           whole(h),
		ReadHeaderTimeout: headerTimeMax,
		IdleTimeout:       idleTimeMax,
		MaxHeaderBytes:    headerBytesMax,
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

// whole has a handler see a request only once its body is there, which must be small
// and arrive in time. A handler may then take as long as it likes: a deadline that went
// on would end it.
func whole(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn := http.NewResponseController(w)
		if err := conn.SetReadDeadline(time.Now().Add(bodyTimeMax)); err != nil {
			refuse(w, fmt.Errorf("bound the time of a request: %w", err))
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyBytesMax))
		if err != nil {
			w.Header().Set("Connection", "close") // the rest of the body is not waited for
			refuse(w, pay.Wrap(err, pay.CodeUsage, "read request", fmt.Sprintf("send at most %d KiB, at once", bodyBytesMax>>10)))
			return
		}
		if err := conn.SetReadDeadline(time.Time{}); err != nil {
			refuse(w, fmt.Errorf("bound the time of a request: %w", err))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		h.ServeHTTP(w, r)
	})
}

// NewHandler returns the handler of a control socket.
func NewHandler(vs Verbs) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/{verb}", func(w http.ResponseWriter, r *http.Request) {
		ctx, gone := context.WithCancelCause(r.Context())
		defer gone(nil)
		notes := &noteWriter{w: w, gone: gone}
		tell := notes.tell
		if r.Header.Get("Accept") != notesType {
			tell = func(any) {}
		}
		answer, err := vs.serve(w, r.WithContext(ctx), tell)
		if notes.begun {
			notes.end(answer, err)
			return
		}
		if err != nil {
			refuse(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	})
	return mux
}

func (vs Verbs) serve(w http.ResponseWriter, r *http.Request, tell Tell) (any, error) {
	e, ok := vs[r.PathValue("verb")]
	if !ok {
		return nil, errUnknownVerb(r.PathValue("verb"))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyBytesMax))
	if err != nil {
		return nil, pay.Wrap(err, pay.CodeUsage, "read request", "send a smaller one")
	}
	raw := rawRequest{body: body, key: pay.IdempotencyKey(r.Header.Get("Idempotency-Key"))}
	if r.URL.RawQuery != "" {
		raw.wait = r.URL.Query().Get(waitParam)
	}
	return e.answer(r.Context(), raw, tell)
}

// refuse answers with an error object.
func refuse(w http.ResponseWriter, err error) {
	p := Describe(err)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(statusOf(p.Code, err))
	_ = json.NewEncoder(w).Encode(p)
}

// statusOf returns the HTTP status of an error object.
func statusOf(code pay.ErrorCode, err error) int {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return http.StatusRequestEntityTooLarge
	}
	if status := pay.InfoOf(code).HTTP; status >= http.StatusBadRequest {
		return status
	}
	return http.StatusInternalServerError // the payment itself would be the answer; there is none
}
