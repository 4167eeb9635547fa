package replay_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/replay"
	"github.com/paybeacon/paybeacon/pay"
)

// sent is a line of a capture that is sound; code tells it apart.
func sent(t any, code byte) string {
	return fmt.Sprintf(`{"t":%v,"address":"01:00:00:00:00:0A","rssi":-50,"adv":"%s"}`, t, eid(pay.Code{code}))
}

// codes returns the first byte of each code played, 0 for an advert without one.
func codes(list []played) (out []byte) {
	for _, p := range list {
		out = append(out, p.code[0])
	}
	return out
}

// oddLines are lines as they come from the field, each with what is played of it,
// as the first byte of a code or 0 for an advert without one, and what the report
// says of it.
var oddLines = map[string]struct {
	text  string
	plays []byte
	why   string // "" for a line that is sound
}{
	// Lines of which nothing can be played.
	"no JSON":                   {"hello", nil, "is no JSON object"},
	"cut":                       {`{"t":5,"address":"01:00`, nil, "is no JSON object"},
	"binary":                    {"\x00\x01\x02", nil, "is no JSON object"},
	"another encoding":          {"\xff\xfe{\x00}\x00", nil, "is no JSON object"},
	"not an object":             {`[1,2]`, nil, "is no JSON object"},
	"no time":                   {`{"address":"01:00:00:00:00:0A","adv":"020106"}`, nil, "has no t"},
	"time is null":              {`{"t":null,"address":"01:00:00:00:00:0A","adv":"020106"}`, nil, "has no t"},
	"time is a word":            {`{"t":"noon","address":"01:00:00:00:00:0A","adv":"020106"}`, nil, "t is no number"},
	"time is a list":            {`{"t":[5],"address":"01:00:00:00:00:0A","adv":"020106"}`, nil, "t is no number"},
	"time is not finite":        {`{"t":"NaN","address":"01:00:00:00:00:0A","adv":"020106"}`, nil, "t is NaN"},
	"time before the beginning": {sent(-1, 3), nil, "t is -1"},
	"time too long":             {sent(604800001, 3), nil, "t is 604800001"},
	"time far beyond":           {sent("1e300", 3), nil, "t is 1e+300"},
	"time of another kind":      {sent(1735732800, 3), nil, "t is Unix time"},
	"no payload":                {`{"t":5,"address":"01:00:00:00:00:0A"}`, nil, "has no adv"},
	"payload is a number":       {`{"t":5,"address":"01:00:00:00:00:0A","adv":20106}`, nil, "adv is no text"},
	"payload no hex":            {`{"t":5,"address":"01:00:00:00:00:0A","adv":"zz"}`, nil, "adv is not hexadecimal"},
	"a long line":               {`{"t":5,"x":"` + strings.Repeat("x", 70_000) + `"}`, nil, "is longer than"},
	"a long line of nothing":    {strings.Repeat("x", 1<<20), nil, "is longer than"},

	// Adverts that are played as far as they are sound.
	"checksum behind the code":      {adv(eid(pay.Code{3}) + "9cf317"), []byte{3}, "adv: ends inside a structure"},
	"half a structure":              {adv(eid(pay.Code{3}) + "0aff5900"), []byte{3}, "adv: ends inside a structure"},
	"a length alone":                {adv(eid(pay.Code{3}) + "07"), []byte{3}, "adv: ends inside a structure"},
	"data behind the padding":       {adv(eid(pay.Code{3}) + "00000000000409616263"), []byte{3}, "adv: data after its end"},
	"manufacturer without a number": {adv("01ff" + eid(pay.Code{3})), []byte{3}, "adv: service or manufacturer data without an id"},
	"half a manufacturer's number":  {adv("02ff59" + eid(pay.Code{3})), []byte{3}, "adv: service or manufacturer data without an id"},
	"half a service's number":       {adv(eid(pay.Code{3}) + "0216aa"), []byte{3}, "adv: service or manufacturer data without an id"},
	"flags cut":                     {adv("0201"), []byte{0}, "adv: ends inside a structure"},
	"payload too long":              {adv(eid(pay.Code{3}) + strings.Repeat("03ffffff", 420)), []byte{3}, "adv: longer than an advertising report"},
	"hexadecimal cut in a digit":    {adv(eid(pay.Code{3}) + "0"), []byte{3}, "adv is hexadecimal only up to byte 21"},
	"no more hexadecimal":           {adv(eid(pay.Code{3}) + " 0201"), []byte{3}, "adv is hexadecimal only up to byte 21"},
	"no address":                    {`{"t":5,"rssi":-50,"adv":"` + eid(pay.Code{3}) + `"}`, []byte{3}, "its address is unknown: there is none"},
	"bad address":                   {`{"t":5,"address":"nobody","adv":"` + eid(pay.Code{3}) + `"}`, []byte{3}, "its address is unknown: want six pairs"},
	"strength absurd":               {`{"t":5,"address":"01:00:00:00:00:0A","rssi":-500,"adv":"` + eid(pay.Code{3}) + `"}`, []byte{3}, "no radio reports an rssi of -500 dBm"},
	"strength is a word":            {`{"t":5,"address":"01:00:00:00:00:0A","rssi":"loud","adv":"` + eid(pay.Code{3}) + `"}`, []byte{3}, "its rssi is no strength"},
	"cut by the next line":          {`{"t":4,"address":"01:00:0` + sent(5, 3), []byte{3}, "is no JSON object"},
	"something behind the object":   {sent(5, 3) + "EOF", []byte{3}, "is no JSON object"},

	// Lines that are unusual and sound.
	"earlier than the line before": {sent(4, 3), []byte{3}, ""},
	"a fraction":                   {sent(5.25, 3), []byte{3}, ""},
	"time in quotes":               {sent(`"5"`, 3), []byte{3}, ""},
	"strength with a fraction":     {`{"t":5,"address":"01:00:00:00:00:0A","rssi":-50.5,"adv":"` + eid(pay.Code{3}) + `"}`, []byte{3}, ""},
	"no strength":                  {`{"t":5,"address":"01:00:00:00:00:0A","rssi":127,"adv":"` + eid(pay.Code{3}) + `"}`, []byte{3}, ""},
	"strength is null":             {`{"t":5,"address":"01:00:00:00:00:0A","rssi":null,"adv":"` + eid(pay.Code{3}) + `"}`, []byte{3}, ""},
	"no structure at all":          {adv(""), []byte{0}, ""},
	"an extended advert":           {adv(strings.Repeat("03ffffff", 400) + eid(pay.Code{3})), []byte{3}, ""},
	"no break behind it":           {sent(5, 3) + sent(5, 4), []byte{3, 4}, ""},
	"zeros around it":              {"\x00\x00" + sent(5, 3) + "\x00\x00\x00", []byte{3}, ""},
	"a row of zeros before it":     {strings.Repeat("\x00", 200_000) + sent(5, 3), []byte{3}, ""},
	"behind a long line":           {strings.Repeat("x", 200_000) + sent(5, 3), []byte{3}, "is longer than"},
	"a mark before it":             {"\ufeff" + sent(5, 3), []byte{3}, ""},
	"a line of a list":             {"[" + sent(5, 3) + ",", []byte{3}, ""},
	"another system's break":       {sent(5, 3) + "\r", []byte{3}, ""},
	"blanks":                       {" \t\r", nil, ""},
}

