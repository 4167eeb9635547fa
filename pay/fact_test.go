package pay_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

func wantNotCanonical(t testing.TB, raw []byte) {
	t.Helper()
	f, err := pay.Parse(raw)
	if !errors.Is(err, pay.ErrNotCanonical) || !f.IsZero() {
		t.Errorf("%x: have kind %q and error %v, want ErrNotCanonical", raw, f.Kind(), err)
	}
}

// again reads the body of f and signs it once more.
func again(t testing.TB, k pay.Key, f pay.Fact) pay.Fact {
	t.Helper()
	switch f.Kind() {
	case pay.KindRequest:
		return resign[pay.Request](t, k, f)
	case pay.KindAnswer:
		return resign[pay.Answer](t, k, f)
	case pay.KindCancel:
		return resign[pay.Cancel](t, k, f)
	case pay.KindBind:
		return resign[pay.Bind](t, k, f)
	case pay.KindMapping:
		return resign[pay.Mapping](t, k, f)
	case pay.KindRevoke:
		return resign[pay.Revoke](t, k, f)
	case pay.KindAuthority:
		return resign[pay.Authority](t, k, f)
	case pay.KindDecision:
		return resign[pay.Decision](t, k, f)
	case pay.KindRefusal:
		return resign[pay.Refusal](t, k, f)
	case pay.KindDevice:
		return resign[pay.DeviceStatus](t, k, f)
	case pay.KindNode:
		return resign[pay.NodeStatus](t, k, f)
	case pay.KindTopUp:
		return resign[pay.TopUp](t, k, f)
	case pay.KindStepUpAbove:
		return resign[pay.StepUpAbove](t, k, f)
	case pay.KindStepUp:
		return resign[pay.StepUpStatus](t, k, f)
	case pay.KindChallenge:
		return resign[pay.Challenge](t, k, f)
	case pay.KindClock:
		return resign[pay.ClockAccepted](t, k, f)
	case pay.KindForgotten:
		return resign[pay.Forgotten](t, k, f)
	case pay.KindVouched:
		return resign[pay.Vouched](t, k, f)
	case pay.KindPaidOut:
		return resign[pay.PaidOut](t, k, f)
	case pay.KindMoved:
		return resign[pay.Moved](t, k, f)
	case pay.KindMandate:
		return resign[pay.Mandate](t, k, f)
	case pay.KindMandateEnd:
		return resign[pay.MandateEnd](t, k, f)
	case pay.KindMandateStatus:
		return resign[pay.MandateStatus](t, k, f)
	case pay.KindReplaced:
		return resign[pay.Replaced](t, k, f)
	case pay.KindMeans:
		return resign[pay.Means](t, k, f)
	case pay.KindMeansEnd:
		return resign[pay.MeansEnd](t, k, f)
	case pay.KindAcquirerAnswer:
		return resign[pay.AcquirerAnswer](t, k, f)
	case pay.KindSettled:
		return resign[pay.Settled](t, k, f)
	case pay.KindContradiction:
		return resign[pay.Contradiction](t, k, f)
	case pay.KindOpening:
		return resign[pay.Opening](t, k, f)
	case pay.KindCapture:
		return resign[pay.Capture](t, k, f)
	case pay.KindVoid:
		return resign[pay.Void](t, k, f)
	case pay.KindRefund:
		return resign[pay.Refund](t, k, f)
	case pay.KindPrice:
		return resign[pay.Price](t, k, f)
	case pay.KindBill:
		return resign[pay.Bill](t, k, f)
	case pay.KindActionKnown:
		return resign[pay.ActionKnown](t, k, f)
	case pay.KindIncrement:
		return resign[pay.Increment](t, k, f)
	case pay.KindIncrementOffer:
		return resign[pay.IncrementOffer](t, k, f)
	case pay.KindIncrementAnswer:
		return resign[pay.IncrementAnswer](t, k, f)
	case pay.KindIncrementEnd:
		return resign[pay.IncrementEnd](t, k, f)
	case pay.KindPreset:
		return resign[pay.PresetClaim](t, k, f)
	case pay.KindPresetStatus:
		return resign[pay.PresetStatus](t, k, f)
	case pay.KindMeansStatus:
		return resign[pay.MeansStatus](t, k, f)
	}
	t.Fatalf("kind %q has no body", f.Kind())
	return pay.Fact{}
}

