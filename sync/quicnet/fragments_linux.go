package quicnet

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// forbidFragments has the socket's datagrams sent whole or not at all, whatever
// the system believes of the path. Its error is the system's, when that can be had
// for neither version of IP.
func forbidFragments(socket *net.UDPConn) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var v4, v6 error
	err = raw.Control(func(fd uintptr) {
		v4 = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
		v6 = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE)
	})
	if err == nil && v4 != nil && v6 != nil {
		err = errors.Join(v4, v6)
	}
	return err
}
