package ble_test

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// A trace describes what happens on one lane, one event a line, with times
// counted from its beginning:
//
//	0s..3s A -50           code A at -50 dBm every 250 ms (or "/100ms" after the strength)
//	1.5s   A -50           once
//	2s     ? A* B clear=A  listed, strongest first, * near; the clear one, or "-"
//
// Handles are written as the code they were made from. "A=A2" is the handle of
// A with the current code A2, which is never right.

var traceStart = time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)

type traceEvent struct {
	at   time.Duration
	code string
	rssi int
	want string // if not empty, the expected answer of Nearby
}

func codeNamed(name string) (c pay.Code) {
	copy(c[:], name)
	return c
}

func nameOf(c pay.Code) string { return strings.TrimRight(string(c[:]), "\x00") }

func eidAdvert(at time.Time, code pay.Code, rssi int, power pay.RSSI) ble.Advert {
	a := ble.Advert{At: at}
	a.SetRSSI(rssi)
	var err error
	a.Sections, err = ble.ParsePayload(nil, ble.AppendEID(nil, code, power))
	if err != nil {
		panic(err)
	}
	return a
}

func parseTrace(t *testing.T, text string) (events []traceEvent) {
	t.Helper()
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) < 3 {
			t.Fatalf("bad trace line %q", line)
		}
		if f[1] == "?" {
			events = append(events, traceEvent{at: parseSpan(t, f[0]), want: strings.Join(f[2:], " ")})
			continue
		}
		events = append(events, parseAdverts(t, f)...)
	}
	slices.SortStableFunc(events, func(a, b traceEvent) int { return cmp.Compare(a.at, b.at) })
	return events
}

func parseAdverts(t *testing.T, f []string) (events []traceEvent) {
	t.Helper()
	from, to, many := strings.Cut(f[0], "..")
	strength, pace, paced := strings.Cut(f[2], "/")
	rssi, err := strconv.Atoi(strength)
	if err != nil {
		t.Fatal(err)
	}
	every := 250 * time.Millisecond
	if paced {
		every = parseSpan(t, pace)
	}
	begin := parseSpan(t, from)
	end := begin
	if many {
		end = parseSpan(t, to)
	}
	for at := begin; at <= end; at += every {
		events = append(events, traceEvent{at: at, code: f[1], rssi: rssi})
	}
	return events
}

