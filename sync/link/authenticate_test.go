package link_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/sync/link"
)

// paired returns a device that serves its link, the Peer by which the wallet that
// it is bound to reaches it, and the authentication that it must sign.
func paired(t *testing.T) (*bench, link.Peer, pay.Authentication) {
	t.Helper()
	return pairedOn(newBench(t).start(listen(t)), nil)
}

func pairedOn(b *bench, d link.Dialer) (*bench, link.Peer, pay.Authentication) {
	b.t.Helper()
	w := b.wallet(b.pin(), 1)
	w.Dialer = d
	if err := w.pair(b.t); err != nil {
		b.t.Fatal(err)
	}
	p := w.Peer
	p.Device = b.device.Key().ID()
	return b, p, pay.Authentication{
		Purpose: pay.PurposePay, Registry: w.Registry, Wallet: w.Key.ID(), Nonce: pay.Nonce{11, 22, 33, 44, 55, 66, 77, 88},
		Subject: [32]byte{0xab, 0xcd, 0xef, 1, 2, 3, 4, 5}, Merchant: "m/cafe", Amount: 1250, Currency: "EUR",
	}
}

// wantAuth requests a code and checks it, or that there is none.
func wantAuth(t *testing.T, what string, p link.Peer, a pay.Authentication, device pay.PublicKey, want pay.ErrorCode) (code pay.AuthCode) {
	t.Helper()
	code, err := link.Authenticate(t.Context(), p, a)
	wantCode(t, what, err, want)
	switch {
	case err != nil && !code.IsZero():
		t.Errorf("%s: %v, and a code was returned", what, err)
	case err == nil && a.Verify(device, code) != nil:
		t.Errorf("%s: the code does not verify", what)
	}
	return code
}

// door dials a device by the address that its wallet has stored, although its
// process may have another port after a restart: another program may have taken
// the old port in between.
type door struct {
	*bench
	shut bool
}

func (d *door) DialContext(ctx context.Context, network, _ string) (net.Conn, error) {
	if d.shut {
		return nil, syscall.ECONNREFUSED
	}
	return (&net.Dialer{}).DialContext(ctx, network, d.addr)
}

// given counts the codes that the device's process has given since its start.
func (b *bench) given() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if e.Kind == "authenticated" {
			n++
		}
	}
	return n
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	b, p, a := paired(t)
	device := b.device.Key().Public()
	first := wantAuth(t, "a payment", p, a, device, "")
	limit := pay.Authentication{Purpose: pay.PurposeStepUpAbove, Registry: a.Registry, Wallet: a.Wallet, Subject: [32]byte{9}, Amount: 5_000, Currency: "EUR"}
	if second := wantAuth(t, "a limit", p, limit, device, ""); second == first {
		t.Error("the code for a limit is that for a payment")
	}
	if b.given() != 2 {
		t.Errorf("the device tells of %d codes", b.given())
	}
	if err := link.Reach(t.Context(), p); err != nil || b.given() != 2 {
		t.Errorf("reach: %v, %d codes", err, b.given())
	}
}

// TestAuthenticateSurvivesRestarts: neither side keeps state of a connection. The
// wallet finds the device by its address and its key, after a restart of either.
func TestAuthenticateSurvivesRestarts(t *testing.T) {
	t.Parallel()
	b, p, a := paired(t)
	device, way := b.device.Key().Public(), &door{bench: b}
	p.Dialer = way
	before := wantAuth(t, "before", p, a, device, "")
	for range 2 {
		b.restart()
		again := link.Peer{Address: p.Address, Key: key(t, 1), Device: p.Device, Dialer: way} // a wallet that starts anew
		if code := wantAuth(t, "after the device's restart", again, a, device, ""); code != before {
			t.Error("the same statement has another code")
		}
	}
	b.stop()
	way.shut = true
	wantAuth(t, "while the device is down", p, a, device, pay.CodeUnreachable)
	b.restart()
	p.Address, p.Dialer = b.addr, nil
	wantAuth(t, "at another address", p, a, device, "")
}

