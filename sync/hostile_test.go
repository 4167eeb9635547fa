package paysync_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/wire"
)

// dial opens a bare connection to the registry.
func (w *world) dial(key pay.Key) paysync.Conn {
	w.t.Helper()
	conn, err := w.dialer().Dial(context.Background(), registryAddress, w.reg.root.ID(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := conn.Open(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	return conn
}

// awaitBye reads until the registry closes the connection and returns its Bye, if
// any.
func awaitBye(t *testing.T, conn paysync.Conn) (bye *wire.Bye) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	r := wire.NewReader(conn, pay.FrameBytesMax)
	for {
		m, err := r.Next()
		var timeout interface{ Timeout() bool }
		if errors.As(err, &timeout) && timeout.Timeout() && !errors.Is(err, io.EOF) {
			t.Fatalf("the registry does not hang up: %v", err)
		}
		if err != nil {
			return bye
		}
		if b, ok := m.(wire.Bye); ok {
			bye = &b
		}
	}
}

func TestHostilePeersLeaveNoTrace(t *testing.T) {
	box := newNode(3)
	box.publish(3)
	hello := wire.Append(nil, wire.Hello{Version: wire.VersionMax, Scope: testScope, Incarnation: box.inc})
	push := func(first uint64, facts ...[]byte) []byte {
		m := wire.Push{Incarnation: box.inc, First: first}
		for _, f := range facts {
			m.Items = append(m.Items, wire.PushItem{Facts: [][]byte{f}})
		}
		return wire.Append(nil, m)
	}
	own := box.items[0].Facts[0].Raw()
	forged := bytes.Clone(own)
	forged[len(forged)-1] ^= 1
	foreign := sign(testKey(9), pay.Cancel{Payment: pay.PaymentID{1}}).Raw()
	head := func(n uint32, t wire.Type) []byte { return append(binary.BigEndian.AppendUint32(nil, n), byte(t)) }
	garbage := make([]byte, 4096)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(garbage)

	cases := []struct {
		name     string
		stranger bool
		send     []byte
		want     pay.ErrorCode // of the Bye; "" when there is none
	}{
		{"garbage as the first frame", false, garbage, ""},
		{"nothing but a length", false, head(pay.FrameBytesMax, wire.TypeHello)[:4], ""},
		{"a first frame above the strangers' limit", false, append(head(pay.FirstFrameBytesMax+1, wire.TypeHello), make([]byte, pay.FirstFrameBytesMax)...), ""},
		{"half a Hello", false, hello[:len(hello)/2], ""},
		{"a Ping as the first frame", false, wire.Append(nil, wire.Ping{Nonce: 1}), pay.CodeBadFact},
		{"a Push as the first frame", false, push(1, own), pay.CodeBadFact},
		{"garbage after Hello", false, slices.Concat(hello, garbage), pay.CodeBadFact},
		{"a frame above the limit", false, slices.Concat(hello, head(pay.FrameBytesMax+1, wire.TypePush)), pay.CodeBadFact},
		{"a type that may not be skipped", false, slices.Concat(hello, head(2, 200), []byte{0xA0}), pay.CodeBadFact},
		{"a forged fact behind a good one", false, slices.Concat(hello, push(1, own, forged)), pay.CodeBadFact},
		{"another node's fact", false, slices.Concat(hello, push(1, foreign)), pay.CodeBadFact},
		{"bytes that are no fact", false, slices.Concat(hello, push(1, []byte("no fact"))), pay.CodeBadFact},
		{"a fact with a byte more", false, slices.Concat(hello, push(1, append(bytes.Clone(own), 0))), pay.CodeBadFact},
		{"items with a gap", false, slices.Concat(hello, push(2, own)), pay.CodeBadFact},
		{"a Poke from a node", false, slices.Concat(hello, wire.Append(nil, wire.Poke{})), pay.CodeBadFact},
		{"a stranger's Hello and Push", true, slices.Concat(hello, push(1, sign(testKey(5), pay.Cancel{Payment: pay.PaymentID{1}}).Raw())), pay.CodeNotEnrolled},
		{"a stranger's made-up invite", true, wire.Append(nil, wire.Enrol{Version: wire.VersionMax, Role: pay.RoleBox}), pay.CodeInvite},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.reg.enlist(box.key)
				key := box.key
				if c.stranger {
					key = testKey(5)
				}
				conn := w.dial(key)
				if _, err := conn.Write(c.send); err != nil {
					t.Fatal(err)
				}
				bye := awaitBye(t, conn)
				conn.Close(paysync.CloseDone)
				switch {
				case bye == nil && c.want != "":
					t.Errorf("no Bye, want %s", c.want)
				case bye != nil && bye.Code != c.want:
					t.Errorf("Bye %+v, want %q", *bye, c.want)
				}
				if w.reg.applies != 0 || len(w.reg.facts) != 0 || len(w.reg.members) != 1 {
					t.Errorf("it left a trace: %d applied, %d members", len(w.reg.facts), len(w.reg.members))
				}
			})
		})
	}
}

