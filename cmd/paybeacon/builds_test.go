package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// A build is this program as another version of it: that of an earlier commit,
// or this tree with a patch. It is compiled once for all tests.
type build struct {
	once sync.Once
	// commit is what git archives, or "" for the work tree. patches, files below
	// testdata/peers, are applied to it.
	commit  string
	patches []string

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
		// What is not committed counts too: the patch is to this very tree.
		files = "git ls-files -z | tar --null -T - -c"
	}
	steps := []string{
		fmt.Sprintf("(cd ../.. && %s) | tar -x -C %s", files, src),
	}
	for _, name := range b.patches {
		patch, err := filepath.Abs("../../testdata/peers/" + name)
		if err != nil {
			return "", err
		}
		steps = append(steps, fmt.Sprintf("cd %s && git apply --whitespace=nowarn %s", src, patch))
	}
	exe := filepath.Join(src, "bin-paybeacon")
	steps = append(steps, fmt.Sprintf("cd %s && go build -trimpath -tags crashpoints -o %s ./cmd/paybeacon", src, exe))
	for _, step := range steps {
		cmd := exec.Command("bash", "-c", "set -euo pipefail; "+step)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			return "", fmt.Errorf("make a build of another version: %s: %w\n%s", strings.ReplaceAll(step, src, "SRC"), err, out.String())
		}
	}
	return exe, nil
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
