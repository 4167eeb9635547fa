package ocpp_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
)

// killed returns a station that has of this one what is on the disk now, as one that is
// started after this one was killed.
func (s *stand) killed() *stand {
	s.t.Helper()
	const name = "ocpp.journal"
	data, err := os.ReadFile(filepath.Join(s.options.Folder, name))
	if err != nil {
		s.t.Fatal(err)
	}
	after := newStand(s.t)
	after.stop()
	write(s.t, filepath.Join(after.options.Folder, name), string(data))
	after.start()
	return after
}

// TestKilledBetweenSteps kills the box after each step of a fuelling, before anything that
// follows it is told: whatever the charge point was asked or answered is known afterwards.
func TestKilledBetweenSteps(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	r := s.dial("DEPOT-1")
	want := release(7, 20_000)
	done := make(chan error, 1)
	go func() { done <- s.station.Release(t.Context(), want) }()
	id, payload := r.next("RemoteStartTransaction")
	tag := payload["idTag"].(string)
	asked := s.killed() // the charge point has been asked, and its answer reaches nobody
	r.accept(id)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	number := r.startedAt(1, tag, 5_000, at)
	started := s.killed()
	stop := stopPayload(number, 5_080, at.Add(time.Minute))
	r.call("StopTransaction", stop)
	stopped := s.killed()
	if err := s.station.Settle(t.Context(), 7, s.next(pumps.Ended).Transaction); err != nil {
		t.Fatal(err)
	}
	settled := s.killed()

	for _, after := range []*stand{asked, started, stopped, settled} {
		again := after.dial("DEPOT-1")
		if got := again.startedAt(1, tag, 5_000, at); got != number {
			t.Fatalf("the start was answered with %d, before with %d", got, number)
		}
		again.call("StopTransaction", stop)
		if after == settled {
			if n := after.count(pumps.Ended); n != 0 {
				t.Fatalf("a settled transaction was told %d times", n)
			}
			continue
		}
		if e := after.next(pumps.Began, pumps.Ended); after != stopped && e.What != pumps.Began {
			t.Fatalf("told first: %+v", e)
		} else if after != stopped {
			e = after.next(pumps.Ended)
			if e.Given.Quantity != 80 || e.Doubt != "" || e.Session != want.Session || int(e.Transaction) != number {
				t.Fatalf("ended: %+v", e)
			}
		} else if e.What != pumps.Ended || e.Given.Quantity != 80 || e.Session != want.Session {
			t.Fatalf("told again: %+v", e)
		}
	}
}
