package stripe_test

import (
	"bufio"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/stripe"
	"github.com/paybeacon/paybeacon/pay/acquirer"
)

// stripeMock is Stripe's own server that holds requests against the published description
// of the API and answers from a fixture, without any state.
const stripeMock = "github.com/stripe/stripe-mock@v0.203.0"

// mock starts Stripe's own mock on loopback and returns its address. It skips the test
// where the mock cannot be installed, unless this is CI.
func mock(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	install := exec.CommandContext(t.Context(), "go", "install", stripeMock)
	install.Env = append(os.Environ(), "GOBIN="+bin, "GOFLAGS=-mod=mod", "CGO_ENABLED=0")
	install.Dir = bin // in no module
	if out, err := install.CombinedOutput(); err != nil {
		if os.Getenv("CI") == "" {
			t.Skipf("install %s: %v\n%s", stripeMock, err, out)
		}
		t.Fatalf("install %s: %v\n%s", stripeMock, err, out)
	}
	server := exec.CommandContext(t.Context(), filepath.Join(bin, "stripe-mock"), "-http-addr", "127.0.0.1:0")
	out, err := server.StdoutPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	listens := regexp.MustCompile(`127\.0\.0\.1:\d+`)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if addr := listens.FindString(lines.Text()); addr != "" {
			return "http://" + addr
		}
	}
	t.Fatalf("the mock did not say where it listens: %v", lines.Err())
	return ""
}

// recorder notes what was asked and how it was answered.
type recorder struct {
	mu   sync.Mutex
	seen []string
}

func (r *recorder) RoundTrip(q *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(q)
	if err == nil {
		r.mu.Lock()
		r.seen = append(r.seen, q.Method+" "+q.URL.Path+" "+resp.Status)
		r.mu.Unlock()
	}
	return resp, err
}

// TestRequestsHaveTheShapeThatStripePublishes sends each request that there is to Stripe's
// own mock, which answers 400 to a parameter that the API does not have.
func TestRequestsHaveTheShapeThatStripePublishes(t *testing.T) {
	t.Parallel()
	record := &recorder{}
	c, err := stripe.New(stripe.Options{Key: "sk_test_123", URL: mock(t), Transport: record})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []acquirer.Call{
		call(1, acquirer.Authorise, 1200, ""), call(2, acquirer.Capture, 1000, "pi_1"),
		call(3, acquirer.Void, 1200, "pi_1"), call(4, acquirer.Refund, 400, "pi_1"),
	} {
		q.Asked = 0
		if _, err := c.Do(t.Context(), q, visa); err != nil && !errors.Is(err, acquirer.ErrNoAnswer) && !errors.Is(err, acquirer.ErrNothing) {
			t.Errorf("%s: %v", q.Verb, err)
		}
		_, _ = c.Look(t.Context(), q, visa)
	}
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	want := map[string]bool{
		"POST /v1/payment_intents 200 OK": true, "POST /v1/payment_intents/pi_1/capture 200 OK": true,
		"POST /v1/payment_intents/pi_1/cancel 200 OK": true, "POST /v1/refunds 200 OK": true,
		"GET /v1/payment_intents 200 OK": true, "GET /v1/payment_intents/pi_1 200 OK": true, "GET /v1/refunds 200 OK": true,
	}
	seen := map[string]bool{}
	for _, line := range record.seen {
		if seen[line] = true; !want[line] {
			t.Errorf("%s", line)
		}
	}
	for line := range want {
		if !seen[line] {
			t.Errorf("there was no %s", line)
		}
	}
}
