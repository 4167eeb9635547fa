package quicnet

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/quic-go/quic-go"
)

// addressesMax bounds the addresses of one name that are tried. Chosen: two of
// each IP version.
const addressesMax = 4

// Dialer dials registries. Its zero value is ready for use.
type Dialer struct {
	// ListenPacket returns a socket for one connection; nil: UDP on any port.
	ListenPacket func() (net.PacketConn, error)
	// Paths remembers where connections fell silent; nil: nothing does.
	Paths *Paths
}

var _ paysync.Dialer = Dialer{}

// Dial returns a connection to the registry at address, whose working key and
// authority of root the handshake has verified. It uses a socket of its own,
// which Close frees. Its errors are *pay.Error: CodeNotTrusted when somebody else
// answers, CodeUnreachable when nobody does.
func (d Dialer) Dial(ctx context.Context, address string, root pay.NodeID, key pay.Key) (paysync.Conn, error) {
	addresses, err := resolve(ctx, address)
	if err != nil {
		return nil, pay.Wrap(err, pay.CodeUnreachable, "cannot find the registry at "+address, "check the address and the network's name service")
	}
	for _, a := range addresses {
		var c paysync.Conn
		if c, err = d.dial(ctx, a, root, key); err == nil {
			return c, nil
		}
		if pay.CodeOf(err) == pay.CodeNotTrusted {
			return nil, err
		}
	}
	return nil, pay.Wrap(err, pay.CodeUnreachable, "the registry at "+address+" does not answer", "check that it runs, that its address is right, and that UDP gets through")
}

func (d Dialer) dial(ctx context.Context, addr netip.AddrPort, root pay.NodeID, key pay.Key) (paysync.Conn, error) {
	var refused atomic.Pointer[error]
	c, err := d.connect(ctx, addr, root, key, func(err error) { refused.Store(&err) })
	if why := refused.Load(); why != nil {
		return nil, pay.Wrap(*why, pay.CodeNotTrusted, "the program that answers at "+addr.String()+" is not the registry that this node trusts",
			"check the address; if the registry's root key was replaced, enrol anew")
	}
	return c, err
}

// connect makes one connection. refused is called when it failed because of
// who answered.
func (d Dialer) connect(ctx context.Context, addr netip.AddrPort, root pay.NodeID, key pay.Key, refused func(error)) (paysync.Conn, error) {
	tlsConfig, err := clientTLS(key, root, refused)
	if err != nil {
		return nil, err
	}
	socket, err := d.socket()
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	transport := &quic.Transport{Conn: socket}
	release := func() {
		// Both only fail when they are closed already.
		_ = transport.Close()
		_ = socket.Close()
	}
	small := d.Paths.small(addr.Addr(), time.Now())
	q, err := transport.Dial(ctx, net.UDPAddrFromAddrPort(addr), tlsConfig, config(-1, small))
	if err != nil {
		release()
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	peer, authority, err := registryKey(q.ConnectionState().TLS, root)
	if err != nil {
		refused(err)
		_ = q.CloseWithError(quic.ApplicationErrorCode(paysync.CloseProtocol), "")
		release()
		return nil, err
	}
	silent := func() { d.Paths.silent(addr.Addr(), time.Now()) }
	return &conn{quic: q, peer: peer, authority: authority, open: q.OpenStreamSync, small: small, release: release, silent: silent}, nil
}

func (d Dialer) socket() (net.PacketConn, error) {
	if d.ListenPacket != nil {
		return d.ListenPacket()
	}
	return net.ListenUDP("udp", nil)
}

// resolve returns the addresses behind host:port, IPv4 first, because a
// registry that listens on the loopback by default does so there.
func resolve(ctx context.Context, address string) ([]netip.AddrPort, error) {
	if a, err := netip.ParseAddrPort(address); err == nil {
		return []netip.AddrPort{a}, nil
	}
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("read address: %w", err)
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("read port: %w", err)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(ips, func(a, b netip.Addr) int { return cmp.Compare(a.Unmap().BitLen(), b.Unmap().BitLen()) })
	var out []netip.AddrPort
	for _, ip := range ips[:min(len(ips), addressesMax)] {
		out = append(out, netip.AddrPortFrom(ip.Unmap(), uint16(port)))
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s has no address", host)
	}
	return out, nil
}
