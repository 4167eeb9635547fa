// Package paysync keeps a node and the registry in step: what a node states
// goes up, what the registry decides comes down, each exactly once and in
// order, over connections that may break at any moment.
//
// # Idea
//
// Both directions are numbered lists of signed facts in durable stores. Down
// goes the feed of the node's scope: dense numbers, a hash chain over them, and
// a cursor at the node. Up goes the node's outbox: dense numbers, applied at
// the registry only in turn. A session is no more than a hurry to make the two
// stores agree; all it knows it learns again from Hello and Welcome, so that
// losing one loses nothing.
//
//	node                                registry
//	ClientSession  <- wire messages ->  ServerSession      pure: Step(now, event) -> effects
//	Client         <-     Conn      ->  Server             shells: goroutines, timers, writes
//	Journal                             Hub                the two stores, as interfaces
//
// # Rules
//
// Nothing is acknowledged before it is durable: Seen follows Mirror, Ack
// follows Apply. Nothing is stored before it is verified: the node checks every
// feed entry against the registry's working key and the chain, the registry
// checks that every pushed fact is signed by the node itself. Malformed input
// ends the connection and leaves no trace in a store. Before a node pushes
// anything, it notes durably that a session was opened, so that "never sent"
// is a fact it can rely on.
//
// What is in flight is bounded in both directions by windows (pay/limits.go)
// that are smaller than what the transport buffers. A healthy peer therefore
// never blocks a write; one that does not read for writeTimeout is cut off and
// catches up later by its cursor. Each session has its own goroutines, so a
// slow node never holds up another.
//
// # Guarantee
//
// Every outbox item is applied once, in order; every feed entry is mirrored
// once, in order, with the same chain at both ends; whatever breaks is tried
// again on a timer. When a node and the registry disagree about history
// (Resume other than wire.ResumeOn) the session stops with an error that says
// so and both keep what they have.
package paysync
