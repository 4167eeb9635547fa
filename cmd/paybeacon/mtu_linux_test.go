package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/pay"
)

// netEnv makes this test binary the child of TestSmallMTU, which has networks of
// its own.
const netEnv = "PAYBEACON_TEST_NETWORKS"

// errNoNetwork is what the child says when it may not make any.
var errNoNetwork = errors.New("cannot make a network here")

// TestSmallMTU enrols a box and a wallet and lets them pay over paths with a small
// MTU. The networks are in namespaces that only a child process of this test and
// the nodes it starts are in.
func TestSmallMTU(t *testing.T) {
	if os.Getenv(netEnv) != "" {
		smallMTUs(t)
		return
	}
	t.Parallel()
	inOwnNamespaces(t, syscall.CLONE_NEWNS|syscall.CLONE_NEWNET, netEnv, errNoNetwork)
}

// The hosts between a node and its registry. Each has a network namespace.
const (
	hostNode     = "node"
	hostWest     = "west"
	hostEast     = "east"
	hostRegistry = "registry"
)

// chain is a line of hosts, each linked to the next; the MTU of each link is given
// in order. The ends of link i have the addresses 192.0.i.1 and .2, 2001:db8:i::1
// and ::2, which are for documentation and lead nowhere.
type chain struct {
	hosts []string
	mtus  []int
}

var (
	// ends has both hosts on one link, whose MTU they know.
	ends = chain{[]string{hostNode, hostRegistry}, []int{1_280}}
	// tunnel has links of the usual size at both ends, and a smaller one between
	// two routers. What is too large for it is lost there.
	tunnel = chain{[]string{hostNode, hostWest, hostEast, hostRegistry}, []int{1_500, 1_280, 1_500}}
	// narrow is a tunnel through which no connection of QUIC fits.
	narrow = chain{tunnel.hosts, []int{1_500, 1_200, 1_500}}
)

func address(link, end int, v6 bool) string {
	if v6 {
		return fmt.Sprintf("2001:db8:%d::%d", link+1, end)
	}
	return fmt.Sprintf("192.0.%d.%d", link+1, end)
}

// build makes the hosts and links of c, with routes from end to end.
func (c chain) build(t *testing.T) {
	t.Helper()
	for _, host := range c.hosts {
		ip(t, "netns add %s", host)
		t.Cleanup(func() { ip(t, "netns del %s", host) })
		ip(t, "-n %s link set lo up", host)
		inside(t, host, func() {
			for _, name := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
				if err := os.WriteFile("/proc/sys/net/"+name, []byte("1"), 0); err != nil {
					t.Fatalf("%v: %v", errNoNetwork, err)
				}
			}
		})
	}
	for i, mtu := range c.mtus {
		ip(t, "-n %s link add right type veth peer name left netns %s", c.hosts[i], c.hosts[i+1])
		for j, link := range []string{"right", "left"} {
			host := c.hosts[i+j]
			ip(t, "-n %s link set %s mtu %d up", host, link, mtu)
			ip(t, "-n %s addr add %s/24 dev %s", host, address(i, j+1, false), link)
			if mtu >= 1_280 { // below that an interface has no IPv6
				ip(t, "-n %s addr add %s/64 dev %s nodad", host, address(i, j+1, true), link)
			}
		}
	}
	for i, host := range c.hosts {
		for link := range c.mtus {
			switch {
			case link > i: // to the right
				c.route(t, host, link, address(i, 2, false), address(i, 2, true))
			case link < i-1:
				c.route(t, host, link, address(i-1, 1, false), address(i-1, 1, true))
			}
		}
	}
}

func (c chain) route(t *testing.T, host string, link int, via4, via6 string) {
	t.Helper()
	ip(t, "-n %s route add 192.0.%d.0/24 via %s", host, link+1, via4)
	for _, mtu := range c.mtus {
		if mtu < 1_280 {
			return
		}
	}
	ip(t, "-n %s route add 2001:db8:%d::/64 via %s", host, link+1, via6)
}

// ip runs a command of iproute2.
func ip(t *testing.T, format string, args ...any) {
	t.Helper()
	words := strings.Fields(fmt.Sprintf(format, args...))
	if out, err := exec.Command("ip", words...).CombinedOutput(); err != nil {
		t.Fatalf("%v: ip %s: %v\n%s", errNoNetwork, strings.Join(words, " "), err, out)
	}
}

