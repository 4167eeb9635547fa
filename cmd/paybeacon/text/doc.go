// Package text reads and writes the few things that people type and read in
// more than one place: amounts of money, moments, quotations of strangers, and
// the words for states.
//
// Whatever a stranger may have written goes through Printable or Sentence before
// it reaches a terminal, a log or an error.
package text
