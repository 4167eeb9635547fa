package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/bench"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/demo"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/doctor"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/face"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/survey"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// branch is a command of the program with all below it.
type branch struct {
	name string
	make func(ctx context.Context, io cli.Stdio) *cli.Command
}

func branches() []branch {
	leaf := func(l cli.Leaf) branch {
		return branch{l.Name, func(ctx context.Context, io cli.Stdio) *cli.Command { return cli.NewLeaf(ctx, io, l) }}
	}
	return []branch{
		{"demo", demo.Command},
		{"serve", face.ServeCommand},
		{"admin", face.AdminCommand},
		{"scan", func(ctx context.Context, io cli.Stdio) *cli.Command {
			return face.ScanCommand(ctx, io,
				survey.RadiosCommand(ctx, io),
				survey.WatchCommand(ctx, io),
				survey.CalibrateCommand(ctx, io),
				survey.RecordCommand(ctx, io),
			)
		}},
		{"till", face.TillCommand},
		{"pump", face.PumpCommand},
		{"wallet", face.WalletCommand},
		{"beacon", face.BeaconCommand},
		{"receipt", face.ReceiptCommand},
		{"wait", face.WaitCommand},
		{"events", face.EventsCommand},
		{"doctor", doctor.Command},
		{"config", face.ConfigCommand},
		{"bench", bench.Command},
		leaf(cli.Leaf{Name: "completion", Usage: "print a completion script for your shell", Args: []string{"bash|zsh|fish"}, NoJSON: true, Run: completion}),
		leaf(cli.Leaf{Name: "man", Usage: "print the manual page", NoJSON: true, Run: manual}),
		leaf(cli.Leaf{Name: "version", Usage: "print the version", Run: version}),
		leaf(cli.Leaf{Name: "help", Usage: "help on a command, or on exit-codes", Args: []string{"COMMAND..."}, NoJSON: true, Run: help}),
	}
}

func commands(ctx context.Context, io cli.Stdio) []*cli.Command {
	var tree []*cli.Command
	for _, b := range branches() {
		tree = append(tree, b.make(ctx, io))
	}
	return tree
}

// commandsFor returns the tree of commands as far as the arguments of the program need
// it: a till's script starts the program for each payment.
func commandsFor(ctx context.Context, io cli.Stdio, args []string) []*cli.Command {
	for _, b := range branches() {
		if len(args) > 1 && args[1] == b.name && !slices.Contains([]string{"help", "completion", "man"}, b.name) {
			return []*cli.Command{b.make(ctx, io)}
		}
	}
	return commands(ctx, io)
}

type versionJSON struct {
	V       int    `json:"v"`
	Type    string `json:"type"`
	Version string `json:"version"`
	Go      string `json:"go"`
	System  string `json:"system"`
	Data    int    `json:"data_format"`
}

func version(c *cli.Call) error {
	v := versionJSON{V: 1, Type: "version", Version: "devel", Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, Data: datadir.FormatVersion}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		v.Version = info.Main.Version
	}
	return c.Answer(v, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "paybeacon %s (%s, %s, data format %d)\n", v.Version, v.Go, v.System, v.Data)
	})
}

func help(c *cli.Call) error {
	words := c.Flags.Args().Slice()
	if slices.Equal(words, []string{"exit-codes"}) {
		_, err := io.WriteString(c.Out, cli.ExitTable)
		return err
	}
	at := c.Flags.App.Commands
	for i, word := range words {
		k := slices.IndexFunc(at, func(cmd *cli.Command) bool { return cmd.Name == word })
		if k < 0 {
			return pay.NewError(pay.CodeNotFound, fmt.Sprintf("there is no command %q", text.Printable(strings.Join(words[:i+1], " "))), "`paybeacon help` lists them")
		}
		at = at[k].Subcommands
	}
	return cli.NewApp(c.Stdio, commands(c.Ctx, c.Stdio)).RunContext(c.Ctx, append(append([]string{"paybeacon"}, words...), "--help"))
}

func completion(c *cli.Call) error {
	shell := c.Flags.Args().First()
	var script string
	switch shell {
	case "bash":
		script = bashCompletion
	case "zsh":
		script = zshCompletion
	case "fish":
		var err error
		if script, err = c.Flags.App.ToFishCompletion(); err != nil {
			return fmt.Errorf("make completion: %w", err)
		}
	default:
		return pay.NewError(pay.CodeUsage, "name the shell: bash, zsh or fish", "for example: paybeacon completion bash > /etc/bash_completion.d/paybeacon")
	}
	_, err := io.WriteString(c.Out, script)
	return err
}

const bashCompletion = `_paybeacon() {
  local word="${COMP_WORDS[COMP_CWORD]}"
  local line=("${COMP_WORDS[@]:0:$COMP_CWORD}")
  if [[ "$word" == -* ]]; then line+=("-"); fi
  local IFS=$'\n'
  COMPREPLY=($(compgen -W "$("${line[@]}" --generate-bash-completion 2>/dev/null)" -- "$word"))
}
complete -o default -F _paybeacon paybeacon
`

const zshCompletion = `#compdef paybeacon
_paybeacon() {
  local -a found
  local word="${words[-1]}"
  if [[ "$word" == -* ]]; then
    found=("${(@f)$(${words[@]:0:#words[@]-1} - --generate-bash-completion 2>/dev/null)}")
  else
    found=("${(@f)$(${words[@]:0:#words[@]-1} --generate-bash-completion 2>/dev/null)}")
  fi
  if [[ -n "${found[1]}" ]]; then _describe 'paybeacon' found; else _files; fi
}
compdef _paybeacon paybeacon
`

func manual(c *cli.Call) error {
	page, err := c.Flags.App.ToManWithSection(1)
	if err != nil {
		return fmt.Errorf("make manual page: %w", err)
	}
	_, err = io.WriteString(c.Out, page)
	return err
}
