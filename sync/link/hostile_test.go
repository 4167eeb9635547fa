package link_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/sync/link"
)

const testTimeout = 30 * time.Second

// peer uses TLS and frames for a test that acts as a hostile peer.
type peer struct {
	*tls.Conn
	t        *testing.T
	own      pay.Key
	other    pay.PublicKey
	exporter []byte
}

func newPeer(t *testing.T, conn net.Conn, own pay.Key, client bool) *peer {
	config, err := link.TLSConfig(own)
	if err != nil {
		t.Error(err)
		return nil
	}
	p := &peer{t: t, own: own, Conn: tls.Server(conn, config)}
	if client {
		p.Conn = tls.Client(conn, config)
	}
	_ = p.SetDeadline(time.Now().Add(testTimeout))
	if err := p.Handshake(); err != nil {
		_ = conn.Close()
		return nil
	}
	if p.other, p.exporter, err = link.Proven(p.Conn); err != nil {
		t.Error(err)
	}
	return p
}

// visit connects to the device's link, and tries again while earlier connections
// still hold all places.
func (b *bench) visit(own pay.Key) *peer {
	b.t.Helper()
	for range 1000 {
		conn, err := net.Dial("tcp", b.addr)
		if err != nil {
			b.t.Fatal(err)
		}
		if p := newPeer(b.t, conn, own, true); p != nil {
			return p
		}
	}
	b.t.Fatal("the device does not shake hands")
	return nil
}

// answer reads the next frame of the other side; it is empty when that closes.
func (p *peer) answer() []byte {
	_, frame, _ := link.ReadAny(p.Conn)
	return frame
}

// impostor listens where a wallet expects its device, and lets play answer.
func impostor(t *testing.T, own pay.Key, play func(*peer)) (addr string) {
	t.Helper()
	l := listen(t)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if p := newPeer(t, conn, own, false); p != nil {
				play(p)
				_ = p.Close()
			}
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return l.Addr().String()
}

// An attacker in the middle terminates TLS on both sides with a key of its own and
// does not know the PIN.
func TestManInTheMiddle(t *testing.T) {
	t.Parallel()
	middle := key(t, 66)
	for _, c := range []struct {
		name string
		play func(b *bench, wallet *peer)
		want pay.ErrorCode
	}{
		{"relays every frame", func(b *bench, wallet *peer) {
			device := b.visit(middle)
			defer func() { _ = device.Close() }()
			for {
				_, frame, err := link.ReadAny(wallet)
				if err != nil {
					return
				}
				_, _ = device.Write(frame)
				if frame = device.answer(); frame == nil {
					return
				}
				_, _ = wallet.Write(frame)
			}
		}, pay.CodePIN},
		{"reflects the wallet's proof", func(_ *bench, wallet *peer) {
			frame := wallet.answer()
			frame[4] = 16
			_, _ = wallet.Write(frame)
			_ = wallet.answer()
		}, pay.CodeNotTrusted},
		{"makes a proof up", func(_ *bench, wallet *peer) {
			_ = wallet.answer()
			_, _ = wallet.Write(link.ProofFrame([32]byte{1}))
			_ = wallet.answer()
		}, pay.CodeNotTrusted},
		{"proves a PIN of its own", func(_ *bench, wallet *peer) {
			_ = wallet.answer()
			_, _ = wallet.Write(link.ProofFrame(pay.PairingProof(pay.PIN{1}, wallet.exporter, pay.RoleDevice, middle.Public(), wallet.other)))
			_ = wallet.answer()
		}, pay.CodeNotTrusted},
		{"skips the proof", func(_ *bench, wallet *peer) {
			_ = wallet.answer()
			f, err := pay.Sign(middle, pay.Bind{Registry: pay.NodeID{7}, Resolver: pay.BeaconKey{9}, Wallet: wallet.other.ID(), Device: middle.Public(), Type: pay.TypeTag})
			if err != nil {
				t.Error(err)
			}
			_, _ = wallet.Write(link.BindFrame(f.Raw()))
			_ = wallet.answer()
		}, pay.CodeFailed},
		{"says that all is done", func(_ *bench, wallet *peer) {
			_ = wallet.answer()
			_, _ = wallet.Write(link.DoneFrame())
		}, pay.CodeFailed},
		{"says that the wallet has it already", func(_ *bench, wallet *peer) {
			_ = wallet.answer()
			_, _ = wallet.Write(link.RefuseFrame("paired"))
		}, pay.CodeConflict},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := serve(t)
			w := b.wallet(b.pin(), 1)
			w.Known = func(id pay.DeviceID) bool { return id == b.device.Key().ID() }
			w.Address = impostor(t, middle, func(p *peer) { c.play(b, p) })
			wantCode(t, "pair", w.pair(t), c.want)
			if _, bound := b.device.Binding(); bound || len(w.kept) != 0 {
				t.Error("something was bound")
			}
		})
	}
}

