package demo

import (
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/pay"
)

// teller prints the story of a demo for a person to watch. With --json it says
// one object a line instead.
type teller struct {
	out     io.Writer
	json    bool
	color   bool
	started time.Time
	act     int
	checks  []api.CheckItem
}

func newTeller(c *cli.Call) *teller {
	return &teller{out: c.Out, json: c.JSON, color: c.Color, started: time.Now()}
}

func (t *teller) paint(code, s string) string {
	if !t.color {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (t *teller) bold(s string) string  { return t.paint("1", s) }
func (t *teller) dim(s string) string   { return t.paint("2", s) }
func (t *teller) green(s string) string { return t.paint("32", s) }
func (t *teller) red(s string) string   { return t.paint("31", s) }

func (t *teller) title(name, what string) {
	if t.json {
		return
	}
	_, _ = fmt.Fprintf(t.out, "\n%s  %s\n%s\n", t.bold("paybeacon "+name), what, t.dim("TEST: play money, simulated air; everything else is real"))
}

// scene begins a new act.
func (t *teller) scene(title string) {
	t.act++
	if t.json {
		_ = cli.PrintJSON(t.out, api.Scene{V: 1, Type: "scene", Act: t.act, Said: title})
		return
	}
	_, _ = fmt.Fprintf(t.out, "\n%s %s %s\n", t.bold(fmt.Sprintf("%d", t.act)), t.bold(title),
		t.dim(fmt.Sprintf("%*.1f s", max(0, 66-len(title)), time.Since(t.started).Seconds())))
}

// say is one line of the story.
func (t *teller) say(who, format string, args ...any) {
	said := fmt.Sprintf(format, args...)
	if t.json {
		_ = cli.PrintJSON(t.out, api.Scene{V: 1, Type: "scene", Act: t.act, Who: who, Said: said})
		return
	}
	_, _ = fmt.Fprintf(t.out, "  %s  %s\n", t.dim(fmt.Sprintf("%-9s", who)), said)
}

// stopped tells what became of an attempt: the machine's own word for it, which
// has to be want, and what that means. It is a line of the story that stands
// out.
func (t *teller) stopped(word, want, why string) {
	who, paint := "stopped", t.green
	if word != want {
		who, paint, why = "NOT SO", t.red, "it had to be "+want
	}
	if t.json {
		_ = cli.PrintJSON(t.out, api.Scene{V: 1, Type: "scene", Act: t.act, Who: strings.ToLower(who), Said: why, Word: word})
		return
	}
	_, _ = fmt.Fprintf(t.out, "  %s  %s: %s\n", paint(fmt.Sprintf("%-9s", who)), t.bold(word), why)
}

// check notes one thing that must hold in the end.
func (t *teller) check(name string, ok bool, format string, args ...any) {
	t.checks = append(t.checks, api.CheckItem{Name: name, OK: ok, Said: fmt.Sprintf(format, args...)})
}

// verdict prints the check block and fails quietly unless all of it holds.
func (t *teller) verdict() error {
	var failed error
	for _, c := range t.checks {
		if !c.OK {
			failed = cli.QuietError{Exit: pay.ExitFailed}
		}
	}
	if t.json {
		_ = cli.PrintJSON(t.out, api.Check{V: 1, Type: "check", OK: failed == nil, Checks: t.checks})
		return failed
	}
	_, _ = fmt.Fprintf(t.out, "\n%s\n", t.bold("Checks"))
	for _, c := range t.checks {
		mark := t.green("ok  ")
		if !c.OK {
			mark = t.red("FAIL")
		}
		_, _ = fmt.Fprintf(t.out, "  %s  %-34s %s\n", mark, c.Name, t.dim(c.Said))
	}
	end := t.green("All is well")
	if failed != nil {
		end = t.red("Something is wrong")
	}
	_, _ = fmt.Fprintf(t.out, "\n%s after %.1f s.\n", end, time.Since(t.started).Seconds())
	return failed
}

// invite tells what can be tried while everything keeps running: who says who
// is there to try it with.
func (t *teller) invite(s *stage.Stage, who string, commands []string) {
	if t.json {
		return
	}
	lines := append([]string{"cd " + s.Dir}, commands...)
	if _, err := exec.LookPath("paybeacon"); err != nil {
		lines = slices.Insert(lines, 0, fmt.Sprintf("export PATH=%q", filepath.Dir(s.Exe)+":$PATH"))
	}
	_, _ = fmt.Fprintf(t.out, "\n%s and everything keeps running; Ctrl-C ends it.\nTry in another terminal:\n  %s\n",
		who, strings.Join(lines, "\n  "))
}
