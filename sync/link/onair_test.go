package link_test

import (
	"bytes"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/sync/link"
)

func TestOnAir(t *testing.T) {
	t.Parallel()
	b, p, a := paired(t)
	b.untilOnAir(p)
	other := p
	other.Key = key(t, 2)
	_, _, err := link.OnAir(t.Context(), other)
	wantCode(t, "another wallet", err, pay.CodeBound)
	wrong := p
	wrong.Device[0] ^= 1
	_, _, err = link.OnAir(t.Context(), wrong)
	wantCode(t, "another device", err, pay.CodeNotTrusted)
	wrong.Device = pay.DeviceID{}
	_, _, err = link.OnAir(t.Context(), wrong)
	wantCode(t, "no device", err, pay.CodeUsage)
	wantAuth(t, "a payment, after all that", p, a, b.device.Key().Public(), "")
	if err := link.Release(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	_, _, err = link.OnAir(t.Context(), p)
	wantCode(t, "unpaired", err, pay.CodePIN)
}

// untilOnAir asks the device until it broadcasts, as it does a moment after it was
// paired.
func (b *bench) untilOnAir(p link.Peer) {
	b.t.Helper()
	for range 1000 {
		c, stays, err := link.OnAir(b.t.Context(), p)
		if err == nil && c != (pay.Code{}) && stays > 0 {
			return
		}
		if code := pay.CodeOf(err); code != pay.CodeRadio && code != pay.CodeUnreachable {
			b.t.Fatalf("%v for %d ms, %v", c, stays, err)
		}
	}
	b.t.Fatal("the device never tells what is on the air")
}

// TestStrangersHearNothingOnTheLink: who is not the bound wallet gets no code, however
// often it asks and whatever it has recorded, and the owner is served all the same.
func TestStrangersHearNothingOnTheLink(t *testing.T) {
	t.Parallel()
	b, p, a := paired(t)
	for name, sent := range map[string][]byte{
		"a stranger":        link.AirFrame(),
		"the answer itself": link.OnAirFrame(pay.Code{1}, 1),
		"too long":          append([]byte{0, 0, 0x10, 1, 7}, make([]byte, pay.LinkFrameBytesMax)...),
		"half":              link.AirFrame()[:5],
	} {
		for range 2 { // a frame that was recorded means nothing on another connection
			s := b.visit(key(t, 66))
			_, _ = s.Write(sent)
			_ = s.CloseWrite()
			got := s.answer()
			if got != nil && !bytes.Equal(got, link.RefuseFrame("bound")) && !bytes.Equal(got, link.RefuseFrame("malformed")) {
				t.Errorf("%s is answered with %x", name, got)
			}
			_ = s.Close()
		}
	}
	wantAuth(t, "the owner", p, a, b.device.Key().Public(), "")
	b.untilOnAir(p)
}

// TestAnswersToWhatIsOnTheAir: the paired device answers with what a wallet must
// tell apart, or must not believe.
func TestAnswersToWhatIsOnTheAir(t *testing.T) {
	t.Parallel()
	k := key(t, 66)
	for name, c := range map[string]struct {
		answer []byte
		want   pay.ErrorCode
		stays  pay.Millis
	}{
		"a code":                        {link.OnAirFrame(pay.Code{1}, 5_000), "", 5_000},
		"a device of an older version":  {link.RefuseFrame("malformed"), pay.CodeUpgrade, 0},
		"a reason of a newer version":   {link.RefuseFrame("resting"), pay.CodeFailed, 0},
		"nothing on the air":            {link.RefuseFrame("silent"), pay.CodeRadio, 0},
		"bound to another":              {link.RefuseFrame("bound"), pay.CodeBound, 0},
		"a code that stays for ever":    {link.OnAirFrame(pay.Code{1}, 1<<62), "", 32_770_000},
		"one that ended before":         {link.OnAirFrame(pay.Code{1}, -5), "", 0},
		"something else":                {link.DoneFrame(), pay.CodeFailed, 0},
		"half of the answer":            {link.OnAirFrame(pay.Code{1}, 5)[:9], pay.CodeUnreachable, 0},
		"an answer beyond the limit":    {append([]byte{0, 0, 0x10, 1, 21}, make([]byte, pay.LinkFrameBytesMax)...), pay.CodeFailed, 0},
		"no answer, a connection ended": {nil, pay.CodeUnreachable, 0},
	} {
		p := link.Peer{Key: key(t, 1), Device: k.ID()}
		p.Address = impostor(t, k, func(s *peer) {
			if got := s.answer(); !bytes.Equal(got, link.AirFrame()) {
				t.Errorf("%s: the wallet asks with %x", name, got)
			}
			_, _ = s.Write(c.answer)
		})
		got, stays, err := link.OnAir(t.Context(), p)
		wantCode(t, name, err, c.want)
		if stays != c.stays || (got == pay.Code{1}) != (c.want == "") {
			t.Errorf("%s: %s for %d ms", name, got, stays)
		}
	}
}
