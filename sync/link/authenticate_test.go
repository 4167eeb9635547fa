package link_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/sync/link"
)

// paired returns a device that serves its link, the wallet that it is bound to,
// as that wallet finds it again, and what it is to sign.
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

// wantAuth authenticates and checks the code, or that there is none.
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

// restartHere is what happens when the device's process was killed and comes
// back at the address that its wallet keeps.
func (b *bench) restartHere() *bench {
	b.t.Helper()
	b.stop()
	l, err := net.Listen("tcp", b.addr)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.start(l)
}

// given counts the codes that the device's process gave since it started.
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
	limit := pay.Authentication{Purpose: pay.PurposeLimit, Registry: a.Registry, Wallet: a.Wallet, Subject: [32]byte{9}, Amount: 5_000, Currency: "EUR"}
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

// TestAuthenticateSurvivesRestarts: neither side keeps anything of a
// conversation. The wallet finds the device by its address and its key, in
// whatever process either of them runs.
func TestAuthenticateSurvivesRestarts(t *testing.T) {
	t.Parallel()
	b, p, a := paired(t)
	device := b.device.Key().Public()
	before := wantAuth(t, "before", p, a, device, "")
	for range 2 {
		b.restartHere()
		again := link.Peer{Address: p.Address, Key: key(t, 1), Device: p.Device} // a wallet that starts anew
		if code := wantAuth(t, "after the device's restart", again, a, device, ""); code != before {
			t.Error("the same statement has another code")
		}
	}
	b.stop()
	wantAuth(t, "while the device is down", p, a, device, pay.CodeUnreachable)
	b.restart() // at another address
	wantAuth(t, "at the old address", p, a, device, pay.CodeUnreachable)
	p.Address = b.addr
	wantAuth(t, "at the new address", p, a, device, "")
}

// TestAuthenticateIsForTheBoundWallet: nobody else gets a code, before, during
// and after the time that the device is bound.
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
// is bound to. A wallet that names another one sees that it is not, and the
// device has said nothing about that other registry.
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

// TestAnotherDeviceAtTheOldAddress: the wallet says nothing to it, not even what
// it would have asked.
func TestAnotherDeviceAtTheOldAddress(t *testing.T) {
	t.Parallel()
	b, p, a := paired(t)
	device := b.device.Key().Public()
	other := newBenchOf(t, 99).start(listen(t))
	if other.device.Key().Public() == device {
		t.Fatal("the other device is the same")
	}
	p.Address = other.addr
	wantAuth(t, "another device", p, a, device, pay.CodeNotTrusted)
	wantCode(t, "reach", link.Reach(t.Context(), p), pay.CodeNotTrusted)
	heard := make(chan []byte, 1)
	p.Address = impostor(t, key(t, 66), func(s *peer) { heard <- s.answer() })
	wantAuth(t, "an impostor", p, a, device, pay.CodeNotTrusted)
	select {
	case frame := <-heard:
		if frame != nil {
			t.Errorf("the impostor heard %x", frame)
		}
	default: // the handshake failed on its side too
	}
	if b.given()+other.given() != 0 {
		t.Error("a device gave a code")
	}
}

// TestManInTheMiddleOfAuthentication ends TLS on both sides with a key of his
// own: the wallet does not talk to him, and the device does not know him.
func TestManInTheMiddleOfAuthentication(t *testing.T) {
	t.Parallel()
	b, p, a := paired(t)
	middle := b.visit(key(t, 66))
	_, _ = middle.Write(link.SignFrame(a))
	if got := middle.answer(); !bytes.Equal(got, link.RefuseFrame("bound")) {
		t.Errorf("the device answers a stranger with %x", got)
	}
	_ = middle.Close()
	p.Address = impostor(t, key(t, 66), func(*peer) {})
	wantAuth(t, "through the middle", p, a, b.device.Key().Public(), pay.CodeNotTrusted)
}

