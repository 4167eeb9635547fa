package pay_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// receipt is what a receipt file is made of.
type receipt struct {
	authority, decision pay.Fact
	captured            pay.Decision
}

func newReceipt(t testing.TB) (r receipt) {
	t.Helper()
	list := samples(t)
	for _, s := range list {
		switch s.name {
		case "decision: captured":
			r.decision = s.fact
		case "authority":
			r.authority = s.fact
		}
	}
	var err error
	if r.captured, err = pay.As[pay.Decision](r.decision); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestOpenReceipt(t *testing.T) {
	t.Parallel()
	w := newReceipt(t)
	got, err := pay.OpenReceipt(pay.EncodeReceipt(w.authority, w.decision))
	want := pay.Receipt{Root: keyOf(t, rootSeed).ID(), Authority: authorityBody(t), Decision: w.captured, ID: w.decision.ID()}
	if err != nil || got != want {
		t.Errorf("have %+v, %v", got, err)
	}
}

// There is no byte in a receipt that may be another: each is under a signature,
// is a signature, or has one allowed value.
func TestEveryFlippedByteOfAReceiptIsFound(t *testing.T) {
	t.Parallel()
	w := newReceipt(t)
	raw := pay.EncodeReceipt(w.authority, w.decision)
	masks := []byte{0x01, 0x20, 0x80, 0xff}
	if testing.Short() {
		masks = masks[:1]
	}
	for i := range raw {
		for _, mask := range masks {
			raw[i] ^= mask
			if r, err := pay.OpenReceipt(raw); err == nil || r != (pay.Receipt{}) {
				t.Errorf("byte %d ^ %#x: opens", i, mask)
			}
			raw[i] ^= mask
		}
		if _, err := pay.OpenReceipt(raw[:i]); err == nil {
			t.Errorf("the first %d bytes open", i)
		}
	}
	for _, tail := range []byte{0x00, 0xf6, 0xff} {
		if _, err := pay.OpenReceipt(append(bytes.Clone(raw), tail)); err == nil {
			t.Errorf("opens with %#x behind it", tail)
		}
	}
}

func TestOpenReceiptRefuses(t *testing.T) {
	t.Parallel()
	w := newReceipt(t)
	root, working, other := keyOf(t, rootSeed), keyOf(t, workingSeed), keyOf(t, 77)
	dated := func(at pay.Time) pay.Fact {
		d := w.captured
		d.At = at
		return sign(t, working, d)
	}
	a := authorityBody(t)
	speaksFor := func(k pay.PublicKey) pay.Fact {
		b := a
		b.Working = k
		return sign(t, root, b)
	}
	offer := w.captured
	offer.Seq, offer.State, offer.By = 1, pay.StateOffered, ""
	ended := func(s pay.State, sums pay.Sums) pay.Fact {
		d := w.captured
		d.State, d.Sums = s, sums
		return sign(t, working, d)
	}
	self := a
	self.Root = other.Public()
	array := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	label := pay.Encode(pay.ReceiptLabel)
	for _, c := range []struct {
		name string
		raw  []byte
		want error
	}{
		{"decided one millisecond before the key speaks", pay.EncodeReceipt(w.authority, dated(a.From-1)), pay.ErrSignature},
		{"decided when the key no longer speaks", pay.EncodeReceipt(w.authority, dated(a.Until)), pay.ErrSignature},
		{"authority of another working key", pay.EncodeReceipt(speaksFor(other.Public()), w.decision), pay.ErrSignature},
		{"decision signed by the root", pay.EncodeReceipt(w.authority, sign(t, root, w.captured)), pay.ErrSignature},
		{"decision signed by anybody", pay.EncodeReceipt(w.authority, sign(t, other, w.captured)), pay.ErrSignature},
		{"authority signed by anybody in the root's name", pay.EncodeReceipt(sign(t, other, a), w.decision), pay.ErrSignature},
		{"authority signed by the root in another's name", pay.EncodeReceipt(sign(t, root, self), w.decision), pay.ErrSignature},
		{"a cancel instead of a decision", pay.EncodeReceipt(w.authority, sign(t, working, pay.Cancel{})), nil},
		{"a cancel instead of an authority", pay.EncodeReceipt(sign(t, root, pay.Cancel{}), w.decision), nil},
		{"the parts changed about", pay.EncodeReceipt(w.decision, w.authority), nil},
		{"an offer, which is no last word", pay.EncodeReceipt(w.authority, sign(t, working, offer)), nil},
		{"an end without payment after a part was captured", pay.EncodeReceipt(w.authority, ended(pay.StateExpired, pay.Sums{Captured: 1, Released: 9})), nil},
		{"an end without payment while money is held", pay.EncodeReceipt(w.authority, ended(pay.StateCancelled, pay.Sums{Held: 1})), nil},
		{"a capture of nothing", pay.EncodeReceipt(w.authority, ended(pay.StateCaptured, pay.Sums{Held: 1})), nil},
		{"nothing", nil, pay.ErrNotCanonical},
		{"null", []byte{0xf6}, pay.ErrNotCanonical},
		{"another label", array([]byte{0x83}, pay.Encode("paybeacon-receipt/2"), w.authority.Raw(), w.decision.Raw()), pay.ErrNotCanonical},
		{"label as bytes", array([]byte{0x83}, pay.Encode([]byte(pay.ReceiptLabel)), w.authority.Raw(), w.decision.Raw()), pay.ErrNotCanonical},
		{"two parts", array([]byte{0x82}, label, w.authority.Raw()), pay.ErrNotCanonical},
		{"four parts", array([]byte{0x84}, label, w.authority.Raw(), w.decision.Raw(), []byte{0xf6}), pay.ErrNotCanonical},
		{"array length in two bytes", array([]byte{0x98, 3}, label, w.authority.Raw(), w.decision.Raw()), pay.ErrNotCanonical},
		{"indefinite array", array([]byte{0x9f}, label, w.authority.Raw(), w.decision.Raw(), []byte{0xff}), pay.ErrNotCanonical},
		{"the facts as byte strings", array([]byte{0x83}, label, pay.Encode(w.authority.Raw()), pay.Encode(w.decision.Raw())), pay.ErrNotCanonical},
		{"null for the authority", array([]byte{0x83}, label, []byte{0xf6}, w.decision.Raw()), pay.ErrNotCanonical},
		{"null for the decision", array([]byte{0x83}, label, w.authority.Raw(), []byte{0xf6}), pay.ErrNotCanonical},
		{"longer than a receipt can be", make([]byte, pay.ReceiptBytesMax+1), pay.ErrNotCanonical},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, err := pay.OpenReceipt(c.raw)
			if err == nil || r != (pay.Receipt{}) || (c.want != nil && !errors.Is(err, c.want)) {
				t.Errorf("have %+v, %v", r, err)
			}
		})
	}
	if _, err := pay.OpenReceipt(pay.EncodeReceipt(w.authority, dated(a.From))); err != nil {
		t.Errorf("decided in the first millisecond: %v", err)
	}
	if _, err := pay.OpenReceipt(pay.EncodeReceipt(w.authority, dated(a.Until-1))); err != nil {
		t.Errorf("decided in the last millisecond: %v", err)
	}
}

