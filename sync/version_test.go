package paysync_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/wire"
)

// meet lets two sessions greet each other and returns both, and the error with
// which the registry's ended, if it did. The node's has its Bye then.
func meet(node, registry wire.Versions) (c *paysync.ClientSession, s *paysync.ServerSession, refusal *pay.Error) {
	reg, box := newRegistry(), newNode(3)
	feed := feedOf(reg, 1)
	c = paysync.NewClientSession(paysync.ClientIdentity{Scope: testScope, Root: reg.root.ID(), Working: reg.working.Public(), Versions: node})
	s = paysync.NewServerSession(registry)
	hello := c.Step(start, paysync.Connected{Position: box.position()})[0].(paysync.Send).Message
	s.Step(start, paysync.Received{Message: hello})
	standing := paysync.Standing{Known: true, Member: reg.members[box.key.ID()], Head: headOf(reg.epoch, feed), Now: 1, PingEvery: 2_000, Authority: reg.authority.Raw()}
	switch e := s.Step(start, paysync.Stood{Standing: standing})[0].(type) {
	case paysync.Send:
		c.Step(start, paysync.Received(e))
	case paysync.End:
		refusal = e.Err
		c.Step(start, paysync.Received{Message: wire.ByeFor(refusal)})
	}
	return c, s, refusal
}

func TestBothSessionsKeepTheNewestCommonVersion(t *testing.T) {
	t.Parallel()
	var ranges []wire.Versions
	for lowest := wire.Version(2); lowest <= 6; lowest++ {
		for highest := lowest; highest <= 6; highest++ {
			ranges = append(ranges, wire.Versions{Min: lowest, Max: highest})
		}
	}
	for _, node := range ranges {
		for _, registry := range ranges {
			t.Run("node "+node.String()+", registry "+registry.String(), func(t *testing.T) {
				c, s, refusal := meet(node, registry)
				want, ok := node.Common(registry)
				if ok {
					if refusal != nil || c.Version() != want || s.Version() != want {
						t.Errorf("versions %d and %d (%v), want %d", c.Version(), s.Version(), refusal, want)
					}
					return
				}
				first := "upgrade the node first"
				if node.Min > registry.Max {
					first = "upgrade the registry first"
				}
				if refusal == nil || refusal.Code != pay.CodeUpgrade || !strings.HasSuffix(refusal.Message, first) {
					t.Fatalf("got %v, want a sentence that ends with %q", refusal, first)
				}
				if later := paysync.RegistryOutdated(wire.ByeFor(refusal).Err()); later != (node.Min > registry.Max) {
					t.Errorf("%v: the registry is the outdated one: %v", refusal, later)
				}
				if c.Version() != 0 || s.Version() != 0 {
					t.Errorf("a session keeps version %d or %d", c.Version(), s.Version())
				}
			})
		}
	}
}

