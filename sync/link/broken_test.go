package link_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/sync/link"
)

// cutter dials connections that end after a number of bytes in one direction.
type cutter struct {
	in, out     int // bytes until the cut; negative: never
	read, wrote int
}

func (c *cutter) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &cutConn{conn, c}, nil
}

type cutConn struct {
	net.Conn
	c *cutter
}

func (c *cutConn) Read(b []byte) (int, error) {
	if left := c.c.in - c.c.read; c.c.in >= 0 && len(b) > left {
		b = b[:left]
	}
	if len(b) == 0 {
		_ = c.Close()
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Read(b)
	c.c.read += n
	return n, err
}

func (c *cutConn) Write(b []byte) (int, error) {
	left := c.c.out - c.c.wrote
	if c.c.out < 0 || len(b) <= left {
		n, err := c.Conn.Write(b)
		c.c.wrote += n
		return n, err
	}
	n, _ := c.Conn.Write(b[:left])
	c.c.wrote += n
	_ = c.Close()
	return n, net.ErrClosed
}

// TestCutAnywhere ends the connection at every few bytes of a pairing, in either
// direction, kills the device and checks the stored state of both sides. Then the
// wallet tries again.
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	whole := cutter{in: -1, out: -1}
	b := serve(t)
	w := b.wallet(b.pin(), 1)
	w.Dialer = &whole
	if err := w.pair(t); err != nil {
		t.Fatal(err)
	}
	t.Logf("a pairing is %d bytes out and %d bytes in", whole.wrote, whole.read)
	const stride = 41
	seen := map[string]int{}
	for at := 0; at <= max(whole.wrote, whole.read); at += stride {
		for _, c := range []cutter{{in: at, out: -1}, {in: -1, out: at}} {
			seen[cutOnce(t, c)]++
		}
	}
	t.Log(seen)
	for _, end := range []string{"nothing bound", "device bound", "both bound"} {
		if seen[end] == 0 {
			t.Errorf("no cut ended with %s", end)
		}
	}
}

func cutOnce(t *testing.T, c cutter) (end string) {
	t.Helper()
	name := fmt.Sprintf("cut after %d bytes in, %d out", c.in, c.out)
	b := serve(t)
	defer func() { b.stop() }()
	w := b.wallet(b.pin(), 1)
	w.Dialer = &c
	err := w.pair(t)
	if code := pay.CodeOf(err); err != nil && code != pay.CodeUnreachable {
		t.Errorf("%s: %v", name, err)
	}
	b.restart()
	s := b.state()
	switch kept := len(w.kept) > 0; {
	case s.Binding == nil && !kept:
		end = "nothing bound"
		w.PIN = b.pin()
	case s.Binding != nil && !kept:
		end = "device bound"
		if (s.Spent == pay.PIN{}) {
			t.Errorf("%s: the device counts as confirmed, and the wallet has nothing", name)
		}
	case s.Binding != nil && kept:
		end = "both bound"
	default:
		t.Errorf("%s: the wallet kept a bind of an unbound device", name)
	}
	known := len(w.kept) > 0
	w.Known = func(pay.DeviceID) bool { return known }
	w.Dialer, w.Address = nil, b.addr
	if err := w.pair(t); err != nil || !b.boundTo(w.Key) {
		t.Errorf("%s, %s, again: %v", name, end, err)
	}
	return end
}

// bubble starts a device on a network whose time the test controls.
func bubble(t *testing.T) (*bench, *pipes) {
	t.Helper()
	net := newPipes()
	return newBench(t).start(net), net
}

func (b *bench) walletOn(p *pipes, pin pay.PIN, seed byte) *wallet {
	w := b.wallet(pin, seed)
	w.Dialer = p
	return w
}

// Silent peers hold every place and do not keep the wallet out: the oldest of them
// is replaced, and the others end by their deadline.
func TestSilentPeersAreDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, p := bubble(t)
		w := b.walletOn(p, b.pin(), 1)
		var silent []net.Conn
		for range pay.LinkConnsMax {
			conn, err := p.DialContext(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			silent = append(silent, conn)
		}
		synctest.Wait()
		if err := w.pair(t); err != nil {
			t.Errorf("while strangers hold all places: %v", err)
		}
		time.Sleep(pay.LinkFirstFrame.Std())
		synctest.Wait()
		for i, conn := range silent {
			_ = conn.SetReadDeadline(time.Now())
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("stranger %d is still there: %v", i, err)
			}
		}
		b.stop()
	})
}

// Peers that send a byte now and then get no longer deadline.
func TestSlowPeersAreDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, p := bubble(t)
		_ = b.pin()
		conn, err := p.DialContext(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		peer := newPeer(t, conn, key(t, 66), true)
		for _, c := range link.AskFrame(pay.NodeID{7}, pay.BeaconKey{9}, pay.TypeTag) {
			_ = peer.SetDeadline(time.Now().Add(pay.LinkTimeout.Std()))
			if _, err = peer.Write([]byte{c}); err != nil {
				break
			}
			time.Sleep(time.Second)
		}
		if took := time.Since(began); err == nil || took > pay.LinkFirstFrame.Std()+2*time.Second {
			t.Errorf("a slow peer was listened to for %v, error %v", took, err)
		}
		_ = conn.Close()
		b.stop()
	})
}

func TestSilentDevice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		go func() {
			conn, _ := p.Accept()
			<-t.Context().Done()
			_ = conn.Close()
		}()
		began := time.Now()
		w := (&bench{t: t, addr: "127.0.0.1:1"}).walletOn(p, pay.PIN{1}, 1)
		wantCode(t, "pair", w.pair(t), pay.CodeUnreachable)
		if took := time.Since(began); took > pay.LinkTimeout.Std() {
			t.Errorf("the wallet waited for %v", took)
		}
	})
}

// sleepy is a device that gives the first few binds late.
type sleepy struct {
	link.Session
	slow *int
}

func (s sleepy) Bind(r pay.NodeID, k pay.BeaconKey, d pay.DeviceType) ([]byte, error) {
	raw, err := s.Session.Bind(r, k, d)
	if *s.slow--; *s.slow >= 0 {
		time.Sleep((pay.LinkRoundMax + 500).Std())
	}
	return raw, err
}

// A wallet requests another bind instead of accepting an old counter.
func TestSlowBindIsAskedForAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		slow int
		want pay.ErrorCode
	}{
		{"never slow", 0, ""},
		{"slow disk", 1, ""},
		{"slow twice", 2, ""},
		{"always slow", 99, pay.CodeUnreachable},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, p, slow := newBench(t), newPipes(), c.slow
				b.wrap = func(s link.Session) link.Session { return sleepy{s, &slow} }
				b.start(p)
				w := b.walletOn(p, b.pin(), 1)
				before := b.state().Counter
				wantCode(t, "pair", w.pair(t), c.want)
				if c.want != "" && len(w.kept) != 0 {
					t.Error("a bind with an old counter was kept")
				}
				for _, kept := range w.kept {
					bind, err := pay.Mapping{Device: b.device.Key().ID(), Bind: kept.Bind}.OpenBind()
					if err != nil {
						t.Fatal(err)
					}
					passed := pay.Millis(c.slow) * (pay.LinkRoundMax + 500)
					if want := before.Add(passed).Counter(); kept.Age > pay.LinkRoundMax || bind.Counter != want {
						t.Errorf("the bind is %d ms old and says %d, the counter stands at %d", kept.Age, bind.Counter, want)
					}
				}
				b.stop()
			})
		})
	}
}
