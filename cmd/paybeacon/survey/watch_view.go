package survey

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// The table of `scan watch`. Here a scene becomes text; nothing else is read,
// so that a test can hold the text against what it should be. Every word comes
// from this program: what strangers sent appears as numbers only.

// paint colours a piece of text by what it means. Colour only adds: every
// difference stands in a word or a sign too.
type paint func(meaning, string) string

type meaning uint8

const (
	meansFaint meaning = iota // heard, not near
	meansNear
	meansClear
	meansAlarm
	meansTitle
)

// plain is the paint for files, pipes and NO_COLOR.
func plain(_ meaning, s string) string { return s }

const (
	plainWidth = 80
	widthMin   = 40

	strengthMin = -95 // left end of traces and of the ruler
	strengthMax = -35
)

// viewOptions say what the table must fit into.
type viewOptions struct {
	width  int
	height int // 0: as high as it needs
	paint  paint
}

// columns are the widths that depend on the table's.
type columns struct {
	handle, trace int
	interval      bool
}

func columnsFor(width int) columns {
	c := columns{handle: 18, interval: width >= 72}
	switch {
	case width < 54:
		c.handle = 10
	case width < 72:
		c.handle = 15
	}
	// The mark, dBm, state and age with the spaces between them take 24.
	rest := width - 24 - c.handle
	if c.interval {
		rest -= 7
	}
	c.trace = min(max(rest, 4), ble.TrailSlots)
	return c
}

// watchView returns the table for a scene.
func watchView(s watchScene, o viewOptions) string {
	o.width = max(o.width, widthMin)
	head := watchHead(s, o)
	statics := staticLines(s, o)
	foot := rulerLines(s, o)
	rows := rowLines(s, o)
	if o.height > 0 {
		rows, statics = fit(rows, statics, o.height-len(head)-len(foot))
	}
	return strings.Join(slices.Concat(head, rows, foot, statics), "\n") + "\n"
}

func watchHead(s watchScene, o viewOptions) []string {
	title := fmt.Sprintf("%s  %s  %.1f adverts/s", ellipsis(text.Printable(s.Radio), o.width-24), clockTime(s.Elapsed), s.Health.Rate)
	if s.Health.Lost > 0 {
		title = ellipsis(fmt.Sprintf("%s, %d lost", title, s.Health.Lost), o.width)
	}
	switch {
	case s.Health.Deaf:
		return slices.Concat([]string{o.paint(meansTitle, title)}, o.alarm("RADIO DEAF: "+cmp.Or(text.Sentence(s.Health.Why), "it hears nothing at all")), []string{""})
	case s.Health.Why != "":
		return slices.Concat([]string{o.paint(meansTitle, title)}, o.alarm("radio hears, but: "+text.Sentence(s.Health.Why)), []string{""})
	default:
		health := o.paint(meansNear, "radio ok") + fmt.Sprintf("  near from %d, far below %d", s.Near, s.Far)
		return []string{o.paint(meansTitle, title), health, ""}
	}
}

// alarm is a sentence that warns.
func (o viewOptions) alarm(s string) []string { return o.lines(meansAlarm, s) }

// lines breaks a sentence into lines, because its end says what to do.
func (o viewOptions) lines(m meaning, s string) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		switch {
		case line == "":
			line = ellipsis(word, o.width)
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= o.width:
			line += " " + word
		default:
			lines, line = append(lines, o.paint(m, line)), ellipsis(word, o.width)
		}
	}
	return append(lines, o.paint(m, line))
}

func rowLines(s watchScene, o viewOptions) []string {
	if len(s.Rows) == 0 {
		if s.Unmeasured > 0 {
			return o.lines(meansFaint, fmt.Sprintf("Nobody can be placed: the radio does not know how strong it hears (%d adverts without a strength).", s.Unmeasured))
		}
		return []string{ellipsis("No beacon with a changing code is heard.", o.width)}
	}
	c := columnsFor(o.width)
	header := fmt.Sprintf("  %-*s  dBm  %-*s %-6s   heard", c.handle, "who", c.trace, fmt.Sprintf("last %.0f s", float64(c.trace)*ble.TrailStep.Seconds()), "")
	if c.interval {
		header += "  every"
	}
	lines := []string{ellipsis(strings.TrimRight(header, " "), o.width)}
	for _, r := range s.Rows {
		lines = append(lines, rowLine(r, s, c, o.paint))
	}
	return lines
}

func rowLine(r ble.Row, s watchScene, c columns, paint paint) string {
	mark, state, means := " ", "heard", meansFaint
	age := max(0, s.At.Sub(r.Heard.Std()))
	switch {
	case r.Clear && r.Tapped:
		mark, state, means = "*", "TAPPED", meansClear
	case r.Clear:
		mark, state, means = "*", "CLEAR", meansClear
	case r.Pending:
		state = "new?"
	case age >= quietAfter:
		state = "silent"
	case r.Near:
		mark, state, means = "+", "near", meansNear
	}
	handle := ellipsis(cmp.Or(string(r.Handle), "…"), c.handle)
	line := fmt.Sprintf("%s %s %4d  %s %-6s %7s", mark, pad(handle, c.handle), r.RSSI, trace(r.Trail, c.trace), state, seconds(age))
	if c.interval {
		line += fmt.Sprintf(" %6s", pace(r.Interval))
	}
	return paint(means, strings.TrimRight(line, " "))
}

