package node

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
)

// linkFile keeps where a device's link was, so that its wallet finds it there
// again after a restart.
const linkFile = "link"

// listenLink opens the device's link. Where any port will do, it is the same as
// last time as long as that one is free.
func listenLink(ctx context.Context, env process.Env, addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, pay.Wrap(err, pay.CodeUsage, "read --link", "write it like 127.0.0.1:7444; port 0 takes any")
	}
	var l net.Listener
	if port == "0" {
		l = listenAsBefore(ctx, env, host)
	}
	if l == nil {
		if l, err = net.Listen("tcp", addr); err != nil {
			return nil, pay.Wrap(err, pay.CodeConfig, "listen for the wallet", "name a free HOST:PORT with --link; port 0 takes any")
		}
	}
	if err := env.Dir.Write(linkFile, []byte(l.Addr().String()+"\n")); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// linkPortWait is how long a device waits for its port of last time. Somebody's
// short connection may have it for a moment, and with another port the wallet
// would have to be told. Chosen: such connections last less.
const linkPortWait = 2 * time.Second

// listenAsBefore opens the address of last time, or returns nil.
func listenAsBefore(ctx context.Context, env process.Env, host string) net.Listener {
	raw, err := os.ReadFile(env.Dir.Path(linkFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	before := strings.TrimSpace(string(raw))
	was, _, bad := net.SplitHostPort(before)
	same := was == host || (anyHost(was) && anyHost(host))
	if err != nil || bad != nil || !same {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, linkPortWait)
	defer cancel()
	tick := time.NewTicker(datadir.LockPoll)
	defer tick.Stop()
	for {
		if l, err := net.Listen("tcp", before); err == nil {
			return l
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			env.Log.Warn("the link's port of last time is taken; tell the wallet: paybeacon wallet devices --id ID --link HOST:PORT", "was", before)
			return nil
		}
	}
}

// anyHost reports whether a listener at this host hears on all addresses. Its
// address is then written as [::], however it was asked for.
func anyHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || (ip != nil && ip.IsUnspecified())
}

// reachable returns where others find a link that listens on all addresses: the
// first of this machine's addresses that is not its own alone. Any other link is
// found where it listens.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		return addr.String()
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return addr.String()
	}
	for _, a := range own {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil {
			return net.JoinHostPort(n.IP.String(), port)
		}
	}
	return net.JoinHostPort("127.0.0.1", port)
}

// The crash points of a device.
const (
	AtBeforeSign = "device.before-code" // asked, and nothing is signed
	AtAfterSign  = "device.after-code"  // signed, and nothing is sent
)

// crashing is a session with the crash points of tests around what it signs.
type crashing struct {
	*device.Session
	seams process.Seams
}

// Authenticate is that of the session.
func (c crashing) Authenticate(a pay.Authentication) (pay.AuthCode, error) {
	c.seams.Pass(AtBeforeSign)
	code, err := c.Session.Authenticate(a)
	c.seams.Pass(AtAfterSign)
	return code, err
}
