// Package book keeps the accounts of a registry by double entry.
//
// # The idea
//
// Each wallet and each merchant has one account for each currency, and the
// house has one that play money comes from and goes back to when it is paid out. Money never appears or vanishes: a
// transfer debits one account and credits another by the same amount, in one
// transaction. An account keeps what was posted and what is only held apart
// from each other, and held money is not available. What happens to the money of one
// payment is a change of its sums (Change): to authorise holds it, a capture posts what
// was held, a release and a refund give it back. An immediate payment is a hold and
// its capture in one step (Pay). The hold that they return has the sums that a
// payment's decisions carry, and stands in the payment's row.
//
// # Layout
//
// The rows stand in the key space of the registry's role, under "b/":
//
//	b/a/CURRENCY/OWNER   the balance of an account
//	b/h/PAYMENT          the hold of a payment, in stores before format 5
//	b/t/CURRENCY         the running totals of all accounts
//
// # Guarantees
//
// After every posting these hold, or the program panics before the transaction
// can be committed: debits equal credits for each currency, posted and held
// apart (I1); no component is negative (I2); captured never exceeds authorised,
// nor refunded captured (I3); a hold is resolved once (I4). A transfer that is refused writes nothing
// (I5). Sums are checked for overflow and bounded by pay.BalanceMax.
package book
