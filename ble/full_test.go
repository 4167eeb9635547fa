package ble_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// TestWhoFindsNoRoomIsARival: as many devices are near as the tracker holds, so it has
// no place for the one that comes to the box. That one counts all the same, and who
// leads the others is not taken for it.
func TestWhoFindsNoRoomIsARival(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		leader, comes int
		before, then  pay.Evidence
	}{
		"stronger than the leader": {-44, -40, pay.EvidenceClear, ""},
		"almost as strong":         {-44, -48, pay.EvidenceClear, ""},
		"weaker by far":            {-44, -60, pay.EvidenceClear, pay.EvidenceClear},
		"held to the box as well":  {-36, -36, pay.EvidenceTap, ""},
		"stands before a tap":      {-36, -50, pay.EvidenceTap, pay.EvidenceTap},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tracker := ble.NewTracker(ble.TrackerOptions{})
			at := traceStart
			hear := func(code pay.Code, rssi int) {
				tracker.Observe(eidAdvert(at, code, rssi, ble.PowerReference))
			}
			crowd := func(beats int) {
				for range beats {
					at = at.Add(250 * time.Millisecond)
					hear(codeNamed("leader"), c.leader)
					for n := range uint64(pay.CandidatesMax - 1) {
						var code pay.Code
						binary.BigEndian.PutUint64(code[:], n)
						hear(code, -63)
					}
				}
			}
			crowd(12)
			if n := tracker.Nearby(at); n.Evidence != c.before || len(n.Candidates) != pay.CandidatesMax {
				t.Fatalf("before: %q of %d, want %q", n.Evidence, len(n.Candidates), c.before)
			}
			for range 4 {
				crowd(1)
				hear(codeNamed("comes"), c.comes)
			}
			if n := tracker.Nearby(at); n.Evidence != c.then {
				t.Errorf("then: %s by %q, want %q", n.Clear, n.Evidence, c.then)
			}
			crowd(20)
			if n := tracker.Nearby(at); n.Evidence != c.before {
				t.Errorf("after it left: %q, want %q", n.Evidence, c.before)
			}
		})
	}
}
