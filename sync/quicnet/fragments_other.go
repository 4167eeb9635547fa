//go:build !linux

package quicnet

import "net"

// forbidFragments does nothing here: a datagram that the system sends in fragments
// counts as one that gets through.
func forbidFragments(*net.UDPConn) error { return nil }