// inside runs f in the network namespace of a host. The processes that f starts
// stay there.
func inside(t *testing.T, host string, f func()) {
	t.Helper()
	runtime.LockOSThread()
	back, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		// A thread that cannot go back stays locked and ends with its goroutine.
		if err := unix.Setns(int(back.Fd()), unix.CLONE_NEWNET); err == nil {
			runtime.UnlockOSThread()
		}
		_ = back.Close()
	}()
	there, err := os.Open("/run/netns/" + host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = there.Close() }()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	f()
}

// smallMTUs is the child's part.
func smallMTUs(t *testing.T) {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatalf("%v: %v", errNoNetwork, err)
	}
	// Namespaces have names in /run.
	if err := syscall.Mount("tmpfs", "/run", "tmpfs", 0, ""); err != nil {
		t.Fatalf("%v: %v", errNoNetwork, err)
	}
	for name, c := range map[string]chain{"an MTU of 1280 at both ends": ends, "an MTU of 1280 in between": tunnel} {
		t.Run(name, func(t *testing.T) {
			c.build(t)
			for family, v6 := range map[string]bool{"IPv4": false, "IPv6": true} {
				t.Run(family, func(t *testing.T) { payAcross(t, c, v6) })
			}
		})
	}
	t.Run("an MTU of 1200 in between", func(t *testing.T) {
		narrow.build(t)
		cannotEnrol(t, narrow)
	})
}

// netWorld starts a registry at one end of c.
func netWorld(t *testing.T, c chain, v6 bool) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "pb")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), worldTimeout)
	s, err := stage.New(ctx, os.Args[0], dir)
	if err != nil {
		t.Fatal(err)
	}
	if s.Exe, err = exec.LookPath("paybeacon"); err != nil {
		t.Fatal(err)
	}
	w := &world{Stage: s, t: t}
	t.Cleanup(func() {
		s.Close()
		cancel()
		if t.Failed() {
			w.tellLogs()
		}
		_ = os.RemoveAll(dir)
	})
	listen := address(len(c.mtus)-1, 2, v6)
	if v6 {
		listen = "[" + listen + "]"
	}
	inside(t, hostRegistry, func() {
		w.must(w.Start("reg", nil, "serve", "--data", w.Data("reg"), "--listen", listen+":0", "--http", ""))
	})
	w.registry, err = w.Ready("reg")
	w.must(err)
	return w
}

// payAcross has a box and a wallet at the other end of c than the registry. Large
// datagrams go both ways: what was queued while the registry was away, and what it
// decides about that.
func payAcross(t *testing.T, c chain, v6 bool) {
	w := netWorld(t, c, v6)
	inside(t, hostNode, func() {
		w.must(w.Enrol("reg", "box", "scan", "--role", "box", "--name", "counter", "--merchant", "Corner Cafe"))
		w.must(w.Enrol("reg", "ada", "wallet", "--role", "wallet", "--name", "ada"))
		w.must(w.Ask(nil, "admin", "topup", "--data", w.Data("reg"), "--wallet", "ada", "--amount", "50.00"))
		w.startBox(nil)
		w.startWallet("ada", nil)
		w.must(w.Pair("ada", "-35", "--interval", "50ms"))
	})
	w.connected("box")
	w.connected("ada")
	w.paid(w.chargeNearest("first", "1.00").ID, 100)
	w.Stop("reg")
	var queued []string
	for n := range 8 {
		queued = append(queued, w.chargeNearest(fmt.Sprint("queued ", n), "1.00").ID)
	}
	inside(t, hostRegistry, func() { w.must(w.Again("reg", nil)) })
	_, err := w.Ready("reg")
	w.must(err)
	for _, id := range queued {
		w.paid(id, 100)
	}
	a := w.healthy()
	t.Logf("over %s: %d payments, the audit is fine: %v", w.registry.QUIC, a.Payments, a.OK)
	if money := w.money(); a.Payments != 9 || money["ada"] != 4100 {
		t.Errorf("%d payments, accounts %v", a.Payments, money)
	}
}

// cannotEnrol requires that the error names what gets lost.
func cannotEnrol(t *testing.T, c chain) {
	w := netWorld(t, c, false)
	inside(t, hostNode, func() {
		err := w.Enrol("reg", "box", "scan", "--role", "box", "--name", "counter", "--merchant", "Corner Cafe")
		t.Logf("enrol: %v", err)
		var e *stage.ExitError
		// 1,200 bytes less the headers of IPv4 and UDP.
		if !errors.As(err, &e) || e.Code != pay.CodeUnreachable || !strings.Contains(e.Message, "datagrams above 1172 bytes do not get through") || e.Hint == "" {
			t.Errorf("enrol over an MTU of 1200: %v", err)
		}
	})
}