func resign[B pay.Body](t testing.TB, k pay.Key, f pay.Fact) pay.Fact {
	t.Helper()
	b, err := pay.As[B](f)
	if err != nil {
		t.Fatal(err)
	}
	return sign(t, k, b)
}

func TestFactRoundTrip(t *testing.T) {
	t.Parallel()
	kinds := map[pay.Kind]bool{}
	for _, s := range samples(t) {
		kinds[s.fact.Kind()] = true
		f, err := pay.Parse(s.fact.Raw())
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		if err := f.Verify(s.key.Public()); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		if back := again(t, s.key, f); !bytes.Equal(back.Raw(), s.fact.Raw()) || back.ID() != s.fact.ID() || f.ID() != s.fact.ID() || f.Signer() != s.key.ID() || f.IsZero() {
			t.Errorf("%s: reading and signing again makes another fact", s.name)
		}
	}
	if len(kinds) != 43 {
		t.Errorf("the samples hold %d kinds of 43: %v", len(kinds), kinds)
	}
}

func TestEveryTruncatedFactIsRefused(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		for n := range s.fact.Raw() {
			wantNotCanonical(t, s.fact.Raw()[:n])
		}
		wantNotCanonical(t, append(bytes.Clone(s.fact.Raw()), 0))
	}
}

// Whatever bit is flipped, the fact is refused for its form or its signature
// fails; and if it still parses under the same id, only the signature changed.
// One fact of each kind stands for all; -short flips one bit of each byte.
func TestEveryFlippedBitIsFound(t *testing.T) {
	t.Parallel()
	seen := map[pay.Kind]bool{}
	for _, s := range samples(t) {
		if seen[s.fact.Kind()] {
			continue
		}
		seen[s.fact.Kind()] = true
		raw := bytes.Clone(s.fact.Raw())
		for bit := range 8 * len(raw) {
			if testing.Short() && bit%8 != bit/8%8 {
				continue
			}
			raw[bit/8] ^= 1 << (bit % 8)
			f, err := pay.Parse(raw)
			switch {
			case err != nil && !errors.Is(err, pay.ErrNotCanonical):
				t.Fatalf("%s, bit %d: error %v", s.name, bit, err)
			case err == nil && !errors.Is(f.Verify(s.key.Public()), pay.ErrSignature):
				t.Fatalf("%s, bit %d: verifies", s.name, bit)
			case err == nil && f.ID() == s.fact.ID() && bit/8 < len(raw)-64:
				t.Fatalf("%s, bit %d: another statement has the same id", s.name, bit)
			}
			raw[bit/8] ^= 1 << (bit % 8)
		}
	}
}

func TestParseKeepsACopy(t *testing.T) {
	t.Parallel()
	s := samples(t)[0]
	raw := bytes.Clone(s.fact.Raw())
	f, err := pay.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	clear(raw)
	if f.Verify(s.key.Public()) != nil || !bytes.Equal(f.Raw(), s.fact.Raw()) {
		t.Error("the fact changed with the buffer that it was read from")
	}
	if b, err := pay.As[pay.Request](f); err != nil || b != requestBody() {
		t.Errorf("the body changed with the buffer: %v, %v", b, err)
	}
}

func TestVerifyWantsTheKeyThatIsNamed(t *testing.T) {
	t.Parallel()
	p := split(t)
	other := keyOf(t, walletSeed)
	f, err := pay.Parse(p.join())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Verify(other.Public()); !errors.Is(err, pay.ErrSignature) || !strings.Contains(err.Error(), other.ID().Short()) {
		t.Errorf("verify under another key: %v", err)
	}
	id := other.ID()
	p.keyID = pay.Encode(id[:])
	if f, err = pay.Parse(p.join()); err != nil {
		t.Fatal(err)
	}
	if err := f.Verify(other.Public()); !errors.Is(err, pay.ErrSignature) {
		t.Errorf("verify under the key of a name put in by hand: %v", err)
	}
	if err := (pay.Fact{}).Verify(other.Public()); !errors.Is(err, pay.ErrSignature) {
		t.Errorf("the zero fact verifies: %v", err)
	}
}