func TestSilentStrangerIsSentAway(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		conn := w.dial(testKey(5))
		began := time.Now()
		// A first byte makes the stream known to the registry.
		if _, err := conn.Write([]byte{0}); err != nil {
			t.Fatal(err)
		}
		awaitBye(t, conn)
		if took := time.Since(began); took > 11*time.Second {
			t.Errorf("sent away after %v", took)
		}
		conn.Close(paysync.CloseDone)
	})
}

func TestNodeThatReportsNothingIsHeldToItsWindow(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		deaf, quick := newNode(3), newNode(4)
		w.reg.enlist(deaf.key)
		w.reg.enlist(quick.key)
		conn := w.dial(deaf.key)
		if _, err := conn.Write(wire.Append(nil, wire.Hello{Version: wire.VersionMax, Scope: testScope, Incarnation: deaf.inc})); err != nil {
			t.Fatal(err)
		}
		w.reg.post(2_000)
		_, leave := w.client(quick)
		w.awaitStep(quick)
		quit(t, leave)
		if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		r, held, pokes := wire.NewReader(conn, pay.FrameBytesMax), 0, 0
		for {
			m, err := r.Next()
			if err != nil {
				break
			}
			switch m.(type) {
			case wire.Entries:
				held += len(r.Frame())
			case wire.Poke:
				pokes++
			}
		}
		if held == 0 || held > pay.FeedWindowBytes+pay.BatchBytesMax || held > pay.ReceiveWindowBytes || pokes != 1 {
			t.Errorf("%d bytes of entries and %d pokes are under way to a node that reports nothing", held, pokes)
		}
		conn.Close(paysync.CloseDone)
	})
}

func TestSeamsAreCalledInOrder(t *testing.T) {
	var mu sync.Mutex
	var points []string
	frames := map[string]int{}
	inBubble(t, func(t *testing.T, w *world) {
		w.seams = paysync.Seams{
			At: func(point string) {
				mu.Lock()
				defer mu.Unlock()
				points = append(points, point)
			},
			Tap: func(dir string, frame []byte) {
				if _, err := wire.ReadMessage(bytes.NewReader(frame), pay.FrameBytesMax); err != nil {
					t.Errorf("tapped %x: %v", frame, err)
				}
				mu.Lock()
				defer mu.Unlock()
				frames[dir]++
			},
		}
		w.restart(w.reg)
		box := newNode(3)
		w.reg.enlist(box.key)
		box.publish(1)
		_, leave := w.client(box)
		w.awaitStep(box)
		quit(t, leave)
		mu.Lock()
		defer mu.Unlock()
		for _, p := range paysync.CrashPoints() {
			if !slices.Contains(points, p) {
				t.Errorf("%s was never passed: %v", p, points)
			}
		}
		for _, pair := range [][2]string{{"sync.before-push", "sync.before-ack"}, {"sync.before-push", "sync.after-push"}, {"sync.before-ack", "sync.after-ack"}, {"sync.before-mirror", "sync.after-mirror"}} {
			if slices.Index(points, pair[0]) > slices.Index(points, pair[1]) {
				t.Errorf("%s came after %s", pair[0], pair[1])
			}
		}
		if frames["in"] == 0 || frames["in"] > frames["out"] {
			t.Errorf("tapped %v", frames)
		}
	})
}
