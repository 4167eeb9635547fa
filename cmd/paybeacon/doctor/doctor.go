package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// doctor looks at a radio and at a node and says what it found, one finding
// after another, each with what to do about it. It repairs nothing.

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

// doctorJSON is the last line.
type doctorJSON struct {
	V    int    `json:"v"`
	Type string `json:"type"`
	OK   bool   `json:"ok"` // nothing is bad
	Good int    `json:"good"`
	Warn int    `json:"warn"`
	Bad  int    `json:"bad"`
}

func Command(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "doctor", Usage: "look at the radio and the node, and say what is wrong and what to do",
		Long: "With --radio it looks at that radio, with --data at that node and at the radio that its daemon\n" +
			"uses, with neither at this machine's Bluetooth. It changes nothing. Exit code: 0 if nothing is\n" +
			"bad, 11 if only the radio is, else 1.",
		Flags: []cli.Flag{cli.DataFlag(), cli.RadioFlag("look at")},
		Run:   runDoctor,
	})
}

// doctor is one examination.
type doctor struct {
	*cli.Call
	dir  node.Dir
	now  func() time.Time
	bad  []findingJSON
	good int
	warn int
	// stranger says that a daemon of another version holds the directory.
	stranger bool
}

func runDoctor(c *cli.Call) error {
	d := &doctor{Call: c}
	var err error
	if d.now, err = node.ProcessClock(); err != nil {
		return err
	}
	d.dir = node.Dir(c.Data())
	var spec node.RadioSpec
	if c.Flags.IsSet("radio") {
		if spec, err = node.ParseRadio(c.Flags.String("radio")); err != nil {
			return err
		}
	}
	h, running, err := d.askHealth()
	if err != nil {
		return err
	}
	switch {
	case spec.Kind != "":
		err = d.lookAtRadio(spec, h)
	case running && h.Spec != "":
		if spec, err = node.ParseRadio(h.Spec); err == nil {
			err = d.lookAtRadio(spec, h)
		}
	case d.dir == "":
		err = d.lookAtRadio(node.RadioSpec{Kind: node.RadioBlueZ}, h)
	}
	if err != nil {
		return err
	}
	if d.dir != "" {
		if err := d.lookAtNode(h, running); err != nil {
			return err
		}
	}
	return d.conclude()
}

// askHealth asks the daemon of --data how it is, if there is one.
func (d *doctor) askHealth() (h api.Health, running bool, err error) {
	if d.dir == "" {
		return h, false, nil
	}
	reply, err := node.AskDaemon(d.Ctx, d.dir, api.VerbHealth, api.Nothing{})
	if errors.Is(err, api.ErrNoDaemon) {
		return h, false, nil
	}
	if pay.CodeOf(err) == pay.CodeNotAllowed { // every daemon of this version knows the question
		d.stranger = true
		return h, false, nil
	}
	if err != nil {
		return h, false, err
	}
	return reply.Value, true, nil
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

// conclude prints the last line and turns what is bad into the exit status.
func (d *doctor) conclude() error {
	sum := doctorJSON{V: 1, Type: "doctor", OK: len(d.bad) == 0, Good: d.good, Warn: d.warn, Bad: len(d.bad)}
	if err := d.Answer(sum, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%d good, %d to look at, %d bad\n", sum.Good, sum.Warn, sum.Bad)
	}); err != nil {
		return err
	}
	if sum.OK {
		return nil
	}
	code, worst := pay.CodeRadio, d.bad[0]
	for _, f := range d.bad {
		if f.Area != areaRadio {
			code, worst = pay.CodeFailed, f
			break
		}
	}
	return pay.NewError(code, fmt.Sprintf("%s: %s", worst.Name, worst.Message), worst.Hint)
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
