package paysync_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
)

func TestItemsAndEntriesCross(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		box := newNode(3)
		w.reg.enlist(box.key)
		w.reg.post(700)
		box.publish(700)
		c, leave := w.client(box)
		w.awaitStep(box)
		box.publish(1)
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
		box.publish(500)
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
			box.publish(20)
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
		box.publish(50)
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
				box.publish(3)
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
			func(w *world, n *node) {
				w.reg.revoke(n.key)
				w.server.Disconnect(pay.NodeStatus{Node: n.key.Public(), Revoked: true})
			}, pay.CodeNotAllowed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				box := newNode(3)
				box.publish(3)
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

func (s stuck) Mirror(ctx context.Context, from pay.Cursor, facts []pay.Fact, ack pay.Acked) (pay.Head, error) {
	select {
	case <-s.hang:
		return s.node.Mirror(ctx, from, facts, ack)
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
		box.publish(5)
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
