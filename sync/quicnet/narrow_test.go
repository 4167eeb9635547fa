package quicnet_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/sync/quicnet"
	"github.com/paybeacon/paybeacon/sync/quicnet/relay"
)

func relayTo(t *testing.T, target string, rule relay.Rule) *relay.Relay {
	t.Helper()
	r, err := relay.Listen(target, rule)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close relay: %v", err)
		}
	})
	return r
}

// exchange sends each way, in turn, what takes several datagrams.
func exchange(t *testing.T, a, b paysync.Conn) {
	t.Helper()
	data, got := make([]byte, 8<<10), make([]byte, 8<<10)
	for _, c := range [][2]paysync.Conn{{a, b}, {b, a}} {
		if _, err := c[0].Write(data); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c[1], got); err != nil {
			t.Fatal(err)
		}
	}
}

// meet returns both ends of a connection through r.
func meet(t *testing.T, d quicnet.Dialer, r *relay.Relay, l *quicnet.Listener) (node, registry paysync.Conn) {
	t.Helper()
	ctx := background(t)
	node, err := d.Dial(ctx, r.Addr(), key(t, 1).ID(), key(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Open(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := node.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if registry, err = l.Accept(ctx); err != nil {
		t.Fatal(err)
	}
	if err := registry.Open(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(registry, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return node, registry
}

// TestLargerDatagramsAreFound: a connection begins with datagrams of 1,200 bytes
// and both ends go on to larger ones where the path carries them.
func TestLargerDatagramsAreFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ limit, atLeast int }{{1_452, 1_430}, {1_400, 1_380}, {1_232, 1_212}} {
		t.Run(fmt.Sprint("up to ", c.limit), func(t *testing.T) {
			t.Parallel()
			working := key(t, 2)
			l := listen(t, quicnet.ListenOptions{Key: working, Authority: authority(t, key(t, 1), working)})
			r := relayTo(t, l.Addr().String(), relay.Above(c.limit))
			node, registry := meet(t, quicnet.Dialer{}, r, l)
			passed := func(f relay.Flow) bool { return f.Passed >= c.atLeast }
			rounds := 0
			for _, up, down := r.Flows(); !passed(up) || !passed(down); _, up, down = r.Flows() {
				exchange(t, node, registry)
				rounds++
			}
			_, up, down := r.Flows()
			t.Logf("after %d rounds: to the registry %+v, to the node %+v", rounds, up, down)
			node.Close(paysync.CloseDone)
			<-closed(registry)
		})
	}
}

// closed is closed once the peer has closed c.
func closed(c paysync.Conn) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, c)
	}()
	return done
}

// TestAfterASilenceConnectionsAreSmall: once a node got no answer, its next
// connection and the registry's end of it send no datagram above 1,200 bytes.
func TestAfterASilenceConnectionsAreSmall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code  paysync.CloseCode
		paths *quicnet.Paths
		node  bool // the node's end becomes small
		both  bool
	}{
		"silence":                        {paysync.CloseSilent, new(quicnet.Paths), true, true},
		"silence, nothing is remembered": {paysync.CloseSilent, nil, false, true},
		"as agreed":                      {paysync.CloseDone, new(quicnet.Paths), false, false},
		"a broken protocol":              {paysync.CloseProtocol, new(quicnet.Paths), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			working := key(t, 2)
			l := listen(t, quicnet.ListenOptions{Key: working, Authority: authority(t, key(t, 1), working)})
			r := relayTo(t, l.Addr().String(), relay.All())
			d := quicnet.Dialer{Paths: c.paths}
			node, registry := meet(t, d, r, l)
			if node.Small() || registry.Small() || node.Arrived() == 0 {
				t.Errorf("at first: small %v, %v; %d packets arrived", node.Small(), registry.Small(), node.Arrived())
			}
			node.Close(c.code)
			<-closed(registry)
			node, registry = meet(t, d, r, l)
			// The registry takes note a moment after its end was closed.
			for c.both && !registry.Small() {
				node.Close(paysync.CloseDone)
				<-closed(registry)
				node, registry = meet(t, d, r, l)
			}
			if node.Small() != c.node || registry.Small() != c.both {
				t.Errorf("then: small %v at the node, %v at the registry", node.Small(), registry.Small())
			}
			for range 20 {
				exchange(t, node, registry)
			}
			_, up, down := r.Flows()
			for end, f := range map[string]struct {
				small bool
				relay.Flow
			}{"the node": {c.node, up}, "the registry": {c.both, down}} {
				if f.small && f.Largest > paysync.DatagramBytesMin {
					t.Errorf("%s sends datagrams of %d bytes", end, f.Largest)
				}
			}
			node.Close(paysync.CloseDone)
			<-closed(registry)
		})
	}
}

// TestMeasure finds to the byte what a path lets through to a registry, without a
// connection, and nothing where nobody answers.
func TestMeasure(t *testing.T) {
	t.Parallel()
	working := key(t, 2)
	l := listen(t, quicnet.ListenOptions{Key: working, Authority: authority(t, key(t, 1), working), ResetKey: &[32]byte{1}})
	mute := listen(t, quicnet.ListenOptions{Key: working, Authority: authority(t, key(t, 1), working)})
	for name, c := range map[string]struct {
		target string
		rule   relay.Rule
		want   quicnet.Reach
		says   string
	}{
		"all":                         {l.Addr().String(), relay.All(), quicnet.Reach{Passes: 1_452}, ""},
		"up to 1,280":                 {l.Addr().String(), relay.Above(1_280), quicnet.Reach{Passes: 1_280, Fails: 1_281}, ""},
		"up to 1,200":                 {l.Addr().String(), relay.Above(1_200), quicnet.Reach{Passes: 1_200, Fails: 1_201}, ""},
		"up to 1,199":                 {l.Addr().String(), relay.Above(1_199), quicnet.Reach{Passes: 1_199, Fails: 1_200}, "datagrams above 1199 bytes do not get through"},
		"up to 508":                   {l.Addr().String(), relay.Above(508), quicnet.Reach{Passes: 508, Fails: 509}, "datagrams above 508 bytes"},
		"nothing":                     {l.Addr().String(), relay.Above(0), quicnet.Reach{}, ""},
		"a registry without a secret": {mute.Addr().String(), relay.All(), quicnet.Reach{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := relayTo(t, c.target, c.rule)
			got, err := quicnet.Measure(background(t), r.Addr())
			said := ""
			if e := got.Err("pay.example:7443"); e != nil {
				said = e.Error()
			}
			t.Logf("%+v %s", got, said)
			if err != nil || got != c.want {
				t.Errorf("got %+v (%v), want %+v", got, err, c.want)
			}
			if (said == "") != (c.says == "") || !strings.Contains(said, c.says) {
				t.Errorf("it says %q, want %q", said, c.says)
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		r, err := relay.Listen(l.Addr().String(), relay.All())
		if err == nil {
			err = r.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := quicnet.Measure(background(t), r.Addr()); err != nil || got != (quicnet.Reach{}) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("no address", func(t *testing.T) {
		t.Parallel()
		if _, err := quicnet.Measure(background(t), "no-port"); err == nil {
			t.Error("no error")
		}
	})
}
