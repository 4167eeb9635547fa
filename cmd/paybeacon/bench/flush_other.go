//go:build !linux

package bench

import "os"

// flush waits until what was written to a file is durable.
func flush(f *os.File) error { return f.Sync() }
