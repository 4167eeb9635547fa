//go:build !linux && !darwin && !freebsd

package badgerkv

import (
	"errors"
	"os"
)

// freeBytes always fails: there is no way to ask on this system, and an engine
// must not be opened without a guard against a full disk.
func freeBytes(string) (uint64, error) {
	return 0, errors.New("badgerkv: no way to ask on this system, set Options.FreeBytes")
}

// locksDir reports whether lock keeps other processes out. Here Badger does it.
const locksDir = false

func lock(string) (unlock func() error, err error) {
	return func() error { return nil }, nil
}

func mapFile(path string) (data []byte, unmap func() error, err error) {
	data, err = os.ReadFile(path)
	return data, func() error { return nil }, err
}