// TestHostileDevice is the paired device itself, turned against its wallet: it
// has the right key and answers with anything but the code that was asked for.
func TestHostileDevice(t *testing.T) {
	t.Parallel()
	k := key(t, 66)
	a := pay.Authentication{
		Purpose: pay.PurposePay, Registry: pay.NodeID{7}, Wallet: key(t, 1).ID(), Nonce: pay.Nonce{1}, Subject: [32]byte{2},
		Merchant: "m/cafe", Amount: 1250, Currency: "EUR",
	}
	signed := func(by pay.Key, change func(*pay.Authentication)) []byte {
		b := a
		change(&b)
		code, err := pay.Authenticate(by, b)
		if err != nil {
			t.Fatal(err)
		}
		return link.CodeFrame(code)
	}
	right := signed(k, func(*pay.Authentication) {})
	type reply struct {
		frame []byte
		want  pay.ErrorCode
	}
	replies := map[string]reply{
		"the right code":        {right, ""},
		"for another challenge": {signed(k, func(a *pay.Authentication) { a.Nonce[0]++ }), pay.CodeNotTrusted},
		"for another payment":   {signed(k, func(a *pay.Authentication) { a.Subject[0]++ }), pay.CodeNotTrusted},
		"for another amount":    {signed(k, func(a *pay.Authentication) { a.Amount-- }), pay.CodeNotTrusted},
		"for another currency":  {signed(k, func(a *pay.Authentication) { a.Currency = "USD" }), pay.CodeNotTrusted},
		"for another merchant":  {signed(k, func(a *pay.Authentication) { a.Merchant = "m/bar" }), pay.CodeNotTrusted},
		"for another wallet":    {signed(k, func(a *pay.Authentication) { a.Wallet[0]++ }), pay.CodeNotTrusted},
		"for another registry":  {signed(k, func(a *pay.Authentication) { a.Registry[0]++ }), pay.CodeNotTrusted},
		"for a limit": {signed(k, func(a *pay.Authentication) {
			a.Purpose, a.Merchant = pay.PurposeLimit, ""
		}), pay.CodeNotTrusted},
		"by another device":    {signed(key(t, 67), func(*pay.Authentication) {}), pay.CodeNotTrusted},
		"zeros":                {link.CodeFrame(pay.AuthCode{}), pay.CodeNotTrusted},
		"says that it is done": {link.DoneFrame(), pay.CodeFailed},
		"a bind":               {link.BindFrame([]byte{1}), pay.CodeFailed},
		"the question":         {link.SignFrame(a), pay.CodeFailed},
		"refuses: bound":       {link.RefuseFrame("bound"), pay.CodeBound},
		"refuses: paired":      {link.RefuseFrame("paired"), pay.CodeConflict},
		"refuses: pin":         {link.RefuseFrame("pin"), pay.CodePIN},
		"refuses: often":       {link.RefuseFrame("often"), pay.CodeTooMany},
		"refuses: malformed":   {link.RefuseFrame("malformed"), pay.CodeFailed},
		"refuses: failed":      {link.RefuseFrame("failed"), pay.CodeFailed},
		"refuses: \x1b[2J":     {link.RefuseFrame("\x1b[2J"), pay.CodeFailed},
		"silence":              {nil, pay.CodeUnreachable},
	}
	for name, raw := range badFrames(t) {
		want := pay.CodeFailed
		if n := binary.BigEndian.Uint32(raw); n <= pay.LinkFrameBytesMax && int(n) > len(raw)-4 {
			want = pay.CodeUnreachable // it promises more than it holds
		}
		replies["garbage: "+name] = reply{raw, want}
	}
	for bit := 0; bit < 8*64; bit += 37 {
		flipped := bytes.Clone(right)
		flipped[len(flipped)-64+bit/8] ^= 1 << (bit % 8)
		replies[fmt.Sprintf("bit %d altered", bit)] = reply{flipped, pay.CodeNotTrusted}
	}
	for name, r := range replies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := link.Peer{Key: key(t, 1), Device: k.ID(), Address: impostor(t, k, func(s *peer) {
				if got := s.answer(); !bytes.Equal(got, link.SignFrame(a)) {
					t.Errorf("the wallet asks %x", got)
				}
				_, _ = s.Write(r.frame)
				_ = s.CloseWrite()
				_, _ = io.Copy(io.Discard, s)
			})}
			wantAuth(t, name, p, a, k.Public(), r.want)
		})
	}
}

// TestAskedTooOften: the device says no, to its own wallet too, over one
// connection or many, and goes on a minute later.
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
	// Now over one connection, which ends with the first no.
	v := b.visit(p.Key)
	for ; asks < 3*pay.AuthCodesPerMinute; asks++ {
		_, _ = v.Write(link.SignFrame(a))
		if got := v.answer(); got == nil || got[4] != 20 {
			break
		}
	}
	_ = v.Close()
	if asks != pay.AuthCodesPerMinute || b.given() != 2*pay.AuthCodesPerMinute {
		t.Errorf("one connection got %d codes, the device tells of %d in all", asks, b.given())
	}
	b.ahead.Add(int64(time.Minute))
	wantAuth(t, "a minute later", p, a, device, "")
}

