// Package stripe is the acquirer that moves money through Stripe, by PaymentIntents that
// are captured by hand.
//
// # How the verbs are carried out
//
//	authorise  create a PaymentIntent, capture_method manual, and confirm it off session
//	capture    capture it, for the amount; Stripe releases the rest
//	void       cancel it
//	refund     create a Refund of it
//
// Each write carries the idempotency key of its call, and stores it in the metadata of
// what it makes, where Look finds it. The token names what is charged: pm_… for a
// PaymentMethod that is used once, cus_…/pm_… for one that is attached to a Customer.
//
// # What is believed
//
// Stripe keeps an idempotency key for at least 24 hours and repeats under it what the
// first request was answered, errors of its own included
// (https://docs.stripe.com/api/idempotent_requests). So:
//
//   - An error of the card (402), and a request that Stripe refuses (400, 404), is a
//     decline: nothing moved under this key and nothing will.
//   - 409, 429, 401, 403, a time-out and whatever cannot be read is no answer.
//   - 5xx is no answer either. Once Stripe repeats it (Idempotent-Replayed), it would do
//     so for ever: then what stands in Stripe's own lists counts, which are consistent
//     with its writes. Where nothing stands there the call is declined.
//   - A key that Stripe may have forgotten is not used again before its lists were read.
//   - A PaymentIntent that is elsewhere than it was expected is looked at: what was to be
//     done may have been done under this key before.
//
// An authorisation alone moves no money and lapses by itself, so even one that turned up
// after it was declined charges nobody.
//
// # Guarantees
//
// The API key and the token stand in no error. The library does not retry: asking again is
// the registry's, which does it under the same key.
package stripe