// TestAuthenticateIsForTheBoundWallet: no other wallet gets a code, before, during
// and after the time in which the device is bound.
func TestAuthenticateIsForTheBoundWallet(t *testing.T) {
	t.Parallel()
	b, p, a := paired(t)
	device := b.device.Key().Public()
	other := p
	other.Key = key(t, 2)
	for range 2 * pay.AuthCodesPerMinute {
		wantAuth(t, "a second wallet", other, a, device, pay.CodeBound)
	}
	wantAuth(t, "the owner, after all that", p, a, device, "")
	if err := link.Release(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	wantAuth(t, "the owner, after the release", p, a, device, pay.CodePIN)
	wantAuth(t, "a second wallet, after the release", other, a, device, pay.CodePIN)
	next := b.wallet(b.pin(), 2)
	if err := next.pair(t); err != nil {
		t.Fatal(err)
	}
	wantAuth(t, "the owner of before", p, a, device, pay.CodeBound)
	a.Wallet = other.Key.ID()
	wantAuth(t, "the owner of now", other, a, device, "")
	if b.given() != 2 {
		t.Errorf("the device tells of %d codes", b.given())
	}
}

// TestAuthenticateForAnotherRegistry: a code is for the registry that the device
// is bound to. For a wallet that names another one the code does not verify, and
// the device has signed nothing about that other registry.
func TestAuthenticateForAnotherRegistry(t *testing.T) {
	t.Parallel()
	b, p, a := paired(t)
	device := b.device.Key().Public()
	there := a
	there.Registry[0] ^= 1
	wantAuth(t, "for another registry", p, there, device, pay.CodeNotTrusted)
	there = a
	there.Wallet[0] ^= 1
	wantAuth(t, "for another wallet", p, there, device, pay.CodeNotTrusted)
	wantAuth(t, "for its own", p, a, device, "")
}

func TestAuthenticateNeedsADevice(t *testing.T) {
	t.Parallel()
	b, p, a := paired(t)
	device := b.device.Key().Public()
	p.Device = pay.DeviceID{}
	wantAuth(t, "of no device", p, a, device, pay.CodeUsage)
	p.Device, p.Address = b.device.Key().ID(), "nonsense"
	wantAuth(t, "no address", p, a, device, pay.CodeUsage)
	wantCode(t, "reach without an address", link.Reach(t.Context(), p), pay.CodeUsage)
	p.Address = b.addr
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := link.Authenticate(ctx, p, a); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that ended: %v", err)
	}
	if err := link.Reach(ctx, p); !errors.Is(err, context.Canceled) {
		t.Errorf("reach with a context that ended: %v", err)
	}
	for what, bad := range map[string]func(*pay.Authentication){
		"no purpose":  func(a *pay.Authentication) { a.Purpose = "" },
		"no amount":   func(a *pay.Authentication) { a.Amount = 0 },
		"no merchant": func(a *pay.Authentication) { a.Merchant = "" },
	} {
		other := a
		bad(&other)
		wantAuth(t, what, p, other, device, pay.CodeFailed)
	}
}

// TestAskedTooOften: the device refuses, also its own wallet, over one connection
// or many, and gives codes again a minute later.
func TestAskedTooOften(t *testing.T) {
	t.Parallel()
	b, p, a := paired(t)
	device := b.device.Key().Public()
	asks := 0
	for range pay.AuthCodesPerMinute {
		a.Amount++
		wantAuth(t, "within the limit", p, a, device, "")
	}
	for range 3 {
		wantAuth(t, "one too many", p, a, device, pay.CodeTooMany)
	}
	if err := link.Reach(t.Context(), p); err != nil {
		t.Errorf("reach: %v", err)
	}
	b.ahead.Add(int64(time.Minute))
	// Now several over each connection, which ends with the first refusal.
	const frames = 8 // fewer than a connection may have
	for refused := false; !refused && asks < 3*pay.AuthCodesPerMinute; {
		v := b.visit(p.Key)
		for n := 0; n < frames && !refused; n++ {
			_, _ = v.Write(link.SignFrame(a))
			got := v.answer()
			if refused = got == nil || got[4] != 20; !refused {
				asks++
			}
		}
		_ = v.Close()
	}
	if asks != pay.AuthCodesPerMinute || b.given() != 2*pay.AuthCodesPerMinute {
		t.Errorf("the connections got %d codes, the device tells of %d in all", asks, b.given())
	}
	b.ahead.Add(int64(time.Minute))
	wantAuth(t, "a minute later", p, a, device, "")
}

// TestCutAnywhereInAuthentication ends the connection at every few bytes, in
// either direction, and the device's process as well. The wallet has the code or
// has none; for a repeated request the device gives the same code.
func TestCutAnywhereInAuthentication(t *testing.T) {
	t.Parallel()
	b, p, a := paired(t)
	device := b.device.Key().Public()
	whole := cutter{in: -1, out: -1}
	p.Dialer = &whole
	want := wantAuth(t, "uncut", p, a, device, "")
	t.Logf("a code is %d bytes out and %d bytes in", whole.wrote, whole.read)
	const stride = 23
	seen := map[string]int{}
	for at := 0; at <= max(whole.wrote, whole.read); at += stride {
		for _, c := range []cutter{{in: at, out: -1}, {in: -1, out: at}} {
			b.ahead.Add(int64(10 * time.Second)) // so that cut codes do not use the limit up
			before := b.given()
			p.Dialer = &c
			code, err := link.Authenticate(t.Context(), p, a)
			switch {
			case err == nil && code == want:
				seen["code"]++
			case pay.CodeOf(err) == pay.CodeUnreachable && code.IsZero() && b.given() == before:
				seen["no code"]++
			case pay.CodeOf(err) == pay.CodeUnreachable && code.IsZero():
				seen["code lost on its way"]++
			default:
				t.Errorf("cut after %d in, %d out: %v, %x", c.in, c.out, err, code)
			}
			b.restart()
			p.Dialer, p.Address = nil, b.addr
			if again := wantAuth(t, "again", p, a, device, ""); again != want {
				t.Errorf("cut after %d in, %d out: the code is another one", c.in, c.out)
			}
		}
	}
	t.Log(seen)
	for _, end := range []string{"code", "no code"} {
		if seen[end] == 0 {
			t.Errorf("no cut ended with %s", end)
		}
	}
}

