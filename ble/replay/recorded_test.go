package replay_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// TestRecordedStepsAreOneDevice plays what the real bluetoothd advertised for the
// real program, as virtual controllers heard it (make test-radio with -vm.update
// records it anew). Each step has a code and a non-resolvable address of its own,
// and the tracker finds one device.
func TestRecordedStepsAreOneDevice(t *testing.T) {
	t.Parallel()
	path := filepath.Join(captures, "vm-two-steps.jsonl")
	synctest.Test(t, func(t *testing.T) {
		tracker := ble.NewTracker(ble.TrackerOptions{})
		byCode, byAddress := map[pay.Code]ble.Address{}, map[ble.Address]pay.Code{}
		handles, most := map[pay.Handle]int{}, 0
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var last time.Time
		err := open(t, path).Scan(ctx, func(a ble.Advert) {
			if len(a.Sections) != 1 {
				t.Fatalf("%d sections", len(a.Sections))
			}
			f, err := ble.ParseFrame(a.Sections[0])
			if err != nil {
				t.Fatal(err)
			}
			if known, ok := byCode[f.Code]; ok && known != a.Address {
				t.Errorf("%v is sent from %v and %v", f.Code, known, a.Address)
			}
			if known, ok := byAddress[a.Address]; ok && known != f.Code {
				t.Errorf("%v sends %v and %v", a.Address, known, f.Code)
			}
			// The two highest bits of a non-resolvable private address are zero
			// (Bluetooth Core 5.4, volume 6, part B, 1.3.2.2).
			if a.Address[0]>>6 != 0 {
				t.Errorf("%v can be traced", a.Address)
			}
			byCode[f.Code], byAddress[a.Address] = a.Address, f.Code
			tracker.Observe(a)
			last = a.At
			n := tracker.Nearby(a.At)
			most = max(most, len(n.Candidates))
			for _, c := range n.Candidates {
				handles[c.Handle]++
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(byCode) < 2 || len(byAddress) != len(byCode) {
			t.Errorf("%d codes from %d addresses, want at least two of each", len(byCode), len(byAddress))
		}
		if n := tracker.Nearby(last); len(n.Candidates) != 1 || n.Clear != n.Candidates[0].Handle || most != 1 || len(handles) > len(byCode) {
			t.Errorf("near at the end: %+v; at most %d at once; handles seen: %v", n, most, handles)
		}
	})
}

// TestRecordedPayloadsAreWhole checks the payload that BlueZ makes: it writes
// flags and the list of services itself.
func TestRecordedPayloadsAreWhole(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(captures, "vm-two-steps.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if !strings.Contains(line, `"adv":"0201040303aafe0d16aafe30ee`) {
			t.Errorf("not flags, service and code: %s", line)
		}
	}
}
