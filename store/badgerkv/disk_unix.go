//go:build linux || darwin || freebsd

package badgerkv

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// freeBytes returns the bytes that the operating system reports as free for
// unprivileged processes, or its error. The system call is cheap.
func freeBytes(dir string) (uint64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, os.NewSyscallError("statfs", err)
	}
	// The types differ between systems, and a file system that is over its quota
	// may report a negative number of blocks.
	blocks := int64(st.Bavail)
	if blocks < 0 {
		return 0, nil
	}
	return uint64(blocks) * uint64(st.Bsize), nil
}

// locksDir reports whether lock keeps other processes out.
const locksDir = true

// lock takes the lock on dir that Badger itself would take, so that it excludes
// Badger's own tools as well. It returns ErrInUse if another process has it, or
// an error of the file system.
func lock(dir string) (unlock func() error, err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock: %w", err), d.Close())
	}
	// Closing the file alone would not release the lock while a child process
	// between its fork and its exec still has the file open.
	return func() error {
		return errors.Join(syscall.Flock(int(d.Fd()), syscall.LOCK_UN), d.Close())
	}, nil
}

// mapFile returns the content of a file without reading all of it, or an error of
// the file system.
func mapFile(path string) (data []byte, unmap func() error, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if info.Size() == 0 {
		return nil, func() error { return nil }, nil
	}
	data, err = syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, nil, os.NewSyscallError("mmap", err)
	}
	return data, func() error { return syscall.Munmap(data) }, nil
}