// recorder is a proxy between wallet and device that records all bytes.
type recorder struct {
	mu       sync.Mutex
	up, down bytes.Buffer
}

func (r *recorder) serve(t *testing.T, to string) (addr string) {
	t.Helper()
	l := listen(t)
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			conns.Go(func() { r.copy(&r.up, far, near) })
			conns.Go(func() { r.copy(&r.down, near, far) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		conns.Wait()
	})
	return l.Addr().String()
}

func (r *recorder) copy(kept *bytes.Buffer, to, from net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		r.mu.Lock()
		kept.Write(buf[:n])
		r.mu.Unlock()
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			_, _ = to.Close(), from.Close()
			return
		}
	}
}

// TestNothingOfTheCodeIsVisible records both directions of the link in a proxy
// and searches for any 8 bytes of the code, of the signed fields, and of both
// sides' names, raw, in hexadecimal and in base64.
func TestNothingOfTheCodeIsVisible(t *testing.T) {
	t.Parallel()
	b, p, a := paired(t)
	device := b.device.Key().Public()
	r := &recorder{}
	p.Address = r.serve(t, b.addr)
	code := wantAuth(t, "through the proxy", p, a, device, "")
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.up.Len() < 300 || r.down.Len() < 300 {
		t.Fatalf("the proxy saw %d bytes up and %d down", r.up.Len(), r.down.Len())
	}
	seen := slicesOf(r.up.Bytes(), r.down.Bytes())
	wallet := p.Key.Public()
	subject, nonce, wid, did := a.Subject, a.Nonce, p.Key.ID(), b.device.Key().ID()
	for what, secret := range map[string][]byte{
		"code": code[:], "subject": subject[:8], "nonce": nonce[:], "wallet's key": wallet[:], "device's key": device[:],
		"wallet's id": wid[:], "device's id": did[:], "registry": a.Registry[:8],
	} {
		for _, coded := range [][]byte{secret, []byte(hex.EncodeToString(secret)), []byte(base64.StdEncoding.EncodeToString(secret)), []byte(base64.URLEncoding.EncodeToString(secret))} {
			for at := 0; at+8 <= len(coded); at++ {
				if window := coded[at : at+8]; !constant(window) && bytes.Contains(seen, window) {
					t.Fatalf("the proxy saw %q of the %s", window, what)
				}
			}
		}
	}
}

func slicesOf(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// constant reports whether all bytes of a window are equal, as in padding.
func constant(b []byte) bool { return bytes.Count(b, b[:1]) == len(b) }

// slowSigner is a device that gives a code late.
type slowSigner struct {
	link.Session
	wait time.Duration
}

func (s slowSigner) Authenticate(a pay.Authentication) (pay.AuthCode, error) {
	time.Sleep(s.wait)
	return s.Session.Authenticate(a)
}

// TestSlowDevice: the wallet waits for pay.LinkTimeout and then reports that the
// device does not answer.
func TestSlowDevice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		wait time.Duration
		want pay.ErrorCode
	}{
		{"slow", pay.LinkTimeout.Std() - time.Second, ""},
		{"too slow", pay.LinkTimeout.Std() + time.Second, pay.CodeUnreachable},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, p := newBench(t), newPipes()
				b.wrap = func(s link.Session) link.Session { return slowSigner{s, c.wait} }
				b, peer, a := pairedOn(b.start(p), p)
				wantAuth(t, c.name, peer, a, b.device.Key().Public(), c.want)
				b.stop()
			})
		})
	}
}

func TestReach(t *testing.T) {
	t.Parallel()
	b, p, _ := paired(t)
	for range 2 * pay.AuthCodesPerMinute {
		if err := link.Reach(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	p.Device[0] ^= 1
	wantCode(t, "another device's name", link.Reach(t.Context(), p), pay.CodeNotTrusted)
	p.Device[0] ^= 1
	p.Dialer = &door{bench: b, shut: true}
	wantCode(t, "nobody listens", link.Reach(t.Context(), p), pay.CodeUnreachable)
	if b.given() != 0 {
		t.Error("reaching the device costs codes")
	}
}
