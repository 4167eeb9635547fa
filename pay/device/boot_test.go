package device_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
)

// A device that starts again on the same boot of its machine goes on by what the
// boot has lasted, whatever its clock shows; after another boot by the clock, as
// far as that can be.
func TestCounterOverRestarts(t *testing.T) {
	t.Parallel()
	const hour pay.Millis = 3_600_000
	step := pay.Millis(64_000)
	for name, tc := range map[string]struct {
		boot pay.BootID // of the second start
		up   pay.Millis // what the boot had lasted longer then
		wall pay.Millis // what the wall clock showed more
		want pay.Millis // what the counter is more
	}{
		"same boot":                              {"one", 5_000, 5_000, 5_000},
		"same boot, two hours ahead":             {"one", 5_000, 2 * hour, 5_000},
		"same boot, two hours behind":            {"one", 5_000, -2 * hour, 5_000},
		"same boot, twenty years ahead":          {"one", 5_000, 20 * 365 * 24 * hour, 5_000},
		"same boot, 1970":                        {"one", 5_000, -pay.Millis(bootNoon), 5_000},
		"same boot, asleep between":              {"one", 3 * hour, 3 * hour, 3 * hour},
		"another boot":                           {"two", -1_000_000, 90_000, 90_000},
		"another boot, two hours ahead":          {"two", -1_000_000, 2 * hour, 2 * hour},
		"another boot, twenty years ahead":       {"two", -1_000_000, 20 * 365 * 24 * hour, step},
		"another boot, two hours behind":         {"two", -1_000_000, -2 * hour, step},
		"another boot, 1970":                     {"two", -1_000_000, -pay.Millis(bootNoon), step},
		"another boot, corrected by two seconds": {"two", -1_000_000, -2_000, 0},
		"nobody knows the boot":                  {"", 0, 90_000, 90_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state, _ := boundState(t, 6, 1_000_000)
			pin, err := pay.NewPIN(random(3))
			if err != nil {
				t.Fatal(err)
			}
			state.At, state.Spent, state.Boot, state.Up = bootNoon, pin, "one", 2_000_000
			if state, err = device.Decode(state.Encode()); err != nil {
				t.Fatal(err)
			}
			o := device.Options{State: state, Random: random(4), Now: func() time.Time {
				return bootNoon.Add(tc.wall).Std()
			}}
			if tc.boot != "" {
				o.Boot = func() pay.Boot { return pay.Boot{ID: tc.boot, Up: state.Up + tc.up} }
			}
			var kept device.State
			o.Keep = func(s device.State) error { kept = s; return nil }
			d, err := device.Open(o)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Meet(state.Binding.Wallet, nil).Confirm(); err != nil { // it is stored then
				t.Fatal(err)
			}
			if got := kept.Counter.Sub(state.Counter); got != tc.want {
				t.Errorf("the counter moved by %d ms, want %d", got, tc.want)
			}
			if kept.Boot != tc.boot {
				t.Errorf("it keeps boot %q", kept.Boot)
			}
			if plain := bytes.HasPrefix(kept.Encode(), []byte("paybeacon-device/1\n")); plain != (tc.boot == "") {
				t.Errorf("its file begins %.20q", kept.Encode())
			}
		})
	}
}

const bootNoon pay.Time = 1_790_000_000_000
