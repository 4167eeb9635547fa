package doctor

import (
	"fmt"
	"io"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
)

// level is how bad a finding is.
type level string

const (
	levelOK   level = "ok"
	levelWarn level = "warn" // it works, less well than it could
	levelBad  level = "bad"  // it does not work
)

// area is what a finding is about.
type area string

const (
	areaRadio area = "radio"
	areaNode  area = "node"
)

type findingJSON struct {
	V       int    `json:"v"`
	Type    string `json:"type"`
	Area    area   `json:"area"`
	Name    string `json:"name"`
	Level   level  `json:"level"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// doctor is one examination.
type doctor struct {
	*cli.Call
	dir  datadir.Dir
	now  func() time.Time
	bad  []findingJSON
	good int
	warn int
	// paired says that the radios looked at are two ears of one box.
	paired bool
	// stranger says that a daemon of another version holds the directory.
	stranger bool
}

// finding is what a look came to; tell adds the area.
type finding struct {
	name    string
	level   level
	message string
	hint    string
}

func ok(name, format string, args ...any) finding {
	return finding{name: name, level: levelOK, message: fmt.Sprintf(format, args...)}
}

// failed is the finding that an error makes.
func failed(name string, err error) finding {
	e := api.Describe(err)
	return finding{name: name, level: levelBad, message: e.Message, hint: e.Hint}
}

func (d *doctor) tell(a area, list ...finding) error {
	for _, f := range list {
		j := findingJSON{V: 1, Type: "finding", Area: a, Name: f.name, Level: f.level, Message: text.Sentence(f.message), Hint: text.Sentence(f.hint)}
		switch f.level {
		case levelBad:
			d.bad = append(d.bad, j)
		case levelWarn:
			d.warn++
		default:
			d.good++
		}
		if err := d.Answer(j, func(w io.Writer) { printFinding(w, j, d.Color) }); err != nil {
			return err
		}
	}
	return nil
}

func printFinding(w io.Writer, f findingJSON, color bool) {
	word := fmt.Sprintf("%-4s", f.Level)
	if color {
		word = levelPaint(f.Level)(word)
	}
	_, _ = fmt.Fprintf(w, "%s  %-5s  %-12s  %s\n", word, f.Area, f.Name, f.Message)
	if f.Hint != "" {
		_, _ = fmt.Fprintf(w, "%27s%s\n", "-> ", f.Hint)
	}
}

// levelPaint colours the word for a level.
func levelPaint(l level) func(string) string {
	colour := map[level]lipgloss.Style{
		levelOK:   lipgloss.NewStyle().Foreground(lipgloss.Green),
		levelWarn: lipgloss.NewStyle().Foreground(lipgloss.Yellow),
		levelBad:  lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true),
	}[l]
	return func(s string) string { return colour.Render(s) }
}
