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
}

func (w *weather) SendPacket(p simnet.Packet) error {
	w.mu.Lock()
	lost := w.random.Float64() < w.loss || (w.blocked != nil && w.blocked(p.From.String(), p.To.String()))
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

func everything(string, string) bool { return true }

const registryAddress = "10.0.0.1:7443"

// world is a registry on a simulated network, with real QUIC and TLS.
type world struct {
	t       *testing.T
	weather *weather
	reg     *registry
	hub     paysync.Hub // reg, or something around it
	reset   *[32]byte
	sockets int
	seams   paysync.Seams

	server *paysync.Server
	stop   func()
}

func newWorld(t *testing.T) *world {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	reg := newRegistry()
	return &world{t: t, weather: &weather{random: rand.New(rand.NewPCG(seed, 1))}, reg: reg, hub: reg, reset: &[32]byte{1}}
}

// serve starts the registry.
func (w *world) serve() {
	socket := simnet.NewBlockingSimConn(&net.UDPAddr{IP: net.IP{10, 0, 0, 1}, Port: 7443}, w.weather)
	listener, err := quicnet.Listen(quicnet.ListenOptions{Socket: socket, Key: w.reg.working, Authority: w.reg.authority.Raw(), ResetKey: w.reset})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.server = paysync.NewServer(paysync.ServerOptions{Listener: listener, Hub: w.hub, Authority: w.reg.authority.Raw(), Seams: w.seams})
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
}

// restart serves with another hub.
func (w *world) restart(hub paysync.Hub) {
	w.stop()
	w.hub = hub
	w.serve()
}

// kill ends the registry without letting it say a word.
func (w *world) kill() {
	w.weather.set(0, everything)
	w.stop()
	w.weather.RemoveNode(&net.UDPAddr{IP: net.IP{10, 0, 0, 1}, Port: 7443})
	w.weather.set(0, nil)
}

func (w *world) dialer() quicnet.Dialer {
	return quicnet.Dialer{ListenPacket: func() (net.PacketConn, error) {
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
	c = paysync.NewClient(paysync.ClientOptions{
		Dialer: w.dialer(), Address: registryAddress, Key: n.key, Root: w.reg.root.ID(), Scope: testScope, Journal: n, Seams: w.seams,
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

func TestItemsAndEntriesCross(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		box := newNode(3)
		w.reg.enlist(box.key)
		w.reg.post(700)
		box.state(700)
		c, leave := w.client(box)
		w.awaitStep(box)
		box.state(1)
		w.awaitStep(box)
		if s := c.State(); !s.Up || s.Err != nil {
			t.Errorf("state %+v", s)
		}
		if box.opened != 1 || !box.isOpen {
			t.Errorf("opened %d times, open: %v", box.opened, box.isOpen)
		}
		for n := range uint64(701) {
			if _, refused := box.refused[n+1]; refused != ((n+1)%7 == 0) {
				t.Fatalf("item %d refused: %v", n+1, refused)
			}
		}
		quit(t, leave)
		if box.isOpen || c.State().Up {
			t.Errorf("still open after Run")
		}
	})
}

func TestOnePushOneApply(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		box := newNode(3)
		w.reg.enlist(box.key)
		box.state(500)
		_, leave := w.client(box)
		w.awaitStep(box)
		quit(t, leave)
		if w.reg.applies > 10 {
			t.Errorf("500 items took %d calls of Apply", w.reg.applies)
		}
	})
}

func TestLossOnlyCostsTime(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		box := newNode(3)
		w.reg.enlist(box.key)
		w.weather.set(0.15, nil)
		_, leave := w.client(box)
		for range 20 {
			box.state(20)
			w.reg.post(20)
			time.Sleep(100 * time.Millisecond)
		}
		w.awaitStep(box)
		quit(t, leave)
	})
}

