package quicnet_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/sync/quicnet"
	"github.com/paybeacon/paybeacon/wire"
	"github.com/quic-go/quic-go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func key(t *testing.T, seed byte) pay.Key {
	t.Helper()
	k, err := pay.KeyFromSeed(bytes.Repeat([]byte{seed}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// authority returns root's raw authority for working.
func authority(t *testing.T, root, working pay.Key) []byte {
	t.Helper()
	f, err := pay.Sign(root, pay.Authority{Root: root.Public(), Working: working.Public(), Until: 1 << 47})
	if err != nil {
		t.Fatal(err)
	}
	return f.Raw()
}

func udp(t *testing.T) net.PacketConn {
	t.Helper()
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return socket
}

func listen(t *testing.T, o quicnet.ListenOptions) *quicnet.Listener {
	t.Helper()
	o.Socket = udp(t)
	l, err := quicnet.Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return l
}

func background(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestConnCarriesBytesKeysAndOneSecret(t *testing.T) {
	t.Parallel()
	root, working, node := key(t, 1), key(t, 2), key(t, 3)
	auth := authority(t, root, working)
	l := listen(t, quicnet.ListenOptions{Key: working, Authority: auth})
	ctx := background(t)
	client, err := quicnet.Dialer{}.Dial(ctx, l.Addr().String(), root.ID(), node)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close(paysync.CloseDone)
	if _, err := client.Write([]byte("x")); err == nil {
		t.Error("Write works before Open")
	}
	if err := client.Open(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Open(ctx); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(server, got); err != nil || string(got) != "hello" {
		t.Fatalf("got %q, %v", got, err)
	}
	if client.Peer() != working.Public() || server.Peer() != node.Public() {
		t.Error("the keys are not those of the peers")
	}
	if !bytes.Equal(client.Authority(), auth) || server.Authority() != nil {
		t.Error("the authority is not what the registry shows")
	}
	a, errA := client.Exporter()
	b, errB := server.Exporter()
	if errA != nil || errB != nil || len(a) != wire.ExporterBytes || !bytes.Equal(a, b) {
		t.Errorf("exporters %x, %x (%v, %v)", a, b, errA, errB)
	}
	if _, err := server.Write([]byte("bye")); err != nil {
		t.Fatal(err)
	}
	if err := server.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(client); err != nil || string(rest) != "bye" {
		t.Errorf("got %q, %v", rest, err)
	}
	client.Close(paysync.CloseSilent)
	client.Close(paysync.CloseSilent)
	var closed *quic.ApplicationError
	if _, err := server.Read(got); !errors.As(err, &closed) || closed.ErrorCode != quic.ApplicationErrorCode(paysync.CloseSilent) {
		t.Errorf("the other side reads %v", err)
	}
}

func TestOnlyTheRegistryOfThePinnedRootIsTalkedTo(t *testing.T) {
	t.Parallel()
	root, working, thief, node := key(t, 1), key(t, 2), key(t, 4), key(t, 3)
	cases := []struct {
		name string
		key  pay.Key // of the program that answers
		auth []byte
		pin  pay.NodeID
		want pay.ErrorCode
	}{
		{"the registry", working, authority(t, root, working), root.ID(), ""},
		{"a man in the middle who shows the registry's authority", thief, authority(t, root, working), root.ID(), pay.CodeNotTrusted},
		{"one with a root of his own", thief, authority(t, thief, thief), root.ID(), pay.CodeNotTrusted},
		{"one who shows no authority", thief, nil, root.ID(), pay.CodeNotTrusted},
		{"one who shows garbage", thief, []byte("garbage"), root.ID(), pay.CodeNotTrusted},
		{"the root itself without an authority", root, nil, root.ID(), pay.CodeNotTrusted},
		{"no root is pinned", working, authority(t, root, working), pay.NodeID{}, pay.CodeNotTrusted},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := listen(t, quicnet.ListenOptions{Key: c.key, Authority: c.auth})
			conn, err := quicnet.Dialer{}.Dial(background(t), l.Addr().String(), c.pin, node)
			if pay.CodeOf(err) != c.want {
				t.Fatalf("got %v (%s), want %q", err, pay.CodeOf(err), c.want)
			}
			if err == nil {
				conn.Close(paysync.CloseDone)
			}
		})
	}
}

// TestEnrolmentThroughAManInTheMiddle ends TLS at a proxy that has a key of its
// own and shows what it saw of the registry. The node must not give it a proof.
func TestEnrolmentThroughAManInTheMiddle(t *testing.T) {
	t.Parallel()
	root, working, thief, node := key(t, 1), key(t, 2), key(t, 4), key(t, 3)
	ctx := background(t)
	registry := listen(t, quicnet.ListenOptions{Key: working, Authority: authority(t, root, working)})
	toRegistry, err := quicnet.Dialer{}.Dial(ctx, registry.Addr().String(), root.ID(), thief)
	if err != nil {
		t.Fatal(err)
	}
	defer toRegistry.Close(paysync.CloseDone)

	proxy := listen(t, quicnet.ListenOptions{Key: thief, Authority: toRegistry.Authority()})
	got := make(chan error, 1)
	proxyCtx, stop := context.WithCancel(ctx)
	go func() {
		conn, err := proxy.Accept(proxyCtx)
		if err == nil {
			err = conn.Open(proxyCtx)
		}
		if err == nil {
			_, err = conn.Read(make([]byte, 1))
		}
		got <- err
	}()
	invite := pay.Invite{Address: proxy.Addr().String(), Root: root.ID(), ID: pay.InviteID{1}, Secret: pay.InviteSecret{2}}
	_, err = paysync.Enrol(ctx, quicnet.Dialer{}, node, invite, pay.RoleBox, "Till")
	if pay.CodeOf(err) != pay.CodeNotTrusted {
		t.Errorf("Enrol: %v (%s)", err, pay.CodeOf(err))
	}
	stop()
	if err := <-got; err == nil {
		t.Error("the proxy received something on the stream")
	}
}

// TestProofsDoNotTravel shows that the keying material a proof is bound to
// differs between the two connections of a man in the middle.
func TestProofsDoNotTravel(t *testing.T) {
	t.Parallel()
	root, working, node := key(t, 1), key(t, 2), key(t, 3)
	l := listen(t, quicnet.ListenOptions{Key: working, Authority: authority(t, root, working)})
	var exporters [2][]byte
	for i := range exporters {
		conn, err := quicnet.Dialer{}.Dial(background(t), l.Addr().String(), root.ID(), node)
		if err != nil {
			t.Fatal(err)
		}
		if exporters[i], err = conn.Exporter(); err != nil {
			t.Fatal(err)
		}
		conn.Close(paysync.CloseDone)
	}
	if bytes.Equal(exporters[0], exporters[1]) {
		t.Error("two connections export the same secret")
	}
}

func TestPeersWithoutAnEd25519KeyAreRefused(t *testing.T) {
	t.Parallel()
	root, working := key(t, 1), key(t, 2)
	l := listen(t, quicnet.ListenOptions{Key: working, Authority: authority(t, root, working)})
	for _, alpn := range []string{quicnet.ALPN, "h3"} {
		config := &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{alpn}, InsecureSkipVerify: true}
		conn, err := quic.DialAddr(background(t), l.Addr().String(), config, nil)
		if err != nil {
			continue
		}
		// TLS 1.3 lets a client finish before the server looked at its
		// certificate; the server's refusal follows.
		if _, err := conn.AcceptStream(background(t)); err == nil {
			t.Errorf("ALPN %q without a certificate: a stream", alpn)
		}
		_ = conn.CloseWithError(0, "")
	}
}

func TestOneStreamAndNoMore(t *testing.T) {
	t.Parallel()
	root, working, node := key(t, 1), key(t, 2), key(t, 3)
	l := listen(t, quicnet.ListenOptions{Key: working, Authority: authority(t, root, working)})
	conn, err := quic.DialAddr(background(t), l.Addr().String(), nodeTLS(t, node), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseWithError(0, "") }()
	if _, err := conn.OpenStreamSync(background(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.OpenStream(); err == nil {
		t.Error("a second stream could be opened")
	}
	if _, err := conn.OpenUniStream(); err == nil {
		t.Error("a unidirectional stream could be opened")
	}
	if conn.ConnectionState().Used0RTT {
		t.Error("0-RTT was used")
	}
}

// nodeTLS returns what a hostile node of another make may show.
func nodeTLS(t *testing.T, node pay.Key) *tls.Config {
	t.Helper()
	der, err := x509.CreateCertificate(nil, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{SerialNumber: big.NewInt(1)}, node.Signer().Public().(ed25519.PublicKey), node.Signer())
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{quicnet.ALPN}, InsecureSkipVerify: true,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: node.Signer()}},
	}
}

