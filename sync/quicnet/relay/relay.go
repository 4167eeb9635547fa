// Package relay is a path that loses datagrams by their size: a UDP relay on the
// loopback interface, which has no such limit itself. It is for tests.
//
// # Flow
//
//	node  <-->  Relay  <-->  registry
//
// Each address that sends to the relay is a flow, as in a router that translates
// addresses. A Rule is asked once for each flow and then decides on each of its
// datagrams, in either direction, one at a time and by nothing but what passed
// before: no rule looks at a clock.
package relay

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// Datagram is one datagram on its way.
type Datagram struct {
	Up   bool // from a node to the registry
	Size int  // of the payload of UDP, in bytes
	// Handshake means that it begins with a packet that has a long header: only
	// those of a handshake have (RFC 9000 section 17.2).
	Handshake bool
}

// Rule returns what decides, for one flow, whether a datagram passes.
type Rule func() func(Datagram) bool

// All lets everything pass.
func All() Rule { return func() func(Datagram) bool { return func(Datagram) bool { return true } } }

// Above swallows datagrams of more than n bytes.
func Above(n int) Rule {
	return func() func(Datagram) bool { return func(d Datagram) bool { return d.Size <= n } }
}

// AfterHandshake swallows datagrams of more than n bytes, but none of a handshake.
func AfterHandshake(n int) Rule {
	return func() func(Datagram) bool { return func(d Datagram) bool { return d.Handshake || d.Size <= n } }
}

// OnceConfirmed swallows datagrams of more than n bytes, but only once their sender
// relies on them. Path MTU discovery tries a larger size after a smaller one was
// acknowledged: so a second, larger size above n that comes along means that the
// first one is confirmed.
func OnceConfirmed(n int) Rule {
	return func() func(Datagram) bool {
		first, confirmed := map[bool]int{}, map[bool]bool{} // by Up
		return func(d Datagram) bool {
			if d.Handshake || d.Size <= n {
				return true
			}
			if first[d.Up] == 0 {
				first[d.Up] = d.Size
			}
			confirmed[d.Up] = confirmed[d.Up] || d.Size > first[d.Up]
			return !confirmed[d.Up]
		}
	}
}

// OneWay applies a rule to one direction and lets the other pass.
func OneWay(up bool, rule Rule) Rule {
	return func() func(Datagram) bool {
		passes := rule()
		return func(d Datagram) bool { return d.Up != up || passes(d) }
	}
}

// Flow is what a relay did with the datagrams of one address, in a direction.
type Flow struct {
	Largest   int // size of the largest one that came along
	Passed    int // size of the largest one that passed
	Swallowed int // how many did not pass
}

// Relay passes datagrams on. Its methods may be used by any number of goroutines.
type Relay struct {
	front  *net.UDPConn
	target netip.AddrPort
	done   sync.WaitGroup

	mu     sync.Mutex
	rule   Rule
	flows  map[netip.AddrPort]*flow
	order  []*flow
	closed bool
}

type flow struct {
	back     *net.UDPConn
	passes   func(Datagram) bool
	up, down Flow
}

// Listen returns a relay to target, an IP address and port. The caller closes it.
// Its errors are those of reading target and of opening a socket.
func Listen(target string, rule Rule) (*Relay, error) {
	to, err := netip.ParseAddrPort(target)
	if err != nil {
		return nil, fmt.Errorf("read target: %w", err)
	}
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("open relay: %w", err)
	}
	r := &Relay{front: front, target: to, rule: rule, flows: map[netip.AddrPort]*flow{}}
	r.done.Go(r.readFront)
	return r, nil
}

// Addr returns the address that stands for the target.
func (r *Relay) Addr() string { return r.front.LocalAddr().String() }

// Set changes the rule, for the flows that there are as well.
func (r *Relay) Set(rule Rule) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rule = rule
	for _, f := range r.order {
		f.passes = rule()
	}
}

// Flows returns how many flows there were, and what became of the last one's
// datagrams towards the target and back.
func (r *Relay) Flows() (n int, up, down Flow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n = len(r.order); n > 0 {
		up, down = r.order[n-1].up, r.order[n-1].down
	}
	return n, up, down
}

// Close ends the relay and returns when it holds no resources any more. It
// returns the errors of closing its sockets, joined.
func (r *Relay) Close() error {
	r.mu.Lock()
	r.closed = true
	errs := []error{r.front.Close()}
	for _, f := range r.order {
		errs = append(errs, f.back.Close())
	}
	r.mu.Unlock()
	r.done.Wait()
	return errors.Join(errs...)
}

// datagramMax holds every UDP datagram.
const datagramMax = 1 << 16

func (r *Relay) readFront() {
	buf := make([]byte, datagramMax)
	for {
		n, from, err := r.front.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		f := r.flowOf(from)
		if f != nil && r.decide(f, &f.up, datagram(buf[:n], true)) {
			// What cannot be sent is lost, as on any path.
			_, _ = f.back.WriteToUDPAddrPort(buf[:n], r.target)
		}
	}
}

func (r *Relay) readBack(f *flow, to netip.AddrPort) {
	buf := make([]byte, datagramMax)
	for {
		n, _, err := f.back.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if r.decide(f, &f.down, datagram(buf[:n], false)) {
			_, _ = r.front.WriteToUDPAddrPort(buf[:n], to)
		}
	}
}

func datagram(b []byte, up bool) Datagram {
	return Datagram{Up: up, Size: len(b), Handshake: len(b) > 0 && b[0]&0x80 != 0}
}

// flowOf returns the flow of an address, a new one if need be; nil when there can
// be none.
func (r *Relay) flowOf(from netip.AddrPort) *flow {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.flows[from]; f != nil || r.closed {
		return f
	}
	back, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil
	}
	f := &flow{back: back, passes: r.rule()}
	r.flows[from] = f
	r.order = append(r.order, f)
	r.done.Go(func() { r.readBack(f, from) })
	return f
}

func (r *Relay) decide(f *flow, count *Flow, d Datagram) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	count.Largest = max(count.Largest, d.Size)
	if !f.passes(d) {
		count.Swallowed++
		return false
	}
	count.Passed = max(count.Passed, d.Size)
	return true
}
