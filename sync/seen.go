package paysync

import (
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// How much of the registry's window a node lets pass before it says by itself what
// it has stored. Until then Seen rides with the next Push or Ping, because all that
// follows from it is room in the window. Chosen: a quarter, so that the registry
// never waits for a node that keeps up.
const (
	seenEvery      = pay.FeedWindowEntries / 4
	seenEveryBytes = pay.FeedWindowBytes / 4
)

// seen is what a node has told the registry of the entries that it stored.
type seen struct {
	sent  uint64 // the last number told
	bytes int    // of the entries that came since
	asked bool   // the registry waits for room
}

// isDue reports whether the registry is to be told now that entries up to n are
// durable.
func (s *seen) isDue(n uint64) bool {
	return s.asked || n-s.sent >= seenEvery || s.bytes >= seenEveryBytes
}

// sendSeen tells the registry what is durable.
func (s *ClientSession) sendSeen() Effect {
	s.seen.sent, s.seen.bytes = s.durable, 0
	s.seen.asked = s.seen.asked && s.durable < s.cursor.Seq
	return Send{wire.Seen{Seq: s.durable}}
}

// owedSeen tells the registry what is durable if it was not told.
func (s *ClientSession) owedSeen() []Effect {
	if s.seen.sent >= s.durable {
		return nil
	}
	return []Effect{s.sendSeen()}
}
