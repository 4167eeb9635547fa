package paysync_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/sync/quicnet"
	"github.com/paybeacon/paybeacon/sync/quicnet/relay"
	"github.com/paybeacon/paybeacon/wire"
)

// above swallows packets of more than n bytes; afterHandshake spares those of a
// handshake, which have long headers.
func above(n int, afterHandshake bool) func(data []byte) bool {
	return func(data []byte) bool {
		return len(data) > n && (!afterHandshake || data[0]&0x80 == 0)
	}
}

// TestPathsOfSmallDatagrams: whatever a path of QUIC swallows, from its first
// packet or only after the handshake, a node gets in, pushes and gets its feed.
func TestPathsOfSmallDatagrams(t *testing.T) {
	for _, n := range []int{1_200, 1_280, 1_400} {
		for name, after := range map[string]bool{"from the start": false, "after the handshake": true} {
			t.Run(fmt.Sprint(n, " bytes ", name), func(t *testing.T) {
				inBubble(t, func(t *testing.T, w *world) {
					box := newNode(3)
					w.reg.enlist(box.key)
					w.reg.post(300)
					box.publish(300)
					w.weather.swallow(above(n, after))
					c, leave := w.client(box)
					w.awaitState(c, isUp)
					w.awaitStep(box)
					if s := c.State(); !s.Up || s.Err != nil || s.Stall != nil || box.opened != 1 {
						t.Errorf("state %+v after %d sessions", s, box.opened)
					}
					quit(t, leave)
				})
			})
		}
	}
}

// TestPathTooNarrowDoesNotLookConnected: a path that carries the handshake and no
// large datagram after it is too narrow for QUIC. The node says why, does not
// count as connected while anything waits, and heals with the path.
func TestPathTooNarrowDoesNotLookConnected(t *testing.T) {
	for name, wait := range map[string]func(w *world, n *node){
		"the node has much to push":    func(_ *world, n *node) { n.publish(40) },
		"the registry has much to say": func(w *world, _ *node) { w.reg.post(40) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				box := newNode(3)
				w.reg.enlist(box.key)
				c, leave := w.client(box)
				w.awaitState(c, isUp)
				w.awaitStep(box)
				w.weather.swallow(above(1_100, true))
				before := time.Now()
				wait(w, box)
				s := w.awaitState(c, isDown)
				if took := time.Since(before); took > 4*time.Second {
					t.Errorf("noticed after %v, two intervals are 4 s", took)
				}
				if pay.CodeOf(s.Err) != pay.CodeUnreachable || !strings.Contains(s.Err.Error(), "datagrams above 1200 bytes") || s.Stall == nil {
					t.Errorf("state %+v", s)
				}
				for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); {
					s, changed := c.Watch()
					if s.Up {
						t.Fatalf("connected while nothing arrives: %+v", s)
					}
					select {
					case <-changed:
					case <-time.After(time.Until(end)):
					}
				}
				if s := c.State(); s.Err == nil || s.Stall == nil || !strings.Contains(s.Stall.Error(), "datagrams of 1200 bytes") {
					t.Errorf("state %+v", s)
				}
				w.weather.swallow(nil)
				w.awaitState(c, isUp)
				w.awaitStep(box)
				quit(t, leave)
			})
		})
	}
}

// TestLostWelcomeIsNoConnection: the answer to the first greeting was lost while
// packets came. That a later answer gets through alone is no connection either.
func TestLostWelcomeIsNoConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		box := newNode(3)
		w.reg.enlist(box.key)
		w.reg.post(40)
		w.weather.swallow(above(200, true))
		c, leave := w.client(box)
		w.awaitState(c, func(s paysync.State) bool { return s.Stall != nil })
		w.weather.swallow(above(1_100, true))
		for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); {
			s, changed := c.Watch()
			if s.Up {
				t.Errorf("connected while nothing arrives: %+v", s)
				break
			}
			select {
			case <-changed:
			case <-time.After(time.Until(end)):
			}
		}
		w.weather.swallow(nil)
		w.awaitState(c, isUp)
		w.awaitStep(box)
		quit(t, leave)
	})
}

