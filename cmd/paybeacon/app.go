package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/paybeacon/paybeacon/pay"
)

// stdio is where a command reads and writes. Tests give buffers.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// leaf is one command that does something. newLeaf gives every one of them the
// common flags, the guard against swallowed flags and the line about exit
// codes, so that none can forget.
type leaf struct {
	name  string
	usage string
	long  string
	args  []string // names of the positional arguments; a last "NAME..." takes many
	flags []cli.Flag
	// noJSON marks the three leaves whose answer is text by nature.
	noJSON bool
	// sub are commands below this one (scan enrol).
	sub []*cli.Command
	run func(c *call) error
}

// call is one use of a leaf: its context, its flags and where it talks.
type call struct {
	ctx   context.Context
	flags *cli.Context
	stdio
	json  bool
	color bool
}

// run runs the program that a tree of commands makes, with the given arguments, and
// returns its exit status.
func run(ctx context.Context, args []string, io stdio, tree []*cli.Command) int {
	err := newApp(io, tree).RunContext(ctx, args)
	return int(report(io.err, err, wantsJSON(args)))
}

// wantsJSON looks for --json before flags are parsed, so that an error in the
// flags is told in JSON too.
func wantsJSON(args []string) bool {
	return slices.ContainsFunc(args, func(a string) bool { return a == "--json" || a == "-json" || a == "--json=true" })
}

// newApp returns the program that a tree of commands makes.
func newApp(io stdio, tree []*cli.Command) *cli.App {
	return &cli.App{
		Name:                 "paybeacon",
		Usage:                "hands-free payment for closed loops",
		Description:          "Try `paybeacon demo`. Exit codes: `paybeacon help exit-codes`.",
		HideVersion:          true,
		EnableBashCompletion: true,
		// The library adds --help only where the help command is its own.
		Flags:           []cli.Flag{cli.HelpFlag},
		HideHelpCommand: true,
		Writer:          io.out,
		ErrWriter:       io.err,
		// One switch in report decides the exit status; the library would call
		// os.Exit from within Run.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   usageError,
		Action:         noSuchCommand,
		Commands:       tree,
	}
}

func usageError(c *cli.Context, err error, _ bool) error {
	hint := "add --help to the command to see its flags"
	if atRoot(c) {
		hint = "flags stand behind the command, as in `paybeacon till list --json`"
	}
	return pay.NewError(pay.CodeUsage, err.Error(), hint)
}

// atRoot says that the words so far name no command at all.
func atRoot(c *cli.Context) bool {
	return c.Command == nil || c.Command.Name == "" || c.Command.Name == "paybeacon"
}

// noSuchCommand is the action of every command that only groups others.
func noSuchCommand(c *cli.Context) error {
	if !c.Args().Present() {
		if atRoot(c) {
			return cli.ShowAppHelp(c)
		}
		return cli.ShowSubcommandHelp(c)
	}
	before := ""
	if !atRoot(c) {
		before = c.Command.Name + " "
	}
	return pay.NewError(pay.CodeUsage, fmt.Sprintf("there is no command %q", before+printable(c.Args().First())),
		fmt.Sprintf("`paybeacon %s--help` lists them", before))
}

// group returns a command that only holds others.
func group(name, usage string, sub ...*cli.Command) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, Subcommands: sub, HideHelpCommand: true,
		OnUsageError: usageError, Action: noSuchCommand,
	}
}

func newLeaf(ctx context.Context, io stdio, l leaf) *cli.Command {
	flags := slices.Clone(l.flags)
	if !l.noJSON {
		flags = append(flags, &cli.BoolFlag{Name: "json", Usage: "answer in JSON, one object a line"})
	}
	flags = append(flags, &cli.BoolFlag{Name: "no-color", Usage: "never colour the answer"})
	for _, f := range flags {
		if b, ok := f.(*cli.BoolFlag); ok {
			b.DisableDefaultText = true // a switch is off by default; saying so on every line hides the rest
		}
	}
	return &cli.Command{
		Name: l.name, Usage: l.usage, ArgsUsage: strings.Join(l.args, " "),
		Description:     strings.TrimSpace(l.long + "\n\nExit codes: `paybeacon help exit-codes`."),
		Flags:           flags,
		Subcommands:     l.sub,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Action: func(c *cli.Context) error {
			if err := guard(c, l); err != nil {
				return err
			}
			return l.run(&call{
				ctx: ctx, flags: c, stdio: io, json: c.Bool("json"),
				color: !c.Bool("no-color") && os.Getenv("NO_COLOR") == "" && isTerminal(io.out),
			})
		},
	}
}

// guard refuses what the flag parser would drop without a word: flags after the
// first argument, arguments that no name waits for, flags of a parent command.
func guard(c *cli.Context, l leaf) error {
	for _, parent := range c.Lineage()[1:] {
		if parent.Command != nil && parent.NumFlags() > 0 {
			return pay.NewError(pay.CodeUsage, fmt.Sprintf("flags stand before %q", l.name), "put all flags behind the last word of the command")
		}
	}
	args := c.Args().Slice()
	for _, a := range args {
		if strings.HasPrefix(a, "-") && a != "-" {
			return pay.NewError(pay.CodeUsage, fmt.Sprintf("flag %q stands behind an argument", printable(a)), "put all flags before the first argument")
		}
	}
	most := len(l.args)
	if most > 0 && strings.HasSuffix(l.args[most-1], "...") {
		return nil
	}
	if len(args) > most {
		return pay.NewError(pay.CodeUsage, fmt.Sprintf("argument %q is one too many", printable(args[most])), "add --help to the command to see what it takes")
	}
	return nil
}

// answer prints v as one line of JSON, or calls plain to print it for people.
func (c *call) answer(v any, plain func(w io.Writer)) error {
	if c.json {
		return printJSON(c.out, v)
	}
	plain(c.out)
	return nil
}

func printJSON(w io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	if _, err := fmt.Fprintf(w, "%s\n", line); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}

// answerList prints one object a line, or calls plain.
func answerList[T any](c *call, items []T, plain func(w io.Writer)) error {
	if !c.json {
		plain(c.out)
		return nil
	}
	for _, item := range items {
		if err := printJSON(c.out, item); err != nil {
			return err
		}
	}
	return nil
}

// isTerminal says whether w has rows and columns: /dev/null is a device too.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	terminal := false
	err = raw.Control(func(fd uintptr) {
		_, err := unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ)
		terminal = err == nil
	})
	return err == nil && terminal
}
