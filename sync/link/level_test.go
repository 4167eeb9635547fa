package link_test

import (
	"bytes"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/sync/link"
)

// TestSetLevel: the bound wallet sets the level, and nobody else.
func TestSetLevel(t *testing.T) {
	t.Parallel()
	b, p, a := paired(t)
	after, err := link.SetLevel(t.Context(), p, 4)
	if err != nil || after <= 0 || after > 66_000 {
		t.Fatalf("from %d ms on, %v", after, err)
	}
	other := p
	other.Key = key(t, 2)
	_, err = link.SetLevel(t.Context(), other, -4)
	wantCode(t, "another wallet", err, pay.CodeBound)
	_, err = link.SetLevel(t.Context(), p, 8)
	wantCode(t, "out of bounds", err, pay.CodeUsage)
	if again, err := link.SetLevel(t.Context(), p, 0); err != nil || again != 0 {
		t.Errorf("back before it held: from %d ms on, %v", again, err)
	}
	wantAuth(t, "a payment, after all that", p, a, b.device.Key().Public(), "")
	if err := link.Release(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	_, err = link.SetLevel(t.Context(), p, 4)
	wantCode(t, "unpaired", err, pay.CodePIN)
}

// TestStrangersSetNoLevel: who is not the bound wallet, or says what is out of bounds,
// changes nothing, and the owner is served all the same.
func TestStrangersSetNoLevel(t *testing.T) {
	t.Parallel()
	b, p, a := paired(t)
	for name, sent := range map[string][]byte{
		"a stranger":        link.LevelFrame(4),
		"out of bounds":     link.LevelFrame(127),
		"the answer itself": link.StatesFrame(1),
		"too long":          append([]byte{0, 0, 0x10, 1, 8}, make([]byte, pay.LinkFrameBytesMax)...),
		"half":              link.LevelFrame(4)[:6],
	} {
		s := b.visit(key(t, 66))
		_, _ = s.Write(sent)
		_ = s.CloseWrite()
		got := s.answer()
		if got != nil && !bytes.Equal(got, link.RefuseFrame("bound")) && !bytes.Equal(got, link.RefuseFrame("malformed")) {
			t.Errorf("%s is answered with %x", name, got)
		}
		_ = s.Close()
	}
	s := b.visit(key(t, 1))
	_, _ = s.Write(link.LevelFrame(12))
	if got := s.answer(); !bytes.Equal(got, link.RefuseFrame("malformed")) {
		t.Errorf("its owner, out of bounds, is answered with %x", got)
	}
	_ = s.Close()
	wantAuth(t, "the owner", p, a, b.device.Key().Public(), "")
	if after, err := link.SetLevel(t.Context(), p, 0); err != nil || after != 0 {
		t.Errorf("a level was set: back from %d ms on, %v", after, err)
	}
}

// TestAnswersToALevel: what a wallet must tell apart, or must not believe.
func TestAnswersToALevel(t *testing.T) {
	t.Parallel()
	k := key(t, 66)
	for name, c := range map[string]struct {
		answer []byte
		want   pay.ErrorCode
		after  pay.Millis
	}{
		"in a while":                    {link.StatesFrame(5_000), "", 5_000},
		"already":                       {link.StatesFrame(0), "", 0},
		"never":                         {link.StatesFrame(1 << 62), "", 32_770_000},
		"long ago":                      {link.StatesFrame(-5), "", 0},
		"a device of an older version":  {link.RefuseFrame("malformed"), pay.CodeUpgrade, 0},
		"one with a power of its own":   {link.RefuseFrame("fixed"), pay.CodeNotAvailable, 0},
		"bound to another":              {link.RefuseFrame("bound"), pay.CodeBound, 0},
		"something else":                {link.DoneFrame(), pay.CodeFailed, 0},
		"no answer, a connection ended": {nil, pay.CodeUnreachable, 0},
	} {
		p := link.Peer{Key: key(t, 1), Device: k.ID()}
		p.Address = impostor(t, k, func(s *peer) {
			if got := s.answer(); !bytes.Equal(got, link.LevelFrame(-4)) {
				t.Errorf("%s: the wallet sends %x", name, got)
			}
			_, _ = s.Write(c.answer)
		})
		after, err := link.SetLevel(t.Context(), p, -4)
		wantCode(t, name, err, c.want)
		if after != c.after {
			t.Errorf("%s: from %d ms on", name, after)
		}
	}
}
