package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/paybeacon/paybeacon/pay"
)

func commands(ctx context.Context, io stdio) []*cli.Command {
	return []*cli.Command{
		demoCommand(ctx, io),
		serveCommand(ctx, io),
		adminCommand(ctx, io),
		scanCommand(ctx, io,
			radiosCommand(ctx, io),
			watchCommand(ctx, io),
			calibrateCommand(ctx, io),
			recordCommand(ctx, io),
		),
		tillCommand(ctx, io),
		walletCommand(ctx, io),
		beaconCommand(ctx, io),
		receiptCommand(ctx, io),
		waitCommand(ctx, io),
		eventsCommand(ctx, io),
		doctorCommand(ctx, io),
		benchCommand(ctx, io),
		newLeaf(ctx, io, leaf{name: "completion", usage: "print a completion script for your shell", args: []string{"bash|zsh|fish"}, noJSON: true, run: completion}),
		newLeaf(ctx, io, leaf{name: "man", usage: "print the manual page", noJSON: true, run: manual}),
		newLeaf(ctx, io, leaf{name: "version", usage: "print the version", run: version}),
		newLeaf(ctx, io, leaf{name: "help", usage: "help on a command, or on exit-codes", args: []string{"COMMAND..."}, noJSON: true, run: help}),
	}
}

type versionJSON struct {
	V       int    `json:"v"`
	Type    string `json:"type"`
	Version string `json:"version"`
	Go      string `json:"go"`
	System  string `json:"system"`
	Data    int    `json:"data_format"`
}

func version(c *call) error {
	v := versionJSON{V: 1, Type: "version", Version: "devel", Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, Data: formatVersion}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		v.Version = info.Main.Version
	}
	return c.answer(v, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "paybeacon %s (%s, %s, data format %d)\n", v.Version, v.Go, v.System, v.Data)
	})
}

func help(c *call) error {
	words := c.flags.Args().Slice()
	if slices.Equal(words, []string{"exit-codes"}) {
		_, err := io.WriteString(c.out, exitTable)
		return err
	}
	at := c.flags.App.Commands
	for i, word := range words {
		k := slices.IndexFunc(at, func(cmd *cli.Command) bool { return cmd.Name == word })
		if k < 0 {
			return pay.NewError(pay.CodeNotFound, fmt.Sprintf("there is no command %q", printable(strings.Join(words[:i+1], " "))), "`paybeacon help` lists them")
		}
		at = at[k].Subcommands
	}
	return newApp(c.stdio, commands(c.ctx, c.stdio)).RunContext(c.ctx, append(append([]string{"paybeacon"}, words...), "--help"))
}

func completion(c *call) error {
	shell := c.flags.Args().First()
	var script string
	switch shell {
	case "bash":
		script = bashCompletion
	case "zsh":
		script = zshCompletion
	case "fish":
		var err error
		if script, err = c.flags.App.ToFishCompletion(); err != nil {
			return fmt.Errorf("make completion: %w", err)
		}
	default:
		return pay.NewError(pay.CodeUsage, "name the shell: bash, zsh or fish", "for example: paybeacon completion bash > /etc/bash_completion.d/paybeacon")
	}
	_, err := io.WriteString(c.out, script)
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

func manual(c *call) error {
	page, err := c.flags.App.ToManWithSection(1)
	if err != nil {
		return fmt.Errorf("make manual page: %w", err)
	}
	_, err = io.WriteString(c.out, page)
	return err
}