func adv(payload string) string {
	return `{"t":5,"address":"01:00:00:00:00:0A","rssi":-50,"adv":"` + payload + `"}`
}

// TestOddLinesHideNoOthers puts each odd line between sound ones: those are played
// in any case, of the odd one what is sound, and the report names the line.
func TestOddLinesHideNoOthers(t *testing.T) {
	t.Parallel()
	for name, c := range oddLines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := write(t, sent(5, 1)+"\n"+sent(5, 2)+"\n"+c.text+"\n"+sent(5, 5)+"\n"+sent(60_000, 6)+"\n")
			synctest.Test(t, func(t *testing.T) {
				got := codes(play(t, path, 2*time.Minute))
				want := slices.Concat([]byte{1, 2}, c.plays, []byte{5, 6})
				slices.Sort(got[:len(got)-1]) // one plays before the line that stands before it
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("have %v, want %v", got, want)
				}
			})
			r := open(t, path).Report()
			want := replay.Report{Adverts: 4 + len(c.plays)}
			if c.why != "" {
				skipped := len(c.plays) == 0 || c.why == "is no JSON object" || c.why == "is longer than"
				if skipped {
					want.Skipped = 1
				} else {
					want.Damaged = 1
				}
				want.Notes = []replay.Note{{Line: 3, Skipped: skipped, Why: c.why}}
				if len(r.Notes) == 1 && strings.HasPrefix(r.Notes[0].Why, c.why) {
					want.Notes[0].Why = r.Notes[0].Why
				}
			}
			if fmt.Sprintf("%+v", r) != fmt.Sprintf("%+v", want) || r.Sound() != (c.why == "") {
				t.Errorf("have %+v\nwant %+v", r, want)
			}
		})
	}
}

