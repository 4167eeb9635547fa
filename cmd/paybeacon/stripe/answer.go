package stripe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	sdk "github.com/stripe/stripe-go/v86"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/acquirer"
)

// What the registry writes into the metadata of what it makes.
const (
	metaKey     = "paybeacon_key"
	metaPayment = "paybeacon_payment"
	metaCapture = "paybeacon_capture"
)

// approved returns an answer for what Stripe says it did. An amount in other units than
// it was asked in comes out as another amount, which no call fits.
func approved(call acquirer.Call, id string, units int64, currency sdk.Currency) found {
	amount := pay.Amount(units)
	if !strings.EqualFold(string(currency), string(call.Currency)) {
		amount = -1
	}
	return found{Answer: acquirer.Answer{Approved: true, Reference: acquirer.Reference(id), Amount: amount}}
}

// authorised reads a PaymentIntent that was made for a call to authorise.
func authorised(call acquirer.Call, pi *sdk.PaymentIntent) found {
	switch pi.Status {
	case sdk.PaymentIntentStatusRequiresCapture, sdk.PaymentIntentStatusSucceeded:
		return approved(call, pi.ID, pi.Amount, pi.Currency)
	case sdk.PaymentIntentStatusCanceled:
		if pi.LatestCharge == nil && pi.LastPaymentError != nil { // it never was authorised
			return found{Answer: declined(pi.LastPaymentError)}
		}
		return approved(call, pi.ID, pi.Amount, pi.Currency)
	case sdk.PaymentIntentStatusRequiresPaymentMethod:
		if pi.LastPaymentError != nil {
			return found{Answer: declined(pi.LastPaymentError)}
		}
		return found{Answer: acquirer.Decline("")}
	case sdk.PaymentIntentStatusRequiresAction:
		return found{Answer: acquirer.Decline("authentication_required")}
	default:
		return found{pending: true}
	}
}

// captured reads a PaymentIntent after a call to capture it.
func captured(call acquirer.Call, pi *sdk.PaymentIntent) found {
	if pi.Status != sdk.PaymentIntentStatusSucceeded {
		return found{pending: true}
	}
	return approved(call, pi.ID, pi.AmountReceived, pi.Currency)
}

// voided reads a PaymentIntent after a call to cancel it.
func voided(call acquirer.Call, pi *sdk.PaymentIntent) found {
	if pi.Status != sdk.PaymentIntentStatusCanceled {
		return found{pending: true}
	}
	return found{Answer: acquirer.Answer{Approved: true, Reference: acquirer.Reference(pi.ID), Amount: call.Amount}}
}

// refunded reads a Refund.
func refunded(call acquirer.Call, r *sdk.Refund) found {
	switch r.Status {
	case sdk.RefundStatusSucceeded:
		return approved(call, r.ID, r.Amount, r.Currency)
	case sdk.RefundStatusFailed, sdk.RefundStatusCanceled:
		return found{Answer: acquirer.Decline("refund_" + string(r.Status))}
	default:
		return found{pending: true}
	}
}

// private are the reasons of issuers that nobody at the counter may be told
// (https://docs.stripe.com/declines/codes).
var private = map[sdk.DeclineCode]bool{
	sdk.DeclineCodeFraudulent: true, sdk.DeclineCodeLostCard: true, sdk.DeclineCodeStolenCard: true,
	sdk.DeclineCodeMerchantBlacklist: true, sdk.DeclineCodePickupCard: true, sdk.DeclineCodeSecurityViolation: true,
}

// declined returns the answer that an error of Stripe's is.
func declined(e *sdk.Error) acquirer.Answer {
	switch {
	case private[e.DeclineCode]:
		return acquirer.Decline(string(sdk.DeclineCodeGenericDecline))
	case e.DeclineCode != "":
		return acquirer.Decline(string(e.DeclineCode))
	case e.Code != "":
		return acquirer.Decline(string(e.Code))
	default:
		return acquirer.Decline("invalid_request")
	}
}

// failed returns what an error to the request of a call means for the call.
func (c *Client) failed(ctx context.Context, call acquirer.Call, t pay.Token, err error) (acquirer.Answer, error) {
	var e *sdk.Error
	if !errors.As(err, &e) {
		return acquirer.Answer{}, plain("ask Stripe", err)
	}
	switch status := e.HTTPStatusCode; {
	case e.Type == sdk.ErrorTypeIdempotency && status == http.StatusBadRequest:
		return acquirer.Answer{}, fmt.Errorf("ask Stripe: %w", acquirer.ErrKeyUsed)
	case status == http.StatusPaymentRequired:
		return declined(e), nil
	case moved(e):
		return c.lookOr(ctx, call, t, acquirer.Decline("authorisation_ended"))
	case status == http.StatusBadRequest || status == http.StatusNotFound:
		return refused(call, e), nil
	case status >= http.StatusInternalServerError && replayed(e):
		return c.lookOr(ctx, call, t, acquirer.Decline("provider_failed"))
	default:
		return acquirer.Answer{}, plain("ask Stripe", err)
	}
}

// lookOr returns what stands under the key of a call, or another answer when nothing does.
func (c *Client) lookOr(ctx context.Context, call acquirer.Call, t pay.Token, or acquirer.Answer) (acquirer.Answer, error) {
	a, err := c.Look(ctx, call, t)
	if errors.Is(err, acquirer.ErrNothing) {
		return or, nil
	}
	return a, err
}

// moved reports whether Stripe refused because what the call is about is not where it was
// expected: the call may have been carried out before.
func moved(e *sdk.Error) bool {
	switch e.Code {
	case sdk.ErrorCodePaymentIntentUnexpectedState, sdk.ErrorCodeChargeAlreadyCaptured, sdk.ErrorCodeChargeAlreadyRefunded:
		return true
	default:
		return false
	}
}

// refused returns the answer to a request that Stripe refused.
func refused(call acquirer.Call, e *sdk.Error) acquirer.Answer {
	if e.Code != sdk.ErrorCodeResourceMissing {
		return declined(e)
	}
	if call.Verb == acquirer.Authorise {
		return acquirer.Decline("invalid_token")
	}
	return acquirer.Decline("no_such_authorisation")
}

// replayed reports whether Stripe repeated what it answered under the key before.
func replayed(e *sdk.Error) bool {
	return e.LastResponse != nil && e.LastResponse.Header.Get("Idempotent-Replayed") == "true"
}

// plain returns an error without an answer, and without anything that the request or the
// answer held: neither the key nor the token may get into a log.
func plain(what string, err error) error {
	var e *sdk.Error
	var at *url.Error
	var link net.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return fmt.Errorf("%s: it says %d %s (request %s): %w", what, e.HTTPStatusCode, acquirer.ReasonOf(string(e.Code)), text(e.RequestID), acquirer.ErrNoAnswer)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: it did not answer in time: %w", what, acquirer.ErrNoAnswer)
	case errors.As(err, &at):
		return fmt.Errorf("%s: %w: %w", what, at.Err, acquirer.ErrNoAnswer)
	case errors.As(err, &link):
		return fmt.Errorf("%s: the connection failed: %w", what, acquirer.ErrNoAnswer)
	default:
		return fmt.Errorf("%s: what it says cannot be read: %w", what, acquirer.ErrNoAnswer)
	}
}

// text returns the id of a request when it looks like one.
func text(id string) string {
	if acquirer.Reference(id).Check() != nil || len(id) > 64 {
		return "without an id"
	}
	return id
}