func parseSpan(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func describe(n pay.Nearby, names map[pay.Handle]string) string {
	var words []string
	for _, c := range n.Candidates {
		word := names[c.Handle]
		if code := nameOf(c.Code); code != word {
			word += "=" + code
		}
		if c.Near {
			word += "*"
		}
		words = append(words, word)
	}
	clear := "-"
	if n.Clear != "" {
		clear = names[n.Clear]
	}
	return strings.Join(append(words, "clear="+clear), " ")
}

func playTrace(t *testing.T, o ble.TrackerOptions, text string) *ble.Tracker {
	t.Helper()
	tracker := ble.NewTracker(o)
	names := map[pay.Handle]string{}
	for _, e := range parseTrace(t, text) {
		at := traceStart.Add(e.at)
		if e.want == "" {
			names[pay.HandleFor(codeNamed(e.code), 0)] = e.code
			tracker.Observe(eidAdvert(at, codeNamed(e.code), e.rssi, ble.PowerReference))
			continue
		}
		if got := describe(tracker.Nearby(at), names); got != e.want {
			t.Errorf("at %v:\n have %s\n want %s", e.at, got, e.want)
		}
	}
	return tracker
}

// anyLevel is a lane on which whoever is near may be clear, so that a trace shows
// dwell, lead and rotation alone.
var anyLevel = ble.TrackerOptions{Clear: ble.FarDefault}

func TestTracker(t *testing.T) {
	t.Parallel()
	for name, trace := range map[string]string{
		"near after the dwell, gone after the leave": `
			0s..2s A -50
			0.1s   ? A clear=-
			0.7s   ? A clear=-
			1s     ? A* clear=A
			4.9s   ? A* clear=A
			5.1s   ? A* clear=-
			9.9s   ? A* clear=-
			10s    ? clear=-`,
		"weak is listed and never near": `
			0s..5s A -66
			5s     ? A clear=-`,
		"between the thresholds keeps what it was": `
			0s..3s A -60
			3.1s..20s A -70
			19s    ? A* clear=A`,
		"below far loses clear at once and near after the leave": `
			0s..3s A -60
			3.1s..20s A -75
			5.5s   ? A* clear=-
			19s    ? A clear=-`,
		"one weak sample changes nothing": `
			0s..3s A -55
			2.1s   A -95
			2.6s   A -95
			2.65s  ? A* clear=A
			3s     ? A* clear=A`,
		"a break restarts the dwell": `
			0s     A -50
			4s     A -50
			4.1s   ? A clear=-
			4.5s   A -50
			5s     A -50
			5.1s   ? A* clear=A`,
		"a slow device is not silent after three seconds": `
			0s..13s A -50/1.28s
			16.2s  ? A* clear=A
			17s    ? A* clear=-`,
		"back from a silence nobody is clear on one advert": `
			0s..3s A -50
			7s..9s A -50
			7.1s   ? A* clear=-
			7.6s   ? A* clear=-
			8.1s   ? A* clear=A`,
		"the first leads by the margin": `
			0s..3s A -50
			0.1s..3.1s B -56
			3.1s   ? A* B* clear=A`,
		"too close to call": `
			0s..3s A -50
			0.1s..3.1s B -55
			3.1s   ? A* B* clear=-`,
		"somebody who has not dwelt counts against the lead": `
			0s..5s A -50
			4.6s..5.1s B -50
			5.2s   ? A* B clear=-`,
		"whoever fell silent still counts until gone": `
			0s..5s A -60
			0.1s..2s B -50
			5s     ? B* A* clear=-
			5.1s..12s A -60
			9s     ? B* A* clear=-
			9.9s   ? A* clear=A`,
		"rotation is not a departure": `
			0s..3s A -50
			3.2s..6s A2 -52
			3.3s   ? A* clear=A
			4.4s   ? A* clear=A
			4.6s   ? A2* clear=A2
			6s     ? A2* clear=A2`,
		"rotation every two seconds": `
			0s..1.9s A -50
			2s..3.9s A2 -50
			4s..5.9s A3 -50
			6s..8s A4 -50
			1.9s   ? A* clear=A
			3.9s   ? A2* clear=A2
			5.9s   ? A3* clear=A3
			7.9s   ? A4* clear=A4`,
		"a rotation is not missed because its first advert faded": `
			0s..3s A -50
			3.2s   A2 -64
			3.3s..6s A2 -50
			3.4s   ? A* clear=A
			4.6s   ? A2* clear=A2`,
		"nor taken for one because an advert faded to it": `
			0s..3s A -64
			3.2s   B -64
			3.3s..8s B -50
			8s     ? B* A* clear=B`,
		"rotation beside others": `
			0s..9s B -65
			0.05s..9s C -70
			0.1s..3s A -50
			3.2s..9s A2 -50
			3.3s   ? A* B* C clear=A
			8s     ? A2* B* C clear=A2`,
		"a newcomer beside somebody who stays is told apart at once": `
			0s..5s A -50
			3.1s..5s B -50
			3.2s   ? A* clear=A
			3.3s   ? A* B clear=-
			4.2s   ? A* B* clear=-`,
		"two fell silent: in doubt new": `
			0s..3s A -50
			0.1s..3s B -54
			3.2s..6s C -52
			3.3s   ? A* B* clear=-
			6s     ? A* C* B* clear=-
			11.1s  ? C* clear=-`,
		"two began: in doubt new": `
			0s..3s A -50
			3.2s..8s B -50
			3.3s..8s C -52
			8s     ? A* B* C* clear=-`,
		"two rotations far apart in strength are two rotations": `
			0s..3s A -50
			0.1s..3s B -64
			3.2s..8s A2 -50
			3.3s..8s B2 -64
			8s     ? A2* B2* clear=A2`,
		"a dwell that began with the old code goes on": `
			0s..0.5s A -50
			0.7s..2s A2 -50
			2.1s   ? A2* clear=A2`,
		"a dwell that began with the new code counts": `
			0s..3s A -68
			3.2s..5s A2 -62
			4.6s   ? A2* clear=A2`,
		"too different in strength": `
			0s..3s A -50
			3.2s..8s B -59
			8s     ? A* B* clear=-`,
		"too late": `
			0s..3s A -50
			4.6s..8s B -50
			8s     ? A* B* clear=-`,
		"heard once is no past to continue": `
			0s     A -50
			0.3s..3s B -50
			3s     ? A B* clear=-`,
		"the old code again: nobody keeps the handle": `
			0s..3s A -50
			3.2s..9s B -50
			5s     ? B* clear=B
			5.6s   A -50
			5.7s   ? A B clear=-
			9s     ? A B* clear=-`,
		"an old code continues nothing": `
			0s..3s A -50
			3.2s..5.5s B -50
			5s     ? B* clear=B
			5.6s..9s A -50
			9s     ? A* B clear=-`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			playTrace(t, anyLevel, trace)
		})
	}
}

