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
// Claims are signed by who wants something: a box signs Request and Cancel, a
// wallet Answer, Mapping and Revoke. Decisions are the registry's alone. They
// form one chain for each payment, and the payment's state is a fold of that
// chain; see the diagram in payment.go.
//
// # Growth
//
// Nodes of several versions work together. A body may gain map keys from
// IgnorableFrom on: an older node ignores them, and keeps them under the
// signature. A kind that a node does not know is kept and passed on, and acted on
// by nobody who does not know it. What an older node must not ignore is a kind of
// its own that begins with "must-".
//
// # Guarantees
//
// Parse accepts exactly one byte string for each statement and signature.
// Payment.Next accepts exactly the arrows drawn in payment.go. Amounts are
// integers in minor units with checked arithmetic. Nothing here panics on
// foreign input.
package pay