// A device that knows the PIN and sends false values otherwise.
func TestLyingDevice(t *testing.T) {
	t.Parallel()
	liar, pin := key(t, 66), pay.PIN([]byte("0123456789AB"))
	for _, c := range []struct {
		name string
		lie  func(honest pay.Bind) (pay.Bind, pay.Key)
	}{
		{"about the wallet", func(b pay.Bind) (pay.Bind, pay.Key) { b.Wallet[0] ^= 1; return b, liar }},
		{"about the registry", func(b pay.Bind) (pay.Bind, pay.Key) { b.Registry[0] ^= 1; return b, liar }},
		{"about the resolver", func(b pay.Bind) (pay.Bind, pay.Key) { b.Resolver[0] ^= 1; return b, liar }},
		{"about its type", func(b pay.Bind) (pay.Bind, pay.Key) { b.Type = pay.TypeVoice; return b, liar }},
		{"about its key", func(b pay.Bind) (pay.Bind, pay.Key) { b.Device = key(t, 67).Public(); return b, liar }},
		{"with another's signature", func(b pay.Bind) (pay.Bind, pay.Key) {
			other := key(t, 67)
			b.Device = other.Public()
			return b, other
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := (&bench{t: t}).wallet(pin, 1)
			w.Address = impostor(t, liar, func(p *peer) {
				_ = p.answer()
				_, _ = p.Write(link.ProofFrame(pay.PairingProof(pin, p.exporter, pay.RoleDevice, liar.Public(), p.other)))
				_ = p.answer()
				b, signer := c.lie(pay.Bind{Registry: w.Registry, Resolver: w.Resolver, Wallet: w.Key.ID(), Device: liar.Public(), Exponent: 6, Type: w.Type})
				f, err := pay.Sign(signer, b)
				if err != nil {
					t.Error(err)
				}
				_, _ = p.Write(link.BindFrame(f.Raw()))
				_ = p.answer()
			})
			wantCode(t, "pair", w.pair(t), pay.CodeNotTrusted)
			if len(w.kept) != 0 {
				t.Error("the lie was kept")
			}
		})
	}
}

// Nothing that another peer sends uses up a try or ends the PIN.
func TestGarbageToDevice(t *testing.T) {
	t.Parallel()
	b := serve(t)
	pin := b.pin()
	for name, raw := range badFrames(t) {
		p := b.visit(key(t, 66))
		_, _ = p.Write(raw)
		// A frame whose length is larger than its content gets its answer at the
		// end of the stream.
		_ = p.CloseWrite()
		if got := p.answer(); got != nil && !bytes.Equal(got, link.RefuseFrame("malformed")) {
			t.Errorf("%s is answered with %x", name, got)
		}
		if extra, err := io.ReadAll(p); len(extra) != 0 || err != nil {
			t.Errorf("%s: the device goes on with %x, %v", name, extra, err)
		}
		_ = p.Close()
	}
	for _, v := range vectors() {
		for n := range len(v.frame) {
			p := b.visit(key(t, 66))
			_, _ = p.Write(v.frame[:n])
			_ = p.Close()
		}
	}
	seed := [32]byte{5}
	t.Logf("seed %x", seed)
	noise := rand.NewChaCha8(seed)
	for n := range 40 {
		conn, err := net.Dial("tcp", b.addr)
		if err != nil {
			t.Fatal(err)
		}
		junk := make([]byte, 25*n)
		_, _ = noise.Read(junk)
		_, _ = conn.Write(junk)
		_ = conn.Close()
	}
	if err := b.untilFree(b.wallet(pin, 1)); err != nil {
		t.Errorf("the owner, after all that: %v", err)
	}
}

// untilFree pairs, and tries again while other connections hold all places.
func (b *bench) untilFree(w *wallet) error {
	for range 1000 {
		if err := w.pair(b.t); pay.CodeOf(err) != pay.CodeUnreachable {
			return err
		}
	}
	return errors.New("the device never had time")
}