// quietAfter is when a device that is heard no longer is called silent.
const quietAfter = 3 * time.Second

// trace draws the newest strengths of a trail, weakest to strongest as ▁ to █,
// and · where nothing was heard.
func trace(t ble.Trail, width int) string {
	const bars = "▁▂▃▄▅▆▇█"
	levels := []rune(bars)
	var b strings.Builder
	for _, rssi := range t[len(t)-width:] {
		if rssi == ble.Unheard {
			b.WriteRune('·')
			continue
		}
		b.WriteRune(levels[min(onScale(rssi, len(levels)), len(levels)-1)])
	}
	return b.String()
}

// onScale is where a strength stands on a scale of n steps.
func onScale(rssi pay.RSSI, n int) int {
	at := min(max(int(rssi), strengthMin), strengthMax) - strengthMin
	return at * n / (strengthMax - strengthMin)
}

// rulerLines show the strongest device between the two thresholds, large
// enough to be read at arm's length.
func rulerLines(s watchScene, o viewOptions) []string {
	if len(s.Rows) == 0 {
		return nil
	}
	r := s.Rows[0]
	width := min(o.width, plainWidth) - 12
	now, far, near := onScale(r.RSSI, width-1), onScale(s.Far, width-1), onScale(s.Near, width-1)
	bar, marks := make([]rune, width), []rune(strings.Repeat(" ", width+6))
	for i := range bar {
		switch {
		case i == now:
			bar[i] = '█'
		case i == far || i == near:
			bar[i] = '│'
		case i < now:
			bar[i] = '▆'
		default:
			bar[i] = '─'
		}
	}
	// The name of each threshold stands under it: far ends there, near begins.
	copy(marks[max(0, far-2):], []rune("far"))
	copy(marks[max(near, far+2):], []rune("near"))
	means := meansFaint
	if r.Clear {
		means = meansClear
	} else if r.Near {
		means = meansNear
	}
	return []string{
		"",
		fmt.Sprintf("%4d %s %4d", strengthMin, o.paint(means, string(bar)), strengthMax),
		strings.TrimRight("     "+string(marks), " "),
	}
}

func staticLines(s watchScene, o viewOptions) []string {
	if len(s.Statics) == 0 {
		return nil
	}
	lines := []string{"", "Also on the air, never charged:"}
	for _, b := range s.Statics {
		rssi := "   ?"
		if b.HasRSSI {
			rssi = fmt.Sprintf("%4d", b.RSSI)
		}
		line := fmt.Sprintf("  %-9s %-22s %s  %5.1f/s %7s", b.Kind, shortIdentity(b), rssi, b.Rate, seconds(max(0, s.At.Sub(b.Last))))
		lines = append(lines, o.paint(meansFaint, ellipsis(line, o.width)))
	}
	return lines
}

// shortIdentity tells static beacons apart: the ends of a long identity, with
// the numbers that people give theirs.
func shortIdentity(b ble.Sighting) string {
	switch {
	case b.Kind == ble.TLM:
		return telemetry(b.Telemetry)
	case b.Kind == ble.IBeacon && len(b.ID) == 20:
		return fmt.Sprintf("%x… %d/%d", b.ID[:4], binary.BigEndian.Uint16(b.ID[16:]), binary.BigEndian.Uint16(b.ID[18:]))
	case len(b.ID) > 8:
		return fmt.Sprintf("%x…%x", b.ID[:4], b.ID[len(b.ID)-4:])
	default:
		return fmt.Sprintf("%x", b.ID)
	}
}

func telemetry(t ble.Telemetry) string {
	var words []string
	if t.Millivolts > 0 {
		words = append(words, fmt.Sprintf("%.2f V", float64(t.Millivolts)/1000))
	}
	if t.Temperature != -32768 {
		words = append(words, fmt.Sprintf("%.1f °C", float64(t.Temperature)/256))
	}
	return strings.Join(words, ", ")
}

// fit shortens the two lists to a number of lines. Who could be charged goes
// first; of the rest it is said how many are missing.
func fit(rows, statics []string, lines int) (_, _ []string) {
	lines = max(lines, 2)
	rows = cut(rows, lines)
	return rows, cut(statics, max(0, lines-len(rows)))
}

func cut(lines []string, most int) []string {
	if len(lines) <= most {
		return lines
	}
	if most < 3 {
		return lines[:min(most, 1)]
	}
	return append(lines[:most-1:most-1], fmt.Sprintf("  … and %d more", len(lines)-most+1))
}

// ellipsis cuts a text to so many runes.
func ellipsis(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:max(0, width-1)]) + "…"
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func pace(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

func clockTime(d time.Duration) string {
	s := int(d.Seconds())
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
