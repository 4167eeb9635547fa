package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	urfave "github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// Stdio is where a command reads and writes. Tests give buffers.
type Stdio struct {
	In       io.Reader
	Out, Err io.Writer
}

// Leaf is one command that does something. NewLeaf gives every one of them the
// common flags, the guard against swallowed flags and the line about exit
// codes, so that none can forget.
type Leaf struct {
	Name  string
	Usage string   // in one line
	Long  string   // more, for --help
	Args  []string // names of the positional arguments; a last "NAME..." takes many
	Flags []urfave.Flag
	// NoJSON marks the three leaves whose answer is text by nature.
	NoJSON bool
	// Sub are commands below this one (scan enrol).
	Sub []*urfave.Command
	Run func(c *Call) error
	// Daemon, of a command that runs one, are its words behind "paybeacon": it takes
	// --config, and what its flags are not given stands in that file. CheckFlags returns
	// why it would not start with its flags, without starting it.
	Daemon     string
	CheckFlags func(c *Call) error
}

// Call is one use of a leaf: its context, its flags and where it reads and writes.
type Call struct {
	Ctx   context.Context
	Flags *urfave.Context
	Stdio
	JSON  bool // answers are objects
	Color bool // answers in words may be coloured

	settings configured
}

// Run runs the program that a tree of commands makes, with the given arguments, and
// returns its exit status.
func Run(ctx context.Context, args []string, io Stdio, tree []*urfave.Command) int {
	out := outputOf(io.Out)
	io.Out = out
	err := checkLater(args, tree)
	if err == nil {
		err = checkArgs(args, tree)
	}
	if err == nil {
		app := NewApp(io, tree)
		if slices.Contains(args, "--generate-bash-completion") {
			app.Writer = out // a shell reads these lines whole
		}
		err = app.RunContext(ctx, args)
	}
	return int(Report(io.Err, out.result(err), wantsJSON(args)))
}

// wantsJSON looks for --json before flags are parsed, so that an error in the
// flags is told in JSON too.
func wantsJSON(args []string) bool {
	return slices.ContainsFunc(args, func(a string) bool { return a == "--json" || a == "-json" || a == "--json=true" })
}

// NewApp returns the program that a tree of commands makes.
func NewApp(io Stdio, tree []*urfave.Command) *urfave.App {
	return &urfave.App{
		Name:                 "paybeacon",
		Usage:                "hands-free payment for closed loops",
		Description:          "Try `paybeacon demo`. Exit codes: `paybeacon help exit-codes`.",
		HideVersion:          true,
		EnableBashCompletion: true,
		// The library adds --help only where the help command is its own.
		Flags:           []urfave.Flag{urfave.HelpFlag},
		HideHelpCommand: true,
		Writer:          newHelpWriter(io.Out),
		ErrWriter:       io.Err,
		// One switch in report decides the exit status; the library would call
		// os.Exit from within Run.
		ExitErrHandler: func(*urfave.Context, error) {},
		OnUsageError:   usageError,
		Action:         noSuchCommand,
		Commands:       tree,
	}
}

func usageError(c *urfave.Context, err error, _ bool) error {
	hint := "add --help to the command to see its flags"
	if atRoot(c) {
		hint = "flags stand behind the command, as in `paybeacon till list --json`"
	}
	return pay.NewError(pay.CodeUsage, err.Error(), hint)
}

// atRoot reports whether the words so far name no command at all.
func atRoot(c *urfave.Context) bool {
	return c.Command == nil || c.Command.Name == "" || c.Command.Name == "paybeacon"
}

// noSuchCommand is the action of every command that only groups others.
func noSuchCommand(c *urfave.Context) error {
	if !c.Args().Present() {
		if atRoot(c) {
			return urfave.ShowAppHelp(c)
		}
		return urfave.ShowSubcommandHelp(c)
	}
	before := ""
	if !atRoot(c) {
		before = c.Command.Name + " "
	}
	return pay.NewError(pay.CodeUsage, fmt.Sprintf("there is no command %q", before+text.Printable(c.Args().First())),
		fmt.Sprintf("`paybeacon %s--help` lists them", before))
}

// Group returns a command that only holds others.
func Group(name, usage string, sub ...*urfave.Command) *urfave.Command {
	return &urfave.Command{
		Name: name, Usage: usage, Subcommands: sub, HideHelpCommand: true,
		OnUsageError: usageError, Action: noSuchCommand,
	}
}

