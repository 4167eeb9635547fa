package main

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/pay"
)

// oneApp lets one program at a time run in this process: the library keeps the
// help flag in a variable of its own.
var oneApp sync.Mutex

// runMain runs the program in this process and returns what it said.
func runMain(t *testing.T, args ...string) (exit int, stdout, stderr string) {
	t.Helper()
	oneApp.Lock()
	defer oneApp.Unlock()
	var out, errs bytes.Buffer
	io := cli.Stdio{In: strings.NewReader(""), Out: &out, Err: &errs}
	exit = cli.Run(t.Context(), append([]string{"paybeacon"}, args...), io, commands(t.Context(), io))
	return exit, out.String(), errs.String()
}

// leaves walks the command tree and calls fn for each command that does
// something.
func leaves(path []string, cmds []*cli.Command, fn func(path []string, c *cli.Command)) {
	for _, c := range cmds {
		at := append(path[:len(path):len(path)], c.Name)
		if c.Flags != nil {
			fn(at, c)
		}
		leaves(at, c.Subcommands, fn)
	}
}

// TestEveryLeafKeepsTheContract fails on a command without --json or without
// the guard against swallowed flags and arguments.
func TestEveryLeafKeepsTheContract(t *testing.T) {
	t.Parallel()
	count := 0
	leaves(nil, commands(context.Background(), cli.Stdio{}), func(path []string, c *cli.Command) {
		count++
		name := strings.Join(path, " ")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := slices.Contains([]string{"completion", "man", "help"}, name)
			if hasFlag(c, "json") == text {
				t.Errorf("--json: have %v, want %v", hasFlag(c, "json"), !text)
			}
			for _, f := range c.Flags {
				if r, ok := f.(cli.RequiredFlag); ok && r.IsRequired() {
					t.Errorf("%v is a required flag: the library prints help to stdout for it", f.Names())
				}
			}
			// A flag behind an argument, and a flag nobody knows.
			for _, tail := range [][]string{{"word", "--data", "x"}, {"--no-such-flag"}} {
				if c.SkipFlagParsing {
					t.Error("flag parsing is skipped")
				}
				exit, stdout, stderr := runMain(t, append(path[:len(path):len(path)], tail...)...)
				if exit != int(pay.ExitUsage) || stdout != "" || stderr == "" {
					t.Errorf("%v: exit %d, stdout %q, stderr %q; want exit 64 and only talk", tail, exit, stdout, stderr)
				}
			}
			if !takesMany(c) {
				words := strings.Fields(strings.Repeat("word ", len(strings.Fields(c.ArgsUsage))+1))
				exit, stdout, _ := runMain(t, append(path[:len(path):len(path)], words...)...)
				if exit != int(pay.ExitUsage) || stdout != "" {
					t.Errorf("one argument too many: exit %d, stdout %q; want exit 64", exit, stdout)
				}
			}
		})
	})
	if count < 36 {
		t.Errorf("the walk found %d leaves only", count)
	}
}

func hasFlag(c *cli.Command, name string) bool {
	return slices.ContainsFunc(c.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
}

func takesMany(c *cli.Command) bool { return strings.HasSuffix(c.ArgsUsage, "...") }

// TestUsageErrorsInJSON shows that an error in the flags themselves is an
// error object too.
func TestUsageErrorsInJSON(t *testing.T) {
	t.Parallel()
	exit, stdout, stderr := runMain(t, "till", "charge", "--json", "--amout", "3")
	var e api.Problem
	if err := json.Unmarshal([]byte(stderr), &e); err != nil {
		t.Fatalf("stderr %q: %v", stderr, err)
	}
	if exit != 64 || stdout != "" || e.Code != pay.CodeUsage || e.Exit != 64 || e.Hint == "" {
		t.Errorf("exit %d, stdout %q, error %+v", exit, stdout, e)
	}
}

func TestHelpNamesEveryExitCode(t *testing.T) {
	t.Parallel()
	exit, stdout, _ := runMain(t, "help", "exit-codes")
	if exit != 0 {
		t.Fatalf("exit %d", exit)
	}
	for _, code := range []string{"0", "1", "3", "4", "5", "6", "7", "8", "10", "11", "12", "64", "78", "124"} {
		if !strings.Contains(stdout, " "+code+"  ") {
			t.Errorf("exit code %s is missing from %q", code, stdout)
		}
	}
}

// The program makes the branch of the tree that is asked for, and the whole tree where
// somebody looks at all of it.
func TestBranchesHaveTheNamesOfTheirCommands(t *testing.T) {
	t.Parallel()
	for _, b := range branches() {
		if c := b.make(t.Context(), cli.Stdio{}); c.Name != b.name {
			t.Errorf("branch %s makes %s", b.name, c.Name)
		}
		want := 1
		if b.name == "help" || b.name == "completion" || b.name == "man" {
			want = len(branches())
		}
		if got := commandsFor(t.Context(), cli.Stdio{}, []string{"paybeacon", b.name, "--help"}); len(got) != want {
			t.Errorf("%s: %d branches were made", b.name, len(got))
		}
	}
	for _, args := range [][]string{{"paybeacon"}, {"paybeacon", "--help"}, {"paybeacon", "nonsense"}} {
		if got := commandsFor(t.Context(), cli.Stdio{}, args); len(got) != len(branches()) {
			t.Errorf("%v: %d branches were made", args, len(got))
		}
	}
}
