package stripe

import (
	"io"
	"net/http"
	"time"
)

// bodyMax bounds what is read of one answer. Chosen: a hundred PaymentIntents and more.
const bodyMax = 4 << 20

// newTransport returns what carries requests to Stripe: few connections, kept open.
func newTransport() http.RoundTripper {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 4, IdleConnTimeout: 90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10,
	}
}

// quiet is a transport that tells Stripe no more of this machine than it needs, and reads
// no more than it should.
type quiet struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (q quiet) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", "paybeacon")
	r.Header.Del("X-Stripe-Client-User-Agent") // it names the host
	// Without it net/http does not send a request again whose connection broke, as it
	// does where there is an idempotency key: that an answer was lost is for the
	// registry to know.
	r.GetBody = nil
	resp, err := q.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = limited{io.LimitReader(resp.Body, bodyMax), resp.Body}
	}
	return resp, err
}

// limited is a body of which no more than so much is read.
type limited struct {
	io.Reader
	io.Closer
}
