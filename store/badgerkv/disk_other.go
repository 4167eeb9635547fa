//go:build !linux && !darwin && !freebsd

package badgerkv

import (
	"errors"
	"os"
)

// freeBytes knows no way on this system, and an engine without a guard against
// a full disk is not opened silently.
func freeBytes(string) (uint64, error) {
	return 0, errors.New("badgerkv: no way to ask on this system, set Options.FreeBytes")
}

// locks says that keeping other processes out is left to Badger.
const locks = false

func lock(string) (unlock func() error, err error) {
	return func() error { return nil }, nil
}

func mapped(path string) (data []byte, unmap func() error, err error) {
	data, err = os.ReadFile(path)
	return data, func() error { return nil }, err
}
