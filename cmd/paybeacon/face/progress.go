package face

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
)

// progressLine is one line on a terminal that says how far a verb is, written anew
// with each note.
type progressLine struct {
	w     io.Writer
	now   func() time.Time
	begun time.Time
	width int // of the line that stands there
}

// newProgressLine returns a line on w, which is a terminal. The work begins now.
func newProgressLine(w io.Writer, now func() time.Time) *progressLine {
	return &progressLine{w: w, now: now, begun: now()}
}

// note shows a note of a verb.
func (l *progressLine) note(raw json.RawMessage) {
	if p, ok := api.ReadNote[api.Progress](raw); ok {
		l.show(progressWords(p, l.now().Sub(l.begun)))
	}
}

// clear leaves the terminal as it was.
func (l *progressLine) clear() {
	if l.width > 0 {
		l.show("")
		_, _ = fmt.Fprint(l.w, "\r")
	}
}

func (l *progressLine) show(words string) {
	n := utf8.RuneCountInString(words)
	_, _ = fmt.Fprint(l.w, "\r"+words+strings.Repeat(" ", max(0, l.width-n)))
	l.width = n
}

// progressWords is a note in words, at most 79 columns, after the work has taken
// some time.
func progressWords(p api.Progress, taken time.Duration) string {
	words := fmt.Sprintf("audit %3.0f %%", 100*p.Share)
	switch {
	case p.Payments > 0:
		words += ", " + text.Count(p.Payments, "payment")
	case p.Stage != "" && p.Share < 1:
		words += ", " + text.Printable(p.Stage)
	}
	if p.Findings > 0 {
		words += ", " + text.Count(p.Findings, "finding")
	}
	if left, ok := timeLeft(p.Share, taken); ok {
		words += ", " + left + " left"
	}
	if runes := []rune(words); len(runes) > progressRunesMax {
		return string(runes[:progressRunesMax])
	}
	return words
}

// progressRunesMax keeps a line within the narrowest terminal: in the last column it
// would break.
const progressRunesMax = 79

// leftAfter is after which share the time that is left is guessed. Chosen: before,
// the guess would jump.
const leftAfter = 0.02

// timeLeft guesses the time that is left from the time that a share took.
func timeLeft(share float64, taken time.Duration) (left string, ok bool) {
	if share < leftAfter || share >= 1 || taken < time.Second {
		return "", false
	}
	d := time.Duration(float64(taken) * (1 - share) / share).Round(time.Second)
	switch {
	case d >= 90*time.Minute:
		return fmt.Sprintf("about %.0f h", d.Hours()), true
	case d >= 90*time.Second:
		return fmt.Sprintf("about %.0f min", d.Minutes()), true
	default:
		return fmt.Sprintf("%.0f s", d.Seconds()), true
	}
}
