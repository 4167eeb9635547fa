package pay_test

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/veraison/go-cose"
)

// aad is the external_aad of every fact, as a stranger reads it in the
// documentation.
const aad = "paybeacon/1"

func coseVerifier(t testing.TB, k pay.PublicKey) cose.Verifier {
	t.Helper()
	key, err := cose.NewKeyOKP(cose.AlgorithmEdDSA, k[:], nil)
	if err != nil {
		t.Fatal(err)
	}
	v, err := key.Verifier()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Another COSE library reads and verifies every fact, with that external_aad
// and no other.
func TestFactsVerifyWithGoCose(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		var msg cose.Sign1Message
		if err := msg.UnmarshalCBOR(s.fact.Raw()); err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		if err := msg.Verify([]byte(aad), coseVerifier(t, s.key.Public())); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		if msg.Verify(nil, coseVerifier(t, s.key.Public())) == nil || msg.Verify([]byte(aad), coseVerifier(t, keyOf(t, 99).Public())) == nil {
			t.Errorf("%s: verifies without the external_aad or under another key", s.name)
		}
		id := s.fact.Signer()
		if kid, ok := msg.Headers.Protected[cose.HeaderLabelKeyID].([]byte); !ok || !bytes.Equal(kid, id[:]) {
			t.Errorf("%s: kid is %x", s.name, kid)
		}
		if c := msg.Headers.Protected[cose.HeaderLabelContentType]; c != "application/vnd.paybeacon."+string(s.fact.Kind())+"+cbor" {
			t.Errorf("%s: content type is %v", s.name, c)
		}
		if alg, err := msg.Headers.Protected.Algorithm(); err != nil || alg != cose.AlgorithmEdDSA {
			t.Errorf("%s: algorithm is %v, %v", s.name, alg, err)
		}
	}
}

// What another COSE library signs over the same headers and body is the same
// fact, byte for byte: Ed25519 has no randomness.
func TestGoCoseSignsTheSameFact(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		var ours cose.Sign1Message
		if err := ours.UnmarshalCBOR(s.fact.Raw()); err != nil {
			t.Fatal(err)
		}
		signer, err := cose.NewSigner(cose.AlgorithmEdDSA, s.key.Signer())
		if err != nil {
			t.Fatal(err)
		}
		id := s.key.ID()
		headers := cose.Headers{Protected: cose.ProtectedHeader{
			cose.HeaderLabelAlgorithm:   cose.AlgorithmEdDSA,
			cose.HeaderLabelContentType: "application/vnd.paybeacon." + string(s.fact.Kind()) + "+cbor",
			cose.HeaderLabelKeyID:       id[:],
		}}
		raw, err := cose.Sign1(rand.Reader, signer, headers, ours.Payload, []byte(aad))
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := pay.Parse(raw)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		if theirs.Verify(s.key.Public()) != nil || theirs.ID() != s.fact.ID() || !bytes.Equal(raw, s.fact.Raw()) {
			t.Errorf("%s: go-cose signs another fact: %x", s.name, raw)
		}
	}
}

// A stranger with a CBOR and a COSE library verifies a receipt without this
// program: an array of a label, the authority and the decision.
func TestReceiptVerifiesWithGoCose(t *testing.T) {
	t.Parallel()
	w := newReceipt(t)
	var file []cbor.RawMessage
	if err := cbor.Unmarshal(pay.EncodeReceipt(w.authority, w.decision), &file); err != nil || len(file) != 3 {
		t.Fatalf("%d parts, %v", len(file), err)
	}
	var label string
	if err := cbor.Unmarshal(file[0], &label); err != nil || label != "paybeacon-receipt/1" {
		t.Errorf("label %q, %v", label, err)
	}
	for n, key := range map[int]pay.Key{1: keyOf(t, rootSeed), 2: keyOf(t, workingSeed)} {
		var msg cose.Sign1Message
		if err := msg.UnmarshalCBOR(file[n]); err != nil {
			t.Fatal(err)
		}
		if err := msg.Verify([]byte(aad), coseVerifier(t, key.Public())); err != nil {
			t.Errorf("part %d: %v", n, err)
		}
	}
	var decision map[int]any
	var msg cose.Sign1Message
	if err := msg.UnmarshalCBOR(file[2]); err != nil {
		t.Fatal(err)
	}
	if err := cbor.Unmarshal(msg.Payload, &decision); err != nil || decision[5] != "captured" || decision[10] != uint64(1250) || decision[11] != "EUR" {
		t.Errorf("the decision reads %v, %v", decision, err)
	}
}
