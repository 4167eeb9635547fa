package survey

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// TestCalibrationSpeaks plays what is looked at, ten times a second, and compares
// everything that is said, with its time: "-50x20" is two seconds of -50, "_"
// silence, "?" adverts without a strength, "!" a deaf radio.
func TestCalibrationSpeaks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ play, want string }{
		"two taps": {"_x10 -48x35 _x10 -50x35 _x10", `
			1.1 At the till at -48 dBm: hold it there.
			4.1 That is long enough: take it away.
			4.6 Tap 1 of 2: -48 dBm
			5.6 At the till at -50 dBm: hold it there.
			8.6 That is long enough: take it away.
			9.1 Tap 2 of 2: -50 dBm`},
		"nobody": {"_x70", `
			3.0 No beacon is heard. 57 s left.
			6.0 No beacon is heard. 54 s left.`},
		"far away": {"-85x40", `
			0.1 A beacon is heard at -85 dBm.
			3.1 A beacon is heard at -85 dBm, not at the till. 57 s left.`},
		"too short": {"-45x8 _x40", `
			0.1 At the till at -45 dBm: hold it there.
			0.9 That was too short: hold it for 3 seconds.
			3.9 Tap 1 of 2 is awaited. 56 s left.`},
		"not taken away": {"-45x70", `
			0.1 At the till at -45 dBm: hold it there.
			3.1 That is long enough: take it away.
			6.1 Still at the till at -45 dBm: take it away. 54 s left.`},
		"no strengths": {"?x35", `
			3.0 The radio hears, and does not know how strong. 57 s left.`},
		"deaf": {"_x5 !x35 _x5", `
			0.6 The radio is deaf, so no beacon can be heard. 59 s left.
			3.6 The radio is deaf, so no beacon can be heard. 56 s left.`},
		"with the places": {"-45x20 _x20 -46x20 _x20 -60x20 _x40 -93x20 _x2", `
			0.1 At the till at -45 dBm: hold it there.
			2.1 Tap 1 of 2: -45 dBm
			4.1 At the till at -46 dBm: hold it there.
			6.1 Tap 2 of 2: -46 dBm. Switch it off or carry it out of reach, then hold it a metre in front.
			8.1 A metre in front at -60 dBm: hold it there.
			10.1 A metre in front: -60 dBm. Switch it off or carry it out of reach, then hold it a metre behind.
			13.1 The place a metre behind is awaited. 47 s left.
			14.1 A metre behind at -93 dBm: hold it there.
			16.1 A metre behind: -93 dBm`},
	} {
		places := name == "with the places"
		tap, at := newTapper(2, places), watchStart
		p := &progress{want: 2, places: places, ends: at.Add(time.Minute), said: at}
		var said strings.Builder
		var unmeasured uint64
		for _, word := range strings.Fields(c.play) {
			what, times, _ := strings.Cut(word, "x")
			l := look{heard: strings.HasPrefix(what, "-"), health: ble.Health{Deaf: what == "!"}}
			if l.heard {
				l.rssi = pay.RSSI(number(t, what))
			}
			for range number(t, times) {
				at = at.Add(tapPoll)
				if what == "?" {
					unmeasured++
				}
				l.at, l.unmeasured = at, unmeasured
				tap.step(at, l.rssi, l.heard)
				if s := p.step(tap, l); s != "" {
					fmt.Fprintf(&said, "\n\t\t\t%.1f %s", at.Sub(watchStart).Seconds(), s)
				}
			}
		}
		if said.String() != c.want {
			t.Errorf("%s: said%s\nwant%s", name, said.String(), c.want)
		}
	}
}

// TestCalibrationWithASecondBeacon: --clear lies between the beacon at the till and
// the one a metre away, --tap well above the latter, or there are no taps.
func TestCalibrationWithASecondBeacon(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		box, beside, clear, tap pay.RSSI
	}{
		"far apart":         {-35, -65, -43, -38},
		"some way apart":    {-45, -57, -50, 0},
		"hardly apart":      {-45, -48, -48, 0},
		"beside is nearest": {-50, -49, -53, 0},
		"very close":        {-20, -60, -28, -23},
	} {
		w, at := newTapper(3, false), watchStart
		for range 3 {
			for n := range 40 {
				at = at.Add(tapPoll)
				l := look{at: at, rssi: c.box, heard: n < 30, beside: &c.beside}
				w.step(l.at, l.rssi, l.heard)
				w.besides(l)
			}
		}
		got := w.calibration("1")
		if len(got.Taps) != 3 || got.Beside == nil || *got.Beside != c.beside || got.Clear != c.clear || got.Tap != c.tap {
			t.Errorf("%s: %+v, want clear %d, tap %d", name, got, c.clear, c.tap)
		}
	}
	if got := (&tapper{want: 1, taps: []pay.RSSI{-45}}).calibration("1"); got.Beside != nil || got.Clear != -53 || got.Tap != ble.TapDefault {
		t.Errorf("alone: %+v", got)
	}
}

// TestACalibrationCanBeUsed: what is suggested is what scan takes, however strong
// the taps were.
func TestACalibrationCanBeUsed(t *testing.T) {
	t.Parallel()
	for strength := pay.RSSI(-80); strength <= 20; strength++ {
		got := (&tapper{want: 1, taps: []pay.RSSI{strength}}).calibration("1")
		o := ble.TrackerOptions{Near: got.Near, Far: got.Far, Clear: got.Clear, Tap: cmp.Or(got.Tap, ble.TapOff), Dwell: ble.DwellDefault, Leave: ble.LeaveDefault, Margin: ble.MarginDefault}
		if err := o.Check(); err != nil {
			t.Errorf("taps of %d dBm: %v", strength, err)
		}
	}
}

// TestIsolation: with a place in front and one behind, the one in front sets
// --clear as a second beacon would, and the isolation is what it leads by.
func TestIsolation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		front, behind, clear pay.RSSI
		isolation            int
	}{{-60, -75, -52, 15}, {-60, -60, -52, 0}, {-53, -50, -48, -3}} {
		got := (&tapper{want: 2, places: true, taps: []pay.RSSI{-44, -45, c.front, c.behind}, beside: []pay.RSSI{-47}}).calibration("1")
		if len(got.Taps) != 2 || got.Median != -45 || *got.Beside != c.front || *got.Behind != c.behind || *got.Isolation != c.isolation || got.Clear != c.clear {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}
