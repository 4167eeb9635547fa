package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/sync/quicnet"
	"github.com/paybeacon/paybeacon/wire"
)

// seedOf returns the randomness of one test, new each time. Setting
// PAYBEACON_TEST_SEED to what was printed repeats it.
func seedOf(t *testing.T) *mathrand.Rand {
	t.Helper()
	seed := mathrand.Uint64()
	if text := os.Getenv("PAYBEACON_TEST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("PAYBEACON_TEST_SEED=%d", seed)
	return mathrand.New(mathrand.NewPCG(seed, 0))
}

// line is a bare connection to the registry: whatever is written to it arrives
// there as it is.
type line struct {
	w    *world
	conn paysync.Conn
	in   *wire.Reader
}

// lineTimeout ends a test that waits for words which never come.
const lineTimeout = 20 * time.Second

func (w *world) dial(key pay.Key) *line {
	w.t.Helper()
	root, err := datadir.Dir(w.Data("reg")).Root()
	w.must(err)
	conn, err := quicnet.Dialer{}.Dial(w.Ctx, w.registry.QUIC, root, key)
	w.must(err)
	w.t.Cleanup(func() { conn.Close(paysync.CloseDone) })
	w.must(conn.Open(w.Ctx))
	w.must(conn.SetReadDeadline(time.Now().Add(lineTimeout)))
	return &line{w, conn, wire.NewReader(conn, pay.FrameBytesMax)}
}

// keyAndScope are who a node is.
func (w *world) keyAndScope(name string) (pay.Key, pay.Scope) {
	w.t.Helper()
	m, err := datadir.Dir(w.Data(name)).LoadMember()
	w.must(err)
	key, err := datadir.Dir(w.Data(name)).LoadKey("node.key")
	w.must(err)
	return key, m.Scope
}

func (l *line) send(frames ...[]byte) {
	l.w.t.Helper()
	if _, err := l.conn.Write(slices.Concat(frames...)); err != nil {
		l.w.t.Fatal(err)
	}
}

// lastWords reads until the registry hangs up and returns the code of its Bye,
// or "".
func (l *line) lastWords() (code pay.ErrorCode) {
	l.w.t.Helper()
	for {
		m, err := l.in.Next()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			l.w.t.Fatal("the registry does not hang up")
		}
		if err != nil {
			return code
		}
		if bye, ok := m.(wire.Bye); ok {
			code = bye.Code
		}
	}
}

// next returns the next message of a type.
func nextOf[M wire.Message](l *line) M {
	l.w.t.Helper()
	for {
		m, err := l.in.Next()
		l.w.must(err)
		if found, ok := m.(M); ok {
			return found
		}
	}
}

// payHonestly makes one payment and requires that the registry is sound.
func (w *world) payHonestly(key string) {
	w.t.Helper()
	if p := w.final(w.charge(key).ID); p.Outcome != pay.OutcomePaid {
		w.t.Fatalf("%s: an honest payment ended %s (%s)", key, p.State, p.Reason)
	}
	w.healthy()
}

// signedBy returns the fact that payload is stated by key, without looking at
// the payload: what pay.Sign would refuse to sign.
func signedBy(key pay.Key, kind pay.Kind, payload []byte) []byte {
	id := key.ID()
	protected := pay.Encode(map[int]any{1: -8, 3: "application/vnd.paybeacon." + string(kind) + "+cbor", 4: id[:]})
	sig := ed25519.Sign(key.Signer(), pay.Encode([]any{"Signature1", protected, []byte("paybeacon/1"), payload}))
	return append([]byte{0xD2}, pay.Encode([]any{protected, map[int]any{}, payload, sig})...)
}

