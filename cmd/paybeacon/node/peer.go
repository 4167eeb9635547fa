package node

import (
	"context"
	"net"
	"strings"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/sync/quicnet"
)

// peer is a node's connection to its registry.
type peer struct {
	client  *paysync.Client
	options paysync.ClientOptions
	contact *contact
	oldCopy func() (pay.OldCopy, bool) // what the store knows of being one
}

// newPeer returns a connection that does nothing until connect. server, unless
// empty, takes the place of the address that enrolment told.
func newPeer(b base, m datadir.Member, server string) (peer, error) {
	root, err := m.RootID()
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
	told := b.Env // a moment that is told is that of the store, which a clock in doubt does not move
	told.Now = func() time.Time { return b.store.Now().Std() }
	o := paysync.ClientOptions{
		Dialer: quicnet.Dialer{Paths: new(quicnet.Paths)}, Address: server, Key: b.key, Root: root, Scope: m.Scope,
		Authorities: [][]byte{m.Authority}, Journal: b.store.Journal(), Clock: b.Now, Time: told.Now, Log: b.Log,
		Seams: paysync.Seams{At: b.Seams.At, Tap: b.Seams.Tap},
	}
	return peer{paysync.NewClient(o), o, openContact(told), b.store.OldCopy}, nil
}

// Connect keeps the connection until ctx ends. When the registry refuses the node
// for good, the node goes on without it: what is stored can still be read.
func (p peer) Connect(ctx context.Context) error {
	watched := make(chan struct{})
	go func() { defer close(watched); p.contact.watch(ctx, p) }()
	if err := p.client.Run(ctx); err != nil {
		p.options.Log.Error("the registry will not serve this node", "code", pay.CodeOf(err), "error", err)
	}
	<-ctx.Done()
	<-watched
	return nil
}

// WaitUp returns once the connection is up, or the error of ctx when it ends before.
func (p peer) WaitUp(ctx context.Context) error { return p.client.WaitUp(ctx) }

// Up reports whether the connection is up.
func (p peer) Up() bool { return p.client.State().Up }

// Server is the address at which the registry is looked for.
func (p peer) Server() string { return p.options.Address }

// Probe greets the registry once, as a node that has read its feed up to
// position.
func (p peer) Probe(ctx context.Context, position pay.Position) (paysync.Greeting, error) {
	return paysync.Probe(ctx, p.options, position)
}

// session is how the connection to the registry stands.
func (p peer) session() *api.Session {
	state := p.client.State()
	s := &api.Session{Server: p.options.Address, Up: state.Up, Standing: p.Standing(), Offset: state.Offset}
	if !state.Since.IsZero() {
		s.Since = pay.TimeOf(state.Since).String()
	}
	if state.Err != nil {
		e := api.Describe(state.Err)
		s.Code, s.Error, s.Hint = e.Code, e.Message, e.Hint
	}
	s.Rival = p.rival()
	if state.Stall != nil {
		e := api.Describe(state.Stall)
		s.Stall, s.StallHint = e.Message, e.Hint
	}
	return s
}