// TestNothingToPlay gives each line of which nothing can be played alone: that is
// an error that says why and what a capture looks like.
func TestNothingToPlay(t *testing.T) {
	t.Parallel()
	for name, c := range oddLines {
		if len(c.plays) > 0 || c.why == "" || name == "time of another kind" {
			continue
		}
		_, err := replay.Open(replay.Options{File: write(t, "\n"+c.text+"\n")})
		var pe *pay.Error
		if !errors.As(err, &pe) || pe.Code != pay.CodeRadio || !strings.Contains(pe.Hint, `"adv":`) || !strings.Contains(err.Error(), "line 2: "+c.why) {
			t.Errorf("%s: have %v, want E_RADIO with %q", name, err, c.why)
		}
	}
	_, err := replay.Open(replay.Options{File: write(t, strings.Repeat("no\n", 100))})
	if err == nil || !strings.Contains(err.Error(), "line 5: is no JSON object; and 95 more") {
		t.Errorf("a hundred lines: %v", err)
	}
	folder := t.TempDir()
	for _, path := range []string{filepath.Join(folder, "none"), folder} {
		if _, err := replay.Open(replay.Options{File: path}); pay.CodeOf(err) != pay.CodeRadio {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestTimes plays captures whose times are of every kind: each advert at its time
// after the first, the earliest first.
func TestTimes(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	many := func(from float64, n int) (lines []any) {
		for i := range n {
			lines = append(lines, from+float64(i)*250)
		}
		return lines
	}
	for name, c := range map[string]struct {
		times   []any
		want    []time.Duration // of those that are played, in the order of playing
		skipped int
	}{
		"fractions":               {[]any{0, 0.5, 250.125}, []time.Duration{0, 500 * time.Microsecond, 250*ms + 125*time.Microsecond}, 0},
		"silence at first":        {[]any{3000, 3250}, []time.Duration{3 * time.Second, 3250 * ms}, 0},
		"out of order":            {[]any{500, 0, 750, 250}, []time.Duration{0, 250 * ms, 500 * ms, 750 * ms}, 0},
		"backwards":               {[]any{900, 600, 300}, []time.Duration{300 * ms, 600 * ms, 900 * ms}, 0},
		"Unix seconds":            {[]any{"1735732800.25", 1735732800, "1.735732801e9"}, []time.Duration{0, 250 * ms, time.Second}, 0},
		"Unix milliseconds":       {[]any{1735732800000, "1735732800250.5", 1735732801000}, []time.Duration{0, 250*ms + 500*time.Microsecond, time.Second}, 0},
		"Unix microseconds":       {[]any{1735732800000000, 1735732800250000}, []time.Duration{0, 250 * ms}, 0},
		"Unix nanoseconds":        {[]any{1735732800000000000, 1735732800250000000}, []time.Duration{0, 250 * ms}, 0},
		"units beside each other": {[]any{1735732800, 1735732800250}, []time.Duration{0, 250 * ms}, 0},
		"most lines relative":     {[]any{0, 1735732800, 250}, []time.Duration{0, 250 * ms}, 1},
		"most lines Unix":         {[]any{0, 1735732800, 1735732801}, []time.Duration{0, time.Second}, 1},
		"since a machine began":   {[]any{86_400_000, 86_400_250}, []time.Duration{0, 250 * ms}, 0},
		"a clock that was set":    {append([]any{1600000000}, many(1735732800000, 10)...), steps(10), 1},
		"strays in a short one":   {[]any{1600000000, 1735732800, 1735732801, 1735732802}, []time.Duration{0, time.Second, 2 * time.Second}, 1},
		"several strays":          {append([]any{1600000000, 1600000001, 1700000000}, many(1735732800000, 10)...), steps(10), 3},
		"a recording before":      {append(many(1735725600000, 10), many(1735732800000, 40)...), append(steps(10), after(2*time.Hour, steps(40))...), 0},
		"and one that began at 0": {append([]any{0}, many(86_400_000, 10)...), steps(10), 1},
		"one far ahead":           {append(many(1735732800000, 10), 1735732800000+3600_001.0), append(steps(10), time.Hour+ms), 0},
		"one beyond a week":       {append(many(1735732800000, 10), 1800000000), steps(10), 1},
		"two halves, hours apart": {[]any{0, 250, 7_200_000, 7_200_250}, []time.Duration{0, 250 * ms, 2 * time.Hour, 2*time.Hour + 250*ms}, 0},
		"hours between any two":   {[]any{1735732800, 1735740000, 1735747200}, []time.Duration{0, 2 * time.Hour, 4 * time.Hour}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var text strings.Builder
			for _, at := range c.times {
				if f, ok := at.(float64); ok {
					at = fmt.Sprintf("%.3f", f)
				}
				fmt.Fprintln(&text, sent(at, 1))
			}
			path := write(t, text.String())
			synctest.Test(t, func(t *testing.T) {
				var got []time.Duration
				for _, p := range play(t, path, 24*time.Hour) {
					got = append(got, p.after)
				}
				if !slices.EqualFunc(got, c.want, func(a, b time.Duration) bool { return (a - b).Abs() < time.Microsecond }) {
					t.Errorf("have %v\nwant %v", got, c.want)
				}
			})
			if r := open(t, path).Report(); r.Skipped != c.skipped || r.Adverts != len(c.want) || r.Damaged != 0 {
				t.Errorf("have %v", r)
			}
		})
	}
}

// steps are n times, a quarter of a second apart.
func steps(n int) (out []time.Duration) {
	for i := range n {
		out = append(out, time.Duration(i)*250*time.Millisecond)
	}
	return out
}

// after returns times that are later by d.
func after(d time.Duration, list []time.Duration) (out []time.Duration) {
	for _, at := range list {
		out = append(out, d+at)
	}
	return out
}

// TestNoStrengthIsNoCandidate plays a device of which the controller knew no
// strength: it is heard, and never near.
func TestNoStrengthIsNoCandidate(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for at := range 20 {
		fmt.Fprintf(&text, "{\"t\":%d,\"address\":\"01:00:00:00:00:0A\",\"rssi\":127,\"adv\":\"%s\"}\n", at*200, eid(pay.Code{1}))
	}
	path := write(t, text.String())
	synctest.Test(t, func(t *testing.T) {
		tracker := ble.NewTracker(ble.TrackerOptions{})
		got := play(t, path, time.Minute)
		for _, p := range got {
			a := ble.Advert{At: start.Add(p.after), RSSI: p.rssi, HasRSSI: p.known}
			a.Sections, _ = ble.ParsePayload(nil, ble.AppendEID(nil, p.code, -59))
			tracker.Observe(a)
		}
		if n := tracker.Nearby(start.Add(5 * time.Second)); len(got) != 20 || len(n.Candidates) > 0 || n.Clear != "" {
			t.Errorf("%d heard; near: %+v", len(got), n)
		}
	})
	if r := open(t, path).Report(); !r.Sound() {
		t.Errorf("have %v", r)
	}
}

// TestAnyDamageLosesNoOtherLine damages some lines of a capture in any way, the
// break behind them included: every other line is played, at its distance from
// the others, and where something was lost the report says so.
func TestAnyDamageLosesNoOtherLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "capture.jsonl")
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(12, 40).Draw(r, "lines")
		unix := rapid.SampledFrom([]string{"%d", "1735732%03d.5", "1735732%06d"}).Draw(r, "time")
		damaged := map[int]bool{}
		for range rapid.IntRange(1, 1+n/12).Draw(r, "damages") {
			damaged[rapid.IntRange(0, n-1).Draw(r, "damaged line")] = true
		}
		var text bytes.Buffer
		for i := range n {
			line := []byte(sent(fmt.Sprintf(unix, i), byte(i+1)) + "\n")
			if damaged[i] {
				line = damage(r, line)
			}
			text.Write(line)
		}
		if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
			r.Fatal(err)
		}
		p, err := replay.Open(replay.Options{File: path})
		if err != nil {
			r.Fatal(err)
		}
		if rep := p.Report(); rep.Adverts+rep.Skipped < n-2*len(damaged) || len(rep.Notes) > replay.NotesMax || rep.Sound() != (len(rep.Notes) == 0) {
			r.Fatalf("%v", rep)
		}
		at := map[byte]time.Duration{}
		synctest.Test(t, func(t *testing.T) {
			for _, p := range play(t, path, 15*24*time.Hour) {
				if _, twice := at[p.code[0]]; !twice {
					at[p.code[0]] = p.after
				}
			}
		})
		step, last := time.Millisecond, -1
		if strings.HasSuffix(unix, ".5") {
			step = time.Second
		}
		for i := range n {
			if damaged[i] {
				continue
			}
			got, ok := at[byte(i+1)]
			if !ok {
				r.Fatalf("line %d of %d was not played, damaged are %v:\n%q", i+1, n, damaged, text.String())
			}
			if last >= 0 && (got-at[byte(last+1)]-time.Duration(i-last)*step).Abs() > time.Microsecond {
				r.Fatalf("line %d at %v, line %d at %v", last+1, at[byte(last+1)], i+1, got)
			}
			last = i
		}
	})
}

