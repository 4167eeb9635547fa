package link_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/sync/link"
)

// TestAnotherDeviceAtTheOldAddress: the wallet sends nothing to it, not even its
// request.
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

// TestManInTheMiddleOfAuthentication terminates TLS on both sides with a key of
// its own: the wallet ends the connection, and the device refuses the key.
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
// has the right key and answers with anything but the requested code.
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
			a.Purpose, a.Merchant = pay.PurposeStepUpAbove, ""
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
			want = pay.CodeUnreachable // its length is larger than its content
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

// TestGarbageInsteadOfASignature: requests that a wallet should not send are
// refused and do not count.
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
		"limit below nothing":  link.SignFrame(pay.Authentication{Purpose: pay.PurposeStepUpAbove, Amount: -1, Currency: "EUR"}),
		"limit at a merchant":  link.SignFrame(pay.Authentication{Purpose: pay.PurposeStepUpAbove, Merchant: "m/cafe", Currency: "EUR"}),
		"currency of 2 letter": link.SignFrame(pay.Authentication{Purpose: pay.PurposeStepUpAbove, Currency: "EU"}),
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

// authenticateUntilFree repeats the request while earlier connections still hold
// all places.
func (b *bench) authenticateUntilFree(p link.Peer, a pay.Authentication) (code pay.AuthCode, err error) {
	for range 1000 {
		if code, err = link.Authenticate(b.t.Context(), p, a); pay.CodeOf(err) != pay.CodeUnreachable {
			break
		}
	}
	return code, err
}

// liar is a device whose program gives a code for another challenge.
type liar struct{ link.Session }

func (s liar) Authenticate(a pay.Authentication) (pay.AuthCode, error) {
	a.Nonce[15] ^= 1
	return s.Session.Authenticate(a)
}

// TestAnswerToAnotherChallenge uses a device that really serves its link.
func TestAnswerToAnotherChallenge(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.wrap = func(s link.Session) link.Session { return liar{s} }
	b, p, a := pairedOn(b.start(listen(t)), nil)
	wantAuth(t, "an answer to another challenge", p, a, b.device.Key().Public(), pay.CodeNotTrusted)
}
