package survey

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
)

var update = flag.Bool("update", false, "write the golden tables anew")

var watchStart = time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)

// walk is a trail: somebody comes nearer from slot from on, by step dB a slot.
func walk(from int, rssi, step pay.RSSI) (t ble.Trail) {
	for i := range t {
		t[i] = ble.Unheard
		if i >= from {
			t[i] = rssi
			rssi += step
		}
	}
	return t
}

func row(handle pay.Handle, rssi pay.RSSI, age, interval time.Duration, trail ble.Trail) ble.Row {
	return ble.Row{
		Candidate: pay.Candidate{Handle: handle, RSSI: rssi, Heard: pay.TimeOf(watchStart.Add(-age))},
		Interval:  interval, Trail: trail,
	}
}

// scenes are what the tables are drawn from.
func scenes() map[string]watchScene {
	clear := row("amber-otter", -48, 120*time.Millisecond, 250*time.Millisecond, walk(2, -93, 2))
	clear.Near, clear.Clear = true, true
	near := row("silent-heron", -60, 4*time.Second, time.Second, walk(20, -60, 0))
	near.Near = true
	beside := row("regal-gannet", -52, 900*time.Millisecond, 100*time.Millisecond, walk(0, -50, 0))
	beside.Near = true
	fresh := row("", -50, 10*time.Millisecond, 0, walk(31, -50, 0))
	fresh.Pending = true
	statics := []ble.Sighting{
		{
			Kind: ble.IBeacon, ID: append(bytes.Repeat([]byte{0xE2}, 16), 0, 7, 1, 0), Address: ble.Address{1}, RSSI: -70, HasRSSI: true,
			Rate: 9.8, Last: watchStart.Add(-100 * time.Millisecond),
		},
		{Kind: ble.UID, ID: bytes.Repeat([]byte{0xAB}, 16), Rate: 0.5, Last: watchStart.Add(-3 * time.Second)},
		{Kind: ble.TLM, Telemetry: ble.Telemetry{Millivolts: 3040, Temperature: 5504}, RSSI: -88, HasRSSI: true, Last: watchStart},
	}
	base := watchScene{At: watchStart, Elapsed: 83 * time.Second, Radio: "bluez:hci0", Near: -65, Far: -71, Health: ble.Health{Rate: 41.25}}
	with := func(change func(*watchScene)) watchScene {
		s := base
		change(&s)
		return s
	}
	return map[string]watchScene{
		"walking": with(func(s *watchScene) {
			s.Rows = []ble.Row{clear, row("far-badger", -88, 300*time.Millisecond, 250*time.Millisecond, walk(8, -84, 0)), fresh}
			s.Statics = statics
		}),
		"crowd": with(func(s *watchScene) { s.Rows = []ble.Row{beside, near} }),
		"nobody": with(func(s *watchScene) {
			s.Health = ble.Health{Why: "BlueZ offers no advertisement monitors, so a steady beacon is heard about once in 10 s: set Experimental = true"}
		}),
		"unmeasured": with(func(s *watchScene) { s.Unmeasured = 1234 }),
		"deaf": with(func(s *watchScene) {
			s.Health = ble.Health{Deaf: true, Why: "nothing was heard for 10 s\x1b[2J; discovery was started anew"}
			s.Rows = []ble.Row{near}
		}),
	}
}

// TestTables holds each table, wide and narrow, against its golden text.
func TestTables(t *testing.T) {
	t.Parallel()
	for name, s := range scenes() {
		for _, width := range []int{80, 60} {
			got := watchView(s, viewOptions{width: width, paint: plain})
			file := filepath.Join("../../../testdata/watch", name+map[int]string{80: "", 60: "-narrow"}[width]+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s at %d columns:\nhave\n%s\nwant\n%s", name, width, got, want)
			}
		}
	}
}

// TestTablesFit draws each scene in every size: no line is longer than the
// terminal, no table higher, and nothing but printable text is in it.
func TestTablesFit(t *testing.T) {
	t.Parallel()
	many := scenes()["walking"]
	for range 50 {
		many.Rows = append(many.Rows, many.Rows[1])
		many.Statics = append(many.Statics, many.Statics[0])
	}
	all := scenes()
	all["many"] = many
	for name, s := range all {
		for width := widthMin; width <= 200; width++ {
			for _, height := range []int{0, 10, 12, 24, 200} {
				text := watchView(s, viewOptions{width: width, height: height, paint: plain})
				lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
				if height > 0 && len(lines) > height {
					t.Fatalf("%s: %d lines in a terminal of %d", name, len(lines), height)
				}
				for _, line := range lines {
					if n := utf8.RuneCountInString(line); n > width {
						t.Fatalf("%s: %d columns in a terminal of %d: %q", name, n, width, line)
					}
					if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
						t.Fatalf("%s: %q is not printable", name, line[i:])
					}
				}
			}
		}
	}
}

// TestColourOnlyAdds takes the colours away again and wants the plain table.
func TestColourOnlyAdds(t *testing.T) {
	t.Parallel()
	for name, s := range scenes() {
		o := viewOptions{width: 80, paint: inColour()}
		coloured := watchView(s, o)
		o.paint = plain
		if want := watchView(s, o); stripColour(coloured) != want {
			t.Errorf("%s:\n%q\nwant\n%q", name, stripColour(coloured), want)
		} else if coloured == want {
			t.Errorf("%s: no colour at all", name)
		}
	}
}

func stripColour(s string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "\x1b[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		_, s, _ = strings.Cut(rest, "m")
	}
}