func TestAsWantsTheKind(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		if s.fact.Kind() != pay.KindCancel {
			if b, err := pay.As[pay.Cancel](s.fact); err == nil || b != (pay.Cancel{}) {
				t.Errorf("%s reads as a cancel: %v", s.name, b)
			}
		}
	}
	if _, err := pay.As[pay.Cancel](pay.Fact{}); err == nil {
		t.Error("the zero fact reads as a cancel")
	}
}

// unknownFact is a fact of a kind that this program does not know.
func unknownFact(t testing.TB, kind string, body []byte) []byte {
	p := split(t)
	p.contentType, p.payload = pay.Encode("application/vnd.paybeacon."+kind+"+cbor"), pay.Encode(body)
	return p.join()
}

func TestUnknownKindsAreKept(t *testing.T) {
	t.Parallel()
	for _, body := range []any{
		nil, true, 0, -1, uint64(math.MaxUint64), int64(math.MinInt64), 1.5, math.Inf(1), "text", []byte{1}, []any{}, []any{1, "a"},
		map[int]any{1: "x", 2: []byte{3}, -1: nil}, map[string]any{"a": 1, "bb": map[int]int{1: 2}},
	} {
		raw := unknownFact(t, "treaty", pay.Encode(body))
		f, err := pay.Parse(raw)
		if err != nil || f.Kind() != "treaty" || f.Kind().Critical() || !bytes.Equal(f.Raw(), raw) {
			t.Errorf("body %v: kind %q, error %v", body, f.Kind(), err)
		}
	}
	f, err := pay.Parse(unknownFact(t, "must-hold", []byte{0xa0}))
	if err != nil || !f.Kind().Critical() {
		t.Errorf("kind must-hold: critical %v, error %v", f.Kind().Critical(), err)
	}
	for _, k := range []pay.Kind{"must", "request", "almost-must-", "", pay.KindDecision} {
		if k.Critical() {
			t.Errorf("kind %q is critical", k)
		}
	}
}

