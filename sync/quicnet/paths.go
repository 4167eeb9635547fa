package quicnet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/quic-go/quic-go"
)

const (
	// pathMemory is how long connections to an address stay small. Chosen: small
	// datagrams cost a bulk transfer a sixth more packets, a stall costs a node its
	// connection for two ping intervals.
	pathMemory = time.Hour
	// pathsMax bounds the addresses that are remembered. Chosen: a stranger at the
	// registry can make one entry for each address that is his.
	pathsMax = 4_096
)

// Paths remembers the addresses at which connections fell silent, so that the
// next ones are small: they send no datagram above paysync.DatagramBytesMin. Its zero
// value is ready for use, by any number of goroutines; a nil one remembers
// nothing.
type Paths struct {
	mu    sync.Mutex
	until map[netip.Addr]time.Time
}

// small reports whether connections with addr are to be small.
func (p *Paths) small(addr netip.Addr, now time.Time) bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.Before(p.until[addr.Unmap()])
}

// silent notes that a connection with addr fell silent.
func (p *Paths) silent(addr netip.Addr, now time.Time) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	addr = addr.Unmap()
	if _, known := p.until[addr]; !known && len(p.until) >= pathsMax {
		p.forgetOne(now)
	}
	if p.until == nil {
		p.until = map[netip.Addr]time.Time{}
	}
	p.until[addr] = now.Add(pathMemory)
}

// forgetOne makes room: it drops what is over, or else what ends first.
func (p *Paths) forgetOne(now time.Time) {
	var first netip.Addr
	for addr, until := range p.until {
		if !now.Before(until) {
			delete(p.until, addr)
		} else if end, ok := p.until[first]; !ok || until.Before(end) {
			first = addr
		}
	}
	if len(p.until) >= pathsMax {
		delete(p.until, first)
	}
}

// addrOf returns the IP address of a peer; the zero one where there is none.
func addrOf(a net.Addr) netip.Addr {
	udp, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.Addr{}
	}
	return udp.AddrPort().Addr().Unmap()
}

// fellSilent reports whether a connection ended, for cause, because one side got
// no answer: the peer said so, or nothing arrived for idleTimeout.
func fellSilent(cause error) bool {
	var idle *quic.IdleTimeoutError
	var closed *quic.ApplicationError
	return errors.As(cause, &idle) ||
		errors.As(cause, &closed) && closed.Remote && closed.ErrorCode == quic.ApplicationErrorCode(paysync.CloseSilent)
}

// follow notes in p if the peer of q ends it for silence, or just vanishes.
func (p *Paths) follow(q *quic.Conn) {
	ctx := q.Context()
	context.AfterFunc(ctx, func() {
		if fellSilent(context.Cause(ctx)) {
			p.silent(addrOf(q.RemoteAddr()), time.Now())
		}
	})
}