// TestSilenceIsNamed gives a session what the shell knows of the path.
func TestSilenceIsNamed(t *testing.T) {
	t.Parallel()
	reg := newRegistry()
	feed := feedOf(reg, 9)
	box := newNode(3)
	welcome := wire.Welcome{Version: wire.VersionMax, Resume: wire.ResumeOn, Head: headOf(reg.epoch, feed), Incarnation: box.inc, Now: 1, PingEvery: 2_000, Authority: reg.authority.Raw()}
	up := []step{{0, paysync.Connected{Position: pay.Position{Incarnation: box.inc}}, "Hello"}, {0, paysync.Received{Message: welcome}, "wentup, openoutbox"}}
	live := func(steps ...step) []step { return append(up[:2:2], steps...) }
	tick := func(at time.Duration, arrived uint64, want string) step {
		return step{at, paysync.Tick{Arrived: arrived}, want}
	}
	pong := func(at time.Duration, nonce uint64) step {
		return step{at, paysync.Received{Message: wire.Pong{Nonce: nonce}}, ""}
	}
	ping := tick(2*time.Second, 7, "Ping")
	greet := []step{{0, paysync.Connected{Position: pay.Position{Incarnation: box.inc}, Arrived: 3}, "Hello"}}
	cases := []struct {
		name  string
		small bool
		steps []step
		last  uint64 // arrived at the end
		want  string
	}{
		{"no Welcome, and nothing else", false, greet, 3, "the registry does not answer"},
		{"no Welcome, while packets arrive", false, greet, 4, "it is stuck, or datagrams of 1200 bytes do not get through"},
		{"nothing arrives", false, live(ping), 7, "does not answer"},
		{"packets arrive", false, live(ping), 8, "datagrams above 1200 bytes"},
		{"packets arrive, and the connection is small", true, live(ping), 8, "datagrams of 1200 bytes"},
		{"they arrived before the Ping only", false, live(tick(time.Second, 3, ""), ping), 7, "does not answer"},
		{"they arrived before a Pong only", false, live(ping, pong(2500*time.Millisecond, 1), tick(4*time.Second, 9, "Ping")), 9, "does not answer"},
		{"they arrived after a Ping that was answered", false, live(ping, pong(2500*time.Millisecond, 1), tick(4*time.Second, 9, "Ping")), 10, "datagrams above"},
		{"the node's own disk is slow", false, live(step{0, paysync.Received{Message: entries(feed, 1, 3)}, "mirror 0+3"}, ping), 8, "does not answer"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := paysync.NewClientSession(paysync.ClientIdentity{Scope: testScope, Root: reg.root.ID(), Working: reg.working.Public(), Small: c.small})
			run(t, s, c.steps)
			got := s.Step(start.Add(time.Minute), paysync.Tick{Arrived: c.last})
			end, ok := got[0].(paysync.End)
			if !ok || end.Final || end.Err.Code != pay.CodeUnreachable || end.Err.Hint == "" || !strings.Contains(end.Err.Error(), c.want) {
				t.Errorf("got %v, want %q", got, c.want)
			}
		})
	}
}

