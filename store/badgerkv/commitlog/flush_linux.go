package commitlog

import (
	"errors"
	"os"
	"syscall"
)

// flush makes the content of a file durable, without the times at which it was
// written: a file whose size stays costs no commit of the file system's journal then.
func flush(f *os.File) error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
