package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// countingListener counts the connections that were made.
type countingListener struct {
	net.Listener
	n *atomic.Int32
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.n.Add(1)
	}
	return c, err
}

// served serves verbs on a control socket, and counts its connections.
func served(tb testing.TB, vs Verbs) (socket string, conns *atomic.Int32) {
	tb.Helper()
	socket, conns = filepath.Join(tb.TempDir(), "s"), new(atomic.Int32)
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "unix", socket)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, countingListener{l, conns}, vs, slog.New(slog.DiscardHandler)) }()
	tb.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
	return socket, conns
}

func charging() Verbs {
	return NewVerbs(On(VerbCharge, func(ctx context.Context, q ChargeRequest) (Payment, error) {
		switch q.Ref {
		case "refuse":
			return Payment{}, pay.NewError(pay.CodeNobodyNear, "nobody is near", "come nearer")
		case "wait":
			<-ctx.Done()
			return Payment{}, ctx.Err()
		}
		return Payment{V: 1, Type: "payment", Ref: q.Ref, State: pay.StateRequested}, nil
	}))
}

// TestLineStays: a line asks over one connection, whether the answers are good or not,
// and makes another one after a question that was given up.
func TestLineStays(t *testing.T) {
	t.Parallel()
	socket, conns := served(t, charging())
	l := NewLine(socket)
	defer l.Close()
	for range 3 {
		if reply, err := AskOn(t.Context(), l, VerbCharge, ChargeRequest{Ref: "a"}); err != nil || reply.Value.Ref != "a" {
			t.Errorf("%+v, %v", reply.Value, err)
		}
		if _, err := AskOn(t.Context(), l, VerbCharge, ChargeRequest{Ref: "refuse"}); pay.CodeOf(err) != pay.CodeNobodyNear {
			t.Errorf("refused: %v", err)
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections for six questions", n)
	}
	given, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := AskOn(given, l, VerbCharge, ChargeRequest{Ref: "wait"}); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	if _, err := AskOn(t.Context(), l, VerbCharge, ChargeRequest{Ref: "a"}); err != nil {
		t.Error(err)
	}
	if n := conns.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
	if _, err := AskOn(t.Context(), NewLine(socket+"x"), VerbCharge, ChargeRequest{}); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("nobody there: %v", err)
	}
}

// TestWaitStandsInTheQuery, where a daemon that does not know it ignores it.
func TestWaitStandsInTheQuery(t *testing.T) {
	t.Parallel()
	var waits []pay.Millis
	h := NewHandler(NewVerbs(
		On(VerbCharge, func(_ context.Context, q ChargeRequest) (Payment, error) {
			waits = append(waits, q.Wait)
			return Payment{}, nil
		}),
		On(VerbShow, func(context.Context, PaymentRef) (Payment, error) { return Payment{}, nil }),
	))
	for _, tc := range []struct {
		target, body string
		status       int
		want         pay.Millis
	}{
		{"charge", "", http.StatusOK, 0},
		{"charge?wait=1.5s", `{"amount":"1.00"}`, http.StatusOK, 1_500},
		{"charge?later=x&wait=0s", "", http.StatusOK, 0},
		{"charge?wait=10", "", http.StatusBadRequest, 0},
		{"charge?wait=-1s", "", http.StatusBadRequest, 0},
		{"charge", `{"wait":"1s"}`, http.StatusBadRequest, 0},
		{"show?wait=1s", "", http.StatusOK, 0},
	} {
		waits = nil
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/"+tc.target, strings.NewReader(tc.body)))
		if w.Code != tc.status || (len(waits) == 1 && waits[0] != tc.want) {
			t.Errorf("%s %s: status %d, waits %v", tc.target, tc.body, w.Code, waits)
		}
	}
	socket, _ := served(t, NewVerbs(On(VerbCharge, func(_ context.Context, q ChargeRequest) (Payment, error) {
		return Payment{Ref: q.Wait.Std().String()}, nil
	})))
	if reply, err := Ask(t.Context(), socket, VerbCharge, ChargeRequest{Wait: 1_500}); err != nil || reply.Value.Ref != "1.5s" {
		t.Errorf("%+v, %v", reply.Value, err)
	}
}

// BenchmarkAsk is what one question costs on both sides of a control socket.
func BenchmarkAsk(b *testing.B) {
	q := ChargeRequest{Amount: "12.50", To: "amber-otter", Key: "01JC0000000000000000000000", TTL: 60_000}
	socket, _ := served(b, charging())
	b.Run("alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Ask(b.Context(), socket, VerbCharge, q); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("on a line", func(b *testing.B) {
		l := NewLine(socket)
		defer l.Close()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := AskOn(b.Context(), l, VerbCharge, q); err != nil {
				b.Fatal(err)
			}
		}
	})
}
