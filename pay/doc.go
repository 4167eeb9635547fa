// Package pay is the domain of paybeacon: what money, payments, devices and
// signed facts are. It knows no disk, no network, no clock and no radio.
//
// # Facts
//
// Everything that happened is an immutable signed Fact; everything believed is
// a pure fold of facts; everything done is a fact appended. A fact is a
// COSE_Sign1 object over a deterministic CBOR body, in one form only, so that
// the bytes signed are the bytes stored and the bytes sent, and any COSE
// library can check a receipt.
//
// Claims are signed by who wants something: a box signs Request, Cancel, and what is
// done about money that is authorised (hold.go, increment.go), a wallet Answer, Mapping, Revoke and StepUpAbove. Decisions are the registry's
// alone. They form one chain for each payment, and the payment's state is a fold
// of that chain. Two tables say what there is: kinds.go has a row for each kind
// of fact, life.go one for each arrow in the life of a payment.
//
// # What may be added
//
// Facts are kept for ever and read by programs of all ages, so what a newer
// program adds must not stop an older one. In a body, keys below IgnorableFrom
// must be known and keys from there on are left out by who does not know them; a
// field is therefore added with a key from IgnorableFrom on, and never with one
// below to a kind that exists. Unknown kinds are kept and passed on; a kind that
// must not be ignored starts with "must-". A decision that states an unknown
// state is taken in by its link, merchant and currency alone, and so are those that
// follow it: it is never paid, never safe to charge again, and not the end. A known state that
// comes later counts as what it is if its sums agree. Where no new state came
// before, no arrow is added between states that exist, and none ever from an end
// without payment, after which the box may have charged again. Unknown reasons,
// rules and step-ups are kept. Verdicts, roles, and the states and types of
// devices do not grow; a new one comes as a new kind.
//
// # Guarantees
//
// Parse accepts exactly one byte string for each statement and signature.
// Between states that this program knows, Payment.Next accepts exactly the
// arrows drawn in life.go. Amounts are integers in minor units with checked
// arithmetic. Nothing here panics on foreign input.
package pay