func TestTrackerOptions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options ble.TrackerOptions
		trace   string
	}{
		"thresholds": {ble.TrackerOptions{Near: -40, Far: -46}, `
			0s..3s A -41
			3s     ? A clear=-`},
		"near alone": {ble.TrackerOptions{Near: -40}, `
			0s..3s A -40
			3s..6s A -46
			6s     ? A* clear=A
			6s..9s A -47
			9s     ? A* clear=-`},
		"far alone": {ble.TrackerOptions{Far: -46}, `
			0s..3s A -41
			3s     ? A clear=-
			3s..6s A -40
			6s     ? A* clear=A`},
		"far alone, near at zero": {ble.TrackerOptions{Near: 0, Far: -6, Tap: ble.TapOff}, `
			0s..3s A -1
			3s     ? A clear=-
			3s..6s A 1
			6s     ? A* clear=A`},
		"dwell": {ble.TrackerOptions{Dwell: 3 * time.Second}, `
			0s..3s A -41
			2.9s   ? A clear=-
			3s     ? A* clear=A`},
		"leave": {ble.TrackerOptions{Leave: 4 * time.Second}, `
			0s..3s A -41
			6.9s   ? A* clear=-
			7s     ? clear=-`},
		"margin": {ble.TrackerOptions{Margin: 12}, `
			0s..3s A -41
			0.1s..3s B -52
			3s     ? A* B* clear=-`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			playTrace(t, c.options, c.trace)
		})
	}
}

