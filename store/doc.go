// Package store is the one meeting place of a node: facts, the feeds they stand
// in, the outbox, deadlines and the rows of the node's role, over a key-value
// engine. Roles append to it and follow it, sync appends to it and follows it,
// and the two never meet anywhere else.
//
// # The idea
//
// One goroutine, the executor in Run, writes. It takes whatever commands wait and
// hands them to Step, which runs the deadlines that have come, then each command
// in an overlay of its own, and commits the lot in one engine transaction, so
// that many commands share one flush. A command that fails leaves its overlay
// behind and undoes no other. What a command publishes, the fact that caused it,
// the feed entries, heads, digests and the role's rows change together or not at
// all.
//
// # Layout
//
// The first byte of a key names its space. Numbers are big-endian; times have
// their sign bit flipped, so that bytes order like numbers.
//
//	a NODE                  -> see apply.go            last outbox items applied from a node
//	b NODE                  -> evidence in CBOR        what a node holds of this registry that it lost itself
//	d TIME 8 SUBJECT TIE 4  ->                         a deadline; TIE keeps equal ones apart
//	e SCOPE 0x00 SEQ 8      -> see run.go              feed entries, numbered from 1, up to SEQ
//	f FACT                  -> places, raw fact        the bytes that were signed, and where they stand; see place.go
//	h SCOPE                 -> see feed.go             state of a feed, with its newest entries
//	i FACT SCOPE            -> seq 8                   where in a feed a fact stands that was stored before
//	j N 8                   -> effect in CBOR          an effect without a result, numbered from 1
//	l SEQ 8                 -> fact ids                the registry's log, numbered from 1, up to SEQ
//	m NAME                  -> see meta.go             format, identity, epoch, clock, numbers, outbox position
//	o N 8                   -> see outbox_items.go     outbox items up to N
//	p NODE INCARNATION 8    -> n 8                     an incarnation that may not push any more
//	q FACT                  -> n 8                     which outbox item holds a fact that was stored before
//	r KEY                   -> value                   a row of the role
//	u NODE LINE 8 N 8       -> see kept.go             applied outbox items up to N; LINE is the first incarnation of their numbering
//	x SUBJECT               -> see aside.go            a subject that is set aside, and why
//	x SUBJECT N 4           -> time 8, effect 8        what waits of it: a deadline, or an effect's result
//
// A subject is one byte for its kind and 32 for its id.
//
// Every value is followed by the CRC-32C of key and value (4 bytes), which is
// checked whenever a row is read. It finds decay; that history was not rewritten
// is what the chain, the ids and the signatures are for, and Verify checks all of
// them.
//
// # Time
//
// Now is the checked time. The store keeps how far the wall clock was from the
// clock that counts since the machine's boot, and for which boot; as long as a
// boot lasts, only somebody who sets the wall clock changes that. A correction of
// up to pay.ClockFollow is followed. A larger step puts the wall clock in doubt:
// Now goes on by the boot's clock, and a registry fires no deadline and decides
// no claim that rests on the time until the two agree again or AcceptClock takes
// the wall clock for right. After another boot the wall clock is taken; a registry
// doubts one that shows a time before what is stored, or one implausibly later.
//
// Facts are ordered by their numbers, never by time, and after AcceptClock Now
// may be earlier than what is stored. Deadlines up to Now have fired before any
// command sees that Now, after a restart too, so a late command always meets the
// deadline that it missed. The age of an outbox item is counted by the boot's
// clock; across boots it goes on by the wall clock and never falls back behind
// what was stored.
//
// # What fails
//
// A deadline whose rule fails because of its subject, with an error or a panic,
// must not hold up all others. Its writes are discarded and its subject is set
// aside: what failed waits, and so does whatever comes due for the subject later,
// until it is tried again, at each start and by Retry. The role refuses claims on
// the subject meanwhile.
//
// A failure that all share sets nothing aside: one of the engine, of the rows in
// space m, or that the registry cannot sign (pay.ErrCannotSign). It fails the
// whole batch; deadlines are tried again each second, and no command passes one
// that has come.
//
// # Effects
//
// What a role asks to be done outside the store is stored in the transaction
// that asks for it, and done after it, at least once: again after a restart,
// with the same number, until Finish has stored the result together with what
// the role makes of it. Carry does them.
//
// # The log
//
// The registry's log names each fact that was published, once, in the order of
// publication, across all feeds. Old stores have none of what was published
// before they were of format 2.
//
// # Old copies
//
// A store may be put back to an older copy of itself. So both sides keep a chain
// over the items of a node's outbox, as over the entries of its feed: what lies on
// the registry's chain is a beginning of what the registry applied. A node whose
// store is one takes up what it lacks (TakeUp) and begins a new incarnation
// (Renewed); the registry keeps the applied items for that, and the incarnations
// that may not push any more.
//
// # Guarantees
//
// What Do acknowledged is durable. A fact stands at most once in a feed. An
// outbox item is applied exactly once for each incarnation. A deadline and the
// result of an effect have their consequences once. Functions given to Do, and the
// Reactor, may run more than once and must not call the store they run in other
// than through their Tx.
package store
