// Package node makes the nodes of the system out of the packages that decide:
// the registry, the merchant's box, the payer's wallet and the device, each a
// value that owns a data directory and answers the verbs of package api. The directory
// itself (datadir), what a process is (process) and the radio (radio) are rooms below.
//
// # Layout
//
//	base.go, failing.go, peer.go,
//	enrol.go, path.go, http.go       what nodes share: a store, the way to the registry
//	events.go, events_feed.go        what happens to a node, in order
//	objects.go                       the domain's values as objects of the API
//	audit.go, aside.go, registry.go  the registry
//	box.go                           the merchant's box
//	payer.go, witness.go, limit.go,
//	devices.go, refresh.go,
//	approver.go, wallet.go           the wallet: payments, devices, the owner's rule
//	device.go, device_link.go        the device
//	offline.go, ask.go               asking a node, with its daemon or without
//	daemon.go                        a daemon around a node
//
// A file refers to those above it in this list, never back; the four nodes do not
// know one another.
//
// # How a node runs
//
// Whoever wants a node opens it with its options, of which Env says where its
// directory, its clock and its log are; a test or a simulator gives its own. Run
// blocks until its context ends. Serve does this for a daemon, and answers on the
// control socket beside it. Commands of a node (charge, answer, invite, ...) are
// verbs of package api; each writes in one transaction, by commit.
//
// # Guarantees
//
// A directory is open in one process at a time (package datadir). A verb that returns
// has made its change durable.
package node
