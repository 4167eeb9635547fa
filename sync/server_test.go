package paysync_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/wire"
)

// gate is a registry whose Apply waits for leave, and reports each call.
type gate struct {
	*registry
	calls chan uint64 // number of the first item
	leave chan error

	mu     sync.Mutex
	inside int
	most   int
}

func (g *gate) Apply(ctx context.Context, node pay.NodeID, inc pay.Incarnation, items []pay.Item) (pay.Applied, error) {
	g.mu.Lock()
	g.inside++
	g.most = max(g.most, g.inside)
	g.mu.Unlock()
	g.calls <- items[0].N
	err := <-g.leave
	g.mu.Lock()
	g.inside--
	g.mu.Unlock()
	if err != nil {
		return pay.Applied{}, err
	}
	return g.registry.Apply(ctx, node, inc, items)
}

// talk sends messages and returns what answers them.
func talk(t *testing.T, conn paysync.Conn, messages ...wire.Message) func() wire.Message {
	t.Helper()
	var out []byte
	for _, m := range messages {
		out = wire.Append(out, m)
	}
	if _, err := conn.Write(out); err != nil {
		t.Fatal(err)
	}
	r := wire.NewReader(conn, pay.FrameBytesMax)
	return func() wire.Message {
		t.Helper()
		m, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
}

func pushOf(n *node, first, last int) wire.Push {
	m := wire.Push{Incarnation: n.inc, First: uint64(first)}
	for _, item := range n.items[first-1 : last] {
		m.Items = append(m.Items, wire.PushItem{Facts: [][]byte{item.Facts[0].Raw()}})
	}
	return m
}

func TestPushesAreAppliedInTurnWhilePingsAreAnswered(t *testing.T) {
	cases := []struct {
		name  string
		first error // of the first Apply
	}{
		{"all goes well", nil},
		{"the first push fails", errors.New("disk on fire")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				g := &gate{registry: w.reg, calls: make(chan uint64, 10), leave: make(chan error)}
				w.restart(g)
				box := newNode(3)
				w.reg.enlist(box.key)
				box.publish(6)
				conn := w.dial(box.key)
				next := talk(t, conn, wire.Hello{Version: wire.VersionMax, Scope: testScope, Incarnation: box.inc, Last: 6},
					pushOf(box, 1, 2), pushOf(box, 3, 4), pushOf(box, 5, 6), wire.Ping{Nonce: 9})
				for {
					m := next()
					if _, ok := m.(wire.Ack); ok {
						t.Fatal("an Ack of what is not applied")
					}
					if m == (wire.Pong{Nonce: 9}) {
						break
					}
				}
				time.Sleep(time.Second)
				if first := <-g.calls; first != 1 || len(g.calls) != 0 {
					t.Fatalf("item %d is applied first, %d more calls at the same time", first, len(g.calls))
				}
				g.leave <- c.first
				if c.first != nil {
					bye := awaitBye(t, conn)
					if bye == nil || bye.Code != pay.CodeFailed || len(g.calls) != 0 || len(w.reg.facts) != 0 {
						t.Errorf("Bye %+v, %d more calls", bye, len(g.calls))
					}
					conn.Close(paysync.CloseDone)
					return
				}
				g.leave <- nil
				g.leave <- nil
				for applied := uint64(0); applied < 6; {
					if ack, ok := next().(wire.Ack); ok {
						if ack.Applied <= applied || ack.Applied%2 != 0 { // two that come together may be one
							t.Fatalf("Ack of item %d after %d", ack.Applied, applied)
						}
						applied = ack.Applied
					}
				}
				if g.most != 1 || len(w.reg.facts[box.key.ID()]) != 6 {
					t.Errorf("%d applied at the same time, %d facts in all", g.most, len(w.reg.facts[box.key.ID()]))
				}
				conn.Close(paysync.CloseDone)
			})
		})
	}
}

func TestRegistryThatGreetsAndFailsIsNotDialledInACircle(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		box := newNode(3)
		w.reg.enlist(box.key)
		w.reg.failWith = errors.New("disk on fire")
		box.publish(1)
		_, leave := w.client(box)
		time.Sleep(time.Minute)
		quit(t, leave)
		if box.opened < 20 || box.opened > 80 {
			t.Errorf("%d sessions in a minute", box.opened)
		}
	})
}

func TestAfterALongSessionTheNextIsDialledAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		box := newNode(3)
		w.reg.enlist(box.key)
		w.kill()
		c, leave := w.client(box)
		time.Sleep(time.Hour)
		w.serve()
		w.awaitState(c, isUp)
		time.Sleep(10 * time.Second)
		w.stop()
		w.serve()
		again := time.Now()
		w.awaitState(c, isDown)
		w.awaitState(c, isUp)
		if took := time.Since(again); took > time.Second {
			t.Errorf("up again after %v", took)
		}
		quit(t, leave)
	})
}

// liar is a registry that enrols as it likes.
type liar struct {
	*registry
	change func(*pay.Membership)
}

func (l liar) Enrol(ctx context.Context, c pay.EnrolClaim) (pay.Membership, error) {
	m, err := l.registry.Enrol(ctx, c)
	l.change(&m)
	return m, err
}

func TestEnrolledIsBelievedOnlyForThisNode(t *testing.T) {
	other := testKey(8)
	cases := []struct {
		name   string
		change func(*pay.Membership)
		want   pay.ErrorCode
	}{
		{"another key", func(m *pay.Membership) { m.Node.Node = other.Public() }, pay.CodeBadFact},
		{"another role", func(m *pay.Membership) { m.Node.Role, m.Node.Scope = pay.RoleWallet, "w/anna" }, pay.CodeBadFact},
		{"a revoked node", func(m *pay.Membership) { m.Node.Revoked = true }, pay.CodeBadFact},
		{"an authority of another root", func(m *pay.Membership) {
			m.Authority = sign(other, pay.Authority{Root: other.Public(), Working: other.Public(), Until: 9})
		}, pay.CodeNotTrusted},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.restart(liar{w.reg, c.change})
				w.reg.invites[pay.InviteID{1}] = &invite{status: pay.NodeStatus{Role: pay.RoleBox, Scope: testScope, Name: "Till", MerchantName: "Café", Site: "Hall"}}
				in := pay.Invite{Address: registryAddress, Root: w.reg.root.ID(), ID: pay.InviteID{1}}
				_, err := paysync.Enrol(context.Background(), w.dialer(), testKey(3), in, pay.RoleBox, "")
				if pay.CodeOf(err) != c.want {
					t.Errorf("got %v (%s), want %s", err, pay.CodeOf(err), c.want)
				}
			})
		})
	}
}
