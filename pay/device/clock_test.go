package device_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
)

func TestResume(t *testing.T) {
	t.Parallel()
	const (
		stored = device.Reading(1_000_500)
		then   = pay.Time(1_700_000_000_000)
		year   = pay.Millis(366 * 24 * 3_600_000)
	)
	for _, c := range []struct {
		name string
		away pay.Millis // the time that has passed by the wall clock
		want device.Reading
	}{
		{"restarted at once", 0, stored},
		{"fractions of a second are kept", 1_250, stored + 1_250},
		{"off for ten minutes", 600_000, stored + 600_000},
		{"off for a year", year, stored + device.Reading(year)},
		{"clock far ahead", year + 1, stored + 64_000},
		{"clock from another age", 1 << 50, stored + 64_000},
		{"clock corrected back a little", -4_999, stored},
		{"clock corrected back by all that is believed", -5_000, stored},
		{"clock went back", -5_001, stored + 64_000},
		{"clock lost its battery", -pay.Millis(then), stored + 64_000},
	} {
		if got := device.Resume(stored, 6, then, then.Add(c.away)); got != c.want {
			t.Errorf("%s: resumed at %d, want %d", c.name, got, c.want)
		}
	}
	if got := device.Resume(device.ReadingMax-10, 6, then, then.Add(60_000)); got != device.ReadingMax {
		t.Errorf("at the end of the counter: %d, want %d", got, device.ReadingMax)
	}
}

func TestResumeNeverGoesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		stored := device.Reading(rapid.Int64Range(0, int64(device.ReadingMax)).Draw(t, "stored"))
		k := pay.Exponent(rapid.IntRange(0, 15).Draw(t, "k"))
		then := pay.Time(rapid.Int64Range(-1<<50, 1<<50).Draw(t, "then"))
		now := pay.Time(rapid.Int64Range(-1<<50, 1<<50).Draw(t, "now"))
		got := device.Resume(stored, k, then, now)
		if got < stored || got > device.ReadingMax {
			t.Fatalf("resumed at %d from %d", got, stored)
		}
	})
}

func TestClockNeverGoesBackNorOver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		start   device.Reading
		elapsed pay.Millis
		want    device.Reading
	}{
		{5_000, 0, 5_000},
		{5_000, 1, 5_001},
		{5_000, -1, 5_000},
		{-1, 0, 0},
		{device.ReadingMax, 1, device.ReadingMax},
		{device.ReadingMax - 1, math.MaxInt64, device.ReadingMax},
		{math.MaxInt64, 7, device.ReadingMax},
	} {
		if got := device.NewClock(c.start).At(c.elapsed); got != c.want {
			t.Errorf("clock from %d after %d stands at %d, want %d", c.start, c.elapsed, got, c.want)
		}
	}
	if got := device.ReadingMax.Counter(); got != math.MaxUint32 {
		t.Errorf("the last reading is second %d", got)
	}
}
