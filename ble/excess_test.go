package ble_test

import (
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// TestExcessOfSomebodyAtTheCounter: how much stronger than expected a device is follows
// from the lane's own levels, and is not said where the box cannot say it.
func TestExcessOfSomebodyAtTheCounter(t *testing.T) {
	t.Parallel()
	start := time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		options ble.TrackerOptions
		rssi    pay.RSSI
		power   pay.RSSI // then stated
		adverts int
		want    pay.Excess
	}{
		"as expected":                    {ble.TrackerOptions{}, -48, -59, 30, pay.ExcessOf(0)},
		"weaker":                         {ble.TrackerOptions{}, -57, -59, 30, pay.ExcessOf(-8)},
		"stronger":                       {ble.TrackerOptions{}, -42, -59, 30, pay.ExcessOf(8)},
		"as it states of itself":         {ble.TrackerOptions{}, -52, -63, 30, pay.ExcessOf(0)},
		"held to the box":                {ble.TrackerOptions{}, -35, -59, 30, pay.ExcessOf(0)},
		"held to the box, and strong":    {ble.TrackerOptions{}, -25, -59, 30, pay.ExcessOf(12)},
		"a lane calibrated lower":        {ble.TrackerOptions{Near: -70, Clear: -60, Tap: -45}, -55, -59, 30, pay.ExcessOf(0)},
		"a lane calibrated lower, a tap": {ble.TrackerOptions{Near: -70, Clear: -60, Tap: -45}, -42, -59, 30, pay.ExcessOf(0)},
		"far away":                       {ble.TrackerOptions{}, -80, -59, 30, pay.Excess{}},
		"little heard":                   {ble.TrackerOptions{}, -48, -59, 4, pay.Excess{}},
	} {
		tr := ble.NewTracker(tc.options)
		at := start
		for range tc.adverts {
			at = at.Add(300 * time.Millisecond)
			tr.Observe(eidAdvert(at, pay.Code{1}, int(tc.rssi), tc.power))
		}
		n := tr.Nearby(at)
		if len(n.Candidates) != 1 || n.Candidates[0].Excess != tc.want {
			t.Errorf("%s: %+v, want %+v", name, n.Candidates, tc.want)
		}
	}
	tr := ble.NewTracker(ble.TrackerOptions{})
	at := start
	for n := range 40 { // a device that states power at random says nothing
		at = at.Add(100 * time.Millisecond)
		tr.Observe(eidAdvert(at, pay.Code{1}, -48, []pay.RSSI{-59, -61}[n%2]))
	}
	if c := tr.Nearby(at).Candidates; len(c) != 1 || !c[0].Excess.IsZero() {
		t.Errorf("of a device that states now this and now that: %+v", c)
	}
	tr = ble.NewTracker(ble.TrackerOptions{})
	for at = start; at.Before(start.Add(5 * time.Second)); at = at.Add(100 * time.Millisecond) {
		tr.Observe(eidAdvert(at, pay.Code{1}, -48, -59))
	}
	tr.SetDeaf(true)
	if c := tr.Nearby(at).Candidates; len(c) != 1 || !c[0].Excess.IsZero() {
		t.Errorf("of a device that a deaf box hears: %+v", c)
	}
}