// NewLeaf returns a command that does something. It has the flags --json, unless its
// answer is text by nature, and --no-color, and runs only with flags and arguments
// that it knows.
func NewLeaf(ctx context.Context, io Stdio, l Leaf) *urfave.Command {
	flags := l.flags()
	for _, f := range flags {
		if b, ok := f.(*urfave.BoolFlag); ok {
			b.DisableDefaultText = true // a switch is off by default; saying so on every line hides the rest
		}
	}
	return &urfave.Command{
		Name: l.Name, Usage: l.Usage, ArgsUsage: strings.Join(l.Args, " "),
		Description:     strings.TrimSpace(filled(l.Long) + "\n\nExit codes: `paybeacon help exit-codes`."),
		Flags:           flags,
		Subcommands:     l.Sub,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Action: func(c *urfave.Context) error {
			if err := guard(c, l); err != nil {
				return err
			}
			var s configured
			if l.Daemon != "" {
				var err error
				if s, err = configure(c, l.Daemon, flags); err != nil {
					return err
				}
			}
			if err := checkTilde("data", c.String("data")); err != nil {
				return err // from the environment
			}
			called := io
			called.Out = outputOf(c.App.Writer) // the one that Run looks at in the end
			return s.blame(l.Run(&Call{
				Ctx: ctx, Flags: c, Stdio: called, JSON: c.Bool("json"), settings: s,
				Color: !c.Bool("no-color") && os.Getenv("NO_COLOR") == "" && IsTerminal(io.Out),
			}))
		},
	}
}

// flags are the flags of a leaf, with those that every leaf and every daemon has.
func (l Leaf) flags() []urfave.Flag {
	flags := slices.Clone(l.Flags)
	if l.Daemon != "" {
		flags = append(flags, ConfigFlag())
	}
	if !l.NoJSON {
		flags = append(flags, &urfave.BoolFlag{Name: "json", Usage: "answer in JSON, one object a line"})
	}
	return append(flags, &urfave.BoolFlag{Name: "no-color", Usage: "never colour the answer"})
}

// guard refuses what the flag parser would drop without a word: flags after the
// first argument, arguments that no name waits for, flags of a parent command.
func guard(c *urfave.Context, l Leaf) error {
	for _, parent := range c.Lineage()[1:] {
		if parent.Command != nil && parent.NumFlags() > 0 {
			return pay.NewError(pay.CodeUsage, fmt.Sprintf("flags stand before %q", l.Name), "put all flags behind the last word of the command")
		}
	}
	args := c.Args().Slice()
	for _, a := range args {
		if strings.HasPrefix(a, "-") && a != "-" {
			return pay.NewError(pay.CodeUsage, fmt.Sprintf("flag %q stands behind an argument", text.Printable(a)), "put all flags before the first argument")
		}
	}
	most := len(l.Args)
	if most > 0 && strings.HasSuffix(l.Args[most-1], "...") {
		return nil
	}
	if len(args) > most {
		return pay.NewError(pay.CodeUsage, fmt.Sprintf("argument %q is one too many", text.Printable(args[most])), "add --help to the command to see what it takes")
	}
	return nil
}

// Answer prints v as one line of JSON, or calls plain to print it for people. It
// returns an error when not all of it could be written; Run then names what was done.
func (c *Call) Answer(v any, plain func(w io.Writer)) error {
	return c.write(v, func(w io.Writer) error {
		if c.JSON {
			return printJSON(w, v)
		}
		folded(c, w, plain)
		return nil
	})
}

// AnswerExactly is Answer in a form of its own, such as CSV: it is written as it is,
// whatever the terminal's width.
func (c *Call) AnswerExactly(v any, exact func(w io.Writer)) error {
	return c.write(v, func(w io.Writer) error {
		exact(w)
		return nil
	})
}

// folded has plain print for people, within the width of a terminal.
func folded(c *Call, w io.Writer, plain func(w io.Writer)) {
	columns := Columns(c.Out)
	if columns == 0 {
		plain(w)
		return
	}
	var b strings.Builder
	plain(&b)
	_, _ = io.WriteString(w, Fold(b.String(), columns))
}

// printJSON writes v to w as one line: what Object returns of it, where it has that.
func printJSON(w io.Writer, v any) error {
	if o, ok := v.(interface{ Object() any }); ok {
		v = o.Object()
	}
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return nil
}

// PrintJSON writes v to w as one line of JSON. It returns an error when not all of it
// could be written.
func PrintJSON(w io.Writer, v any) error {
	if err := printJSON(w, v); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}

// AnswerList prints one object a line, or calls plain. It returns an error when not
// all of it could be written.
func AnswerList[T any](c *Call, items []T, plain func(w io.Writer)) error {
	return c.write(nil, func(w io.Writer) error {
		if !c.JSON {
			folded(c, w, plain)
			return nil
		}
		for _, item := range items {
			if err := printJSON(w, item); err != nil {
				return err
			}
		}
		return nil
	})
}

// IsTerminal reports whether w has rows and columns: /dev/null is a device too.
func IsTerminal(w io.Writer) bool { return Columns(w) > 0 }

// columnsDefault is how wide a terminal is taken to be that does not say so. Chosen: as
// wide as terminals were when they could not.
const columnsDefault = 80

// Columns returns how many columns w has, 0 for what is no terminal.
func Columns(w io.Writer) int {
	f, ok := Device(w).(*os.File)
	if !ok {
		return 0
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return 0
	}
	columns := 0
	err = raw.Control(func(fd uintptr) {
		if size, err := unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ); err == nil {
			columns = cmp.Or(int(size.Col), columnsDefault)
		}
	})
	if err != nil {
		return 0
	}
	return columns
}