// The longest facts there can be still make a receipt that opens.
func TestReceiptLimitHoldsTwoFacts(t *testing.T) {
	t.Parallel()
	if head := len(pay.Encode(pay.ReceiptLabel)) + 1; pay.ReceiptBytesMax < 2*pay.FactBytesMax+head {
		t.Errorf("a receipt may have %d bytes, two facts and %d need more", pay.ReceiptBytesMax, head)
	}
}

func TestOpenAuthority(t *testing.T) {
	t.Parallel()
	f := newReceipt(t).authority
	root := keyOf(t, rootSeed).ID()
	for name, pinned := range map[string]pay.NodeID{"pinned": root, "any root": {}} {
		if a, err := pay.OpenAuthority(f.Raw(), pinned); err != nil || a != authorityBody(t) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	if a, err := pay.OpenAuthority(f.Raw(), keyOf(t, workingSeed).ID()); !errors.Is(err, pay.ErrSignature) || a != (pay.Authority{}) {
		t.Errorf("another root is pinned: %v", err)
	}
	if _, err := pay.OpenAuthority(f.Raw()[1:], root); !errors.Is(err, pay.ErrNotCanonical) {
		t.Errorf("a broken authority: %v", err)
	}
	if _, err := pay.OpenAuthority(sign(t, keyOf(t, rootSeed), pay.Cancel{}).Raw(), root); err == nil {
		t.Error("a cancel opens as an authority")
	}
	empty := pay.Authority{From: 5, Until: 5}
	if empty.Check() == nil || (pay.Authority{From: 6, Until: 5}).Check() == nil || empty.Covers(5) {
		t.Error("an authority over no time at all is allowed")
	}
}

func TestOpenBind(t *testing.T) {
	t.Parallel()
	device, other := keyOf(t, deviceSeed), keyOf(t, 77)
	bind := sign(t, device, bindBody(t))
	forged := bytes.Clone(bind.Raw())
	forged[len(forged)-40] ^= 1
	stolen := bindBody(t)
	stolen.Device = other.Public()
	for _, c := range []struct {
		name   string
		device pay.DeviceID
		raw    []byte
		want   error
	}{
		{"good", device.ID(), bind.Raw(), nil},
		{"signed by another in the device's name", device.ID(), sign(t, other, bindBody(t)).Raw(), pay.ErrSignature},
		{"another signs and is named, the device is in it", other.ID(), sign(t, other, bindBody(t)).Raw(), pay.ErrSignature},
		{"forged signature", device.ID(), forged, pay.ErrSignature},
		{"another device's bind", device.ID(), sign(t, other, stolen).Raw(), pay.ErrSignature},
		{"the mapping names another device", other.ID(), bind.Raw(), pay.ErrSignature},
		{"broken", device.ID(), bind.Raw()[1:], pay.ErrNotCanonical},
		{"not a bind", device.ID(), sign(t, device, pay.Cancel{}).Raw(), errAny},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, err := pay.Mapping{Device: c.device, Bind: c.raw}.OpenBind()
			switch {
			case c.want == nil && (err != nil || b != bindBody(t)):
				t.Errorf("have %+v, %v", b, err)
			case c.want != nil && (err == nil || b != (pay.Bind{}) || (c.want != errAny && !errors.Is(err, c.want))):
				t.Errorf("have %+v, %v", b, err)
			}
		})
	}
}

// errAny stands for any error in a table.
var errAny = errors.New("any error")

// FuzzOpenReceipt holds that foreign bytes never panic and that what opens is
// dated within the authority it encloses.
func FuzzOpenReceipt(f *testing.F) {
	w := newReceipt(f)
	f.Add(pay.EncodeReceipt(w.authority, w.decision))
	f.Add(pay.EncodeReceipt(w.decision, w.authority))
	// A raw item with an ill-formed tag inside decodes and cannot be encoded.
	f.Add(slices.Concat([]byte{0x83}, pay.Encode(pay.ReceiptLabel), []byte{0xc2, 0xa0}, w.decision.Raw()))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := pay.OpenReceipt(raw)
		if err == nil && (!r.Authority.Covers(r.Decision.At) || r.Root != r.Authority.Root.ID() || len(raw) > pay.ReceiptBytesMax) {
			t.Fatalf("opens as %+v", r)
		}
		if err != nil && r != (pay.Receipt{}) {
			t.Fatalf("refused with %+v", r)
		}
	})
}
