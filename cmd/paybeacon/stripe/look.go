package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	sdk "github.com/stripe/stripe-go/v86"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/acquirer"
)

const (
	// lookMax bounds how many PaymentIntents are looked through for one key. Chosen: what a
	// busy shop takes in a day, in at most fifty requests.
	lookMax = 5_000
	// lookBack is how far the registry's clock may be ahead of Stripe's. Chosen: a day and
	// a little, which is more than a clock in the wrong zone; a registry whose clock is
	// further off doubts it and decides nothing.
	lookBack pay.Millis = 25 * 3_600_000
)

// Look implements acquirer.Acquirer.
func (c *Client) Look(ctx context.Context, call acquirer.Call, t pay.Token) (acquirer.Answer, error) {
	var f found
	var err error
	switch call.Verb {
	case acquirer.Authorise:
		f, err = c.lookForAuthorisation(ctx, call, t)
	case acquirer.Refund:
		f, err = c.lookForRefund(ctx, call)
	default:
		f, err = c.lookAtIntent(ctx, call)
	}
	switch {
	case errors.Is(err, acquirer.ErrNothing), errors.Is(err, acquirer.ErrContradicts), errors.Is(err, acquirer.ErrNoAnswer):
		return acquirer.Answer{}, err
	case err != nil:
		return acquirer.Answer{}, plain("look at Stripe", err)
	case f.pending:
		return acquirer.Answer{}, fmt.Errorf("look at Stripe: it has not decided yet: %w", acquirer.ErrNoAnswer)
	default:
		return f.Answer, nil
	}
}

var errNothing = fmt.Errorf("look at Stripe: %w", acquirer.ErrNothing)

// missing reports whether Stripe says that there is no such thing.
func missing(err error) bool {
	var e *sdk.Error
	return errors.As(err, &e) && e.HTTPStatusCode == http.StatusNotFound
}

// lookForAuthorisation finds the PaymentIntent that was made under the key of a call. That
// there are two is a contradiction: Stripe took one key for two.
func (c *Client) lookForAuthorisation(ctx context.Context, call acquirer.Call, t pay.Token) (f found, err error) {
	p := &sdk.PaymentIntentListParams{CreatedRange: &sdk.RangeQueryParams{GreaterThanOrEqual: call.Asked.Add(-lookBack).Std().Unix()}}
	p.Customer, _ = split(t)
	p.Limit = sdk.Int64(100)
	n := 0
	var matches []*sdk.PaymentIntent
	for pi, err := range c.api.V1PaymentIntents.List(ctx, p).All(ctx) {
		if err != nil {
			return f, err
		}
		if n++; n > lookMax {
			return f, fmt.Errorf("look at Stripe: more than %d payments since: %w", lookMax, acquirer.ErrNoAnswer)
		}
		if pi.Metadata[metaKey] == string(call.Key) {
			matches = append(matches, pi)
		}
	}
	if len(matches) == 0 {
		return f, errNothing
	}
	f = authorised(call, matches[0])
	for _, pi := range matches[1:] {
		if err := acquirer.Agree(f.Answer, authorised(call, pi).Answer); err != nil {
			return f, fmt.Errorf("look at Stripe: %w", err)
		}
	}
	return f, nil
}

// lookAtIntent finds out whether the authorisation of a call was captured by this call, or
// voided.
func (c *Client) lookAtIntent(ctx context.Context, call acquirer.Call) (found, error) {
	pi, err := c.api.V1PaymentIntents.Retrieve(ctx, string(call.Of), nil)
	switch {
	case missing(err):
		return found{}, errNothing
	case err != nil:
		return found{}, err
	case call.Verb == acquirer.Void && pi.Status == sdk.PaymentIntentStatusCanceled:
		return voided(call, pi), nil
	case call.Verb == acquirer.Capture && pi.Metadata[metaCapture] == string(call.Key):
		return captured(call, pi), nil
	default:
		return found{}, errNothing
	}
}

// lookForRefund finds the Refund that was made under the key of a call.
func (c *Client) lookForRefund(ctx context.Context, call acquirer.Call) (found, error) {
	p := &sdk.RefundListParams{PaymentIntent: sdk.String(string(call.Of))}
	p.Limit = sdk.Int64(100)
	n := 0
	for r, err := range c.api.V1Refunds.List(ctx, p).All(ctx) {
		switch {
		case missing(err):
			return found{}, errNothing
		case err != nil:
			return found{}, err
		case r.Metadata[metaKey] == string(call.Key):
			return refunded(call, r), nil
		}
		if n++; n > lookMax {
			return found{}, fmt.Errorf("look at Stripe: more than %d refunds of one payment: %w", lookMax, acquirer.ErrNoAnswer)
		}
	}
	return found{}, errNothing
}