func TestPartitionIsNoticedAndHeals(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		box := newNode(3)
		w.reg.enlist(box.key)
		c, leave := w.client(box)
		w.awaitState(c, isUp)
		time.Sleep(10 * time.Second)
		w.weather.set(0, everything)
		cut := time.Now()
		box.state(50)
		w.reg.post(50)
		s := w.awaitState(c, isDown)
		if took := time.Since(cut); took > 4*time.Second {
			t.Errorf("noticed after %v, two intervals are 4 s", took)
		}
		if pay.CodeOf(s.Err) != pay.CodeUnreachable {
			t.Errorf("state %+v", s)
		}
		time.Sleep(10 * time.Minute)
		w.weather.set(0, nil)
		healed := time.Now()
		w.awaitStep(box)
		if took := time.Since(healed); took > 50*time.Second {
			t.Errorf("in step only %v after the line was back", took)
		}
		quit(t, leave)
	})
}

func TestKilledRegistryIsNoticedByAnIdleNode(t *testing.T) {
	cases := []struct {
		name    string
		restart bool
		reset   *[32]byte
	}{
		{"and stays dead", false, nil},
		{"restarted with the reset key of before", true, &[32]byte{1}},
		{"restarted without one", true, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.stop()
				w.weather.RemoveNode(&net.UDPAddr{IP: net.IP{10, 0, 0, 1}, Port: 7443})
				w.reset = c.reset
				w.serve()
				box := newNode(3)
				w.reg.enlist(box.key)
				client, leave := w.client(box)
				w.awaitState(client, isUp)
				time.Sleep(17 * time.Second)
				w.kill()
				killed := time.Now()
				if c.restart {
					w.serve()
				}
				w.awaitState(client, isDown)
				took := time.Since(killed)
				limit := 4 * time.Second
				if c.reset != nil {
					limit = 2*time.Second + 4*latency
				}
				if took > limit {
					t.Errorf("noticed after %v, limit %v", took, limit)
				}
				if !c.restart {
					w.serve()
				}
				w.reg.post(3)
				box.state(3)
				w.awaitStep(box)
				quit(t, leave)
			})
		})
	}
}

func TestRegistryThatStopsIsNoticedAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		box := newNode(3)
		w.reg.enlist(box.key)
		c, leave := w.client(box)
		w.awaitState(c, isUp)
		stopped := time.Now()
		w.stop()
		w.awaitState(c, isDown)
		if took := time.Since(stopped); took > 100*time.Millisecond {
			t.Errorf("noticed after %v", took)
		}
		quit(t, leave)
	})
}

func TestFinalAnswersEndRun(t *testing.T) {
	cases := []struct {
		name string
		prep func(w *world, n *node)
		then func(w *world, n *node)
		want pay.ErrorCode
	}{
		{"a stranger", nil, nil, pay.CodeNotEnrolled},
		{"a node revoked before", func(w *world, n *node) { w.reg.enlist(n.key); w.reg.revoke(n.key) }, nil, pay.CodeNotAllowed},
		{"a node revoked meanwhile", func(w *world, n *node) { w.reg.enlist(n.key) },
			func(w *world, n *node) { w.reg.revoke(n.key); w.server.Disconnect(n.key.ID()) }, pay.CodeNotAllowed},
		{"a node that is ahead", func(w *world, n *node) {
			w.reg.enlist(n.key)
			n.head = pay.Head{Cursor: pay.Cursor{Epoch: w.reg.epoch, Seq: 5, Chain: pay.Chain{1}}}
		}, nil, pay.CodeConflict},
		{"another epoch", func(w *world, n *node) {
			w.reg.enlist(n.key)
			n.head = pay.Head{Cursor: pay.Cursor{Epoch: pay.Epoch{9}, Seq: 1, Chain: pay.Chain{1}}}
		}, nil, pay.CodeConflict},
		{"a fork", func(w *world, n *node) {
			w.reg.enlist(n.key)
			n.head = pay.Head{Cursor: pay.Cursor{Epoch: w.reg.epoch, Seq: 1, Chain: pay.Chain{1}}}
		}, nil, pay.CodeConflict},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				box := newNode(3)
				box.state(3)
				if c.prep != nil {
					c.prep(w, box)
				}
				before := box.position()
				client, leave := w.client(box)
				if c.then != nil {
					w.awaitStep(box)
					before = box.position()
					c.then(w, box)
				}
				w.awaitState(client, isDown)
				time.Sleep(time.Hour)
				if err := leave(); pay.CodeOf(err) != c.want {
					t.Errorf("Run: %v (%s), want %s", err, pay.CodeOf(err), c.want)
				}
				if pay.CodeOf(client.State().Err) != c.want {
					t.Errorf("state %+v", client.State())
				}
				if got := box.position(); got != before {
					t.Errorf("the node's store changed: %+v, before %+v", got, before)
				}
				if w.server.Nodes() != 0 {
					t.Errorf("%d nodes are still connected", w.server.Nodes())
				}
			})
		})
	}
}

