package paysync

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestSettledIsCalledOnceAfterManyHaveJoined(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		called := 0
		s := NewServer(ServerOptions{Settled: func() { called++ }})
		join := func(nodes int) {
			for range nodes {
				s.mu.Lock()
				s.noteJoined()
				s.mu.Unlock()
			}
		}
		expect := func(what string, want int) {
			t.Helper()
			synctest.Wait()
			if called != want {
				t.Errorf("%s: called %d times, want %d", what, called, want)
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
