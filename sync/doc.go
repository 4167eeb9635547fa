// Package paysync keeps a node and the registry in step: what a node publishes
// goes up, what the registry publishes comes down, each exactly once and in
// order, over connections that may break at any moment.
//
// # Idea
//
// Both directions are numbered lists of signed facts in durable stores. Down
// goes the feed of the node's scope: dense numbers, a hash chain over them, and
// a cursor at the node. Up goes the node's outbox: dense numbers, applied at
// the registry only in turn. A session only brings the two stores into
// agreement; it keeps nothing that the next one does not learn again from Hello
// and Welcome, so losing a session loses nothing.
//
//	node                                registry
//	ClientSession  <- wire messages ->  ServerSession      pure: Step(now, event) -> effects
//	NodeEffects                         RegistryEffects    one table each: effect -> event
//	Client         <-     Conn      ->  Server             shells: goroutines, timers, writes
//	Journal                             Hub                the two stores, as interfaces
//
// A session decides and does nothing itself. Send, End and WentUp concern the
// connection and belong to the shell; all other effects are carried out on a
// store by the table of their side, which returns the event that answers them. A
// simulation needs the first two rows only.
//
// # Rules
//
// Nothing is acknowledged before it is durable: Seen follows Mirror, Ack
// follows Apply. Nothing is stored before it is verified: the node verifies every
// feed entry against the registry's working key and the chain, the registry
// verifies that the node itself signed every pushed fact. Malformed input ends
// the connection and changes nothing in a store. Before a node pushes anything,
// it notes durably that a session was opened, so that it knows what can never
// have been sent.
//
// What is in flight is bounded in both directions by windows (pay/limits.go)
// that are smaller than what the transport buffers. A healthy peer therefore
// never blocks a write; one that does not read for writeTimeout is disconnected
// and catches up later by its cursor. Each session has its own goroutines, so a
// slow node never delays another.
//
// A path may carry small datagrams and lose large ones. Greetings pass then and the
// data does not. Everything shares one stream, so Ping and Pong do not overtake what
// was lost: the session falls silent, and its error says so where packets kept
// arriving meanwhile (Path). After a session that fell silent a node counts as
// connected again only once what waited on either side has arrived.
//
// # Versions
//
// Node and registry each speak a range of versions of the protocol; the registry
// chooses the newest that both speak, and both sessions keep it (Version).
// Without one the session ends with pay.CodeUpgrade and names the side to upgrade
// first; the node dials again as usual.
//
// # Guarantee
//
// Every outbox item is applied once, in order; every feed entry is mirrored
// once, in order, with the same chain at both ends; what breaks is tried again
// on a timer. When a node and the registry disagree about history (Resume other
// than wire.ResumeOn), the session stops with an error and both keep what they
// have.
package paysync
