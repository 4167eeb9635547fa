package link_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
	"github.com/paybeacon/paybeacon/sync/link"
)

// cutter dials connections that die after so many bytes in one direction.
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
		_ = c.Conn.Close()
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
	_ = c.Conn.Close()
	return n, net.ErrClosed
}

// TestCutAnywhere lets the connection die at every few bytes of a pairing, in
// either direction, kills the device and looks at what both sides kept. Then
// the wallet simply tries again.
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

// bubble starts a device on a network whose time the test rules.
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

// Strangers who say nothing hold every place, but not for long.
func TestSilentPeersAreDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, p := bubble(t)
		w := b.walletOn(p, b.pin(), 1)
		for range pay.LinkConnsMax {
			conn, err := p.DialContext(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
		}
		wantCode(t, "while all places are taken", w.pair(t), pay.CodeUnreachable)
		time.Sleep(pay.LinkFirstWord.Std())
		synctest.Wait()
		if err := w.pair(t); err != nil {
			t.Errorf("after the silent ones were dropped: %v", err)
		}
		b.stop()
	})
}

// Peers who send a byte now and then gain nothing by it.
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
		if took := time.Since(began); err == nil || took > pay.LinkFirstWord.Std()+2*time.Second {
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

// A device with a slow disk answers too late the first time; the wallet asks
// again rather than take an old counter for the present one.
func TestSlowKeepDoesNotAgeTheBind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, p := bubble(t)
		w := b.walletOn(p, b.pin(), 1)
		b.onKeep(func(s device.State) error {
			time.Sleep((pay.LinkRoundMax + 1_000).Std())
			b.put(s)
			return nil
		})
		began := time.Now()
		p0 := b.state().Counter
		if err := w.pair(t); err != nil {
			t.Fatal(err)
		}
		bind, err := pay.Mapping{Device: b.device.Key().ID(), Bind: w.kept[0].Bind}.OpenBind()
		if err != nil {
			t.Fatal(err)
		}
		if since := pay.MillisOf(time.Since(began)); w.kept[0].Age > pay.LinkRoundMax || bind.Counter < p0.Add(pay.LinkRoundMax).Counter() {
			t.Errorf("after %d ms the bind is %d ms old, its counter %d s on", since, w.kept[0].Age, bind.Counter-p0.Counter())
		}
		b.stop()
	})
}

// sleepy is a device that takes its time over each bind.
type sleepy struct{ link.Session }

func (s sleepy) Bind(r pay.NodeID, k pay.BeaconKey, d pay.DeviceType) ([]byte, error) {
	raw, err := s.Session.Bind(r, k, d)
	time.Sleep((pay.LinkRoundMax + 500).Std())
	return raw, err
}

func TestDeviceThatIsAlwaysSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		d, err := device.Open(device.Options{State: b.kept, Now: b.now, Random: b.random, Keep: b.save, Tell: b.tell})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		p, ended := newPipes(), make(chan error, 2)
		b.addr = p.Addr().String()
		go func() { ended <- d.Run(ctx, mute{}) }()
		go func() {
			ended <- link.Serve(ctx, link.Options{Listener: p, Key: d.Key(), Release: d.Release,
				Meet: func(w pay.PublicKey, e []byte) link.Session { return sleepy{d.Meet(w, e)} }})
		}()
		w := b.walletOn(p, b.pin(), 1)
		wantCode(t, "pair", w.pair(t), pay.CodeUnreachable)
		if len(w.kept) != 0 {
			t.Error("a bind with an old counter was kept")
		}
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
}
