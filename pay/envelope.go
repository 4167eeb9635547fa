package pay

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// envelope is what stands around the body of a fact.
type envelope struct {
	protected []byte // the header as it is signed
	kind      Kind   // as it is spelt there
	signer    NodeID
	payload   []byte
	sig       []byte
}

// The bytes of a fact before its content type, those between content type and kid,
// those between kid and payload, and those between payload and signature; and where
// the length of the header and that of the content type stand. Both take one byte
// each in the one form.
const (
	factHead   = "\xd2\x84\x58?\xa3\x01\x27\x03\x78?"
	factKid    = "\x04\x58\x20"
	factBare   = "\xa0"
	factSig    = "\x58\x40"
	headerAt   = 4 // where the header begins, behind its length
	headerLess = 6 // of its bytes stand before the content type
)

// Major type 2 of CBOR, a byte string, with its length in the first byte, in the
// next byte, or in the next two.
const (
	cborBytes   = 0x40
	cborBytes8  = 0x58
	cborBytes16 = 0x59
	cborShort   = 24 // a length from here on does not fit the first byte
)

// openEnvelope reads what stands around the body. Its errors wrap ErrNotCanonical.
func openEnvelope(raw []byte) (envelope, error) {
	if e, ok := cutEnvelope(raw); ok {
		return e, nil
	}
	return decodeEnvelope(raw)
}

// cutEnvelope cuts a fact in the one form into its parts, without a decoder. ok is
// false for all other bytes.
func cutEnvelope(raw []byte) (e envelope, ok bool) {
	contentType, signer, rest, ok := cutHeader(raw)
	if !ok {
		return e, false
	}
	e.signer, e.protected = signer, raw[headerAt:len(raw)-len(rest)]
	if int(raw[headerAt-1]) != len(e.protected) || len(contentType) < cborShort {
		return e, false
	}
	if e.kind, ok = kindOf(string(contentType)); !ok || len(rest) == 0 || rest[0] != factBare[0] {
		return e, false
	}
	n, rest, ok := cutLength(rest[len(factBare):])
	if !ok || len(rest) != n+len(factSig)+ed25519.SignatureSize || string(rest[n:n+len(factSig)]) != factSig {
		return e, false
	}
	e.payload, e.sig = rest[:n:n], rest[n+len(factSig):]
	return e, true
}

// cutHeader returns what the header of a fact names, and what follows the header.
func cutHeader(raw []byte) (contentType []byte, signer NodeID, rest []byte, ok bool) {
	n := len(factHead)
	if len(raw) < n || string(raw[:3]) != factHead[:3] || string(raw[headerAt:n-1]) != factHead[headerAt:n-1] {
		return nil, signer, nil, false
	}
	kid := n + int(raw[n-1])
	end := kid + len(factKid) + len(signer)
	if len(raw) < end || string(raw[kid:kid+len(factKid)]) != factKid {
		return nil, signer, nil, false
	}
	return raw[n:kid], NodeID(raw[end-len(signer) : end]), raw[end:], true
}

// cutLength reads the head of a byte string in its shortest form.
func cutLength(raw []byte) (n int, rest []byte, ok bool) {
	switch {
	case len(raw) >= 1 && raw[0] >= cborBytes && raw[0] < cborBytes+cborShort:
		return int(raw[0] - cborBytes), raw[1:], true
	case len(raw) >= 2 && raw[0] == cborBytes8:
		return int(raw[1]), raw[2:], raw[1] >= cborShort
	case len(raw) >= 3 && raw[0] == cborBytes16:
		n = int(binary.BigEndian.Uint16(raw[1:]))
		return n, raw[3:], n > 0xff
	default:
		return 0, nil, false
	}
}

// appendBytes appends a byte string in its shortest form. It must be shorter than
// 64 KiB.
func appendBytes(buf, b []byte) []byte {
	switch n := len(b); {
	case n < cborShort:
		buf = append(buf, cborBytes+byte(n))
	case n <= 0xff:
		buf = append(buf, cborBytes8, byte(n))
	default:
		buf = binary.BigEndian.AppendUint16(append(buf, cborBytes16), uint16(n)) //nolint:gosec // a fact is shorter
	}
	return append(buf, b...)
}

// signedPrefix is what the bytes that are signed begin with: an array of four, and the
// context of a COSE_Sign1.
const signedPrefix = "\x84\x6aSignature1"

// toSign returns the Sig_structure of RFC 9052.
func toSign(protected, payload []byte) []byte {
	buf := make([]byte, 0, len(signedPrefix)+len(protected)+len(externalAAD)+len(payload)+9)
	buf = appendBytes(append(buf, signedPrefix...), protected)
	buf = appendBytes(buf, []byte(externalAAD))
	return appendBytes(buf, payload)
}

// decodeEnvelope is openEnvelope by the decoder, which says what is wrong.
func decodeEnvelope(raw []byte) (e envelope, err error) {
	var tag cbor.RawTag
	if err := decode(raw, &tag); err != nil || tag.Number != coseTagSign1 {
		return e, fmt.Errorf("parse fact: not a COSE_Sign1 object: %w", ErrNotCanonical)
	}
	var env sign1
	if err := decode(tag.Content, &env); err != nil {
		return e, fmt.Errorf("parse fact: envelope (%w): %w", err, ErrNotCanonical)
	}
	var head protectedHeader
	if err := decode(env.Protected, &head); err != nil {
		return e, fmt.Errorf("parse fact: header (%w): %w", err, ErrNotCanonical)
	}
	kind, ok := kindOf(head.ContentType)
	switch {
	case head.Alg != coseAlgEdDSA, !ok, env.Unprotected == nil, len(env.Unprotected) != 0, len(env.Signature) != ed25519.SignatureSize:
		return e, fmt.Errorf("parse fact: envelope differs from the one form: %w", ErrNotCanonical)
	case !isEncodingOf(raw, cbor.Tag{Number: coseTagSign1, Content: env}), !isEncodingOf(env.Protected, head):
		return e, fmt.Errorf("parse fact: envelope is not deterministic CBOR: %w", ErrNotCanonical)
	}
	return envelope{protected: env.Protected, kind: kind, signer: head.KeyID, payload: env.Payload, sig: env.Signature}, nil
}

// PeekFact returns kind and signer that raw names, without opening it. It relies on
// Parse having taken these very bytes before; ok is false where they cannot be
// a fact.
func PeekFact(raw []byte) (kind Kind, signer NodeID, ok bool) {
	contentType, signer, _, ok := cutHeader(raw)
	if !ok {
		return "", signer, false
	}
	if kind, ok = kindOf(string(contentType)); !ok {
		return "", signer, false
	}
	return presentKind(kind), signer, true
}

// Reopen returns the fact id with these bytes, of which Parse has returned it before:
// it checks nothing of them again, and As decodes the body when it is asked for.
// It keeps raw. ok is false where the bytes cannot be a fact.
func Reopen(id FactID, raw []byte) (f Fact, ok bool) {
	e, ok := cutEnvelope(raw)
	if !ok {
		return f, false
	}
	return Fact{raw: raw, body: e.payload, sig: e.sig, kind: presentKind(e.kind), signer: e.signer, id: id}, true
}

// presentKind returns the present spelling of a kind.
func presentKind(k Kind) Kind {
	if row, known := LookupKind(k); known {
		return row.Kind
	}
	return k
}
