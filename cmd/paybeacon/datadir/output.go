package datadir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// Output says where the --to of a command leads, and which file it may replace there.
type Output struct {
	// To is a path, or - for Stdout.
	To     string
	Stdout io.Writer
	// Force lets any file be replaced, but never a device or a directory.
	Force bool
	// What names in words what the command writes, such as "receipt".
	What string
	// Holds reports whether the file at a path holds what the command writes, which
	// may be replaced without Force.
	Holds func(path string) bool
	// Stream lets a file that is new be seen while it is written. Without it, it
	// appears when it is whole, as one that is replaced does in any case.
	Stream bool
}

// OutputFile is an Output that was opened. Write keeps of a regular file what was
// written whole: what a full disk cuts is taken back. One of Keep and Discard ends it.
type OutputFile struct {
	out   io.Writer
	file  *os.File // nil: standard output
	path  string   // where a regular file is when it is kept; "" for a pipe
	fresh bool     // the file is there already, and was not before
	whole int64
}

// Open finds out what stands at the place and opens it. A pipe is written into,
// once somebody reads from it. Its errors are *pay.Error: CodeConflict where
// something stands there that may not be replaced, and those of CannotWrite; or the
// error of ctx.
func (o Output) Open(ctx context.Context) (*OutputFile, error) {
	if o.To == "-" {
		return &OutputFile{out: o.Stdout}, nil
	}
	path, mode, err := o.place()
	if err != nil {
		return nil, err
	}
	var f *os.File
	fresh := false
	switch {
	case mode&fs.ModeNamedPipe != 0:
		f, err = openPipe(ctx, path)
		path = ""
	case mode == absent && o.Stream:
		fresh = true
		f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	default:
		f, err = os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // mode 0600
		if err == nil && mode.IsRegular() {
			err = f.Chmod(mode.Perm())
		}
	}
	if err != nil {
		return nil, o.cannotWrite(err)
	}
	return &OutputFile{out: f, file: f, path: path, fresh: fresh}, nil
}

func (o Output) cannotWrite(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if at := new(fs.PathError); errors.As(err, &at) { // not the name of the file that would have been put in its place
		err = &fs.PathError{Op: "write", Path: o.To, Err: at.Err}
	}
	return CannotWrite(err, "write "+o.What, "name a file that you may write with --to")
}

// absent is the mode of what is not there.
const absent = fs.ModeIrregular

// place returns which file is to be written and what stands there now.
func (o Output) place() (path string, mode fs.FileMode, err error) {
	at, err := os.Lstat(o.To)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return o.To, absent, nil
	case err != nil:
		return "", 0, o.cannotWrite(err)
	case at.Mode()&fs.ModeSymlink != 0:
		return o.follow()
	}
	return o.To, at.Mode(), o.allow(o.To, at.Mode())
}

// follow returns what place does for a link. It is followed where Force allows that,
// so that it leads to the same place afterwards; one that leads nowhere is replaced
// itself. A pipe is written into in any case: that is what /dev/stdout leads to, and
// >(command) in a shell.
func (o Output) follow() (path string, mode fs.FileMode, err error) {
	name := text.Printable(o.To)
	led, gone := os.Stat(o.To)
	switch {
	case gone != nil && o.Force:
		return o.To, fs.ModeSymlink, nil
	case gone != nil:
		return "", 0, pay.NewError(pay.CodeConflict, name+" is a link that leads nowhere", "name another file, or add --force to replace the link; - is standard output")
	case led.Mode()&fs.ModeNamedPipe != 0:
		return o.To, led.Mode(), nil
	case !o.Force:
		return "", 0, pay.NewError(pay.CodeConflict, name+" is a link", "name the file itself, or add --force to replace what it leads to; - is standard output")
	}
	if path, err = filepath.EvalSymlinks(o.To); err != nil {
		return "", 0, o.cannotWrite(err)
	}
	return path, led.Mode(), o.allow(path, led.Mode())
}

// allow returns why what stands at a path may not be replaced, or nil.
func (o Output) allow(path string, mode fs.FileMode) error {
	name := text.Printable(o.To)
	switch {
	case mode&fs.ModeDevice != 0:
		return pay.NewError(pay.CodeConflict, name+" is a device", "name a file; - is standard output")
	case mode.IsDir():
		return pay.NewError(pay.CodeConflict, name+" is a directory", "name a file in it")
	case mode&fs.ModeNamedPipe != 0 || o.Force || mode.IsRegular() && o.Holds(path):
		return nil
	default:
		return pay.NewError(pay.CodeConflict, fmt.Sprintf("%s exists and is no %s", name, o.What), "name another file, or add --force to replace it")
	}
}

// pipePoll is how often a pipe is looked at whether somebody reads from it. Chosen:
// nobody notices it.
const pipePoll = 20 * time.Millisecond

// openPipe opens a named pipe for writing once somebody reads from it.
func openPipe(ctx context.Context, path string) (*os.File, error) {
	tick := time.NewTicker(pipePoll)
	defer tick.Stop()
	for {
		f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NONBLOCK, 0)
		if !errors.Is(err, unix.ENXIO) {
			return f, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Write appends b, or as good as nothing of it.
func (f *OutputFile) Write(b []byte) (int, error) {
	n, err := f.out.Write(b)
	if err != nil && f.path != "" {
		_ = f.file.Truncate(f.whole)
		_, _ = f.file.Seek(f.whole, io.SeekStart)
		return 0, err
	}
	f.whole += int64(n)
	return n, err
}

// Keep makes what was written the file, durably. Where that fails, what stood there
// before still does. Its error is that of the file system.
func (f *OutputFile) Keep() error {
	if f.file == nil {
		return nil
	}
	if f.path == "" {
		return f.file.Close()
	}
	err := f.file.Sync()
	if closeErr := f.file.Close(); err == nil {
		err = closeErr
	}
	if err == nil && !f.fresh {
		err = os.Rename(f.file.Name(), f.path)
	}
	if err != nil {
		if !f.fresh {
			_ = os.Remove(f.file.Name())
		}
		return err
	}
	return syncDir(filepath.Dir(f.path))
}

// Discard drops what was written. What stood there before still does.
func (f *OutputFile) Discard() {
	if f.file == nil {
		return
	}
	_ = f.file.Close()
	if f.path != "" {
		_ = os.Remove(f.file.Name())
	}
}

// Salvage keeps what was written to a new file before it failed, if that is
// anything. A file that was to be replaced stays as it was.
func (f *OutputFile) Salvage() {
	if f.fresh && f.whole > 0 {
		_ = f.Keep() // the failure is told already
		return
	}
	f.Discard()
}
