package paysync_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/sync/quicnet"
	"github.com/paybeacon/paybeacon/wire"
	"github.com/quic-go/quic-go/testutils/simnet"
)

const latency = 5 * time.Millisecond

// weather is a router whose packets take their time, get lost, or stop coming.
type weather struct {
	simnet.PerfectRouter
	mu      sync.Mutex
	random  *rand.Rand
	loss    float64
	blocked func(from, to string) bool
	narrow  func(data []byte) bool // reports whether a packet is swallowed
}

func (w *weather) SendPacket(p simnet.Packet) error {
	w.mu.Lock()
	lost := w.random.Float64() < w.loss || (w.blocked != nil && w.blocked(p.From.String(), p.To.String())) ||
		(w.narrow != nil && w.narrow(p.Data))
	w.mu.Unlock()
	if !lost {
		// A packet to nobody is lost, like on any network.
		time.AfterFunc(latency, func() { _ = w.PerfectRouter.SendPacket(p) })
	}
	return nil
}

func (w *weather) set(loss float64, blocked func(from, to string) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loss, w.blocked = loss, blocked
}

// swallow has the path lose what narrow says; nil: nothing.
func (w *weather) swallow(narrow func(data []byte) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.narrow = narrow
}

func everything(string, string) bool { return true }

const registryAddress = "10.0.0.1:7443"

// world is a registry on a simulated network, with real QUIC and TLS.
type world struct {
	t         *testing.T
	weather   *weather
	reg       *registry
	hub       paysync.Hub // reg, or something around it
	reset     *[32]byte
	sockets   int
	processes byte // that a client belongs to another than before
	seams     paysync.Seams
	versions  wire.Versions
	// socket makes the registry's socket; nil: one on the simulated network.
	socket    func() net.PacketConn
	pingEvery pay.Millis // 0: as usual

	server *paysync.Server
	stop   func()
}

func newWorld(t *testing.T) *world {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	reg := newRegistry()
	return &world{t: t, weather: &weather{random: rand.New(rand.NewPCG(seed, 1))}, reg: reg, hub: reg, reset: &[32]byte{1}}
}

// listen binds the registry's address.
func (w *world) listen() *quicnet.Listener {
	var socket net.PacketConn
	if w.socket != nil {
		socket = w.socket()
	} else {
		socket = simnet.NewBlockingSimConn(&net.UDPAddr{IP: net.IP{10, 0, 0, 1}, Port: 7443}, w.weather)
	}
	listener, err := quicnet.Listen(quicnet.ListenOptions{Socket: socket, Key: w.reg.working, Authority: w.reg.authority.Raw(), ResetKey: w.reset})
	if err != nil {
		w.t.Fatal(err)
	}
	return listener
}

// serve starts the registry and returns its listener.
func (w *world) serve() *quicnet.Listener {
	listener := w.listen()
	ctx, cancel := context.WithCancel(context.Background())
	w.server = paysync.NewServer(paysync.ServerOptions{Listener: listener, Hub: w.hub, Authority: w.reg.authority.Raw(), Versions: w.versions, Seams: w.seams, PingEvery: w.pingEvery})
	done := make(chan error, 1)
	go func() { done <- w.server.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("server: %v", err)
		}
		if err := listener.Close(); err != nil {
			w.t.Errorf("close listener: %v", err)
		}
	})
	return listener
}

// restart serves with another hub.
func (w *world) restart(hub paysync.Hub) {
	w.stop()
	w.hub = hub
	w.serve()
}

// kill ends the registry without letting it send anything.
func (w *world) kill() {
	w.weather.set(0, everything)
	w.stop()
	w.weather.RemoveNode(&net.UDPAddr{IP: net.IP{10, 0, 0, 1}, Port: 7443})
	w.weather.set(0, nil)
}

func (w *world) dialer() quicnet.Dialer {
	return quicnet.Dialer{Paths: new(quicnet.Paths), ListenPacket: func() (net.PacketConn, error) {
		w.weather.mu.Lock()
		w.sockets++
		port := 10_000 + w.sockets
		w.weather.mu.Unlock()
		return simnet.NewBlockingSimConn(&net.UDPAddr{IP: net.IP{10, 0, 0, 2}, Port: port}, w.weather), nil
	}}
}

// client returns a client for n and starts it; leave stops it and returns what
// Run returned.
func (w *world) client(n *node) (c *paysync.Client, leave func() error) {
	return w.clientSpeaking(n, wire.Versions{})
}

// anotherProcess is client in a process of its own.
func (w *world) anotherProcess(n *node) (c *paysync.Client, leave func() error) {
	w.processes++
	defer func() { w.processes-- }()
	return w.client(n)
}

func (w *world) clientSpeaking(n *node, versions wire.Versions) (c *paysync.Client, leave func() error) {
	c = paysync.NewClient(paysync.ClientOptions{
		Dialer: w.dialer(), Address: registryAddress, Key: n.key, Root: w.reg.root.ID(), Scope: testScope, Journal: n, Seams: w.seams, Versions: versions, Holder: wire.Holder{1, w.processes},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	return c, func() error {
		cancel()
		return <-done
	}
}

// awaitStep waits until node and registry agree on everything.
func (w *world) awaitStep(n *node) {
	w.t.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), 10*time.Minute, errors.New("time is up"))
	defer cancel()
	for inStep(n, w.reg) != nil {
		n.mu.Lock()
		noted := n.noted
		n.mu.Unlock()
		if inStep(n, w.reg) == nil {
			return
		}
		select {
		case <-noted:
		case <-ctx.Done():
			w.t.Fatalf("not in step: %v", inStep(n, w.reg))
		}
	}
}

// awaitState waits until the client's state is as wanted.
func (w *world) awaitState(c *paysync.Client, ok func(paysync.State) bool) paysync.State {
	w.t.Helper()
	limit := time.After(10 * time.Minute)
	for {
		state, changed := c.Watch()
		if ok(state) {
			return state
		}
		select {
		case <-changed:
		case <-limit:
			w.t.Fatalf("state stays %+v", state)
		}
	}
}

func isUp(s paysync.State) bool   { return s.Up }
func isDown(s paysync.State) bool { return !s.Up && s.Err != nil }

// inBubble runs a test with time that passes only while all wait.
func inBubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serve()
		test(t, w)
		w.stop()
	})
}

func quit(t *testing.T, leave func() error) {
	t.Helper()
	if err := leave(); err != nil {
		t.Errorf("Run: %v", err)
	}
}
