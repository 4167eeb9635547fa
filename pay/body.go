package pay

import "fmt"

// Body is what a fact states. Check returns nil when every field is within its
// bounds; it runs before signing and again after parsing. The implementations
// are values, not pointers.
type Body interface {
	Kind() Kind
	Check() error
}

// checkBody reads a payload as the given kind, compares it with its own encoding
// and returns the kind in its present spelling. A kind that this program does
// not know is kept and passed on, so only its form is checked.
func checkBody(kind Kind, payload []byte) (Kind, error) {
	if row, ok := LookupKind(kind); ok {
		return row.Kind, row.check(payload)
	}
	var body any
	if err := decode(payload, &body); err != nil || !isEncodingOf(payload, body) {
		return kind, fmt.Errorf("parse %s: body is not deterministic CBOR: %w", kind, ErrNotCanonical)
	}
	return kind, nil
}

// checkAs reads a payload as a B and returns nil when it is one in the one form,
// within its bounds.
func checkAs[B Body](payload []byte) error {
	var b B
	if err := DecodeGrown(payload, &b); err != nil {
		return fmt.Errorf("parse %s: %w", b.Kind(), err)
	}
	if err := b.Check(); err != nil {
		return fmt.Errorf("parse %s (%w): %w", b.Kind(), err, ErrNotCanonical)
	}
	return nil
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
