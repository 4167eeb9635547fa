package pay_test

import (
	"bytes"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// TestEnvelopeIsCutAsItIsDecoded: what is taken without the decoder, the decoder takes
// as well and reads the same in it: each fact, with each byte changed, and each cut
// short or too long.
func TestEnvelopeIsCutAsItIsDecoded(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		raw := s.fact.Raw()
		if both, err := pay.CompareEnvelopes(raw); !both || err != nil {
			t.Errorf("%s: %v, %v", s.name, both, err)
		}
		head := len(raw) - 64
		for i := range raw[:head] {
			for _, b := range []byte{raw[i] ^ 1, raw[i] ^ 0x20, raw[i] + 1, raw[i] - 1, 0, 0xff, 0x17, 0x18, 0x58, 0x59, 0x78} {
				bent := bytes.Clone(raw)
				bent[i] = b
				if _, err := pay.CompareEnvelopes(bent); err != nil {
					t.Errorf("%s with byte %d as %x: %v", s.name, i, b, err)
				}
			}
		}
		for n := range len(raw) {
			if both, err := pay.CompareEnvelopes(raw[:n]); both || err != nil {
				t.Errorf("%s cut to %d bytes: %v, %v", s.name, n, both, err)
			}
		}
		if both, err := pay.CompareEnvelopes(append(bytes.Clone(raw), 0)); both || err != nil {
			t.Errorf("%s with a byte too many: %v, %v", s.name, both, err)
		}
	}
}

// FuzzEnvelope holds the two readers side by side.
func FuzzEnvelope(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.fact.Raw())
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := pay.CompareEnvelopes(raw); err != nil {
			t.Error(err)
		}
	})
}

// TestReopen: a fact that is reopened says what it said.
func TestReopen(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		f, ok := pay.Reopen(s.fact.ID(), s.fact.Raw())
		if !ok || f.ID() != s.fact.ID() || f.Kind() != s.fact.Kind() || f.Signer() != s.fact.Signer() {
			t.Fatalf("%s: %v", s.name, ok)
		}
		if err := f.Verify(s.key.Public()); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		if f.Kind() == pay.KindDecision {
			got, err := pay.As[pay.Decision](f)
			want, _ := pay.As[pay.Decision](s.fact)
			if got != want || err != nil {
				t.Errorf("%s says %+v, %v", s.name, got, err)
			}
		}
	}
	if _, ok := pay.Reopen(pay.FactID{}, []byte("no fact")); ok {
		t.Error("what is no fact is reopened")
	}
}
