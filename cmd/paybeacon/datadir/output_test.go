package datadir_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/pay"
)

// holdsGreeting takes files that begin with a greeting for the command's own.
func holdsGreeting(path string) bool {
	raw, err := os.ReadFile(path)
	return err == nil && bytes.HasPrefix(raw, []byte("hello"))
}

func put(ctx context.Context, to, content string, force, stream bool) error {
	f, err := datadir.Output{To: to, Force: force, What: "greeting", Holds: holdsGreeting, Stream: stream}.Open(ctx)
	if err != nil {
		return err
	}
	if _, err := f.Write([]byte(content)); err != nil {
		f.Discard()
		return err
	}
	return f.Keep()
}

// TestOutputReplacesOnlyItsOwn: what --to names is replaced if it holds what the
// command writes; anything else stays as it is, and a device or a directory even if
// that is forced.
func TestOutputReplacesOnlyItsOwn(t *testing.T) {
	t.Parallel()
	const fresh = "hello, new"
	write := func(content string) func(t *testing.T, at string) {
		return func(t *testing.T, at string) {
			must(t, os.WriteFile(at, []byte(content), 0o600))
			must(t, os.Chmod(at, 0o640)) // whatever the mask of the process is
		}
	}
	link := func(to string) func(t *testing.T, at string) {
		return func(t *testing.T, at string) {
			if err := os.Symlink(to, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, tc := range map[string]struct {
		before          func(t *testing.T, at string)
		plainly, forced bool // whether it is written, and whether it is with --force
		mode            fs.FileMode
	}{
		"nothing":              {nil, true, true, 0o600},
		"its own":              {write("hello, old, and longer"), true, true, 0o640},
		"another file":         {write("my notes"), false, true, 0o640},
		"an empty file":        {write(""), false, true, 0o640},
		"a link to its own":    {link("own"), false, true, 0o640},
		"a link to another":    {link("notes"), false, true, 0o640},
		"a link to nowhere":    {link("nowhere"), false, true, 0o600},
		"a link to a device":   {link(os.DevNull), false, false, 0},
		"a link to a folder":   {link("."), false, false, 0},
		"a link in a circle":   {link("at"), false, true, 0o600},
		"a folder":             {func(t *testing.T, at string) { must(t, os.Mkdir(at, 0o700)) }, false, false, 0},
		"a socket that is old": {func(t *testing.T, at string) { must(t, unix.Mknod(at, unix.S_IFSOCK|0o600, 0)) }, false, true, 0o600},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, how := range []struct{ force, stream bool }{{}, {stream: true}, {force: true}, {force: true, stream: true}} {
				dir := t.TempDir()
				at := filepath.Join(dir, "at")
				write("hello, linked")(t, filepath.Join(dir, "own"))
				write("linked notes")(t, filepath.Join(dir, "notes"))
				if tc.before != nil {
					tc.before(t, at)
				}
				before := listed(t, dir)
				err := put(t.Context(), at, fresh, how.force, how.stream)
				want := tc.plainly || how.force && tc.forced
				if !want {
					var told *pay.Error
					if !errors.As(err, &told) || told.Code != pay.CodeConflict || told.Hint == "" {
						t.Errorf("%+v: %v; want a conflict with a hint", how, err)
					}
					if after := listed(t, dir); after != before {
						t.Errorf("%+v: refused, and the folder was\n%s\nand is\n%s", how, before, after)
					}
					continue
				}
				must(t, err)
				raw, err := os.ReadFile(at)
				must(t, err)
				if string(raw) != fresh {
					t.Errorf("%+v: it holds %q", how, raw)
				}
				info, err := os.Stat(at)
				must(t, err)
				if info.Mode() != tc.mode {
					t.Errorf("%+v: its mode is %v, want %v", how, info.Mode(), tc.mode)
				}
				if got := strings.Count(listed(t, dir), "\n"); got > 4 {
					t.Errorf("%+v: something was left behind:\n%s", how, listed(t, dir))
				}
			}
		})
	}
	if err := put(t.Context(), os.DevNull, fresh, true, true); pay.CodeOf(err) != pay.CodeConflict {
		t.Errorf("a device: %v; want a conflict", err)
	}
	if err := put(t.Context(), filepath.Join(t.TempDir(), "no", "folder"), fresh, true, true); pay.CodeOf(err) != pay.CodeConfig {
		t.Errorf("no folder: %v; want %s", err, pay.CodeConfig)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// listed returns what is in a folder, one line each, with what the files hold.
func listed(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var b strings.Builder
	for _, e := range entries {
		content := ""
		if e.Type().IsRegular() {
			raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
			must(t, err)
			content = string(raw)
		}
		b.WriteString(e.Name() + " " + e.Type().String() + " " + content + "\n")
	}
	return b.String()
}

// TestOutputGoesIntoAPipe: a pipe is written into and stays one, also where a link
// leads to it, as the standard output of a shell's pipe does.
func TestOutputGoesIntoAPipe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	must(t, unix.Mkfifo(pipe, 0o600))
	must(t, os.Symlink("pipe", link))
	for _, at := range []string{pipe, link} {
		for _, stream := range []bool{false, true} {
			written := make(chan error, 1)
			go func() { written <- put(t.Context(), at, "hello", false, stream) }()
			raw, err := os.ReadFile(pipe)
			if err != nil || string(raw) != "hello" {
				t.Errorf("%s: read %q, %v", at, raw, err)
			}
			must(t, <-written)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := put(ctx, pipe, "hello", false, false); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody reads, and the wait was ended: %v", err)
	}
	if info, err := os.Lstat(pipe); err != nil || info.Mode().Type() != fs.ModeNamedPipe {
		t.Errorf("the pipe is now %v, %v", info, err)
	}
}

// TestOutputThatFailsLeavesTheOld: what stood there stays whole until the new one is
// whole, and what could be written of a new stream can be kept.
func TestOutputThatFailsLeavesTheOld(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := filepath.Join(dir, "at")
	must(t, os.WriteFile(at, []byte("hello, old"), 0o600))
	open := func(to string) *datadir.OutputFile {
		f, err := datadir.Output{To: to, What: "greeting", Holds: holdsGreeting, Stream: true}.Open(t.Context())
		must(t, err)
		_, err = f.Write([]byte("hello, half"))
		must(t, err)
		return f
	}
	for name, end := range map[string]func(*datadir.OutputFile){"discarded": (*datadir.OutputFile).Discard, "salvaged": (*datadir.OutputFile).Salvage} {
		f := open(at)
		if got := listed(t, dir); !strings.HasPrefix(got, "at ---------- hello, old\n") {
			t.Errorf("while it is written: %s", got)
		}
		end(f)
		if got := listed(t, dir); got != "at ---------- hello, old\n" {
			t.Errorf("%s: %s", name, got)
		}
	}
	fresh := filepath.Join(dir, "fresh")
	open(fresh).Salvage()
	if raw, err := os.ReadFile(fresh); err != nil || string(raw) != "hello, half" {
		t.Errorf("salvaged: %q, %v", raw, err)
	}
	must(t, os.Remove(fresh))
	open(fresh).Discard()
	if _, err := os.Stat(fresh); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("discarded: %v", err)
	}
}

func TestOutputNamesTheFileThatWasMeant(t *testing.T) {
	t.Parallel()
	to := filepath.Join(t.TempDir(), "nodir", "receipt")
	for _, stream := range []bool{false, true} {
		err := put(t.Context(), to, "hello", false, stream)
		if err == nil || !strings.Contains(err.Error(), to+":") || strings.Contains(err.Error(), ".new-") {
			t.Errorf("stream %v: the error is %v", stream, err)
		}
	}
}
