package store

import (
	"runtime"
	"testing"
)

// AwaitWaiting returns once n commands stand in line.
func AwaitWaiting(s *Store, n int) {
	for len(s.queue) < n {
		runtime.Gosched()
	}
}

// QueueMany makes the outbox count n items more than it has.
func QueueMany(t testing.TB, s *Store, n uint64) {
	t.Helper()
	err := s.Do(t.Context(), func(tx *Tx) error {
		o, err := tx.outboxState()
		if err != nil {
			return err
		}
		o.last, o.newest = o.last+n, run{last: o.last + n, head: itemHead, fixed: true}
		return tx.putOutboxState(o)
	})
	if err != nil {
		t.Fatal(err)
	}
}
