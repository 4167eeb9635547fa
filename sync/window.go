package paysync

import (
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// window tracks numbered things in flight: sent in order, acknowledged in
// order, bounded in number and bytes. Its zero value has room for nothing.
type window struct {
	sent, acked uint64
	sizes       []int // of acked+1 .. sent
	bytes       int
	most        int
	mostBytes   int
}

// start begins with things up to n settled and none in flight.
func (w *window) start(n uint64, most, mostBytes int) {
	*w = window{sent: n, acked: n, most: most, mostBytes: mostBytes}
}

// room returns how many more may be sent.
func (w *window) room() int {
	if w.bytes >= w.mostBytes {
		return 0
	}
	return w.most - len(w.sizes)
}

// fits reports whether a thing of that size may be sent. Alone in the window, any
// size may.
func (w *window) fits(size int) bool {
	return w.room() > 0 && (len(w.sizes) == 0 || w.bytes+size <= w.mostBytes)
}

func (w *window) send(size int) {
	w.sent++
	w.sizes = append(w.sizes, size)
	w.bytes += size
}

// ack settles everything up to n. It reports whether n is at least what was
// acknowledged before and at most what was sent.
func (w *window) ack(n uint64) bool {
	if n < w.acked || n > w.sent {
		return false
	}
	done := int(n - w.acked)
	for _, size := range w.sizes[:done] {
		w.bytes -= size
	}
	w.sizes = append(w.sizes[:0], w.sizes[done:]...)
	w.acked = n
	return true
}

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
