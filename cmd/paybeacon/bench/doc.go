// Package bench measures what the program promises about speed and about
// telling payers apart, each figure beside a yardstick that is measured in the
// same run.
//
// It needs no node: it works on the store, the resolver of codes, the radio and
// the tracker themselves, in a temporary directory.
package bench