// TestGarbageInsteadOfASignature: what a wallet should not send is refused, and
// nothing of it counts.
func TestGarbageInsteadOfASignature(t *testing.T) {
	t.Parallel()
	b, p, a := paired(t)
	device := b.device.Key().Public()
	bad := map[string][]byte{
		"a code":               link.CodeFrame(pay.AuthCode{1}),
		"no purpose":           link.SignFrame(pay.Authentication{}),
		"another purpose":      link.SignFrame(pay.Authentication{Purpose: "open", Currency: "EUR"}),
		"payment to a wallet":  link.SignFrame(pay.Authentication{Purpose: pay.PurposePay, Merchant: "w/ann", Amount: 1, Currency: "EUR"}),
		"payment of nothing":   link.SignFrame(pay.Authentication{Purpose: pay.PurposePay, Merchant: "m/cafe", Currency: "EUR"}),
		"limit below nothing":  link.SignFrame(pay.Authentication{Purpose: pay.PurposeLimit, Amount: -1, Currency: "EUR"}),
		"limit at a merchant":  link.SignFrame(pay.Authentication{Purpose: pay.PurposeLimit, Merchant: "m/cafe", Currency: "EUR"}),
		"currency of 2 letter": link.SignFrame(pay.Authentication{Purpose: pay.PurposeLimit, Currency: "EU"}),
	}
	for name, raw := range bad {
		v := b.visit(p.Key)
		_, _ = v.Write(raw)
		if got := v.answer(); !bytes.Equal(got, link.RefuseFrame("malformed")) {
			t.Errorf("%s is answered with %x", name, got)
		}
		_ = v.Close()
	}
	frame := link.SignFrame(a)
	for n := range len(frame) {
		v := b.visit(p.Key)
		_, _ = v.Write(frame[:n])
		_ = v.CloseWrite()
		if got := v.answer(); got != nil {
			t.Errorf("the first %d bytes are answered with %x", n, got)
		}
		_ = v.Close()
	}
	if b.given() != 0 {
		t.Fatalf("garbage got %d codes", b.given())
	}
	if code, err := b.authenticateUntilFree(p, a); err != nil || a.Verify(device, code) != nil {
		t.Errorf("the owner, after all that: %v", err)
	}
}

// authenticateUntilFree asks again as long as earlier visitors are still
// leaving.
func (b *bench) authenticateUntilFree(p link.Peer, a pay.Authentication) (code pay.AuthCode, err error) {
	for range 1000 {
		if code, err = link.Authenticate(b.t.Context(), p, a); pay.CodeOf(err) != pay.CodeUnreachable {
			break
		}
	}
	return code, err
}

// TestCutAnywhereInAuthentication lets the connection die at every few bytes, in
// either direction, and the device's process as well. The wallet has the code or
// has none; asked again the device gives the very same.
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
			b.restartHere()
			p.Dialer = nil
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

// recorder is a proxy on the way from wallet to device that keeps all it sees.
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
// and looks for any 8 bytes of the code, of what it is about, and of both sides'
// names, raw, in hexadecimal and in base64 (3.6).
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

// constant says that a window is one byte again and again, as padding is.
func constant(b []byte) bool { return bytes.Count(b, b[:1]) == len(b) }

// slowSigner is a device that takes its time over a code.
type slowSigner struct {
	link.Session
	wait time.Duration
}

func (s slowSigner) Authenticate(a pay.Authentication) (pay.AuthCode, error) {
	time.Sleep(s.wait)
	return s.Session.Authenticate(a)
}

// TestSlowDevice: the wallet waits for the time of one conversation and then
// says that the device does not answer.
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

// liar is a device whose program gives a code for another challenge.
type liar struct{ link.Session }

func (s liar) Authenticate(a pay.Authentication) (pay.AuthCode, error) {
	a.Nonce[15] ^= 1
	return s.Session.Authenticate(a)
}

// TestAnswerToAnotherChallenge goes the whole way through a device that serves
// its link.
func TestAnswerToAnotherChallenge(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.wrap = func(s link.Session) link.Session { return liar{s} }
	b, p, a := pairedOn(b.start(listen(t)), nil)
	wantAuth(t, "an answer to another challenge", p, a, b.device.Key().Public(), pay.CodeNotTrusted)
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
	b.stop()
	wantCode(t, "nobody listens", link.Reach(t.Context(), p), pay.CodeUnreachable)
	if b.given() != 0 {
		t.Error("reaching the device costs codes")
	}
}
