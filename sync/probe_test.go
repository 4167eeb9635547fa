package paysync_test

import (
	"context"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
)

// TestProbe greets the registry as doctor does, with a clock that is ten minutes
// slow, and wants nothing changed on either side.
func TestProbe(t *testing.T) {
	const slow = 10 * time.Minute
	cases := []struct {
		name  string
		prep  func(w *world, n *node)
		at    string
		want  pay.ErrorCode // "": it works
		ahead uint64
	}{
		{"in step", func(w *world, n *node) { w.reg.enlist(n.key) }, registryAddress, "", 1},
		{"entries wait", func(w *world, n *node) { w.reg.enlist(n.key); w.reg.post(4) }, registryAddress, "", 5},
		{"items wait", func(w *world, n *node) { w.reg.enlist(n.key); n.publish(3) }, registryAddress, "", 1},
		{"a stranger", func(*world, *node) {}, registryAddress, pay.CodeNotEnrolled, 0},
		{"revoked", func(w *world, n *node) { w.reg.enlist(n.key); w.reg.revoke(n.key) }, registryAddress, pay.CodeNotAllowed, 0},
		{"a fork", func(w *world, n *node) {
			w.reg.enlist(n.key)
			n.head = pay.Head{Cursor: pay.Cursor{Epoch: w.reg.epoch, Seq: 1, Chain: pay.Chain{1}}}
		}, registryAddress, pay.CodeOldCopy, 0},
		{"nobody there", func(*world, *node) {}, "10.0.0.9:7443", pay.CodeUnreachable, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				box := newNode(3)
				c.prep(w, box)
				before, head := box.position(), w.reg.head(testScope)
				g, err := paysync.Probe(context.Background(), paysync.ClientOptions{
					Dialer: w.dialer(), Address: c.at, Key: box.key, Root: w.reg.root.ID(), Scope: testScope,
					Clock: func() time.Time { return time.Now().Add(-slow) },
				}, before)
				if pay.CodeOf(err) != c.want {
					t.Fatalf("got %v (%s), want %q", err, pay.CodeOf(err), c.want)
				}
				time.Sleep(time.Minute) // the session that Probe left has ended
				if box.position() != before || w.reg.head(testScope) != head || w.reg.applies != 0 || w.server.Nodes() != 0 {
					t.Errorf("the greeting changed something: %+v, %d nodes", box.position(), w.server.Nodes())
				}
				if c.want != "" {
					return
				}
				if far := (g.Offset.Std() - slow).Abs(); far > g.Trip || g.Trip <= 0 || g.Ahead != c.ahead {
					t.Errorf("%+v, want an offset of %v and %d entries", g, slow, c.ahead)
				}
			})
		})
	}
}
