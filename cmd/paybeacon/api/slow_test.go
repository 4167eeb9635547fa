package api

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipeListener hands out connections in memory, whose deadlines follow the time of the
// test.
type pipeListener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// TestRequestsThatDoNotArrive: neither a header nor a body that comes slowly, nor a
// connection on which nothing is asked, holds a server for long; a request that has
// arrived may take longer than any of them to be answered.
func TestRequestsThatDoNotArrive(t *testing.T) {
	t.Parallel()
	const head = "POST /v1/x HTTP/1.1\r\nHost: node\r\nContent-Length: "
	for name, tc := range map[string]struct {
		send   string
		status int           // 0: the connection is closed without an answer
		after  time.Duration // of the answer, or of the end
		closed time.Duration // when the connection is closed at last
	}{
		"nothing at all":      {"", 0, headerTimeMax, headerTimeMax},
		"half a header":       {"POST /v1/x HT", http.StatusBadRequest, headerTimeMax, headerTimeMax},
		"half a body":         {head + "10\r\n\r\n12345", http.StatusBadRequest, bodyTimeMax, bodyTimeMax},
		"a body that is long": {head + "70000\r\n\r\n" + strings.Repeat(" ", 70000), http.StatusRequestEntityTooLarge, 0, 0},
		"a header so long":    {"POST /v1/x HTTP/1.1\r\nHost: node\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", http.StatusRequestHeaderFieldsTooLarge, 0, 0},
		"a whole one":         {head + "2\r\n\r\n{}", http.StatusOK, time.Hour, time.Hour + idleTimeMax},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
				ctx, cancel := context.WithCancel(t.Context())
				served := make(chan error, 1)
				slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					select {
					case <-time.After(time.Hour):
					case <-r.Context().Done():
						t.Error("the request was ended before it was answered")
					}
					_, _ = io.Copy(w, r.Body)
				})
				go func() { served <- ServeHTTP(ctx, l, slow, slog.New(slog.NewTextHandler(io.Discard, nil))) }()
				client, server := net.Pipe()
				l.conns <- server
				began := time.Now()
				go func() { _, _ = io.WriteString(client, tc.send) }()
				in := bufio.NewReader(client)
				resp, err := http.ReadResponse(in, nil)
				switch {
				case tc.status == 0 && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
					t.Errorf("%+v, %v; want the end", resp, err)
				case tc.status != 0 && (err != nil || resp.StatusCode != tc.status):
					t.Fatalf("%+v, %v; want status %d", resp, err, tc.status)
				}
				if took := time.Since(began); took < tc.after || took > tc.after+time.Second {
					t.Errorf("after %v, want %v", took, tc.after)
				}
				if resp != nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
				_, _ = io.Copy(io.Discard, in)
				if took := time.Since(began); took < tc.closed || took > tc.closed+time.Second {
					t.Errorf("closed after %v, want %v", took, tc.closed)
				}
				cancel()
				if err := <-served; err != nil {
					t.Error(err)
				}
				_ = client.Close()
			})
		})
	}
}
