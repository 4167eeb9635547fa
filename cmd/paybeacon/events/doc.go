// Package events tells what happens to a node, in order, so that a reader that comes back
// misses nothing and sees nothing twice.
//
// # Two sources
//
// What happens is told as events, one JSON object each, from two sources:
//
//	payments and devices   the entries of the node's own feed, at the registry
//	                       the rows of its log: nothing is kept for them, and
//	                       they can be read again for ever (feed.go)
//	radio and pairing      a short ring in the memory of the daemon: whoever
//	                       asks sees the last ones, until the daemon ends (log.go)
//
// # Cursors
//
// A cursor names a place in both, as in 12.5f0c.3.9a41: after entry 12 of the feed,
// and after the 3rd live event of the daemon that drew 5f0c when it started. 9a41 is
// the mark of entry 12, which is another one at another node, in another epoch and
// behind the place where a store was put back: there the cursor is refused.
// Every event bears the cursor behind it, so a reader that comes back with the
// last one it saw misses nothing and sees nothing twice; of another daemon's
// live events it sees all that are kept. 0 is before everything.
//
// The package knows the domain's facts, the store that keeps them and the words of the
// API, and no node: a node has a Log, adds to it, and answers the verb with it.
package events
