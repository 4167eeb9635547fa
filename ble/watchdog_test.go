package ble_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble"
)

// beats is a test case of a watchdog: what is heard at each second, and the
// verdicts that are expected. Seconds that are left out are silent.
type beats struct {
	limits ble.WatchdogLimits
	until  int
	heard  func(second int, b *ble.Beat)
	want   string // "second remedy: message" for each second with either of them
	deaf   string // the spans in which the radio is deaf, as in "10-34"
}

func every(n int) func(int, *ble.Beat) {
	return func(s int, b *ble.Beat) {
		if s%n == 0 {
			b.Adverts = 3
		}
	}
}

func between(from, to int, do func(*ble.Beat)) func(int, *ble.Beat) {
	return func(s int, b *ble.Beat) {
		if s >= from && s < to {
			do(b)
		} else {
			b.Adverts = 7
		}
	}
}

func TestWatchdog(t *testing.T) {
	t.Parallel()
	quiet := func(*ble.Beat) {}
	for name, c := range map[string]beats{
		"heard all the time": {until: 600, heard: every(1)},
		"heard now and then": {until: 600, heard: every(9)},
		"never heard, from start": {until: 75, heard: func(int, *ble.Beat) {}, want: `
			10 restart: nothing heard for 10s, restarting the discovery
			20 power: still nothing after 20s, switching the adapter off and on
			40 restart
			80 power`, deaf: "10-"},
		"the restart helps": {until: 60, heard: between(20, 36, quiet), want: `
			29 restart: nothing heard for 10s, restarting the discovery
			36 -: hearing again after 17s`, deaf: "29-36"},
		"the power cycle helps": {until: 60, heard: between(20, 41, quiet), want: `
			29 restart: nothing heard for 10s, restarting the discovery
			39 power: still nothing after 20s, switching the adapter off and on
			41 -: hearing again after 22s`, deaf: "29-41"},
		"each episode is said": {until: 100, heard: func(s int, b *ble.Beat) {
			if s == 0 || s == 15 || s >= 30 {
				b.Adverts = 1
			}
		}, want: `
			10 restart: nothing heard for 10s, restarting the discovery
			15 -: hearing again after 15s
			25 restart: nothing heard for 10s, restarting the discovery
			30 -: hearing again after 15s`, deaf: "10-15 25-30"},
		"pauses double up to a bound": {limits: ble.WatchdogLimits{PauseMax: 30 * time.Second}, until: 135, heard: func(int, *ble.Beat) {}, want: `
			10 restart: nothing heard for 10s, restarting the discovery
			20 power: still nothing after 20s, switching the adapter off and on
			40 restart
			70 power
			100 restart
			130 power`, deaf: "10-"},
		"a slow radio is given longer": {until: 80, heard: func(s int, b *ble.Beat) { b.Slow = "no monitors" }, want: `
			35 restart: nothing heard for 35s, restarting the discovery
			70 power: still nothing after 1m10s, switching the adapter off and on`, deaf: "35-"},
		"a marker makes it certain sooner": {until: 8, heard: func(s int, b *ble.Beat) { b.MarkerOn = true }, want: `
			3 restart: nothing heard for 3s, restarting the discovery
			6 power: still nothing after 6s, switching the adapter off and on`, deaf: "3-"},
		"a marker alone proves hearing": {until: 300, heard: func(s int, b *ble.Beat) { b.MarkerOn, b.Markers = true, 2 }},
		"only the marker is missing": {until: 60, heard: func(s int, b *ble.Beat) {
			b.MarkerOn, b.Adverts = true, 5
			if s >= 40 {
				b.Markers = 1
			}
		}, want: `
			10 -: the marker of the second adapter is not heard; move the adapters closer or leave the marker out`},
		"the adapter is away": {until: 60, heard: between(20, 30, func(b *ble.Beat) { b.Down = "it is gone" }), want: `
			20 -: it is gone
			30 -: listening again after 10s`, deaf: "20-30"},
		"silence after the adapter came back": {until: 45, heard: func(s int, b *ble.Beat) {
			if s >= 20 && s < 30 {
				b.Down = "it is gone"
			} else if s < 20 {
				b.Adverts = 1
			}
		}, want: `
			20 -: it is gone
			30 -: listening again after 10s
			40 restart: nothing heard for 10s, restarting the discovery`, deaf: "20-30 40-"},
		"it goes while deaf": {until: 45, heard: func(s int, b *ble.Beat) {
			if s >= 12 && s < 30 {
				b.Down = "it is gone"
			}
			b.Adverts = s / 31
		}, want: `
			10 restart: nothing heard for 10s, restarting the discovery
			12 -: it is gone
			30 -: listening again after 30s`, deaf: "10-30"},
		"the reason changes": {until: 12, heard: func(s int, b *ble.Beat) {
			b.Down = map[bool]string{true: "first", false: "second"}[s < 5]
		}, want: `
			0 -: first
			5 -: second`, deaf: "0-"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, c)
		})
	}
}

