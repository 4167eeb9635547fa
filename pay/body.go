package pay

import (
	"fmt"
	"reflect"
)

// Body is what a fact states. Check returns nil when every field is within its
// bounds; it runs before signing and again after parsing. The implementations
// are values, not pointers.
type Body interface {
	Kind() Kind
	Check() error
}

// checkBody reads a payload as the given kind, compares it with its own encoding
// and returns the kind in its present spelling, and the body where it may be kept.
// A kind that this program does not know is kept and passed on, so only its form is
// checked.
func checkBody(kind Kind, payload []byte) (Kind, Body, error) {
	if row, ok := LookupKind(kind); ok {
		body, err := row.check(payload)
		return row.Kind, body, err
	}
	var body any
	if err := decode(payload, &body); err != nil || !isEncodingOf(payload, body) {
		return kind, nil, fmt.Errorf("parse %s: body is not deterministic CBOR: %w", kind, ErrNotCanonical)
	}
	return kind, nil, nil
}

// checkAs reads a payload as a B and returns no error when it is one in the one form,
// within its bounds; and the B, if it may be kept.
func checkAs[B Body](payload []byte) (Body, error) {
	var b B
	if err := DecodeGrown(payload, &b); err != nil {
		return nil, fmt.Errorf("parse %s: %w", b.Kind(), err)
	}
	if err := b.Check(); err != nil {
		return nil, fmt.Errorf("parse %s (%w): %w", b.Kind(), err, ErrNotCanonical)
	}
	return kept(b), nil
}

// kept returns a body that a fact may keep beside its bytes: one that whoever reads
// it cannot change, because it holds no slice, map or pointer. nil for any other.
func kept(b Body) Body {
	if !reflect.TypeOf(b).Comparable() {
		return nil
	}
	return b
}

// firstError returns the first of the errors that is not nil.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
