package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"
)

// A build is this program as another version of it: that of an earlier commit,
// or this tree with changes. It is compiled once for all tests.
type build struct {
	once sync.Once
	// commit is what git archives, or "" for the work tree. changes, files below
	// testdata/peers, are made to it.
	commit  string
	changes []string

	exe string
	err error
}

// buildsDir holds the compiled builds until the tests have ended.
var buildsDir = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "pbbuilds") })

// program returns the compiled build. A copy of the source without the
// project's history cannot make one; the test is skipped there.
func (b *build) program(t *testing.T) string {
	t.Helper()
	if err := exec.Command("git", "-C", "../..", "cat-file", "-e", b.commitOrHead()+"^{commit}").Run(); err != nil {
		shallow, _ := exec.Command("git", "-C", "../..", "rev-parse", "--is-shallow-repository").Output()
		if os.Getenv("CI") != "" && strings.TrimSpace(string(shallow)) == "false" {
			t.Fatalf("commit %s is missing from the project's history (%v)", b.commitOrHead(), err)
		}
		t.Skipf("commit %s is not here: clone with the whole history", b.commitOrHead())
	}
	b.once.Do(func() { b.exe, b.err = b.compile() })
	if b.err != nil {
		t.Fatal(b.err)
	}
	return b.exe
}

func (b *build) commitOrHead() string {
	if b.commit == "" {
		return "HEAD"
	}
	return b.commit
}

func (b *build) compile() (string, error) {
	dir, err := buildsDir()
	if err != nil {
		return "", err
	}
	src, err := os.MkdirTemp(dir, "src")
	if err != nil {
		return "", err
	}
	files := "git archive " + b.commit
	if b.commit == "" {
		// What is not committed counts too: the changes are to this very tree.
		files = "git ls-files -z | tar --null -T - -c"
	}
	if err := shell(fmt.Sprintf("(cd ../.. && %s) | tar -x -C %s", files, src)); err != nil {
		return "", err
	}
	for _, name := range b.changes {
		if err := change(src, name); err != nil {
			return "", err
		}
	}
	exe := filepath.Join(src, "bin-paybeacon")
	return exe, shell(fmt.Sprintf("cd %s && go build -trimpath -tags crashpoints -o %s ./cmd/paybeacon", src, exe))
}

func shell(command string) error {
	if out, err := exec.Command("bash", "-c", "set -euo pipefail; "+command).CombinedOutput(); err != nil {
		return fmt.Errorf("make a build of another version: %w\n%s", err, out)
	}
	return nil
}

// change edits the source in src as the file below testdata/peers says, whose
// own first lines explain its form.
func change(src, name string) error {
	edits, err := txtar.ParseFile("../../testdata/peers/" + name)
	if err != nil {
		return err
	}
	for _, f := range edits.Files {
		path := filepath.Join(src, f.Name)
		old, err := os.ReadFile(path)
		text := string(f.Data)
		if err == nil {
			text, err = edited(string(old), text)
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		if err == nil {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			return fmt.Errorf("apply %s to %s: %w", name, f.Name, err)
		}
	}
	return nil
}

// edited returns text after the edits.
func edited(text, edits string) (string, error) {
	for i, edit := range strings.Split("\n"+edits, "\n@") {
		if i == 0 {
			continue
		}
		head, lines, _ := strings.Cut(edit, "\n")
		anchor := "\n" + head[2:] + "\n"
		before, after, ok := strings.Cut(text, anchor)
		if !ok {
			return "", fmt.Errorf("there is no line %q", head[2:])
		}
		lines = strings.TrimSuffix(lines, "\n") + "\n"
		switch head[0] {
		case '>':
			text = before + anchor + lines + after
		case '<':
			text = before + "\n" + lines + anchor[1:] + after
		default:
			text = before + "\n" + lines + after
		}
	}
	return text, nil
}

// cleanBuilds runs the tests and removes the builds afterwards.
type cleanBuilds struct{ m testscript.TestingM }

// Run runs the tests.
func (c cleanBuilds) Run() int {
	status := c.m.Run()
	if dir, err := buildsDir(); err == nil {
		_ = os.RemoveAll(dir)
	}
	return status
}
