package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/pay"
)

// fullDisk is where nothing more can be written once left bytes are.
type fullDisk struct{ left int }

func (d *fullDisk) Write(b []byte) (int, error) {
	n := min(len(b), d.left)
	d.left -= n
	if n < len(b) {
		return n, errors.New("disk full")
	}
	return n, nil
}

// TestEveryLeafTellsThatItsOutputIsLost: no command succeeds whose output was cut,
// be it at its first byte or later.
func TestEveryLeafTellsThatItsOutputIsLost(t *testing.T) {
	t.Parallel()
	run := func(out io.Writer, args ...string) (int, string) {
		oneApp.Lock()
		defer oneApp.Unlock()
		var errs bytes.Buffer
		io := cli.Stdio{In: strings.NewReader(""), Out: out, Err: &errs}
		return cli.Run(t.Context(), append([]string{"paybeacon"}, args...), io, commands(t.Context(), io)), errs.String()
	}
	commands := [][]string{{"--help"}, {"version"}, {"version", "--json"}, {"man"}, {"completion", "bash"}, {"help", "exit-codes"}, {"help", "till", "charge"}}
	leaves(nil, commandsOf(t), func(path []string, _ *cli.Command) {
		commands = append(commands, append(path[:len(path):len(path)], "--help"))
	})
	for _, args := range commands {
		for _, left := range []int{0, 20} {
			exit, said := run(&fullDisk{left}, args...)
			if exit != int(pay.ExitFailed) || !strings.Contains(said, "could not be written (disk full)") {
				t.Errorf("%q, %d bytes of room: exit %d, stderr %q; want exit 1 and the cause", args, left, exit, said)
			}
		}
	}
}

func commandsOf(t *testing.T) []*cli.Command { return commands(t.Context(), cli.Stdio{}) }

// TestLostOutputHidesNothing: when nobody reads the answer, a list is not taken for
// a whole one, and a charge that was recorded is named by key and id, so that nobody
// charges again under a new key.
func TestLostOutputHidesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.Ask(nil, "wait", "--for", "near", "--data", w.Data("box")))
	box := []string{"--data", w.Data("box")}
	w.must(w.Ask(nil, append([]string{"till", "charge", "--amount", "1.00", "--wait", "60s"}, box...)...))
	for _, args := range [][]string{
		{"till", "list", "--data", w.Data("box")},
		{"till", "nearby", "--data", w.Data("box")},
		{"events", "tail", "--data", w.Data("box")},
		{"wallet", "receipts", "--data", w.Data("ada")},
		{"wallet", "status", "--data", w.Data("ada")},
		{"admin", "audit", "--data", w.Data("reg")},
		{"admin", "book", "--data", w.Data("reg")},
	} {
		for _, args := range [][]string{args, append(args, "--json")} {
			exit, said := unread(t, args...)
			if exit != int(pay.ExitFailed) || !strings.Contains(said, "nothing was changed") {
				t.Errorf("%q: exit %d, stderr %q; want exit 1 and that nothing was changed", args, exit, said)
			}
		}
	}
	for _, want := range []struct {
		exit  pay.Exit
		code  pay.ErrorCode
		flags []string
	}{
		{pay.ExitFailed, pay.CodeFailed, nil},
		{pay.ExitFailed, pay.CodeFailed, []string{"--key", "k1"}},
		{pay.ExitFailed, pay.CodeFailed, []string{"--wait", "60s"}},
		{pay.ExitWaitPassed, pay.CodeWaitPassed, []string{"--wait", "1ms", "--two-channel"}},
	} {
		args := append(append([]string{"till", "charge", "--amount", "2.00"}, box...), want.flags...)
		exit, said := unread(t, append(args, "--json")...)
		var told api.Problem
		if err := json.Unmarshal([]byte(said), &told); err != nil {
			t.Fatalf("%q: stderr %q: %v", args, said, err)
		}
		key, _ := told.Extra["key"].(string)
		id, _ := told.Extra["id"].(string)
		if exit != int(want.exit) || told.Code != want.code || key == "" || id == "" || !strings.Contains(told.Message, "recorded") || told.Hint == "" {
			t.Errorf("%q: exit %d, error %+v; want exit %d, %s, key and id", args, exit, told, want.exit, want.code)
			continue
		}
		var p api.Payment
		w.must(w.Ask(&p, append([]string{"till", "show", "--key", key}, box...)...))
		if p.ID != id {
			t.Errorf("key %s names payment %s; the error named %s", key, p.ID, id)
		}
	}
	if exit, said := unread(t, append([]string{"till", "charge", "--amount", "2.00", "--key", "k2"}, box...)...); exit != 1 || !strings.Contains(said, "key k2") || !strings.Contains(said, "do not charge again under a new key") {
		t.Errorf("in words: exit %d, stderr %q", exit, said)
	}
	w.audit()
}

// unread runs the program with a standard output that nobody reads, and returns its
// exit status and what it printed on standard error.
func unread(t *testing.T, args ...string) (int, string) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = write.Close() }()
	if err := read.Close(); err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "paybeacon", args...)
	cmd.Stdout, cmd.Stderr = write, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), errs.String()
}
