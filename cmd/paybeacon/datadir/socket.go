package datadir

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/paybeacon/paybeacon/pay"
)

const (
	// ControlFile is the name of the socket on which a daemon answers.
	ControlFile = "control.sock"
	// socketPathMax bounds the path of a socket. Published: unix(7) has room for
	// 108 bytes on Linux, Darwin for 104.
	socketPathMax = 100
)

// ListenControl opens a directory's control socket. A socket file left by a dead daemon is
// replaced, which is safe because the caller holds the directory's lock.
// Its error is a *pay.Error, with CodeNoSpace or CodeConfig.
func ListenControl(d Dir) (net.Listener, error) {
	path := d.Path(ControlFile)
	if len(path) > socketPathMax {
		return nil, pay.NewError(pay.CodeConfig, fmt.Sprintf("the path of the control socket has %d bytes, the limit is %d", len(path), socketPathMax),
			"use a data directory with a shorter path")
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, pay.Wrap(err, pay.CodeConfig, "replace control socket", "check permissions of "+string(d))
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, CannotWrite(err, "open control socket", "check permissions of "+string(d))
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, pay.Wrap(err, pay.CodeConfig, "protect control socket", "use a file system with permissions")
	}
	return l, nil
}
