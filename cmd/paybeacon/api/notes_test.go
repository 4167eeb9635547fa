package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// tellingNode serves h on a control socket, and returns where.
func tellingNode(t *testing.T, h http.Handler) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- ServeHTTP(ctx, l, h, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return socket
}

func auditBy(f func(ctx context.Context, tell Tell) (Audit, error)) http.Handler {
	return NewHandler(NewVerbs(OnTelling(VerbAudit, func(ctx context.Context, _ AuditRequest, tell Tell) (Audit, error) { return f(ctx, tell) })))
}

// TestNotesComeBeforeTheAnswer: who wants notes gets each as it is told, and then the
// answer or the error; who does not gets the answer alone.
func TestNotesComeBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	refusal := pay.NewError(pay.CodeNoSpace, "the disk is full", "make room")
	for name, tc := range map[string]struct {
		notes int
		err   error
	}{
		"answer":            {3, nil},
		"error":             {3, refusal},
		"nothing to tell":   {0, nil},
		"error and nothing": {0, refusal},
	} {
		socket := tellingNode(t, auditBy(func(_ context.Context, tell Tell) (Audit, error) {
			for i := range tc.notes {
				tell(NewProgress("store", float64(i)/4))
				tell(NewFinding("something"))
			}
			return Audit{V: 1, Type: "audit", OK: true, Payments: 7}, tc.err
		}))
		var shares, findings int
		for _, tell := range []func(json.RawMessage){nil, func(raw json.RawMessage) {
			if p, ok := ReadNote[Progress](raw); ok && p.Share == float64(shares)/4 {
				shares++
			}
			if f, ok := ReadNote[Finding](raw); ok && f.Finding == "something" {
				findings++
			}
		}} {
			reply, err := AskTelling(t.Context(), socket, VerbAudit, AuditRequest{}, tell)
			if tc.err == nil && (err != nil || reply.Value.Payments != 7) {
				t.Errorf("%s: %+v, %v", name, reply.Value, err)
			}
			if tc.err != nil && (pay.CodeOf(err) != pay.CodeNoSpace || HintOf(err) != "make room") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if shares != tc.notes || findings != tc.notes {
			t.Errorf("%s: %d shares and %d findings were told, want %d", name, shares, findings, tc.notes)
		}
	}
}

// TestVerbEndsWhenItsClientIsGone: nobody waits for the answer any more.
func TestVerbEndsWhenItsClientIsGone(t *testing.T) {
	t.Parallel()
	for name, told := range map[string]func(json.RawMessage){"with notes": func(json.RawMessage) {}, "without": nil} {
		ended, begun := make(chan error, 1), make(chan struct{})
		socket := tellingNode(t, auditBy(func(ctx context.Context, tell Tell) (Audit, error) {
			tell(NewProgress("store", 0))
			close(begun)
			<-ctx.Done()
			ended <- ctx.Err()
			return Audit{}, ctx.Err()
		}))
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-begun
			cancel()
		}()
		if _, err := AskTelling(ctx, socket, VerbAudit, AuditRequest{}, told); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: asked: %v", name, err)
		}
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: the verb ended with %v", name, err)
		}
	}
}

// TestNotesOfOtherVersions: a daemon of old answers with the object alone, one of
// later tells more than this program knows, and one that dies has not answered.
func TestNotesOfOtherVersions(t *testing.T) {
	t.Parallel()
	audit, progress := `{"v":1,"type":"audit","payments":7}`, `{"v":1,"type":"progress","share":0.5,"later":[1]}`
	for name, tc := range map[string]struct {
		kind, body string
		notes      int
		want       error
	}{
		"of old":         {"application/json", audit + "\n", 0, nil},
		"of now":         {notesType, progress + "\n" + audit + "\n", 1, nil},
		"of later":       {notesType, progress + "\n" + `{"v":1,"type":"mood","good":true}` + "\n" + progress + "\n" + audit + "\n", 2, nil},
		"without an end": {notesType, progress + "\n", 1, ErrDaemonLost},
		"empty":          {notesType, "", 0, ErrDaemonLost},
		"cut":            {notesType, progress + "\n" + audit[:10], 1, ErrDaemonLost},
	} {
		socket := tellingNode(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", tc.kind)
			_, _ = io.WriteString(w, tc.body)
		}))
		notes := 0
		reply, err := AskTelling(t.Context(), socket, VerbAudit, AuditRequest{}, func(json.RawMessage) { notes++ })
		if !errors.Is(err, tc.want) || (err == nil && reply.Value.Payments != 7) || notes != tc.notes {
			t.Errorf("%s: %d notes, %+v, %v", name, notes, reply.Value, err)
		}
	}
}

// TestNotesAreAskedFor by a header: scripts that do not send it get what they always
// got.
func TestNotesAreAskedFor(t *testing.T) {
	t.Parallel()
	h := auditBy(func(_ context.Context, tell Tell) (Audit, error) {
		tell(NewProgress("store", 0.5))
		return Audit{V: 1, Type: "audit", Findings: []string{}}, nil
	})
	for accept, lines := range map[string]int{"": 1, "*/*": 1, "application/json": 1, notesType: 2} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/audit", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := strings.Count(w.Body.String(), "\n"); w.Code != http.StatusOK || got != lines {
			t.Errorf("Accept %q: status %d, %d lines: %s", accept, w.Code, got, w.Body)
		}
	}
}
