package node

import (
	"context"
	"net"
	"net/http"
	"strings"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/sync/quicnet"
)

// peer is a node's connection to its registry.
type peer struct {
	client  *paysync.Client
	options paysync.ClientOptions
}

// newPeer returns a connection that does nothing until connect. server, unless
// empty, takes the place of the address that enrolment told.
func newPeer(b base, m Member, server string) (peer, error) {
	root, err := m.rootID()
	if err != nil {
		return peer{}, err
	}
	if server == "" {
		server = m.Server
	}
	if _, host, ok := strings.Cut(server, "://"); ok {
		server = strings.TrimSuffix(host, "/")
	}
	if _, _, err := net.SplitHostPort(server); err != nil {
		return peer{}, pay.Wrap(err, pay.CodeUsage, "read --server", "write it like --server pay.example:7443")
	}
	o := paysync.ClientOptions{
		Dialer: quicnet.Dialer{}, Address: server, Key: b.key, Root: root, Scope: m.Scope,
		Authorities: [][]byte{m.Authority}, Journal: b.store, Clock: b.Clock.Now, Log: b.Log,
		Seams: paysync.Seams{At: b.seams.at, Tap: b.seams.tap},
	}
	return peer{paysync.NewClient(o), o}, nil
}

// Connect keeps the connection until ctx ends. When the registry says no for good,
// the node goes on without it: what is stored can still be read.
func (p peer) Connect(ctx context.Context) error {
	if err := p.client.Run(ctx); err != nil {
		p.options.Log.Error("the registry will not serve this node", "code", pay.CodeOf(err), "error", err)
	}
	return nil
}

// WaitUp returns once the connection is up, or an error when ctx ends before.
func (p peer) WaitUp(ctx context.Context) error { return p.client.WaitUp(ctx) }

// Up reports whether the connection is up.
func (p peer) Up() bool { return p.client.State().Up }

// word is "up" or "down".
func (p peer) word() string {
	if p.Up() {
		return "up"
	}
	return "down"
}

// Server is the address at which the registry is looked for.
func (p peer) Server() string { return p.options.Address }

// Probe greets the registry once, as a node that has read its feed up to
// position.
func (p peer) Probe(ctx context.Context, position pay.Position) (paysync.Greeting, error) {
	return paysync.Probe(ctx, p.options, position)
}

// identity loads who a box or wallet is.
func (d Dir) identity(role pay.Role) (Member, pay.Key, error) {
	m, err := d.LoadMember()
	if err != nil {
		return m, pay.Key{}, err
	}
	if m.Role != role {
		return m, pay.Key{}, pay.NewError(pay.CodeConflict, string(d)+" is the directory of a "+string(m.Role), "use the command for that role, or another directory")
	}
	key, err := d.LoadKey("node.key")
	if err != nil {
		return m, key, pay.Wrap(err, pay.CodeConfig, "load this node's key", "restore the directory from a backup")
	}
	return m, key, nil
}

// healthHandler answers /healthz (the process is there) and /readyz (it can do
// its work) for a supervisor.
func healthHandler(ready func(ctx context.Context) error) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := ready(r.Context()); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(text.Printable(err.Error()) + "\n"))
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	return mux
}
