package rows

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/paybeacon/paybeacon/pay"
)

// Codec writes the values of one type as bytes and reads them back. It is a
// part of a key or a whole value.
type Codec[T any] struct {
	form  string
	write func(dst []byte, v T) []byte
	read  func(raw []byte) (v T, rest []byte, err error)
	first any                    // the Codec[A] of the first part, where T is a Pair[A, B]
	check func(raw []byte) error // what read leaves out; nil for nothing
}

// NewCodec returns a codec for a form of a package's own. form names it in
// layouts; write appends v to dst; read takes v from the beginning of raw,
// returns what is left, and fails for bytes that write never makes.
func NewCodec[T any](form string, write func(dst []byte, v T) []byte, read func(raw []byte) (v T, rest []byte, err error)) Codec[T] {
	return Codec[T]{form: form, write: write, read: read}
}

// Form returns how a layout writes what the codec stands for, such as "PAYMENT".
func (c Codec[T]) Form() string { return c.form }

// readAll reads raw as one value and nothing behind it.
func (c Codec[T]) readAll(raw []byte) (T, error) {
	v, rest, err := c.read(raw)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes follow", len(rest))
	}
	return v, err
}

var errShort = errors.New("too few bytes")

// ID is an id of 32 bytes.
func ID[T ~[32]byte](form string) Codec[T] {
	return Codec[T]{
		form:  form,
		write: func(dst []byte, v T) []byte { raw := [32]byte(v); return append(dst, raw[:]...) },
		read: func(raw []byte) (v T, rest []byte, err error) {
			if len(raw) < len(v) {
				return v, nil, errShort
			}
			return T([32]byte(raw[:len(v)])), raw[len(v):], nil
		},
	}
}

// ID8 is an id of 8 bytes.
func ID8[T ~[8]byte](form string) Codec[T] {
	return Codec[T]{
		form:  form,
		write: func(dst []byte, v T) []byte { raw := [8]byte(v); return append(dst, raw[:]...) },
		read: func(raw []byte) (v T, rest []byte, err error) {
			if len(raw) < len(v) {
				return v, nil, errShort
			}
			return T([8]byte(raw[:len(v)])), raw[len(v):], nil
		},
	}
}

// Uint32 is a number in 4 bytes.
func Uint32[T ~uint32](form string) Codec[T] {
	return Codec[T]{
		form:  form,
		write: func(dst []byte, v T) []byte { return binary.BigEndian.AppendUint32(dst, uint32(v)) },
		read: func(raw []byte) (v T, rest []byte, err error) {
			if len(raw) < 4 {
				return v, nil, errShort
			}
			return T(binary.BigEndian.Uint32(raw)), raw[4:], nil
		},
	}
}

// Int64 is a signed number in 8 bytes of two's complement. Negative ones sort
// behind the others: it is for values, not for keys.
func Int64[T ~int64](form string) Codec[T] { return int64As[T](form, 0) }

// Ascending is a moment in a key; earlier ones come first.
func Ascending(form string) Codec[pay.Time] { return int64As[pay.Time](form, 1<<63) }

// Descending is a moment in a key; later ones come first.
func Descending(form string) Codec[pay.Time] { return int64As[pay.Time](form, 1<<63-1) }

// int64As writes a number with the bits of flip inverted.
func int64As[T ~int64](form string, flip uint64) Codec[T] {
	return Codec[T]{
		form:  form,
		write: func(dst []byte, v T) []byte { return binary.BigEndian.AppendUint64(dst, uint64(v)^flip) },
		read: func(raw []byte) (v T, rest []byte, err error) {
			if len(raw) < 8 {
				return v, nil, errShort
			}
			return T(binary.BigEndian.Uint64(raw) ^ flip), raw[8:], nil
		},
	}
}

// Text is text that reaches to the end of the key or value.
func Text[T ~string](form string) Codec[T] {
	return Codec[T]{
		form:  form,
		write: func(dst []byte, v T) []byte { return append(dst, v...) },
		read:  func(raw []byte) (v T, rest []byte, err error) { return T(raw), nil, nil },
	}
}

// TextUntil is text that ends with the byte end, which it must not hold.
func TextUntil[T ~string](form string, end byte) Codec[T] {
	ended := form + string(rune(end))
	if end == 0 {
		ended = form + " 00"
	}
	return Codec[T]{
		form:  ended,
		write: func(dst []byte, v T) []byte { return append(append(dst, v...), end) },
		read: func(raw []byte) (v T, rest []byte, err error) {
			i := bytes.IndexByte(raw, end)
			if i < 0 {
				return v, nil, errShort
			}
			return T(raw[:i]), raw[i+1:], nil
		},
	}
}

// CBOR is a value in deterministic CBOR, as pay.Encode writes it. That it is the
// shortest is seen where rows are checked, not where they are read.
func CBOR[T any]() Codec[T] {
	var zero T
	return Codec[T]{
		form:  fmt.Sprintf("%T", zero),
		write: func(dst []byte, v T) []byte { return append(dst, pay.Encode(v)...) },
		read: func(raw []byte) (v T, rest []byte, err error) {
			err = pay.DecodeStored(raw, &v)
			return v, nil, err
		},
		check: func(raw []byte) error { return pay.Decode(raw, new(T)) },
	}
}

// None is the value of rows that hold nothing: only whether there is one counts.
func None() Codec[struct{}] {
	return Codec[struct{}]{
		write: func(dst []byte, _ struct{}) []byte { return dst },
		read:  func(raw []byte) (v struct{}, rest []byte, err error) { return v, raw, nil },
	}
}

// Pair is a key of two parts. Under walks the rows with the same first part.
type Pair[A, B any] struct {
	First  A
	Second B
}

// Key returns the key of the two parts.
func Key[A, B any](first A, second B) Pair[A, B] { return Pair[A, B]{first, second} }

// Join is the codec of a pair: the first part, then the second.
func Join[A, B any](first Codec[A], second Codec[B]) Codec[Pair[A, B]] {
	form := first.form + " " + second.form
	if strings.HasSuffix(first.form, "/") {
		form = first.form + second.form
	}
	return Codec[Pair[A, B]]{
		form:  form,
		first: first,
		write: func(dst []byte, v Pair[A, B]) []byte { return second.write(first.write(dst, v.First), v.Second) },
		read: func(raw []byte) (v Pair[A, B], rest []byte, err error) {
			if v.First, rest, err = first.read(raw); err != nil {
				return v, nil, err
			}
			v.Second, rest, err = second.read(rest)
			return v, rest, err
		},
	}
}
