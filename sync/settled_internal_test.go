package paysync

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestSettledIsCalledOnceAfterManyHaveJoined(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var called atomic.Int32
		s := NewServer(ServerOptions{Settled: func() { called.Add(1) }})
		join := func(nodes int) {
			for range nodes {
				s.mu.Lock()
				s.noteJoined()
				s.mu.Unlock()
			}
		}
		expect := func(what string, want int32) {
			t.Helper()
			synctest.Wait()
			if got := called.Load(); got != want {
				t.Errorf("%s: called %d times, want %d", what, got, want)
			}
		}
		join(settledNodes - 1)
		time.Sleep(time.Hour)
		expect("too few", 0)
		join(1)
		time.Sleep(settledAfter / 2)
		join(settledNodes)
		time.Sleep(settledAfter / 2)
		expect("they still come", 0)
		time.Sleep(settledAfter)
		expect("they have come", 1)
		join(settledNodes - 1)
		time.Sleep(time.Hour)
		expect("too few since then", 1)
	})
}