// TestHostilePeersAreSentAway throws what hostile programs might at a running
// registry, as strangers and with the key of an enrolled wallet. Each is sent
// away with the right word or none, and after each the next payment is made and
// the books are right.
func TestHostilePeersAreSentAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	random := seedOf(t)
	ben, scope := w.keyAndScope("ben")
	ada, adaScope := w.keyAndScope("ada")
	stranger, err := pay.NewKey(rand.Reader)
	w.must(err)

	inc := pay.Incarnation{1}
	hello := wire.Append(nil, wire.Hello{Version: wire.VersionMax, Scope: scope, Incarnation: inc})
	greeting := func(change func(*wire.Hello)) []byte {
		h := wire.Hello{Version: wire.VersionMax, Scope: scope, Incarnation: inc}
		change(&h)
		return wire.Append(nil, h)
	}
	cancel := pay.Cancel{Payment: pay.PaymentID{1}, Created: 5}
	canonical := pay.Encode(cancel)
	own, err := pay.Sign(ben, cancel)
	w.must(err)
	if made := signedBy(ben, pay.KindCancel, canonical); string(made) != string(own.Raw()) {
		t.Fatalf("signedBy makes %x, want %x", made, own.Raw())
	}
	adas, err := pay.Sign(ada, cancel)
	w.must(err)
	push := func(first uint64, facts ...[]byte) []byte {
		return wire.Append(nil, wire.Push{Incarnation: inc, First: first, Items: []wire.PushItem{{Facts: facts}}})
	}
	unlike := func(payload ...byte) []byte { return push(1, signedBy(ben, pay.KindCancel, payload)) }
	flip := func(raw []byte, i int) []byte {
		raw = slices.Clone(raw)
		raw[(i+len(raw))%len(raw)] ^= 1
		return raw
	}
	frame := func(length uint32, kind wire.Type, body ...byte) []byte {
		return append(append(binary.BigEndian.AppendUint32(nil, length), byte(kind)), body...)
	}
	noise := make([]byte, 5_000)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	noise[0] = 0xFF // a length beyond all limits, so that the noise is one frame

	for _, c := range []struct {
		name string
		key  pay.Key
		send []byte
		want pay.ErrorCode // of the Bye; "" for none
	}{
		{"a stranger says Hello", stranger, hello, pay.CodeNotEnrolled},
		{"a stranger says Hello and pushes", stranger, slices.Concat(hello, push(1, own.Raw())), pay.CodeNotEnrolled},
		{"a stranger makes an invite up", stranger, wire.Append(nil, wire.Enrol{Version: wire.VersionMax, Role: pay.RoleWallet}), pay.CodeInvite},
		{"an enrolled node enrols as a box", ben, wire.Append(nil, wire.Enrol{Version: wire.VersionMax, Role: pay.RoleBox}), pay.CodeConflict},
		{"another wallet's scope", ben, greeting(func(h *wire.Hello) { h.Scope = adaScope }), pay.CodeNotAllowed},
		{"the registry's scope", ben, greeting(func(h *wire.Hello) { h.Scope = pay.ScopeRegistry }), pay.CodeNotAllowed},
		{"another version", ben, greeting(func(h *wire.Hello) { h.Version = 99 }), pay.CodeUpgrade},
		{"a history that never was", ben, greeting(func(h *wire.Hello) { h.Cursor = pay.Cursor{Epoch: pay.Epoch{9}, Seq: 1 << 40} }), pay.CodeConflict},
		{"noise as the first frame", ben, noise, ""},
		{"noise after Hello", ben, slices.Concat(hello, noise), pay.CodeBadFact},
		{"a first frame above the limit for strangers", ben, frame(pay.FirstFrameBytesMax+1, wire.TypeHello), ""},
		{"a frame above the limit", ben, slices.Concat(hello, frame(pay.FrameBytesMax+1, wire.TypePush)), pay.CodeBadFact},
		{"a frame of four gigabytes", ben, slices.Concat(hello, frame(1<<32-1, wire.TypePush)), pay.CodeBadFact},
		{"a frame without a type", ben, slices.Concat(hello, frame(0, 0)), pay.CodeBadFact},
		{"a type that may not be skipped", ben, slices.Concat(hello, frame(2, 200, 0xA0)), pay.CodeBadFact},
		{"more unknown frames than are skipped", ben, slices.Concat(hello, slices.Repeat(frame(2, 77, 0xA0), 1_000)), pay.CodeBadFact},
		{"a second Hello", ben, slices.Concat(hello, hello), pay.CodeBadFact},
		{"a Ping before Hello", ben, wire.Append(nil, wire.Ping{Nonce: 1}), pay.CodeBadFact},
		{"an Ack, which only a registry sends", ben, slices.Concat(hello, wire.Append(nil, wire.Ack{Incarnation: inc, Applied: 1})), pay.CodeBadFact},
		{"entries for the registry", ben, slices.Concat(hello, wire.Append(nil, wire.Entries{Scope: scope, First: 1, Facts: [][]byte{own.Raw()}})), pay.CodeBadFact},
		{"entries seen that were never sent", ben, slices.Concat(hello, wire.Append(nil, wire.Seen{Seq: 1 << 40})), pay.CodeBadFact},
		{"a push with a gap", ben, slices.Concat(hello, push(2, own.Raw())), pay.CodeBadFact},
		{"a push of another outbox", ben, slices.Concat(greeting(func(h *wire.Hello) { h.Incarnation[0]++ }), push(1, own.Raw())), pay.CodeBadFact},
		{"a fact of another node", ben, slices.Concat(hello, push(1, adas.Raw())), pay.CodeBadFact},
		{"a fact of another node behind an own one", ben, slices.Concat(hello, push(1, own.Raw(), adas.Raw())), pay.CodeBadFact},
		{"a signature with one bit changed", ben, slices.Concat(hello, push(1, flip(own.Raw(), -1))), pay.CodeBadFact},
		{"a body with one bit changed", ben, slices.Concat(hello, push(1, flip(own.Raw(), -70))), pay.CodeBadFact},
		{"another's name over an own signature", ben, slices.Concat(hello, push(1, renamed(own.Raw(), ben.ID(), ada.ID()))), pay.CodeBadFact},
		{"a fact with a byte behind it", ben, slices.Concat(hello, push(1, append(slices.Clone(own.Raw()), 0))), pay.CodeBadFact},
		{"a signed integer longer than needed", ben, slices.Concat(hello, unlike(append(slices.Clone(canonical[:len(canonical)-1]), 0x18, 0x05)...)), pay.CodeBadFact},
		{"a signed map of no definite length", ben, slices.Concat(hello, unlike(append(append([]byte{0xBF}, canonical[1:]...), 0xFF)...)), pay.CodeBadFact},
		{"a signed field that nobody knows", ben, slices.Concat(hello, unlike(append(append([]byte{0xA3}, canonical[1:]...), 0x03, 0x00)...)), pay.CodeBadFact},
		{"a signed field twice", ben, slices.Concat(hello, unlike(append(append([]byte{0xA3}, canonical[1:]...), 0x02, 0x05)...)), pay.CodeBadFact},
		{"a signed time beyond all years", ben, slices.Concat(hello, unlike(append(slices.Clone(canonical[:len(canonical)-1]), 0x1B, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF)...)), pay.CodeBadFact},
	} {
		l := w.dial(c.key)
		l.send(c.send)
		if got := l.lastWords(); got != c.want {
			t.Errorf("%s: Bye %q, want %q", c.name, got, c.want)
		}
		l.conn.Close(paysync.CloseDone)
		w.payHonestly(c.name)
	}

	for name, begun := range map[string][]byte{
		"half a Hello":           hello[:len(hello)/2],
		"half a frame and Hello": slices.Concat(hello, push(1, own.Raw())[:40]),
		"nothing at all":         {0},
	} {
		l := w.dial(ben)
		l.send(begun)
		w.must(l.conn.CloseWrite())
		if got := l.lastWords(); got != "" {
			t.Errorf("%s: Bye %q to a peer that left", name, got)
		}
		w.payHonestly(name)
	}

	l := w.dial(ben)
	l.send(hello, frame(2, 77, 0xA0), wire.Append(nil, wire.Ping{Nonce: 7}))
	if pong := nextOf[wire.Pong](l); pong.Nonce != 7 {
		t.Errorf("after an unknown frame that may be skipped came %+v", pong)
	}
	if a := w.audit(); a.Payments < 30 {
		t.Errorf("audit counts %d payments", a.Payments)
	}
}

