package pay

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// codec holds the two CBOR modes of the product: deterministic encoding as in
// RFC 8949 section 4.2, and decoding that refuses whatever it can. What the
// decoder still lets through, such as integers that are not minimal, is caught
// by encoding again and comparing.
type codec struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

var modes = sync.OnceValue(func() codec {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic("pay: internal error: CBOR encoder options: " + err.Error())
	}
	dec, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		MaxNestedLevels:   8,
		MaxArrayElements:  1024,
		MaxMapPairs:       64,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
		NaN:               cbor.NaNDecodeForbidden,
	}.DecMode()
	if err != nil {
		panic("pay: internal error: CBOR decoder options: " + err.Error())
	}
	return codec{enc, dec}
})

func mustEncode(v any) []byte {
	raw, err := modes().enc.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("pay: internal error: encode %T: %v", v, err))
	}
	return raw
}

func decode(raw []byte, v any) error { return modes().dec.Unmarshal(raw, v) }

// isEncodingOf reports whether raw, from which v was decoded, is the deterministic
// encoding of v. Some foreign input decodes to what cannot be encoded again,
// such as a raw item with an ill-formed tag inside: that is not canonical, and
// no reason to panic.
func isEncodingOf(raw []byte, v any) bool {
	again, err := modes().enc.Marshal(v)
	return err == nil && bytes.Equal(raw, again)
}

// Encode returns v in deterministic CBOR. It panics when v is of a type that
// CBOR cannot express, which is a mistake in the program.
func Encode(v any) []byte { return mustEncode(v) }

// DecodeStored is Decode for bytes of our own, as Encode wrote them and a checksum has
// kept them: it does not encode again to see that they are the shortest.
func DecodeStored(raw []byte, v any) error {
	if err := decode(raw, v); err != nil {
		return fmt.Errorf("decode (%w): %w", err, ErrNotCanonical)
	}
	return nil
}

// Decode reads exactly one deterministic CBOR item into v, a pointer. Unknown
// fields, duplicate keys, indefinite lengths and encodings that are not the
// shortest are refused with an error that wraps ErrNotCanonical.
func Decode(raw []byte, v any) error {
	if err := decode(raw, v); err != nil {
		return fmt.Errorf("decode (%w): %w", err, ErrNotCanonical)
	}
	if !isEncodingOf(raw, v) {
		return fmt.Errorf("decode: not the shortest encoding: %w", ErrNotCanonical)
	}
	return nil
}
