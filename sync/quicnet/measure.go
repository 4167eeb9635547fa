package quicnet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
)

const (
	// probeMin is the size of the smallest probe. Published: quic-go answers none of
	// 42 bytes or less with a stateless reset.
	probeMin = 43
	// probeMax is the size of the largest probe, and the largest datagram that path
	// MTU discovery tries. Published: quic-go, whose buffers hold an Ethernet
	// frame's 1,500 bytes less the headers of IPv6 and UDP.
	probeMax = 1_452
	// probesAtOnce is how many sizes are tried together. Chosen: three rounds find
	// the limit to the byte.
	probesAtOnce = 16
	// probeTries and probeWait are how often a probe is sent, and how long its
	// answer is awaited before the next. Chosen: outlives the loss of two in three,
	// and answers that take a second.
	probeTries = 4
	probeWait  = 250 * time.Millisecond
)

// Reach is how large the datagrams are that get through to an address, by the
// payload of UDP in bytes.
type Reach struct {
	Passes int // the largest one that was answered; 0: none was
	Fails  int // the smallest one that was not; 0: all sizes were answered
}

// Measure finds out how large the datagrams are that get through to the registry
// at address, a host and port. It needs no key and makes no connection: a probe is
// a packet of a connection that does not exist, which a registry answers with a
// stateless reset (RFC 9000 section 10.3) whatever the size of the probe. What gets
// back from there it does not measure. It takes some four seconds where something
// is swallowed. Its error is that of looking the address up.
func Measure(ctx context.Context, address string) (Reach, error) {
	addresses, err := resolve(ctx, address)
	if err != nil {
		return Reach{}, fmt.Errorf("find %s: %w", address, err)
	}
	for _, a := range addresses {
		if r := measure(ctx, a); r.Passes > 0 {
			return r, nil
		}
	}
	return Reach{}, nil
}

// Err returns the error that names what r does to connections with the registry at
// address, with pay.CodeUnreachable; nil when they are possible or when nothing
// at all gets through.
func (r Reach) Err(address string) error {
	if r.Passes == 0 || r.Passes >= paysync.DatagramBytesMin {
		return nil
	}
	return pay.NewError(pay.CodeUnreachable,
		fmt.Sprintf("datagrams above %d bytes do not get through to the registry at %s, and the protocol needs %d", r.Passes, address, paysync.DatagramBytesMin),
		"give every tunnel and link on the way an MTU of at least 1280")
}

// measure finds the limit of one address. The sizes from low on that pass and those
// from high on that fail come closer with each round.
func measure(ctx context.Context, to netip.AddrPort) Reach {
	low, high := probeMin-1, probeMax+1
	for high-low > 1 {
		sizes := between(low, high)
		answered := try(ctx, to, sizes)
		if ctx.Err() != nil || (len(answered) == 0 && low < probeMin) {
			return Reach{}
		}
		for _, size := range sizes {
			if answered[size] {
				low = size
			}
		}
		for _, size := range slices.Backward(sizes) {
			if size > low {
				high = size
			}
		}
	}
	if high > probeMax {
		high = 0
	}
	return Reach{Passes: low, Fails: high}
}

// between returns at most probesAtOnce sizes above low and below high, rising and
// evenly spread.
func between(low, high int) []int {
	n := min(probesAtOnce, high-low-1)
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = low + (high-low)*(i+1)/(n+1)
	}
	return sizes
}

// try returns which sizes are answered.
func try(ctx context.Context, to netip.AddrPort, sizes []int) map[int]bool {
	var mu sync.Mutex
	answered := map[int]bool{}
	var probes sync.WaitGroup
	for _, size := range sizes {
		probes.Go(func() {
			if probe(ctx, to, size) {
				mu.Lock()
				defer mu.Unlock()
				answered[size] = true
			}
		})
	}
	probes.Wait()
	return answered
}

// probe reports whether one size is answered. Each size has a socket of its own:
// nothing in a stateless reset tells which probe it answers.
func probe(ctx context.Context, to netip.AddrPort, size int) bool {
	socket, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return false
	}
	defer func() { _ = socket.Close() }()
	defer context.AfterFunc(ctx, func() { _ = socket.Close() })()
	if err := forbidFragments(socket); err != nil {
		return false
	}
	packet := make([]byte, size)
	rand.Read(packet)
	packet[0] = packet[0]&0x3f | 0x40 // a short header (RFC 9000 section 17.3)
	for range probeTries {
		if _, err := socket.Write(packet); err != nil {
			return false // larger than this machine's own link, or nobody listens there
		}
		if err := socket.SetReadDeadline(time.Now().Add(probeWait)); err != nil {
			return false
		}
		if n, err := socket.Read(make([]byte, probeMax)); err == nil && n > 0 {
			return true
		} else if !errors.Is(err, os.ErrDeadlineExceeded) {
			return false
		}
	}
	return false
}