func TestUnknownKindsHaveOneFormToo(t *testing.T) {
	t.Parallel()
	for name, body := range map[string][]byte{
		"nothing":                     {},
		"two items":                   {0x01, 0x01},
		"number in two bytes":         {0x18, 1},
		"negative in three bytes":     {0x39, 0, 1},
		"float that fits 16 bits":     {0xfa, 0x3f, 0xc0, 0, 0},
		"not a number":                {0xf9, 0x7e, 0x00},
		"other not a number":          {0xf9, 0x7e, 0x01},
		"not a number as a key twice": {0xa2, 0xf9, 0x7e, 0x00, 0x01, 0xf9, 0x7e, 0x00, 0x02},
		"undefined":                   {0xf7},
		"keys unsorted":               {0xa2, 0x02, 0x00, 0x01, 0x00},
		"keys twice":                  {0xa2, 0x01, 0x00, 0x01, 0x00},
		"keys twice, deeper":          {0x81, 0xa2, 0x41, 1, 0x00, 0x41, 1, 0x00},
		"an array as key":             {0xa1, 0x80, 0x00},
		"a bignum as key":             {0xa1, 0xc2, 0x49, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x00},
		"indefinite bytes":            {0x5f, 0x41, 1, 0xff},
		"indefinite text":             {0x7f, 0x61, 'a', 0xff},
		"indefinite array":            {0x9f, 0xff},
		"indefinite map":              {0xbf, 0xff},
		"text not UTF-8":              {0x61, 0xff},
		"bignum that fits 64 bits":    {0xc2, 0x41, 1},
		"bignum with a zero in front": {0xc2, 0x4a, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0},
		"date as text":                append([]byte{0xc0, 0x74}, "2013-03-21T20:04:00Z"...),
		"date as number":              {0xc1, 0x1a, 0x51, 0x4b, 0x67, 0xb0},
		"nested too deep":             append(bytes.Repeat([]byte{0x81}, 9), 0),
		"break alone":                 {0xff},
		"simple value in two bytes":   {0xf8, 20},
		"reserved length":             {0x1c},
		"a long array":                append([]byte{0x99, 0x04, 0x01}, make([]byte, 1025)...),
		"array longer than the body":  {0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"map longer than the body":    {0xbb, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"bytes longer than the body":  {0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := 0; n < 20 && !t.Failed(); n++ { // the order of a Go map must not decide
				wantNotCanonical(t, unknownFact(t, "treaty", body))
			}
		})
	}
}

func TestFactsHaveALimit(t *testing.T) {
	t.Parallel()
	fill := func(n int) []byte { return unknownFact(t, "treaty", pay.Encode(make([]byte, n))) }
	over := len(fill(pay.FactBytesMax)) - pay.FactBytesMax
	most := fill(pay.FactBytesMax - over)
	if len(most) != pay.FactBytesMax {
		t.Fatalf("the longest fact has %d bytes", len(most))
	}
	if _, err := pay.Parse(most); err != nil {
		t.Errorf("a fact at the limit: %v", err)
	}
	wantNotCanonical(t, fill(pay.FactBytesMax-over+1))
	if f, err := pay.Sign(keyOf(t, boxSeed), blob(pay.FactBytesMax)); err == nil || !f.IsZero() {
		t.Error("a fact above the limit is signed")
	}
	if f, err := pay.Sign(keyOf(t, boxSeed), pay.Cancel{Created: math.MaxInt64}); err == nil || !f.IsZero() {
		t.Error("a body that Parse refuses is signed")
	}
}

// blob is a body of so many bytes.
type blob int

func (blob) Kind() pay.Kind { return "blob" }
func (blob) Check() error   { return nil }
func (b blob) MarshalCBOR() ([]byte, error) {
	return slices.Concat([]byte{0x59}, binary.BigEndian.AppendUint16(nil, uint16(b)), make([]byte, b)), nil
}

func TestDecodeTakesOneFormOnly(t *testing.T) {
	t.Parallel()
	type pair struct {
		A int    `cbor:"1,keyasint"`
		B string `cbor:"2,keyasint,omitempty"`
	}
	var got pair
	if err := pay.Decode(pay.Encode(pair{7, "x"}), &got); err != nil || got != (pair{7, "x"}) {
		t.Errorf("have %v, %v", got, err)
	}
	for name, raw := range map[string][]byte{
		"nothing":         {},
		"trailing":        {0xa1, 0x01, 0x07, 0x00},
		"number too long": {0xa1, 0x01, 0x18, 0x07},
		"empty but there": {0xa2, 0x01, 0x07, 0x02, 0x60},
		"unknown field":   {0xa2, 0x01, 0x07, 0x03, 0x00},
		"field twice":     {0xa2, 0x01, 0x07, 0x01, 0x07},
		"indefinite":      {0xbf, 0x01, 0x07, 0xff},
	} {
		if err := pay.Decode(raw, new(pair)); !errors.Is(err, pay.ErrNotCanonical) {
			t.Errorf("%s: %v", name, err)
		}
	}
	defer func() {
		if s := fmt.Sprint(recover()); !strings.HasPrefix(s, "pay: internal error: ") {
			t.Errorf("a channel encodes: %s", s)
		}
	}()
	pay.Encode(make(chan int))
}

// FuzzParse holds that whatever parses is the one form of itself: the bytes are
// kept, they parse again to the same fact, and a known body signed anew is the
// same statement.
func FuzzParse(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.fact.Raw())
	}
	for _, b := range badFacts(f) {
		f.Add(b.raw)
	}
	f.Add(unknownFact(f, "must-hold", pay.Encode(map[any]any{1: 1.5, "a": []any{nil, true}})))
	f.Add(unknownFact(f, "cancel", pay.Encode(map[any]any{1: make([]byte, 32), 2: 3, 64: "more"})))
	f.Fuzz(func(t *testing.T, raw []byte) {
		fact, err := pay.Parse(raw)
		if err != nil {
			if !errors.Is(err, pay.ErrNotCanonical) || !fact.IsZero() {
				t.Fatalf("refused with %v and kind %q", err, fact.Kind())
			}
			return
		}
		if !bytes.Equal(fact.Raw(), raw) {
			t.Fatal("the bytes changed")
		}
		back, err := pay.Parse(fact.Raw())
		if err != nil || back.ID() != fact.ID() || back.Kind() != fact.Kind() || back.Signer() != fact.Signer() {
			t.Fatalf("parses another way the second time: %v", err)
		}
		if knownKind(fact.Kind()) {
			k := keyOf(t, boxSeed)
			mine := again(t, k, fact)
			// A body that grew is longer: what was not understood is not signed again.
			if fact.Signer() == k.ID() && mine.ID() != fact.ID() && len(mine.Raw()) >= len(fact.Raw()) {
				t.Fatal("the same body signed by the same key has another id")
			}
		}
	})
}