func TestNewerConnectionReplacesTheOlder(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		box := newNode(3)
		w.reg.enlist(box.key)
		older, leaveOlder := w.client(box)
		w.awaitState(older, isUp)
		time.Sleep(time.Second)
		newer, leaveNewer := w.client(box)
		w.awaitState(newer, isUp)
		s := w.awaitState(older, isDown)
		if pay.CodeOf(s.Err) != pay.CodeInUse {
			t.Errorf("older: %+v", s)
		}
		if n := w.server.Nodes(); n != 1 {
			t.Errorf("%d nodes are connected", n)
		}
		quit(t, leaveOlder)
		quit(t, leaveNewer)
	})
}

// stuck is a node whose disk hangs.
type stuck struct {
	*node
	hang chan struct{}
}

func (s stuck) Mirror(ctx context.Context, from pay.Cursor, facts []pay.Fact) (pay.Head, error) {
	select {
	case <-s.hang:
		return s.node.Mirror(ctx, from, facts)
	case <-ctx.Done():
		return pay.Head{}, ctx.Err()
	}
}

func TestSlowNodeHoldsUpNobody(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		slow, quick := newNode(3), newNode(4)
		w.reg.enlist(slow.key)
		w.reg.enlist(quick.key)
		hang := make(chan struct{})
		c := paysync.NewClient(paysync.ClientOptions{
			Dialer: w.dialer(), Address: registryAddress, Key: slow.key, Root: w.reg.root.ID(), Scope: testScope, Journal: stuck{slow, hang},
		})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		_, leave := w.client(quick)
		for range 12 {
			w.reg.post(150)
			began := time.Now()
			w.awaitStep(quick)
			if took := time.Since(began); took > 20*latency {
				t.Fatalf("the quick node waited %v", took)
			}
		}
		close(hang)
		w.awaitStep(slow)
		quit(t, leave)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestFailingStoresHealByRetry(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		box := newNode(3)
		w.reg.enlist(box.key)
		w.reg.failWith = pay.NewError(pay.CodeNoSpace, "the registry's disk is full", "make room")
		box.state(5)
		c, leave := w.client(box)
		s := w.awaitState(c, func(s paysync.State) bool { return pay.CodeOf(s.Err) == pay.CodeNoSpace })
		if s.Up {
			t.Errorf("state %+v", s)
		}
		w.reg.mu.Lock()
		w.reg.failWith = nil
		w.reg.mu.Unlock()
		w.awaitStep(box)
		box.mu.Lock()
		box.failWith = errors.New("disk on fire")
		box.mu.Unlock()
		w.reg.post(5)
		w.awaitState(c, isDown)
		box.mu.Lock()
		box.failWith = nil
		box.mu.Unlock()
		w.awaitStep(box)
		quit(t, leave)
	})
}

func TestOffsetIsTheRegistrysClock(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		box := newNode(3)
		w.reg.enlist(box.key)
		c := paysync.NewClient(paysync.ClientOptions{
			Dialer: w.dialer(), Address: registryAddress, Key: box.key, Root: w.reg.root.ID(), Scope: testScope, Journal: box,
			Clock: func() time.Time { return time.Now().Add(-10 * time.Minute) },
		})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		if err := c.WaitUp(ctx); err != nil {
			t.Fatal(err)
		}
		if off := c.State().Offset.Std() - 10*time.Minute; off < -time.Second || off > time.Second {
			t.Errorf("offset %v", c.State().Offset.Std())
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := c.WaitUp(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("WaitUp: %v", err)
		}
	})
}