// greetings returns the frozen frames of testdata/vectors/greetings.json.
func greetings(t *testing.T) map[string][]byte {
	t.Helper()
	raw, err := os.ReadFile("../testdata/vectors/greetings.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		Name string `json:"name"`
		Hex  string `json:"hex"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, g := range list {
		if out[g.Name], err = hex.DecodeString(g.Hex); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestRegistryTellsOlderAndNewerNodesWhatToUpgrade sends frozen greetings to a
// registry that runs and wants the sentence, readable by a program that knows no
// more than version 2, and no trace.
func TestRegistryTellsOlderAndNewerNodesWhatToUpgrade(t *testing.T) {
	frames := greetings(t)
	cases := []struct {
		name     string
		speaks   wire.Versions // the registry
		greeting string
		want     string
	}{
		{"a Hello of version 2", wire.Versions{}, "hello of version 2", "the node speaks version 2 of the protocol, the registry version 3: upgrade the node first"},
		{"an Enrol of version 2", wire.Versions{}, "enrol of version 2", "the node speaks version 2 of the protocol, the registry version 3: upgrade the node first"},
		{"a Hello for a registry that left it behind", wire.Versions{Min: 6, Max: 7}, "hello of versions 3 to 5", "the node speaks versions 3 to 5 of the protocol, the registry versions 6 to 7: upgrade the node first"},
		{"a Hello for a registry that stayed behind", wire.Versions{Min: 1, Max: 2}, "hello of versions 3 to 5", "the node speaks versions 3 to 5 of the protocol, the registry versions 1 to 2: upgrade the registry first"},
		{"an Enrol for a registry that stayed behind", wire.Versions{Min: 1, Max: 2}, "enrol of version 3", "the node speaks version 3 of the protocol, the registry versions 1 to 2: upgrade the registry first"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.versions = c.speaks
				w.restart(w.reg)
				box := newNode(3)
				w.reg.enlist(box.key)
				conn := w.dial(box.key)
				if _, err := conn.Write(frames[c.greeting]); err != nil {
					t.Fatal(err)
				}
				bye := awaitBye(t, conn)
				conn.Close(paysync.CloseDone)
				if bye == nil || bye.Code != pay.CodeUpgrade || bye.Message != c.want {
					t.Fatalf("Bye %+v, want %q", bye, c.want)
				}
				var byeOfVersion2 struct {
					Code    string `cbor:"1,keyasint"`
					Message string `cbor:"2,keyasint"`
					Hint    string `cbor:"3,keyasint"`
				}
				if err := pay.Decode(pay.Encode(*bye), &byeOfVersion2); err != nil {
					t.Errorf("version 2 cannot read the Bye: %v", err)
				}
				if w.reg.applies != 0 || len(w.reg.members) != 1 {
					t.Errorf("it left a trace: %d applied, %d members", w.reg.applies, len(w.reg.members))
				}
			})
		})
	}
}

// oldRegistry answers the first message of each connection as a registry of
// version 2 does: a greeting that it can read with the error of its own words,
// any other by closing the connection. It serves until stop.
func (w *world) oldRegistry() (stop func()) {
	w.stop()
	listener := w.listen()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept(ctx)
			if err != nil {
				return
			}
			answerAsVersion2(ctx, conn)
		}
	}()
	return func() {
		cancel()
		<-done
		if err := listener.Close(); err != nil {
			w.t.Errorf("close listener: %v", err)
		}
	}
}

func answerAsVersion2(ctx context.Context, conn paysync.Conn) {
	defer conn.Close(paysync.CloseProtocol)
	if conn.Open(ctx) != nil {
		return
	}
	r := wire.NewReader(conn, pay.FirstFrameBytesMax)
	m, err := r.Next()
	if err != nil {
		return
	}
	var version wire.Version
	switch m := m.(type) {
	case wire.Hello:
		if m.Oldest != 0 {
			return // an unknown key, to version 2
		}
		version = m.Version
	case wire.Enrol:
		if m.Oldest != 0 {
			return
		}
		version = m.Version
	}
	bye := wire.Bye{Code: pay.CodeUpgrade, Hint: "install the same version of paybeacon on both"}
	bye.Message = "the node speaks " + (wire.Versions{Min: version, Max: version}).String() + " of the protocol, the registry version 2"
	if _, err := conn.Write(wire.Append(nil, bye)); err != nil || conn.CloseWrite() != nil {
		return
	}
	var sink [1]byte
	_, _ = conn.Read(sink[:])
}

// TestNodeWaitsForItsRegistryToBeUpgraded keeps a node with queued items at a
// registry of version 2, which is then replaced: nothing is lost, and nobody has
// to start the node again.
func TestNodeWaitsForItsRegistryToBeUpgraded(t *testing.T) {
	cases := []struct {
		name   string
		speaks wire.Versions // the node
		want   string
	}{
		{"by a node of this version", wire.Versions{Min: 3, Max: 3}, "the node speaks version 3 of the protocol, the registry version 2: upgrade the registry first"},
		{"by a node of a later one", wire.Versions{Min: 3, Max: 4}, "the registry cannot read what this node sends: upgrade the registry first, if it is the older one"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				box := newNode(3)
				w.reg.enlist(box.key)
				w.reg.post(5)
				box.publish(5)
				stop := w.oldRegistry()
				client, leave := w.clientSpeaking(box, c.speaks)
				before := box.position()
				state := w.awaitState(client, isDown)
				if pay.CodeOf(state.Err) != pay.CodeUpgrade || state.Err.Error() != c.want {
					t.Errorf("state %+v, want %q", state, c.want)
				}
				_, err := paysync.Probe(context.Background(), paysync.ClientOptions{
					Dialer: w.dialer(), Address: registryAddress, Key: box.key, Root: w.reg.root.ID(), Scope: testScope, Versions: c.speaks,
				}, before)
				if pay.CodeOf(err) != pay.CodeUpgrade || err.Error() != c.want {
					t.Errorf("Probe: %v, want %q", err, c.want)
				}
				time.Sleep(10 * time.Minute)
				if box.position() != before || box.opened != 0 || w.reg.applies != 0 {
					t.Errorf("something changed: %+v, before %+v", box.position(), before)
				}
				stop()
				w.serve()
				w.awaitStep(box)
				quit(t, leave)
			})
		})
	}
}

func TestEnrolAtARegistryOfVersion2SaysWhatToUpgrade(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		stop := w.oldRegistry()
		in := pay.Invite{Address: registryAddress, Root: w.reg.root.ID(), ID: pay.InviteID{1}}
		_, err := paysync.Enrol(context.Background(), w.dialer(), testKey(3), in, pay.RoleBox, "Till")
		if pay.CodeOf(err) != pay.CodeUpgrade || !strings.HasSuffix(err.Error(), "upgrade the registry first") {
			t.Errorf("got %v (%s)", err, pay.CodeOf(err))
		}
		stop()
		w.serve()
	})
}

// TestNodesOfSeveralVersionsAreServedTogether wants each node in step with a
// registry whose range overlaps its own.
func TestNodesOfSeveralVersionsAreServedTogether(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.versions = wire.Versions{Min: 3, Max: 5}
		w.restart(w.reg)
		for i, v := range []wire.Versions{{Min: 3, Max: 3}, {Min: 3, Max: 4}, {Min: 5, Max: 9}} {
			box := newNode(byte(3 + i))
			w.reg.enlist(box.key)
			box.publish(3)
			_, leave := w.clientSpeaking(box, v)
			w.awaitStep(box)
			quit(t, leave)
		}
	})
}
