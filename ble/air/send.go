package air

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// Send sends one advert from the given address, to be received at rssi in dBm
// (127: not known). It tries every other station and waits for none. It fails if
// the payload is empty or longer than ble.LegacyBytesMax, with an error that
// matches no sentinel, and with pay.CodeRadio if this station cannot send at all.
func (a *Air) Send(from ble.Address, rssi pay.RSSI, payload []byte) error {
	var space [datagramBytesMax]byte
	datagram, err := appendDatagram(space[:0], from, rssi, payload)
	if err != nil {
		return err
	}
	names, err := a.otherSockets()
	if err != nil {
		return pay.Wrap(err, pay.CodeRadio, "send into the air", "check that its folder still exists and start again")
	}
	for _, name := range names {
		if err := a.sendTo(filepath.Join(a.dir, name), datagram); err != nil {
			return pay.Wrap(err, pay.CodeRadio, "send into the air", "start again")
		}
	}
	return nil
}

// otherSockets lists the sockets in the folder except this station's own. A
// folder that was removed has none.
func (a *Air) otherSockets() ([]string, error) {
	dir, err := os.Open(a.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }() // the folder was only read
	names, err := dir.Readdirnames(peersMax)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	kept := names[:0]
	for _, name := range names {
		if strings.HasSuffix(name, suffix) && name != a.name {
			kept = append(kept, name)
		}
	}
	return kept, nil
}

// sendTo sends to one receiver. A socket that refuses belongs to a process that
// has ended, and is removed. Other failures of the receiver are ignored. sendTo
// returns an error only if this station's own socket is closed.
func (a *Air) sendTo(path string, datagram []byte) error {
	if len(path) > pathBytesMax {
		return nil
	}
	var sendErr error
	err := a.raw.Write(func(fd uintptr) bool {
		sendErr = syscall.Sendto(int(fd), datagram, syscall.MSG_DONTWAIT, &syscall.SockaddrUnix{Name: path})
		return true // never wait until the receiver has room
	})
	if errors.Is(sendErr, syscall.ECONNREFUSED) && isSocket(path) {
		// Another process may have removed it, or own it.
		_ = os.Remove(path)
	}
	return err
}

// isSocket reports whether path is a socket, so that no other file with such a
// name is removed.
func isSocket(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().Type() == os.ModeSocket
}
