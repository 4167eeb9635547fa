package bench

import (
	"os"

	"golang.org/x/sys/unix"
)

// flush waits until what was written to a file is durable.
func flush(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }
