package pay

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// A fact on the wire, in the store and under the signature is the same bytes:
// a COSE_Sign1 object (RFC 9052) in one form only.
//
//	18([                                  tag 18, always present
//	  h'A3 01 27 03 7x.. 04 5820..',      protected: alg -8 (EdDSA), content type, kid
//	  {},                                 unprotected: empty
//	  h'..',                              payload: the body, deterministic CBOR
//	  h'..'                               signature: 64 bytes
//	])
//
// The content type is "application/vnd.paybeacon.KIND+cbor", the kid the 32
// bytes of the signer's NodeID, the external_aad "paybeacon/1".

// Kind is what a fact states, such as "request" or "decision".
type Kind string

// Critical reports whether a node that does not know this kind must not act on
// the payment or device which the fact is about. Such kinds start with "must-".
func (k Kind) Critical() bool { return strings.HasPrefix(string(k), "must-") }

// ErrNotCanonical means that bytes are not a fact in the one accepted form.
var ErrNotCanonical = errors.New("pay: fact is not in canonical form")

// ErrSignature means that a signature does not verify under the given key.
var ErrSignature = errors.New("pay: signature does not verify")

// Fact is one signed statement. It is immutable; its zero value states nothing.
type Fact struct {
	raw    []byte
	body   []byte
	value  Body // what body says, where that is kept; else nil
	sig    []byte
	kind   Kind
	signer NodeID
	id     FactID
	toSign []byte // nil where the fact was reopened
}

const (
	externalAAD       = "paybeacon/1"
	contentTypePrefix = "application/vnd.paybeacon."
	contentTypeSuffix = "+cbor"
	coseTagSign1      = 18
	coseAlgEdDSA      = -8
	kindBytesMax      = 32
)

type protectedHeader struct {
	Alg         int    `cbor:"1,keyasint"`
	ContentType string `cbor:"3,keyasint"`
	KeyID       NodeID `cbor:"4,keyasint"`
}

type sign1 struct {
	_           struct{} `cbor:",toarray"`
	Protected   []byte
	Unprotected map[int]cbor.RawMessage
	Payload     []byte
	Signature   []byte
}

// Sign returns the fact in which key states body. A body that Parse would not
// take is not signed; the error is that of its Check, or names FactBytesMax.
func Sign(key Key, body Body) (Fact, error) {
	if err := body.Check(); err != nil {
		return Fact{}, fmt.Errorf("sign %s: %w", body.Kind(), err)
	}
	payload := mustEncode(body)
	protected := mustEncode(protectedHeader{coseAlgEdDSA, contentType(body.Kind()), key.ID()})
	signed := toSign(protected, payload)
	sig := ed25519.Sign(key.Signer(), signed)
	raw := mustEncode(cbor.Tag{Number: coseTagSign1, Content: sign1{
		Protected: protected, Unprotected: map[int]cbor.RawMessage{}, Payload: payload, Signature: sig,
	}})
	if len(raw) > FactBytesMax {
		return Fact{}, fmt.Errorf("sign %s: fact has %d bytes, the limit is %d", body.Kind(), len(raw), FactBytesMax)
	}
	return Fact{raw: raw, body: payload, value: kept(body), sig: sig, kind: body.Kind(), signer: key.ID(), id: sha256.Sum256(signed), toSign: signed}, nil
}

// Parse reads one fact and keeps a copy of raw. It checks the form completely
// (one encoding, known fields, bounded values) but not the signature: call
// Verify before anything else is done with the fact. Errors wrap
// ErrNotCanonical.
func Parse(raw []byte) (Fact, error) {
	if len(raw) > FactBytesMax {
		return Fact{}, fmt.Errorf("parse fact: %d bytes, the limit is %d: %w", len(raw), FactBytesMax, ErrNotCanonical)
	}
	raw = bytes.Clone(raw)
	e, err := openEnvelope(raw)
	if err != nil {
		return Fact{}, err
	}
	kind, value, err := checkBody(e.kind, e.payload)
	if err != nil {
		return Fact{}, err
	}
	signed := toSign(e.protected, e.payload)
	return Fact{raw: raw, body: e.payload, value: value, sig: e.sig, kind: kind, signer: e.signer, id: sha256.Sum256(signed), toSign: signed}, nil
}

// Verify returns nil when the signature verifies under key and key is the one
// that the fact names, else an error that wraps ErrSignature.
func (f Fact) Verify(key PublicKey) error {
	if key.ID() != f.signer {
		return fmt.Errorf("verify %s: signed by key %s, not by %s: %w", f.kind, f.signer.Short(), key.ID().Short(), ErrSignature)
	}
	if message, sig := f.Signed(); !ed25519.Verify(key[:], message, sig) {
		return fmt.Errorf("verify %s: %w", f.kind, ErrSignature)
	}
	return nil
}

// ID returns the fact's name.
func (f Fact) ID() FactID { return f.id }

// Kind returns what sort of statement this is, in the present spelling; see
// KindRow.Former.
func (f Fact) Kind() Kind { return f.kind }

// Signer returns the name of the key that the fact names as its signer. Verify
// proves it.
func (f Fact) Signer() NodeID { return f.signer }

// Signed returns what the signer has signed, and the signature, for whoever verifies
// many facts together. Do not change them.
func (f Fact) Signed() (message, signature []byte) {
	if f.toSign != nil {
		return f.toSign, f.sig
	}
	e, _ := cutEnvelope(f.raw) // it was reopened
	return toSign(e.protected, e.payload), f.sig
}

// Raw returns the bytes that are signed, stored and sent. Do not change them.
func (f Fact) Raw() []byte { return f.raw }

// IsZero reports whether the fact is the zero value.
func (f Fact) IsZero() bool { return f.raw == nil }

// As returns the body of f as a B, without the keys that B does not know. It
// fails when f is of another kind.
func As[B Body](f Fact) (B, error) {
	if b, ok := f.value.(B); ok {
		return b, nil
	}
	var b B
	if f.kind != b.Kind() {
		return b, fmt.Errorf("read fact: kind is %q, want %q", f.kind, b.Kind())
	}
	if decode(f.body, &b) == nil { // Parse has checked the form
		return b, nil
	}
	if err := DecodeGrown(f.body, &b); err != nil {
		return b, fmt.Errorf("read %s: %w", f.kind, err)
	}
	return b, nil
}

func contentType(k Kind) string { return contentTypePrefix + string(k) + contentTypeSuffix }

func kindOf(contentType string) (Kind, bool) {
	s, ok := strings.CutPrefix(contentType, contentTypePrefix)
	if !ok {
		return "", false
	}
	s, ok = strings.CutSuffix(s, contentTypeSuffix)
	if !ok || s == "" || len(s) > kindBytesMax {
		return "", false
	}
	for i := 0; i < len(s); i++ {
		if (s[i] < 'a' || s[i] > 'z') && s[i] != '-' {
			return "", false
		}
	}
	return Kind(s), true
}
