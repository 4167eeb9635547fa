//go:build !linux

package badgerkv_test

import "errors"

func fillDisk(string) error { return errors.New("needs a mount namespace") }