// TestDoubtfulSessionCatchesUpFirst: after a silence the node counts as connected
// once what waits on both sides has arrived.
func TestDoubtfulSessionCatchesUpFirst(t *testing.T) {
	t.Parallel()
	reg := newRegistry()
	feed := feedOf(reg, 9)
	box := newNode(3)
	box.publish(9)
	at := func(seq int) pay.Head { return headOf(reg.epoch, feed[:seq]) }
	got := func(m wire.Message) paysync.Event { return paysync.Received{Message: m} }
	connected := paysync.Connected{Position: pay.Position{Head: at(4), Incarnation: box.inc, Acked: 2, Last: 5}}
	welcome := func(head int, applied uint64) paysync.Event {
		return got(wire.Welcome{Version: wire.VersionMax, Resume: wire.ResumeOn, Head: at(head), Incarnation: box.inc, Applied: applied, Now: 1, PingEvery: 2_000, Authority: reg.authority.Raw()})
	}
	ack := func(n uint64) paysync.Event { return got(wire.Ack{Incarnation: box.inc, Applied: n}) }
	cases := []struct {
		name  string
		steps []step
		// behind is that of WentUp.
		behind bool
	}{
		{"nothing waits", []step{{0, connected, "Hello"}, {0, welcome(4, 5), "wentup, openoutbox, acked 5 refused 0"}}, false},
		{"entries wait", []step{
			{0, connected, "Hello"}, {0, welcome(6, 5), "wentup, openoutbox, acked 5 refused 0"},
			{0, got(entries(feed, 5, 5)), "mirror 4+1"}, {0, paysync.Mirrored{Head: at(5)}, ""},
			{0, got(entries(feed, 6, 6)), "mirror 5+1"}, {0, paysync.Mirrored{Head: at(6)}, "caughtup"},
			{0, got(entries(feed, 7, 7)), "mirror 6+1"}, {0, paysync.Mirrored{Head: at(7)}, ""}}, true},
		{"items wait", []step{
			{0, connected, "Hello"}, {0, welcome(4, 2), "wentup, openoutbox"}, {0, paysync.Opened{}, "outbox>2"},
			{0, paysync.Queued{Items: box.items[2:5]}, "Push 3+3"},
			{0, ack(4), ""}, {0, ack(5), "caughtup"}}, true},
		{"what came later is not waited for", []step{
			{0, connected, "Hello"}, {0, welcome(4, 4), "wentup, openoutbox, acked 4 refused 0"}, {0, paysync.Opened{}, "outbox>4"},
			{0, paysync.Queued{Items: box.items[4:9]}, "Push 5+5"}, {0, ack(5), "caughtup"}, {0, ack(9), ""}}, true},
		{"both wait", []step{
			{0, connected, "Hello"}, {0, welcome(5, 4), "wentup, openoutbox, acked 4 refused 0"}, {0, paysync.Opened{}, "outbox>4"},
			{0, paysync.Queued{Items: box.items[4:5]}, "Push 5+1"}, {0, ack(5), ""},
			{0, got(entries(feed, 5, 5)), "mirror 4+1"}, {0, paysync.Mirrored{Head: at(5)}, "caughtup"}}, true},
	}
	for _, c := range cases {
		for _, doubtful := range []bool{true, false} {
			t.Run(fmt.Sprint(c.name, " doubtful ", doubtful), func(t *testing.T) {
				t.Parallel()
				s := paysync.NewClientSession(paysync.ClientIdentity{Scope: testScope, Root: reg.root.ID(), Working: reg.working.Public(), Doubtful: doubtful})
				for i, st := range c.steps {
					effects := s.Step(start.Add(st.at), st.event)
					for _, e := range effects {
						if up, ok := e.(paysync.WentUp); ok && up.Behind != (c.behind && doubtful) {
							t.Errorf("behind: %v", up.Behind)
						}
					}
					want := st.want
					if !doubtful {
						want = strings.TrimSuffix(strings.TrimSuffix(want, "caughtup"), ", ")
					}
					if show(effects) != want {
						t.Fatalf("step %d (%T): got %q, want %q", i, st.event, show(effects), want)
					}
				}
			})
		}
	}
}

// TestLargerDatagramsThatStopComing: path MTU discovery has found larger datagrams
// to get through, both ends rely on them, and then they are swallowed, on every
// connection anew. The session notices, and the next connections are small, in
// both directions. The sockets are real ones, because only those are probed.
func TestLargerDatagramsThatStopComing(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1_200, 1_280, 1_400} {
		for name, up := range map[string]bool{"to the registry": true, "to the node": false} {
			t.Run(fmt.Sprint(n, " bytes ", name), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.socket = func() net.PacketConn { return localUDP(t) }
				w.pingEvery = 300
				r := relayTo(t, w.serve().Addr(), relay.OneWay(up, relay.OnceConfirmed(n)))
				box := newNode(3)
				w.reg.enlist(box.key)
				c := paysync.NewClient(paysync.ClientOptions{
					Dialer: quicnet.Dialer{Paths: new(quicnet.Paths)}, Address: r.Addr(), Key: box.key,
					Root: w.reg.root.ID(), Scope: testScope, Journal: box,
				})
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- c.Run(ctx) }()
				// The registry learns of a stall by one packet, which may get lost as
				// well: a second stall is no fault, one after each connection is.
				last := relay.Flow{Largest: n + 1}
				for stalls := 1; last.Largest > n && stalls <= 3; stalls++ {
					for flows := 0; flows <= stalls; flows, _, _ = r.Flows() {
						box.publish(20)
						w.awaitStep(box)
					}
					for range 20 {
						box.publish(20)
						w.awaitStep(box)
					}
					flows, toRegistry, toNode := r.Flows()
					t.Logf("%d connections, the last one's datagrams: to the registry %+v, to the node %+v", flows, toRegistry, toNode)
					if last = toNode; up {
						last = toRegistry
					}
				}
				if s := c.State(); last.Largest > paysync.DatagramBytesMin || last.Swallowed > 0 || !s.Up {
					t.Errorf("the last connection still relies on large datagrams: %+v, %+v", last, s)
				}
				cancel()
				if err := errors.Join(<-done, r.Close()); err != nil {
					t.Error(err)
				}
				w.stop()
			})
		}
	}
}

func localUDP(t *testing.T) net.PacketConn {
	t.Helper()
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return socket
}

func relayTo(t *testing.T, target net.Addr, rule relay.Rule) *relay.Relay {
	t.Helper()
	r, err := relay.Listen(target.String(), rule)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
