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

// Send sends one advert from the given address, to be received at rssi (127:
// not known). It returns once every other station was tried, waits for none,
// and fails only on a payload that cannot be sent or when this station can no
// longer send at all.
func (a *Air) Send(from ble.Address, rssi pay.RSSI, payload []byte) error {
	var space [datagramBytesMax]byte
	datagram, err := appendDatagram(space[:0], from, rssi, payload)
	if err != nil {
		return err
	}
	names, err := a.others()
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

// others lists the sockets in the folder but for one's own. A folder that was
// removed is an air in which nobody listens.
func (a *Air) others() ([]string, error) {
	dir, err := os.Open(a.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }() // it was only read
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

// sendTo tries one receiver. A file nobody receives at belongs to a dead
// process and is removed; every other reason is that receiver's loss.
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
		// Somebody else may have removed it first, or may not let us.
		_ = os.Remove(path)
	}
	return err
}

// isSocket keeps a file that only bears such a name from being removed.
func isSocket(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().Type() == os.ModeSocket
}