// TestTracesShowEveryStep draws a slow rise: bars never fall, and both ends of
// the scale are reached.
func TestTracesShowEveryStep(t *testing.T) {
	t.Parallel()
	if got := trace(walk(2, -93, 2), ble.TrailSlots); got != "··▁▁▁▂▂▂▂▃▃▃▃▄▄▄▅▅▅▅▆▆▆▆▇▇▇▇████" {
		t.Errorf("have %s", got)
	}
	for _, c := range []struct {
		rssi pay.RSSI
		want string
	}{{-128, "▁"}, {-95, "▁"}, {-35, "█"}, {20, "█"}, {ble.Unheard, "·"}} {
		if got := trace(walk(0, c.rssi, 0), 1); got != c.want {
			t.Errorf("%d: have %s, want %s", c.rssi, got, c.want)
		}
	}
}

// TestTapsAreFound plays strengths as they are looked at, one each tenth of a
// second: "-50x20" is two seconds of -50, "_" silence.
func TestTapsAreFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		play string
		want []pay.RSSI
	}{
		"three":                      {"_x20 -48x30 _x20 -50x30 _x20 -46x30 _x5", []pay.RSSI{-48, -50, -46}},
		"heard all the time":         {"-75x20 -48x30 -75x20 -50x30 -70x20", []pay.RSSI{-48, -50}},
		"coming and going slowly":    {"-80x5 -75x5 -70x5 -65x5 -60x5 -55x5 -50x20 -54x5 -59x5 -70x20", []pay.RSSI{-50}},
		"too short":                  {"_x20 -48x5 _x20", nil},
		"not taken away":             {"_x20 -48x100", nil},
		"faint and flickering":       {"-88x20 _x20 -85x20 _x20", nil},
		"wobbles while it is held":   {"_x10 -48x10 -53x3 -47x10 -52x3 -48x10 _x5", []pay.RSSI{-48}},
		"at the till from the start": {"-45x30 _x20", []pay.RSSI{-45}},
		"nobody":                     {"_x50", nil},
		"a passer-by between":        {"_x20 -48x30 _x20 -84x30 _x20 -50x30 _x5", []pay.RSSI{-48, -50}},
		"rises again from half way":  {"_x9 -45x20 -60x20 -48x20 _x5", []pay.RSSI{-45, -48}},
		"does not rise enough again": {"_x9 -45x20 -54x20 -48x20 _x5", []pay.RSSI{-45}},
	} {
		tap, at := newTapper(3, false), watchStart
		for _, word := range strings.Fields(c.play) {
			strength, times, _ := strings.Cut(word, "x")
			heard := strength != "_"
			var rssi, n int
			if heard {
				rssi = number(t, strength)
			}
			for n = number(t, times); n > 0; n-- {
				at = at.Add(tapPoll)
				tap.step(at, pay.RSSI(rssi), heard)
			}
		}
		if !slices.Equal(tap.taps, c.want) {
			t.Errorf("%s: have %v, want %v", name, tap.taps, c.want)
		}
	}
	tap := tapper{taps: []pay.RSSI{-50, -44, -47}}
	if got := tap.calibration("a"); got.Median != -47 || got.Near != -55 || got.Far != -61 || got.Spread != 6 {
		t.Errorf("calibration: %+v", got)
	}
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// brokenDisk takes some bytes and then no more.
type brokenDisk struct{ left int }

func (d *brokenDisk) Write(p []byte) (int, error) {
	if d.left -= len(p); d.left < 0 {
		return 0, os.ErrClosed
	}
	return len(p), nil
}

func TestRecordersEnd(t *testing.T) {
	t.Parallel()
	good := ble.Advert{At: watchStart, RSSI: -50, HasRSSI: true}
	good.Sections, _ = ble.ParsePayload(nil, ble.AppendEID(nil, pay.Code{1}, -59))
	hostile := ble.Advert{At: watchStart}
	for range ble.SectionsMax + 1 {
		hostile.Sections = append(hostile.Sections, good.Sections...)
	}
	var out bytes.Buffer
	r := newRecorder(&out, 2)
	for _, a := range []ble.Advert{good, {At: watchStart}, hostile, good, good} {
		r.hear(a)
	}
	if err := r.wait(context.Background()); err != nil || r.end() != nil || r.written != 2 || r.skipped != 2 || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("%d written, %d skipped: %q", r.written, r.skipped, out.String())
	}
	r = newRecorder(&brokenDisk{left: 5000}, 0)
	for range 200 {
		r.hear(good)
	}
	_ = r.wait(t.Context()) // returns at once: nothing more can be written
	if e := api.Describe(r.end()); e.Code != pay.CodeConfig || e.Hint == "" {
		t.Errorf("a broken disk: %+v", e)
	}
}

// TestARecordingThatIsKilled leaves whole lines, because nothing else is ever
// handed to the file.
func TestARecordingThatIsKilled(t *testing.T) {
	t.Parallel()
	var disk lineDisk
	r := newRecorder(&disk, 0)
	a := ble.Advert{At: watchStart, RSSI: -50, HasRSSI: true}
	a.Sections, _ = ble.ParsePayload(nil, ble.AppendEID(nil, pay.Code{1}, -59))
	for range 1000 {
		r.hear(a)
	}
	if disk.writes < 5 || disk.torn > 0 {
		t.Errorf("%d writes, %d of them end within a line", disk.writes, disk.torn)
	}
	if err := r.end(); err != nil || disk.torn > 0 || r.written != 1000 {
		t.Errorf("at the end: %v, %d torn, %d adverts", err, disk.torn, r.written)
	}
}

// lineDisk counts writes that end within a line.
type lineDisk struct{ writes, torn int }

func (d *lineDisk) Write(b []byte) (int, error) {
	d.writes++
	if !bytes.HasSuffix(b, []byte("\n")) {
		d.torn++
	}
	return len(b), nil
}
