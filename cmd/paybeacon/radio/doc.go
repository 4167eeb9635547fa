// Package radio is the choice of a radio and what is heard by it, with a node or without.
//
// # Layout
//
//	spec.go           --radio: its syntax, and what an open radio is
//	radio.go          opening one: BlueZ, a simulated air, a recorded capture
//	bluez_*.go        BlueZ where there is one
//	ears.go           two radios as one, for a box that compares what they hear
//	listen.go         hearing for a while without a node: for scan radios, test-radio, record
//	hearing.go        a tracker behind a lock, which a box and a command ask at any time
//	rate.go           how many adverts a second are heard
//
// # The idea
//
// Whoever uses a radio knows none by kind. Parse turns --radio into a Spec, and Open a Spec
// into a Radio: one that scans, and advertises if it can. The adapters of ble know nothing
// of one another; only this package names all of them. How well a radio hears is told
// beside what it hears (Options.Health), because a deaf radio and an empty shop sound the
// same.
//
// # Guarantees
//
// A Spec that cannot be understood opens nothing. Scan ends with its context, and each
// goroutine of it with it. The second of two ears may fail without the first: what is
// heard goes on, and the health says that nobody is compared any more.
package radio
