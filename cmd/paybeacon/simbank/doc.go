// Package simbank is an acquirer that moves play money: it authorises, captures, voids
// and refunds as a card's provider does, remembers what it did, and misbehaves on demand.
//
// # What it remembers
//
// Each call that it has carried out is a line of JSON in one file of its own, durable
// before the answer is given. So the provider outlives the registry: killed between the
// call and the answer, or started from an older copy of its store, the registry meets a
// provider that knows what it did, as a real one would. The file holds no token.
//
// # How it answers
//
// Amounts are declined by their last two digits in minor units, as the simulated reader
// of Stripe Terminal declines them:
//
//	01  call_issuer
//	05  generic_decline
//	51  insufficient_funds
//	55  incorrect_pin
//	65  withdrawal_count_limit_exceeded
//	75  pin_try_exceeded
//
// All other amounts are approved. What else may go wrong is up to the token:
//
//	sim-ok          nothing goes wrong
//	sim-slow        each answer takes Options.Slow
//	sim-lost        the first answer to each key is lost: the provider has acted
//	sim-twice       as sim-lost, and the second answer is another than the first
//	sim-no-capture  captures are declined; sim-no-void and sim-no-refund likewise
//
// Any other token is declined. While a file named "silent" lies beside the provider's
// own, it answers nothing and does nothing.
//
// # Guarantees
//
// A key moves money once. What is captured is at most what was authorised, what is
// refunded at most what was captured. An answer that was given is in the file.
package simbank