// renamed puts another signer's name into a fact.
func renamed(raw []byte, from, to pay.NodeID) []byte {
	return bytes.Replace(raw, from[:], to[:], 1)
}

// TestNoiseOnTheWire sends what is not even the protocol: datagrams of noise,
// handshakes with another protocol's name, without a key and with a key of
// another kind, and connections that never say a word.
func TestNoiseOnTheWire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	random := seedOf(t)
	socket, err := net.Dial("udp", w.registry.QUIC)
	w.must(err)
	defer socket.Close()
	heads := [][]byte{nil, {0x40}, {0xC0, 0, 0, 0, 1, 8}, {0xC3, 0, 0, 0, 1, 20}, {0xD0, 0, 0, 0, 1}, {0xE0, 0x6B, 0x33, 0x43, 0xCF}, {0xF0, 0, 0, 0, 0}}
	for range 3_000 {
		packet := append([]byte(nil), heads[random.IntN(len(heads))]...)
		for n := random.IntN(1_400); len(packet) < n; {
			packet = append(packet, byte(random.Uint32()))
		}
		// A port that is closed for a moment is the sender's own affair.
		_, _ = socket.Write(packet)
	}
	w.payHonestly("noise")

	ours, err := pay.NewKey(rand.Reader)
	w.must(err)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	for _, c := range []struct {
		name  string
		proto string
		certs []tls.Certificate
	}{
		{"another protocol", "h3", []tls.Certificate{selfSigned(t, ours.Signer())}},
		{"no protocol", "", []tls.Certificate{selfSigned(t, ours.Signer())}},
		{"no key", quicnet.ALPN, nil},
		{"a key of another kind", quicnet.ALPN, []tls.Certificate{selfSigned(t, curve)}},
	} {
		conf := &tls.Config{InsecureSkipVerify: true, Certificates: c.certs, MinVersion: tls.VersionTLS13}
		if c.proto != "" {
			conf.NextProtos = []string{c.proto}
		}
		if said, err := greetWith(w.Ctx, w.registry.QUIC, conf); err == nil || len(said) > 0 {
			t.Errorf("%s: the registry said %x (%v)", c.name, said, err)
		}
		w.payHonestly(c.name)
	}

	// These stay until the test ends.
	for i := range 60 {
		l := w.dial(ours)
		l.send(make([]byte, i%4))
	}
	w.payHonestly("silence")
}

// greetWith dials with a configuration of its own and says Hello.
func greetWith(ctx context.Context, addr string, conf *tls.Config) (said []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, lineTimeout)
	defer cancel()
	conn, err := quic.DialAddr(ctx, addr, conf, nil)
	if err != nil {
		return nil, err
	}
	defer conn.CloseWithError(0, "")
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := stream.Write(wire.Append(nil, wire.Hello{Version: wire.VersionMax, Scope: "w/x"})); err != nil {
		return nil, err
	}
	return io.ReadAll(stream)
}

// selfSigned returns a certificate over a private key.
func selfSigned(t *testing.T, key crypto.Signer) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
