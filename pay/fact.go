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
	toSign []byte
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

type sigStructure struct {
	_           struct{} `cbor:",toarray"`
	Context     string
	Protected   []byte
	ExternalAAD []byte
	Payload     []byte
}

// Sign returns the fact in which key states body. A body that Parse would not
// take is not signed; the error is that of its Check, or names FactBytesMax.
func Sign(key Key, body Body) (Fact, error) {
	if err := body.Check(); err != nil {
		return Fact{}, fmt.Errorf("sign %s: %w", body.Kind(), err)
	}
	payload := mustEncode(body)
	protected := mustEncode(protectedHeader{coseAlgEdDSA, contentType(body.Kind()), key.ID()})
	toSign := mustEncode(sigStructure{Context: "Signature1", Protected: protected, ExternalAAD: []byte(externalAAD), Payload: payload})
	sig := ed25519.Sign(key.Signer(), toSign)
	raw := mustEncode(cbor.Tag{Number: coseTagSign1, Content: sign1{
		Protected: protected, Unprotected: map[int]cbor.RawMessage{}, Payload: payload, Signature: sig,
	}})
	if len(raw) > FactBytesMax {
		return Fact{}, fmt.Errorf("sign %s: fact has %d bytes, the limit is %d", body.Kind(), len(raw), FactBytesMax)
	}
	return Fact{raw: raw, body: payload, value: kept(body), sig: sig, kind: body.Kind(), signer: key.ID(), id: sha256.Sum256(toSign), toSign: toSign}, nil
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
	var tag cbor.RawTag
	if err := decode(raw, &tag); err != nil || tag.Number != coseTagSign1 {
		return Fact{}, fmt.Errorf("parse fact: not a COSE_Sign1 object: %w", ErrNotCanonical)
	}
	var env sign1
	if err := decode(tag.Content, &env); err != nil {
		return Fact{}, fmt.Errorf("parse fact: envelope (%w): %w", err, ErrNotCanonical)
	}
	var head protectedHeader
	if err := decode(env.Protected, &head); err != nil {
		return Fact{}, fmt.Errorf("parse fact: header (%w): %w", err, ErrNotCanonical)
	}
	kind, ok := kindOf(head.ContentType)
	switch {
	case head.Alg != coseAlgEdDSA, !ok, env.Unprotected == nil, len(env.Unprotected) != 0, len(env.Signature) != ed25519.SignatureSize:
		return Fact{}, fmt.Errorf("parse fact: envelope differs from the one form: %w", ErrNotCanonical)
	case !isEncodingOf(raw, cbor.Tag{Number: coseTagSign1, Content: env}), !isEncodingOf(env.Protected, head):
		return Fact{}, fmt.Errorf("parse fact: envelope is not deterministic CBOR: %w", ErrNotCanonical)
	}
	kind, value, err := checkBody(kind, env.Payload)
	if err != nil {
		return Fact{}, err
	}
	toSign := mustEncode(sigStructure{Context: "Signature1", Protected: env.Protected, ExternalAAD: []byte(externalAAD), Payload: env.Payload})
	return Fact{raw: raw, body: env.Payload, value: value, sig: env.Signature, kind: kind, signer: head.KeyID, id: sha256.Sum256(toSign), toSign: toSign}, nil
}

// Verify returns nil when the signature verifies under key and key is the one
// that the fact names, else an error that wraps ErrSignature.
func (f Fact) Verify(key PublicKey) error {
	if key.ID() != f.signer {
		return fmt.Errorf("verify %s: signed by key %s, not by %s: %w", f.kind, f.signer.Short(), key.ID().Short(), ErrSignature)
	}
	if !ed25519.Verify(key[:], f.toSign, f.sig) {
		return fmt.Errorf("verify %s: %w", f.kind, ErrSignature)
	}
	return nil
}

// The bytes of a fact before its content type, those between content type and kid,
// and where the length of the content type stands among the first. The lengths of
// the header and of the content type take one byte each in the one form.
const (
	factHead = "\xd2\x84\x58?\xa3\x01\x27\x03\x78?"
	factKid  = "\x04\x58\x20"
)

// PeekFact returns kind and signer that raw names, without opening it. It relies on
// Parse having taken these very bytes before; ok is false where they cannot be
// a fact.
func PeekFact(raw []byte) (kind Kind, signer NodeID, ok bool) {
	n := len(factHead)
	if len(raw) < n || string(raw[:3]) != factHead[:3] || string(raw[4:n-1]) != factHead[4:n-1] {
		return "", signer, false
	}
	end := n + int(raw[n-1])
	if len(raw) < end+len(factKid)+len(signer) || string(raw[end:end+len(factKid)]) != factKid {
		return "", signer, false
	}
	if kind, ok = kindOf(string(raw[n:end])); !ok {
		return "", signer, false
	}
	if row, known := LookupKind(kind); known {
		kind = row.Kind
	}
	return kind, NodeID(raw[end+len(factKid):]), true
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
func (f Fact) Signed() (message, signature []byte) { return f.toSign, f.sig }

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
