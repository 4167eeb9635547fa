package pay_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/paybeacon/paybeacon/pay"
)

// bodyOf returns the body of a fact as a map.
func bodyOf(t testing.TB, f pay.Fact) map[any]any {
	t.Helper()
	var tag cbor.RawTag
	var envelope []cbor.RawMessage
	var payload []byte
	var body map[any]any
	for _, err := range []error{cbor.Unmarshal(f.Raw(), &tag), cbor.Unmarshal(tag.Content, &envelope)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(cbor.Unmarshal(envelope[2], &payload), pay.Decode(payload, &body)); err != nil {
		t.Fatal(err)
	}
	return body
}

// grownUpTo is above the keys that bodies of today have grown by.
const grownUpTo = 90

// firstUnknown returns a key from pay.IgnorableFrom on that no body of the kind has.
func firstUnknown(k pay.Kind) uint64 {
	if k == pay.KindRequest || k == pay.KindOpening {
		return grownUpTo
	}
	return pay.IgnorableFrom
}

// TestBodiesGrow: a body of any kind may have more keys from 64 on than this
// program knows. They are kept under the signature and change nothing that is
// read. Keys below, and what is not canonical, are refused.
func TestBodiesGrow(t *testing.T) {
	t.Parallel()
	deep := map[any]any{uint64(1): []any{uint64(5), "x", []byte{1}, map[any]any{"y": true}}}
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			first := firstUnknown(s.fact.Kind())
			for _, tc := range []struct {
				name string
				more map[any]any
				ok   bool
			}{
				{"the first that may be ignored", map[any]any{first: uint64(1)}, true},
				{"the last that may not", map[any]any{uint64(63): uint64(1)}, false},
				{"one of each", map[any]any{uint64(63): uint64(1), first: uint64(1)}, false},
				{"several, of any shape", map[any]any{first: deep, uint64(1000): "text", uint64(1<<64 - 1): nil}, true},
				{"a negative key", map[any]any{int64(-65): uint64(1)}, false},
				{"a text key", map[any]any{"later": uint64(1)}, false},
			} {
				body := bodyOf(t, s.fact)
				for k, v := range tc.more {
					body[k] = v
				}
				raw := unknownFact(t, string(s.fact.Kind()), pay.Encode(body))
				f, err := pay.Parse(raw)
				if tc.ok != (err == nil) || (err != nil && !errors.Is(err, pay.ErrNotCanonical)) {
					t.Errorf("%s: %v", tc.name, err)
					continue
				}
				if !tc.ok {
					continue
				}
				if !bytes.Equal(f.Raw(), raw) || f.ID() == s.fact.ID() || f.Kind() != s.fact.Kind() {
					t.Errorf("%s: the bytes, the id or the kind are not the grown fact's own", tc.name)
				}
				if again(t, s.key, f).ID() != again(t, s.key, s.fact).ID() {
					t.Errorf("%s: the body is read as another", tc.name)
				}
			}
		})
	}
}

// TestGrownBodiesAreCanonical: what is ignored must have the one form too.
func TestGrownBodiesAreCanonical(t *testing.T) {
	t.Parallel()
	// A cancel and the key 64, as the last of three keys.
	body := bodyOf(t, sign(t, keyOf(t, boxSeed), pay.Cancel{Payment: pay.PaymentID{1}, Created: noon}))
	body[uint64(64)] = uint64(7)
	good := pay.Encode(body)
	last := []byte{0x18, 64, 0x07}
	if !bytes.HasSuffix(good, last) {
		t.Fatalf("the body ends in %x", good[len(good)-4:])
	}
	before := good[:len(good)-len(last)]
	with := func(head byte, tail ...byte) []byte {
		return append(append([]byte{head}, before[1:]...), tail...)
	}
	for name, tc := range map[string]struct {
		body []byte
		ok   bool
	}{
		"as it is":                     {good, true},
		"a value that is not shortest": {with(0xa3, 0x18, 64, 0x18, 0x07), false},
		"a key that is not shortest":   {with(0xa3, 0x19, 0, 64, 0x07), false},
		"a key twice":                  {with(0xa4, 0x18, 64, 0x07, 0x18, 64, 0x07), false},
		"keys out of order":            {with(0xa4, 0x18, 65, 0x07, 0x18, 64, 0x07), false},
		"an indefinite length":         {with(0xa3, 0x18, 64, 0x9f, 0xff), false},
		"bytes behind it":              {append(bytes.Clone(good), 0x00), false},
		"nested too deeply":            {with(0xa3, append([]byte{0x18, 64}, bytes.Repeat([]byte{0x81}, 40)...)...), false},
		"text that is not UTF-8":       {with(0xa3, 0x18, 64, 0x61, 0xff), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := pay.Parse(unknownFact(t, string(pay.KindCancel), tc.body))
			if tc.ok != (err == nil) || (err != nil && !errors.Is(err, pay.ErrNotCanonical)) {
				t.Error(err)
			}
		})
	}
}

// FuzzBodyGrows puts a key and any bytes behind the fields of a body of each
// kind. The fact is read only if the key may be ignored and the whole is the one
// form of itself; then it keeps its bytes, has an id of its own, and is read as
// it was without them.
func FuzzBodyGrows(f *testing.F) {
	list := samples(f)
	for i := range list {
		f.Add(uint8(i), firstUnknown(list[i].fact.Kind()), []byte{0x01})
	}
	for _, value := range [][]byte{{0xf6}, {0x80}, {0x18, 0x01}, {0xa2, 0x02, 0x00, 0x01, 0x00}, {0x9f, 0xff}, bytes.Repeat([]byte{0x81}, 40), {}, {0x01, 0x02}, {0xc1, 0x01}} {
		f.Add(uint8(0), uint64(63), value)
		f.Add(uint8(3), uint64(1<<32), value)
	}
	f.Fuzz(func(t *testing.T, n uint8, key uint64, value []byte) {
		s := list[int(n)%len(list)]
		body := bodyOf(t, s.fact)
		if key < 32 || key >= pay.IgnorableFrom && key < grownUpTo && key != firstUnknown(s.fact.Kind()) {
			return // a field that may be left out, or one of those that have grown
		}
		body[key] = cbor.RawMessage(value)
		payload, err := cbor.CoreDetEncOptions().EncMode()
		if err != nil {
			t.Fatal(err)
		}
		grown, err := payload.Marshal(body)
		if err != nil {
			return
		}
		raw := unknownFact(t, string(s.fact.Kind()), grown)
		fact, err := pay.Parse(raw)
		var whole any
		canonical := pay.Decode(grown, &whole) == nil
		if want := canonical && key >= pay.IgnorableFrom && len(raw) <= pay.FactBytesMax; want != (err == nil) {
			t.Fatalf("key %d: %v, canonical %v", key, err, canonical)
		}
		if err != nil {
			if !errors.Is(err, pay.ErrNotCanonical) || !fact.IsZero() {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if !bytes.Equal(fact.Raw(), raw) || fact.ID() == s.fact.ID() || again(t, s.key, fact).ID() != again(t, s.key, s.fact).ID() {
			t.Fatal("the grown fact is another")
		}
	})
}

func BenchmarkParse(b *testing.B) {
	s := samples(b)[3]
	plain := s.fact.Raw()
	body := bodyOf(b, s.fact)
	body[uint64(64)] = "later"
	grown := unknownFact(b, string(s.fact.Kind()), pay.Encode(body))
	for name, raw := range map[string][]byte{"plain": plain, "grown": grown} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := pay.Parse(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
