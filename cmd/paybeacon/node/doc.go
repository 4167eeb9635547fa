// Package node makes the nodes of the system out of the packages that decide:
// the registry, the merchant's box, the payer's wallet and the device, each a
// value that owns a data directory and answers the verbs of package api.
//
// # Layout
//
//	daemon.go                            what all nodes have in common, and Run
//	dir.go, keys.go, lockholder.go       a data directory and its files
//	registry.go, audit.go                the registry
//	box.go, hearing.go, rate.go          the box and what it hears
//	wallet.go, witness.go, limit.go,
//	refresh.go, approver.go              the wallet, its rules and its devices
//	device.go, device_link.go            the device
//	peer.go, enrol.go                    the way to the registry
//	events.go, events_feed.go            what happens to a node, in order
//	radio.go, radio_linux.go             --radio
//	ask.go, socket.go                    questions to a node, with or without a daemon
//	clock.go, crash_on.go                the seams that tests use
//
// # Guarantees
//
// A directory is open in one process at a time. Every file in it is either the
// old one or the new one after a crash. A verb that returns has made its change
// durable.
package node
