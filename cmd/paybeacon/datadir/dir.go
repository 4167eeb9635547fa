package datadir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/paybeacon/paybeacon/pay"
)

// Dir is the path of one node's directory, whose layout the package comment shows.
// The empty one is none.
type Dir string

const (
	// FormatVersion is the version of a directory's layout. Version 2 may hold payments by
	// two channels, which version 1 cannot read.
	FormatVersion = 2

	// LockWaitReading and LockWaitDaemon are how long another process may take to
	// leave the directory. Chosen: a command that reads is done in less than the
	// first, a daemon that ends in less than the second.
	LockWaitReading = 2 * time.Second
	// LockWaitDaemon is that of a daemon; see LockWaitReading.
	LockWaitDaemon = 5 * time.Second
	// LockPoll is how often the lock is tried. Chosen: nobody notices it.
	LockPoll = 20 * time.Millisecond
)

// Path returns the path of a file in the directory.
func (d Dir) Path(name string) string { return filepath.Join(string(d), name) }

// Make creates the directory or checks that this program understands the one
// that is there. One of an older version is of this one from now on, so that an
// older program does not take it for damaged.
func (d Dir) Make() error {
	if err := LeadsSomewhere(string(d)); err != nil {
		return err
	}
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return CannotWrite(err, "make data directory", "name a directory that you may write to with --data")
	}
	d.ownOnly()
	if err := d.LeadsSomewhere("format"); err != nil {
		return err
	}
	_, err := os.Stat(d.Path("format"))
	if errors.Is(err, fs.ErrNotExist) {
		return d.Write("format", []byte(strconv.Itoa(FormatVersion)+"\n"))
	}
	if err := d.Check(); err != nil {
		return err
	}
	raw, err := d.read("format")
	if err == nil && strings.TrimSpace(string(raw)) != strconv.Itoa(FormatVersion) {
		err = d.Write("format", []byte(strconv.Itoa(FormatVersion)+"\n"))
	}
	return err
}

// ownOnly takes the directory and the files in it from everybody but the owner. What
// cannot be changed belongs to somebody else.
func (d Dir) ownOnly() {
	tighten := func(path string) {
		at, err := os.Lstat(path)
		if err == nil && at.Mode()&fs.ModeSymlink == 0 && at.Mode().Perm()&0o077 != 0 {
			_ = os.Chmod(path, at.Mode().Perm()&0o700)
		}
	}
	tighten(string(d))
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return
	}
	for _, e := range entries {
		tighten(d.Path(e.Name()))
	}
}

// Check returns nil for the directory of a node that this program understands, and
// else a *pay.Error: with CodeNotFound where it is no node's, with CodeNewerData
// where a newer program wrote it, with CodeConfig where it cannot be read.
func (d Dir) Check() error {
	raw, err := d.read("format")
	if errors.Is(err, fs.ErrNotExist) {
		if err := LeadsSomewhere(string(d)); err != nil {
			return err
		}
		what := "is not a node's data directory"
		if _, err := os.Stat(string(d)); errors.Is(err, fs.ErrNotExist) {
			what = "does not exist"
		}
		return pay.NewError(pay.CodeNotFound, fmt.Sprintf("%s %s", d, what),
			"check --data; serve, enrol and beacon run make one")
	}
	if err != nil {
		return cannotRead(err, "read data directory", "check that you may read "+string(d))
	}
	have, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return pay.NewError(pay.CodeConfig, fmt.Sprintf("%s holds no version number", d.Path("format")), "restore the directory from a backup")
	}
	if have > FormatVersion {
		return pay.NewError(pay.CodeNewerData, fmt.Sprintf("data directory %s has format %d, this program knows %d", d, have, FormatVersion),
			"use the newer paybeacon that wrote it; nothing was changed")
	}
	return nil
}

// Write replaces a file durably: after a crash it is either the old one or the new
// one. Its error is that of CannotWrite.
func (d Dir) Write(name string, content []byte) error {
	if err := WriteDurably(d.Path(name), content); err != nil {
		return CannotWrite(err, "write "+name, "check permissions of "+string(d))
	}
	return nil
}

// CannotWrite returns the error of a file or directory that could not be made: a
// *pay.Error with CodeNoSpace where the disk is full, else with CodeConfig and hint.
func CannotWrite(err error, what, hint string) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return pay.Wrap(err, pay.CodeNoSpace, what, "free some space on that disk; nothing is lost")
	}
	return pay.Wrap(err, pay.CodeConfig, what, hint)
}

// WriteDurably replaces a file: after a crash it is either the old one or the new one.
// Its error is that of the file system.
func WriteDurably(path string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	return err
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// Lock takes the directory for this process, waiting up to wait for another
// one to leave. The returned function gives it back; the kernel does so too
// when the process dies. Its error is a *pay.Error, with CodeInUse where the other
// one stays.
func (d Dir) Lock(ctx context.Context, wait time.Duration) (unlock func(), err error) {
	f, err := os.OpenFile(d.Path("lock"), os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, CannotWrite(err, "open lock", "check that you may write to "+string(d))
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tick := time.NewTicker(LockPoll)
	defer tick.Stop()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			_ = f.Close()
			return nil, pay.Wrap(err, pay.CodeConfig, "lock data directory", "use a local file system that supports flock")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			_ = f.Close()
			return nil, pay.NewError(pay.CodeInUse, fmt.Sprintf("data directory %s is in use by another process", d),
				"stop that process, or give this one a --data of its own")
		}
	}
}
