// Package node makes the nodes of the system out of the packages that decide:
// the registry, the merchant's box, the payer's wallet and the device, each a
// value that owns a data directory and answers the verbs of package api. The directory
// itself (datadir), what a process gives (process), the radio (radio) and what is told of
// a node (events) are rooms below.
//
// # Layout
//
//	base.go, failing.go, http.go, counts.go   what nodes share: a key and a store
//	peer.go, contact.go, standing.go,
//	path.go, enrol.go                         the way to the registry, how a node stands with it
//	doubt.go                                  a clock in doubt
//	objects.go                                the domain's values as objects of the API
//	registry.go and account.go, acquire.go,
//	acquirers.go, aside.go, audit*.go,
//	bill.go, copies.go, lookalike.go,
//	invite_address.go, neighbours.go          the registry: its sessions, what its operator asks, the audit
//	box.go and act.go, report.go, status.go   the merchant's box: charges, what comes after, the day
//	wallet.go, payer.go and approver.go,
//	witness.go, cannot.go, devices.go,
//	refresh.go, level.go, words.go, limit.go,
//	rules.go, mandates.go, means.go,
//	takeover.go                               the wallet: payments, devices, the owner's rules
//	device.go, device_link.go                 the device
//	offline.go, ask.go, forget.go             asking a node, with its daemon or without
//	daemon.go                                 a daemon around a node
//
// What nodes share knows none of the four, and the four do not know one another. A verb
// stands beside the node that answers it, because it needs that node's store, role and
// registry: no room of verbs would be smaller than the node.
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
