package node

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
)

// The clocks of nodes are counted by which of the registry's two they agree with,
// and a warning is due when most contradict its time.
func TestNodeClocks(t *testing.T) {
	t.Parallel()
	const noon, hour = pay.Time(1_790_000_000_000), pay.Millis(3_600_000)
	clocks := func(offs ...pay.Millis) map[pay.NodeID]pay.Time {
		m := map[pay.NodeID]pay.Time{}
		for i, off := range offs {
			m[pay.NodeID{byte(i)}] = noon.Add(off)
		}
		return m
	}
	for name, tc := range map[string]struct {
		wall       pay.Millis // ahead of the registry's time
		nodes      map[pay.NodeID]pay.Time
		wall2, now int
		says       string
	}{
		"all agree":                {0, clocks(0, 900, -2_000), 3, 3, ""},
		"one is wrong":             {0, clocks(0, 2*hour, 10), 2, 2, ""},
		"the registry's was wrong": {-2 * hour, clocks(-2*hour, -2*hour+500, 0), 2, 1, "2h0m0s behind"},
		"the machine's is wrong":   {2 * hour, clocks(0, 0, 3*hour), 0, 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := nodeClocks(store.ClockState{Now: noon, Wall: noon.Add(tc.wall)}, tc.nodes)
			if got.Connected != 3 || got.LikeWall != tc.wall2 || got.LikeTime != tc.now || !strings.Contains(got.Message, tc.says) || (tc.says == "") != (got.Message == "") {
				t.Errorf("%+v", got)
			}
		})
	}
	if nodeClocks(store.ClockState{}, nil) != nil {
		t.Error("nobody says something")
	}
}

// A device whose counter is where it should be, within what its codes are found by,
// is heard and left alone.
func TestDeviceInStepIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newLoneWallet(t, "ask")
	linkedDevice(t, w, func() {})
	devices, err := w.allDevices(t.Context())
	if err != nil || len(devices) != 1 {
		t.Fatalf("%v, %v", devices, err)
	}
	d := devices[0]
	mapping := func() (counter pay.Counter) {
		if err := w.store.View(t.Context(), func(v *store.View) (err error) {
			counter, _, _, err = w.wallet.Anchor(v, d.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return counter
	}
	before := mapping()
	w.hears(t, d)
	if mapping() != before || w.clockMessage(d) != "" {
		t.Errorf("a device in step was told of: %s", w.clockMessage(d))
	}
}

// hears hears the device once, as every few seconds.
func (w *loneWallet) hears(t *testing.T, d wallet.Device) {
	t.Helper()
	if err := w.hear(t.Context(), d, false); err != nil {
		t.Fatal(err)
	}
}
