// Package bench measures what the program promises about speed and about
// telling payers apart, each figure beside a yardstick that is measured in the
// same run.
//
// Payments are measured through real processes: a shop is a registry, a box, wallets
// and tags of one program in a temporary directory, and another build of the program
// makes a second one, which is measured by turns with the first. Beside them stand the
// floor, which is what the parts of a payment take when nothing waits, and the
// skeleton, a registry that does nothing but verify, sign, commit and send.
//
// All else needs no node: it works on the store, the resolver of codes, the radio and
// the tracker themselves, in a temporary directory.
package bench
