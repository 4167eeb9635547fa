// Package fakestripe stands in for Stripe: a server with the PaymentIntents and Refunds of
// one account, kept in memory, that behaves as Stripe publishes.
//
// # What it keeps to
//
// PaymentIntents with capture_method manual go requires_capture -> succeeded | canceled,
// and an attempt that the card declines leaves one that requires_payment_method
// (docs.stripe.com/payments/paymentintents/lifecycle). What is not in the state that a
// request needs is payment_intent_unexpected_state. Keys: the first request under one that
// began to run fixes status and body, 5xx included; later ones get them with
// Idempotent-Replayed; other parameters are an idempotency_error, a request beside it is
// 409; a request whose parameters are refused fixes nothing; keys are forgotten after a
// day (docs.stripe.com/api/idempotent_requests). Cards are Stripe's test ones
// (docs.stripe.com/testing).
//
// # Faults
//
// Its tests can have the next answer lost after the work was done, have it fail with 500
// before or after the work, have it fall silent, and let time pass.
package fakestripe