func story(t *testing.T, c beats) {
	t.Helper()
	names := map[ble.Remedy]string{ble.NoRemedy: "-", ble.RestartDiscovery: "restart", ble.PowerCycle: "power"}
	w := ble.NewWatchdog(c.limits)
	var happened, spans []string
	deafSince := -1
	for s := range c.until {
		b := ble.Beat{At: traceStart.Add(time.Duration(s) * time.Second)}
		c.heard(s, &b)
		v := w.Step(b)
		if v.Remedy != ble.NoRemedy || v.Message != "" {
			line := fmt.Sprintf("%d %s", s, names[v.Remedy])
			if v.Message != "" {
				line += ": " + v.Message
			}
			happened = append(happened, line)
		}
		switch {
		case v.Health.Deaf && v.Health.Why == "":
			t.Errorf("second %d: deaf without a reason", s)
		case v.Health.Deaf && deafSince < 0:
			deafSince = s
		case !v.Health.Deaf && deafSince >= 0:
			spans = append(spans, fmt.Sprintf("%d-%d", deafSince, s))
			deafSince = -1
		}
	}
	if deafSince >= 0 {
		spans = append(spans, fmt.Sprintf("%d-", deafSince))
	}
	var want []string
	for line := range strings.Lines(c.want) {
		line = strings.TrimSpace(line)
		var second int
		if n, _ := fmt.Sscan(line, &second); n == 1 && second < c.until {
			want = append(want, line)
		}
	}
	if got, want := strings.Join(happened, "\n"), strings.Join(want, "\n"); got != want {
		t.Errorf("have\n%s\nwant\n%s", got, want)
	}
	if got := strings.Join(spans, " "); got != c.deaf {
		t.Errorf("deaf %q, want %q", got, c.deaf)
	}
}

func TestWatchdogSaysHowMuchItHears(t *testing.T) {
	t.Parallel()
	w := ble.NewWatchdog(ble.WatchdogLimits{})
	var h ble.Health
	for s := range 20 {
		adverts := 10
		if s >= 10 {
			adverts = 40
		}
		h = w.Step(ble.Beat{At: traceStart.Add(time.Duration(s) * time.Second), Adverts: adverts}).Health
		if s == 9 && h.Rate != 10 {
			t.Errorf("rate %v, want 10", h.Rate)
		}
	}
	if h.Rate != 40 || h.Why != "" || h.Deaf {
		t.Errorf("health %+v, want a rate of 40 and no complaint", h)
	}
}

func TestWatchdogShowsWhatIsLost(t *testing.T) {
	t.Parallel()
	w := ble.NewWatchdog(ble.WatchdogLimits{})
	at := func(s int) time.Time { return traceStart.Add(time.Duration(s) * time.Second) }
	for s, c := range []struct {
		beat ble.Beat
		want bool
	}{
		{ble.Beat{Adverts: 5000}, false},
		{ble.Beat{Adverts: 5000, Lost: 3}, true},
		{ble.Beat{Adverts: 5000, Lost: 3}, false},
		{ble.Beat{Adverts: 5000, Lost: 3, Lag: 3 * time.Second}, true},
		{ble.Beat{Adverts: 5000, Lost: 3, Lag: time.Second}, false},
	} {
		c.beat.At = at(s)
		v := w.Step(c.beat)
		if said := strings.Contains(v.Health.Why, "more adverts come"); said != c.want || v.Health.Deaf {
			t.Errorf("beat %d: %+v", s, v.Health)
		}
		if v.Health.Lost != c.beat.Lost || v.Health.Lag != c.beat.Lag {
			t.Errorf("beat %d: the figures are not shown: %+v", s, v.Health)
		}
	}
}

// TestWatchdogLivesWithABadClock passes times that stand still and go back.
func TestWatchdogLivesWithABadClock(t *testing.T) {
	t.Parallel()
	w := ble.NewWatchdog(ble.WatchdogLimits{})
	for _, s := range []int{0, 0, 5, 3, -100, 5, 9, 9} {
		v := w.Step(ble.Beat{At: traceStart.Add(time.Duration(s) * time.Second), Adverts: 0})
		if v.Remedy != ble.NoRemedy || v.Health.Rate < 0 || v.Health.Rate > 1e9 {
			t.Errorf("at %d s: %+v", s, v)
		}
	}
	if v := w.Step(ble.Beat{At: traceStart.Add(10 * time.Second)}); v.Remedy != ble.RestartDiscovery {
		t.Errorf("after 10 s of silence: %+v", v)
	}
}
