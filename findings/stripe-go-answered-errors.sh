#!/usr/bin/env bash
# Guess: an answer 500 is asked again twice, with the same key, as stripe-go retries twice by default; a context
#   with a deadline ends the call in time, also in the pause between two tries.
# What happens: stripe-go v86.0.0 asks once whenever the answer holds an error object, whatever its status
#   (409 lock_timeout, 429, 500), also with Stripe-Should-Retry: true, and although its README names 409 as
#   retried. It asks three times with one key only when the connection breaks or the answer holds no such object
#   (a proxy's 502 page). The pause ignores the context: a call with 200 ms to live comes back later than that.
# Why it matters here: two boxes or a restart that ask with one key get 409 as a normal answer. An adapter that
#   leaves retries to the library reports it as a refusal, and the till says that charging again is safe. The
#   effect's own executor asks again with the stored key until the answer is final: 409, 429 and 5xx are
#   "unknown", never "refused". MaxNetworkRetries is set to 0, so that one place alone repeats and deadlines hold.
# Package: github.com/stripe/stripe-go/v86 v86.0.0 (Go)
set -euo pipefail

command -v go >/dev/null || { echo "missing tool: go (1.26 or later)" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export GOMODCACHE=$work/mod GOFLAGS="-mod=mod -modcacherw" GOWORK=off

cat >go.mod <<'MOD'
module ask

go 1.26

require github.com/stripe/stripe-go/v86 v86.0.0
MOD
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	stripe "github.com/stripe/stripe-go/v86"
)

// provider is a server on the loopback that answers each call alike and counts the calls and their keys.
type provider struct {
	mu     sync.Mutex
	answer http.HandlerFunc
	calls  int
	keys   map[string]bool
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.calls++
	p.keys[r.Header.Get("Idempotency-Key")] = true
	answer := p.answer
	p.mu.Unlock()
	answer(w, r)
}

func status(code int, retry, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if retry != "" {
			w.Header().Set("Stripe-Should-Retry", retry)
		}
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

func hangUp(w http.ResponseWriter, _ *http.Request) {
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		conn.Close()
	}
}

func main() {
	p := &provider{}
	server := httptest.NewServer(p)
	defer server.Close()
	server.Config.SetKeepAlivesEnabled(false) // net/http itself repeats a call whose kept connection was closed.
	backend := stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL:           stripe.String(server.URL),
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
	})
	client := stripe.NewClient("sk_test_none", stripe.WithBackends(&stripe.Backends{API: backend}))

	authorise := func(ctx context.Context, answer http.HandlerFunc) (calls, keys int) {
		p.mu.Lock()
		p.answer, p.calls, p.keys = answer, 0, map[string]bool{}
		p.mu.Unlock()
		params := &stripe.PaymentIntentCreateParams{
			Amount: stripe.Int64(1250), Currency: stripe.String("eur"), CaptureMethod: stripe.String("manual"),
		}
		params.SetIdempotencyKey("payment-1")
		if _, err := client.V1PaymentIntents.Create(ctx, params); err == nil {
			panic("an error was expected")
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.calls, len(p.keys)
	}
	for _, c := range []struct {
		what   string
		answer http.HandlerFunc
	}{
		{"409 lock_timeout", status(409, "", `{"error":{"type":"invalid_request_error","code":"lock_timeout","message":"busy"}}`)},
		{"409 lock_timeout, should retry", status(409, "true", `{"error":{"type":"invalid_request_error","code":"lock_timeout","message":"busy"}}`)},
		{"429 rate_limit", status(429, "", `{"error":{"type":"invalid_request_error","code":"rate_limit","message":"slower"}}`)},
		{"500 api_error, should retry", status(500, "true", `{"error":{"type":"api_error","message":"sorry"}}`)},
		{"502 without an error object", status(502, "", `<html>bad gateway</html>`)},
		{"connection closed", hangUp},
	} {
		calls, keys := authorise(context.Background(), c.answer)
		fmt.Printf("%s | asked %d | keys %d\n", c.what, calls, keys)
	}

	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	authorise(ctx, hangUp)
	// The pause is 375 ms at the least.
	fmt.Printf("connection closed, 200 ms to live | back in time %t\n", time.Since(start) < 350*time.Millisecond)
}
GO
go mod download github.com/stripe/stripe-go/v86@v86.0.0 >go.log 2>&1 ||
  { echo "cannot fetch stripe-go v86.0.0:" >&2; tail -n 5 go.log >&2; exit 2; }
timeout 500 go run . >seen.txt
cat seen.txt

cat >expected.txt <<'TXT'
409 lock_timeout | asked 1 | keys 1
409 lock_timeout, should retry | asked 1 | keys 1
429 rate_limit | asked 1 | keys 1
500 api_error, should retry | asked 1 | keys 1
502 without an error object | asked 3 | keys 1
connection closed | asked 3 | keys 1
connection closed, 200 ms to live | back in time false
TXT
diff -u expected.txt seen.txt || { echo "changed: the retries are not those written down" >&2; exit 1; }
echo "as written down: an answered error is not asked again"