func TestFramesOutOfTurn(t *testing.T) {
	t.Parallel()
	b := serve(t)
	pin := b.pin()
	for _, c := range []struct {
		name        string
		frame, want []byte
	}{
		{"ask without a proof", link.AskFrame(pay.NodeID{7}, pay.BeaconKey{9}, pay.TypeTag), link.RefuseFrame("pin")},
		{"kept without a bind", link.KeptFrame(), link.RefuseFrame("bound")},
		{"release of an unpaired device", link.ReleaseFrame(), link.DoneFrame()},
		{"a device's frame", link.DoneFrame(), link.RefuseFrame("malformed")},
	} {
		p := b.visit(key(t, 66))
		_, _ = p.Write(c.frame)
		if got := p.answer(); !bytes.Equal(got, c.want) {
			t.Errorf("%s is answered with %x, want %x", c.name, got, c.want)
		}
		_ = p.Close()
	}
	p := b.visit(key(t, 66))
	answers := 0
	for ; answers < 1000; answers++ {
		_, _ = p.Write(link.ReleaseFrame())
		if p.answer() == nil {
			break
		}
	}
	_ = p.Close()
	if answers > 20 {
		t.Errorf("one conversation got %d answers", answers)
	}
	if err := b.untilFree(b.wallet(pin, 1)); err != nil {
		t.Errorf("the owner, after all that: %v", err)
	}
}

// A wrong proof gets no answer: no byte except the end of TLS.
func TestWrongProofIsMetWithSilence(t *testing.T) {
	t.Parallel()
	b := serve(t)
	_ = b.pin()
	p := b.visit(key(t, 66))
	_, _ = p.Write(link.ProveFrame([32]byte{1}))
	if got, err := io.ReadAll(p); len(got) != 0 || err != nil {
		t.Errorf("the device answers %x, %v", got, err)
	}
	_ = p.Close()
}

func TestGarbageToWallet(t *testing.T) {
	t.Parallel()
	for name, raw := range badFrames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := (&bench{t: t}).wallet(pay.PIN{1}, 1)
			w.Address = impostor(t, key(t, 66), func(p *peer) {
				_ = p.answer()
				_, _ = p.Write(append(raw, make([]byte, 64)...))
			})
			wantCode(t, "pair", w.pair(t), pay.CodeFailed)
		})
	}
}

func TestNotADevice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		answer string
		want   pay.ErrorCode
	}{
		{"another protocol", "HTTP/1.1 400 Bad Request\r\n\r\n", pay.CodeFailed},
		{"nothing at all", "", pay.CodeUnreachable},
	} {
		l := listen(t)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if conn, err := l.Accept(); err == nil {
				_, _ = conn.Read(make([]byte, 16))
				_, _ = conn.Write([]byte(c.answer))
				_ = conn.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			}
		}()
		w := (&bench{t: t}).wallet(pay.PIN{1}, 1)
		w.Address = l.Addr().String()
		wantCode(t, c.name, w.pair(t), c.want)
		_ = l.Close()
		<-ended
	}
}

// The end of the raw connection is no answer of the device: it does not mean that
// the PIN is wrong.
func TestDeviceThatDiesIsNotAWrongPIN(t *testing.T) {
	t.Parallel()
	w := (&bench{t: t}).wallet(pay.PIN{1}, 1)
	w.Address = impostor(t, key(t, 66), func(p *peer) {
		_ = p.answer()
		_ = p.NetConn().Close()
	})
	wantCode(t, "pair", w.pair(t), pay.CodeUnreachable)
}

func TestForeignTLSPeers(t *testing.T) {
	t.Parallel()
	b := serve(t)
	config, err := link.TLSConfig(key(t, 66))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*tls.Config){
		"TLS 1.2":             func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 },
		"no certificate":      func(c *tls.Config) { c.Certificates = nil },
		"another application": func(c *tls.Config) { c.NextProtos = []string{"h2"} },
		"no application":      func(c *tls.Config) { c.NextProtos = nil; c.VerifyConnection = nil },
	} {
		other := config.Clone()
		change(other)
		conn, err := net.Dial("tcp", b.addr)
		if err != nil {
			t.Fatal(err)
		}
		p := tls.Client(conn, other)
		ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
		if err := p.HandshakeContext(ctx); err == nil {
			_, _ = p.Write(link.ReleaseFrame())
			if got, err := io.ReadAll(p); len(got) != 0 || err == nil {
				t.Errorf("%s: the device answers %x, %v", name, got, err)
			}
		}
		cancel()
		_ = p.Close()
	}
}