// damage spoils a line: bytes changed, left out or put in anywhere, or cut off.
func damage(r *rapid.T, line []byte) []byte {
	line = bytes.Clone(line)
	for range rapid.IntRange(1, 3).Draw(r, "times") {
		at := rapid.IntRange(0, len(line)).Draw(r, "at")
		switch rapid.IntRange(0, 3).Draw(r, "how") {
		case 0:
			if at < len(line) {
				line[at] = rapid.Byte().Draw(r, "byte")
			}
		case 1:
			line = slices.Insert(line, at, rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(r, "more")...)
		case 2:
			line = slices.Delete(line, at, min(len(line), at+rapid.IntRange(1, 60).Draw(r, "less")))
		default:
			return line[:at]
		}
	}
	return line
}

// FuzzCapture reads any bytes as a capture, and the same bytes between two sound
// lines, which are always played.
func FuzzCapture(f *testing.F) {
	f.Add([]byte(`{"t":0,"address":"01:00:00:00:00:0A","rssi":-58,"adv":"020106"}`))
	f.Add([]byte("\n\n{}\n"))
	for _, c := range oddLines {
		if len(c.text) < 5000 {
			f.Add([]byte(c.text))
		}
	}
	path := filepath.Join(f.TempDir(), "capture")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		alone, err := replay.Open(replay.Options{File: path})
		if err != nil {
			if pay.CodeOf(err) != pay.CodeRadio {
				t.Fatalf("an error without its code: %v", err)
			}
		} else if r := alone.Report(); r.Adverts == 0 && r.Skipped > 0 || r.Adverts < r.Damaged || r.Sound() != (len(r.Notes) == 0) {
			t.Fatalf("nothing to play, or a count that is wrong: %v", r)
		}
		var around bytes.Buffer
		for i := range bytes.Count(text, []byte("t")) + 2 {
			fmt.Fprintln(&around, sent(i, 1))
		}
		sound := bytes.Count(around.Bytes(), []byte("\n"))
		if err := os.WriteFile(path, slices.Concat(around.Bytes(), text, []byte("\n"), around.Bytes()), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := replay.Open(replay.Options{File: path})
		if err != nil {
			t.Fatal(err)
		}
		if r := p.Report(); r.Adverts < 2*sound {
			t.Fatalf("of %d sound lines: %v", 2*sound, r)
		}
	})
}