func TestTrackerOptionsCheck(t *testing.T) {
	t.Parallel()
	good := ble.TrackerOptions{Near: -65, Far: -71, Clear: -53, Tap: -38, Dwell: time.Second, Leave: 8 * time.Second, Margin: 6}
	if err := good.Check(); err != nil {
		t.Errorf("good options refused: %v", err)
	}
	for name, c := range map[string]struct {
		spoil func(*ble.TrackerOptions)
		write string // what the hint says to write
	}{
		"far above near":     {func(o *ble.TrackerOptions) { o.Far = -60 }, "--near -65 --far -71"},
		"far equals near":    {func(o *ble.TrackerOptions) { o.Far = o.Near }, "--near -65 --far -71"},
		"near below far":     {func(o *ble.TrackerOptions) { o.Near = -80 }, "--near -80 --far -86"},
		"no strength":        {func(o *ble.TrackerOptions) { o.Near = 127 }, "--near -65"},
		"near above zero":    {func(o *ble.TrackerOptions) { o.Near, o.Far = 5, -1 }, "--near -65"},
		"near at zero":       {func(o *ble.TrackerOptions) { o.Near, o.Far = 0, -6 }, "--near -65"},
		"near never met":     {func(o *ble.TrackerOptions) { o.Near = ble.NearMax + 1 }, "--near -65"},
		"near is everything": {func(o *ble.TrackerOptions) { o.Near, o.Far = ble.FarMin, -128 }, "--near -65"},
		"far at zero":        {func(o *ble.TrackerOptions) { o.Far = 0 }, "--near -65 --far -71"},
		"far never met":      {func(o *ble.TrackerOptions) { o.Far = ble.FarMin - 1 }, "--far -71"},
		"clear never met":    {func(o *ble.TrackerOptions) { o.Clear = ble.NearMax + 1 }, "--clear -53"},
		"clear at zero":      {func(o *ble.TrackerOptions) { o.Clear = 0 }, "--clear -53"},
		"clear is anything":  {func(o *ble.TrackerOptions) { o.Clear = ble.FarMin - 1 }, "--clear -53"},
		"tap below clear":    {func(o *ble.TrackerOptions) { o.Tap = -60 }, "--clear -53 --tap -38"},
		"tap equals clear":   {func(o *ble.TrackerOptions) { o.Clear, o.Tap = -38, -38 }, "--tap 0"},
		"tap never met":      {func(o *ble.TrackerOptions) { o.Tap = 5 }, "--tap -38"},
		"no dwell":           {func(o *ble.TrackerOptions) { o.Dwell = 0 }, "--dwell 800ms"},
		"dwell below zero":   {func(o *ble.TrackerOptions) { o.Dwell = -time.Second }, "--dwell 800ms"},
		"dwell never met":    {func(o *ble.TrackerOptions) { o.Dwell, o.Leave = 2*time.Minute, 5*time.Minute }, "--dwell 800ms"},
		"leave too short":    {func(o *ble.TrackerOptions) { o.Leave = time.Second }, "--dwell 1s --leave 10s"},
		"no leave":           {func(o *ble.TrackerOptions) { o.Leave = 0 }, "--leave 8s"},
		"leave below zero":   {func(o *ble.TrackerOptions) { o.Leave = -time.Hour }, "--leave 8s"},
		"leave between two":  {func(o *ble.TrackerOptions) { o.Dwell, o.Leave = time.Millisecond, ble.LeaveMin-1 }, "--leave 8s"},
		"leave never met":    {func(o *ble.TrackerOptions) { o.Leave = ble.LeaveMax + 1 }, "--leave 8s"},
		"no margin":          {func(o *ble.TrackerOptions) { o.Margin = 0 }, "6 dB"},
	} {
		o := good
		c.spoil(&o)
		var pe *pay.Error
		if err := o.Check(); !errors.As(err, &pe) || pe.Code != pay.CodeUsage || pe.Message == "" || !strings.Contains(pe.Hint, c.write) {
			t.Errorf("%s: have %v, hint %q, want E_USAGE and %q", name, err, hintOf(err), c.write)
		}
	}
	for name, edge := range map[string]ble.TrackerOptions{
		"strongest": {Near: ble.NearMax, Far: ble.NearMax - 1, Clear: ble.NearMax - 1, Tap: ble.NearMax, Dwell: 1, Leave: ble.LeaveMin, Margin: 1},
		"weakest":   {Near: ble.FarMin + 1, Far: ble.FarMin, Clear: ble.FarMin, Tap: ble.TapOff, Dwell: ble.DwellMax, Leave: ble.LeaveMax, Margin: 1},
	} {
		if err := edge.Check(); err != nil {
			t.Errorf("%s: refused: %v", name, err)
		}
	}
}

func hintOf(err error) string {
	var pe *pay.Error
	if errors.As(err, &pe) {
		return pe.Hint
	}
	return ""
}
