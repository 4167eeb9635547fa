package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	sdk "github.com/stripe/stripe-go/v86"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/acquirer"
)

// URLDefault is where Stripe's API is.
const URLDefault = "https://api.stripe.com"

// Options say who asks, and whom.
type Options struct {
	// Key is the secret or restricted API key.
	Key string
	// URL is where the API is; "" for URLDefault. Without TLS only a loopback address is
	// taken.
	URL string
	// Now is the time; nil: the machine's.
	Now func() time.Time
	// Transport carries the requests; nil: one that bounds what it reads.
	Transport http.RoundTripper
}

// Client is an acquirer.
type Client struct {
	api  *sdk.Client
	live bool
	now  func() time.Time
}

var _ acquirer.Acquirer = (*Client)(nil)

// New returns the acquirer. It fails for a key that is none of Stripe's secret or
// restricted keys and for an address that would send it in clear.
func New(o Options) (*Client, error) {
	kind, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(o.Key, "sk_"), "rk_"), "_")
	if ok := strings.HasPrefix(o.Key, "sk_") || strings.HasPrefix(o.Key, "rk_"); !ok || (kind != "live" && kind != "test") || strings.ContainsAny(o.Key, " \t\r\n") {
		return nil, errors.New("the key is not one of Stripe's secret or restricted keys (sk_test_…, sk_live_…, rk_test_…, rk_live_…)")
	}
	if o.URL == "" {
		o.URL = URLDefault
	}
	if err := checkURL(o.URL); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	config := &sdk.BackendConfig{
		EnableTelemetry: sdk.Bool(false), LeveledLogger: &sdk.LeveledLogger{Level: sdk.LevelNull}, MaxNetworkRetries: sdk.Int64(0),
		URL: sdk.String(o.URL),
		HTTPClient: &http.Client{
			Transport:     quiet{o.Transport},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	return &Client{
		api:  sdk.NewClient(o.Key, sdk.WithBackends(sdk.NewBackendsWithConfig(config))),
		live: kind == "live", now: o.Now,
	}, nil
}

// Live reports whether the key moves real money: false for Stripe's test mode.
func (c *Client) Live() bool { return c.live }

// checkURL returns nil for https, and for http to the machine itself.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" {
		return errors.New("the address of Stripe's API is not like " + URLDefault)
	}
	switch host := u.Hostname(); {
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && (host == "127.0.0.1" || host == "::1" || host == "localhost"):
		return nil
	default:
		return errors.New("the address of Stripe's API would send the key in clear; without https it must be on this machine")
	}
}

// keyLife is for how long a key is taken to be remembered. Published: Stripe may forget
// keys after 24 hours. Chosen: clocks may differ, and a call takes a while.
const keyLife pay.Millis = 20 * 3_600_000

// aheadMax is by how much a call may be dated after now. One that is dated later was asked
// for by a clock that was ahead and has been put right since: how old it is nobody knows.
// Chosen: what clocks of two processes on one machine may differ, and much more.
const aheadMax pay.Millis = 60_000

// Do implements acquirer.Acquirer.
func (c *Client) Do(ctx context.Context, call acquirer.Call, t pay.Token) (acquirer.Answer, error) {
	if err := call.Check(); err != nil {
		return acquirer.Answer{}, fmt.Errorf("ask Stripe: %w: %w", err, acquirer.ErrNoAnswer)
	}
	amount, ok := unitsOf(call.Currency, call.Amount)
	if !ok {
		return acquirer.Decline("amount_not_supported"), nil
	}
	if age := pay.TimeOf(c.now()).Sub(call.Asked); call.Asked != 0 && (age >= keyLife || age < -aheadMax) {
		if a, err := c.Look(ctx, call, t); !errors.Is(err, acquirer.ErrNothing) {
			return a, err
		}
	}
	a, err := c.write(ctx, call, t, amount)
	if err != nil {
		return c.failed(ctx, call, t, err)
	}
	if !a.pending {
		return a.Answer, nil
	}
	later, err := c.Look(ctx, call, t) // the answer under this key will always be this one
	if errors.Is(err, acquirer.ErrNothing) {
		err = fmt.Errorf("ask Stripe: it has not decided yet: %w", acquirer.ErrNoAnswer)
	}
	return later, err
}

// found is what stands at Stripe for a call.
type found struct {
	acquirer.Answer
	pending bool // Stripe has not decided yet
}

// write makes the request of a call.
func (c *Client) write(ctx context.Context, call acquirer.Call, t pay.Token, amount int64) (found, error) {
	key := string(call.Key)
	switch call.Verb {
	case acquirer.Authorise:
		customer, method := split(t)
		p := &sdk.PaymentIntentCreateParams{
			Amount: &amount, Currency: sdk.String(strings.ToLower(string(call.Currency))), CaptureMethod: sdk.String("manual"),
			Confirm: sdk.Bool(true), OffSession: sdk.Bool(true), ErrorOnRequiresAction: sdk.Bool(true),
			PaymentMethod: &method, PaymentMethodTypes: []*string{sdk.String("card")}, Customer: customer,
			Description: sdk.String("paybeacon " + call.Payment.Short()),
			Metadata:    map[string]string{metaKey: key, metaPayment: call.Payment.String()},
		}
		p.SetIdempotencyKey(key)
		pi, err := c.api.V1PaymentIntents.Create(ctx, p)
		if err != nil {
			return found{}, err
		}
		return authorised(call, pi), nil
	case acquirer.Capture:
		p := &sdk.PaymentIntentCaptureParams{AmountToCapture: &amount, Metadata: map[string]string{metaCapture: key}}
		p.SetIdempotencyKey(key)
		pi, err := c.api.V1PaymentIntents.Capture(ctx, string(call.Of), p)
		if err != nil {
			return found{}, err
		}
		return captured(call, pi), nil
	case acquirer.Void:
		p := &sdk.PaymentIntentCancelParams{}
		p.SetIdempotencyKey(key)
		pi, err := c.api.V1PaymentIntents.Cancel(ctx, string(call.Of), p)
		if err != nil {
			return found{}, err
		}
		return voided(call, pi), nil
	default:
		p := &sdk.RefundCreateParams{
			Amount: &amount, PaymentIntent: sdk.String(string(call.Of)),
			Metadata: map[string]string{metaKey: key, metaPayment: call.Payment.String()},
		}
		p.SetIdempotencyKey(key)
		r, err := c.api.V1Refunds.Create(ctx, p)
		if err != nil {
			return found{}, err
		}
		return refunded(call, r), nil
	}
}

// split reads a token: pm_…, or cus_…/pm_….
func split(t pay.Token) (customer *string, method string) {
	first, second, both := strings.Cut(string(t), "/")
	if !both {
		return nil, first
	}
	return &first, second
}

// Ping implements acquirer.Acquirer.
func (c *Client) Ping(ctx context.Context) error {
	p := &sdk.PaymentIntentListParams{}
	p.Limit, p.Single = sdk.Int64(1), true
	for _, err := range c.api.V1PaymentIntents.List(ctx, p).All(ctx) {
		return plain("reach Stripe", err)
	}
	return nil
}
