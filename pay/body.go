package pay

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Body is what a fact states. Check bounds every field; it runs before signing
// and again after parsing. The implementations are values, not pointers.
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

// Name is what a person calls a merchant, a site, a wallet, a vehicle or a
// payment means: at most NameBytesMax bytes of printable UTF-8.
type Name string

// Check returns nil when n is not empty, short enough and printable.
func (n Name) Check() error {
	if n == "" {
		return fmt.Errorf("name is empty")
	}
	return checkText("name", string(n), NameBytesMax)
}

func checkText(what, s string, most int) error {
	if len(s) > most {
		return fmt.Errorf("%s has %d bytes, the limit is %d", what, len(s), most)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%s is not UTF-8", what)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("%s holds a character that cannot be printed (%U)", what, r)
		}
	}
	return nil
}

// CheckRef returns nil when ref may stand on a receipt.
func CheckRef(ref string) error { return checkText("ref", ref, RefBytesMax) }

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