func TestAdmissionLimit(t *testing.T) {
	t.Parallel()
	root, working := key(t, 1), key(t, 2)
	l := listen(t, quicnet.ListenOptions{Key: working, Authority: authority(t, root, working), ConnectionsMax: 2})
	ctx := background(t)
	dial := func(seed byte) (paysync.Conn, error) {
		return quicnet.Dialer{}.Dial(ctx, l.Addr().String(), root.ID(), key(t, seed))
	}
	var conns []paysync.Conn
	for seed := byte(10); seed < 12; seed++ {
		c, err := dial(seed)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	if _, err := dial(12); pay.CodeOf(err) != pay.CodeUnreachable {
		t.Errorf("a third connection: %v", err)
	}
	accepted, err := l.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	accepted.Close(paysync.CloseDone)
	// The place of the closed connection is free as soon as the transport has
	// taken note.
	for {
		c, err := dial(13)
		if err == nil {
			conns = append(conns, c)
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("no place after one has left: %v", err)
		}
	}
	for _, c := range conns {
		c.Close(paysync.CloseDone)
	}
}

func TestAddressValidationUnderPressure(t *testing.T) {
	t.Parallel()
	root, working := key(t, 1), key(t, 2)
	l := listen(t, quicnet.ListenOptions{Key: working, Authority: authority(t, root, working), HandshakesPerSecond: 1})
	for seed := byte(10); seed < 14; seed++ {
		c, err := quicnet.Dialer{}.Dial(background(t), l.Addr().String(), root.ID(), key(t, seed))
		if err != nil {
			t.Fatalf("dial through Retry: %v", err)
		}
		c.Close(paysync.CloseDone)
	}
}

func TestGarbageDatagramsDoNoHarm(t *testing.T) {
	t.Parallel()
	root, working, node := key(t, 1), key(t, 2), key(t, 3)
	l := listen(t, quicnet.ListenOptions{Key: working, Authority: authority(t, root, working), ResetKey: &[32]byte{1}, TokenKey: &[32]byte{2}})
	stranger := udp(t)
	defer func() { _ = stranger.Close() }()
	for n := range 300 {
		garbage := bytes.Repeat([]byte{byte(n), 0xC0, 0xFF}, n)
		if _, err := stranger.WriteTo(garbage, l.Addr()); err != nil {
			t.Fatal(err)
		}
	}
	c, err := quicnet.Dialer{}.Dial(background(t), l.Addr().String(), root.ID(), node)
	if err != nil {
		t.Fatal(err)
	}
	c.Close(paysync.CloseDone)
}

func TestDialByNameAndErrors(t *testing.T) {
	t.Parallel()
	root, working, node := key(t, 1), key(t, 2), key(t, 3)
	l := listen(t, quicnet.ListenOptions{Key: working, Authority: authority(t, root, working)})
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := quicnet.Dialer{}.Dial(background(t), net.JoinHostPort("localhost", port), root.ID(), node)
	if err != nil {
		t.Fatal(err)
	}
	c.Close(paysync.CloseDone)
	done, cancel := context.WithCancel(context.Background())
	cancel()
	for _, address := range []string{"", "no-port", "127.0.0.1:http", "127.0.0.1:70000", l.Addr().String()} {
		if _, err := (quicnet.Dialer{}).Dial(done, address, root.ID(), node); pay.CodeOf(err) != pay.CodeUnreachable {
			t.Errorf("%q: %v (%s)", address, err, pay.CodeOf(err))
		}
	}
}
