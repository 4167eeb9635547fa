// Package demo plays stories of payments with real processes of this program,
// tells them as they happen, and checks at the end that everything holds.
//
// # Layout
//
//	demo.go      the command and its scenarios
//	shop.go      what all stories share: people, offers, charges, the books
//	counter.go   two people pay, the registry dies and comes back, a replay fails
//	faults.go    a wormhole and what follows from it; theft.go goes on
//	forecourt.go a filling station; forecourt_cast.go has who drives in,
//	             forecourt_point.go the charge point
//	forger.go    a program of the thief's own with a stolen wallet's key
//	tell.go      the lines of a story, and its checks
//
// The exit status is 0 only if every check holds.
package demo