func knownKind(k pay.Kind) bool {
	return slices.Contains([]pay.Kind{
		pay.KindRequest, pay.KindAnswer, pay.KindCancel, pay.KindBind, pay.KindMapping, pay.KindRevoke, pay.KindAuthority,
		pay.KindDecision, pay.KindRefusal, pay.KindDevice, pay.KindNode, pay.KindTopUp,
		pay.KindStepUpAbove, pay.KindStepUp, pay.KindChallenge, pay.KindClock, pay.KindReplaced, pay.KindForgotten, pay.KindVouched,
		pay.KindPaidOut, pay.KindMoved, pay.KindMeans, pay.KindMeansEnd, pay.KindMeansStatus, pay.KindAcquirerAnswer, pay.KindContradiction, pay.KindSettled,
		pay.KindMandate, pay.KindMandateEnd, pay.KindMandateStatus,
	}, k)
}

// FuzzUnknownBody puts any bytes into a fact of an unknown kind: it is kept or
// refused, the same way each time.
func FuzzUnknownBody(f *testing.F) {
	for _, raw := range [][]byte{{0xa0}, {0xf6}, {0xf9, 0x3e, 0x00}, {0xc2, 0x49, 1, 0, 0, 0, 0, 0, 0, 0, 0}, {0xd9, 0xd9, 0xf7, 0x01}, {0xa2, 0x01, 0x02, 0x61, 'a', 0x81, 0xf5}, {0xa1, 0xc2, 0xa0, 0x00}, {0xe0}} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		raw := unknownFact(t, "treaty", body)
		first, err := pay.Parse(raw)
		if err != nil && !errors.Is(err, pay.ErrNotCanonical) {
			t.Fatal(err)
		}
		if err == nil && !bytes.Equal(first.Raw(), raw) {
			t.Fatal("the bytes changed")
		}
		for range 3 {
			if again, other := pay.Parse(raw); (err == nil) != (other == nil) || again.ID() != first.ID() {
				t.Fatalf("parses one way and another: %v, %v", err, other)
			}
		}
	})
}

// TestPeekFact: what the bytes of a fact name is what Parse reads, for every kind, and
// no beginning of them names anything else.
func TestPeekFact(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		f := s.fact
		kind, signer, ok := pay.PeekFact(f.Raw())
		if !ok || kind != f.Kind() || signer != f.Signer() {
			t.Errorf("%s of %s: peeked at %s of %s, %v", f.Kind(), f.Signer(), kind, signer, ok)
		}
		for n := range f.Raw() {
			if k, s, ok := pay.PeekFact(f.Raw()[:n]); ok && (k != kind || s != signer) {
				t.Errorf("%d bytes of %s name %s of %s", n, kind, k, s)
			}
		}
	}
	if _, _, ok := pay.PeekFact([]byte("something else that is as long as the head of a fact, or a little longer than that, and still no fact")); ok {
		t.Error("bytes of another kind name a fact")
	}
}

// A fact is read as often as somebody looks at it, so what it says is kept beside its
// bytes: of one that was signed here the same as of one that was parsed.
func TestBodiesAreDecodedOnce(t *testing.T) { //nolint:paralleltest // it counts allocations
	for _, s := range samples(t) {
		parsed, err := pay.Parse(s.fact.Raw())
		if err != nil {
			t.Fatal(err)
		}
		if s.fact.Kind() == pay.KindKeys || s.fact.Kind() == pay.KindKeyHeld || s.fact.Kind() == pay.KindNeighbours || s.fact.Kind() == pay.KindEarshot {
			continue // again does not know them
		}
		if a, b := again(t, s.key, s.fact), again(t, s.key, parsed); !bytes.Equal(a.Raw(), b.Raw()) {
			t.Errorf("%s: what was signed and what was parsed differ", s.name)
		}
		if s.fact.Kind() != pay.KindDecision {
			continue
		}
		for _, f := range []pay.Fact{s.fact, parsed} {
			if n := testing.AllocsPerRun(10, func() { _, _ = pay.As[pay.Decision](f) }); n != 0 {
				t.Errorf("%s: reading it takes %v allocations", s.name, n)
			}
		}
	}
}
