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

// The kinds of facts. Request, answer, cancel, mapping, revoke and limit are claims,
// signed by who wants something; bind is a device's word inside a mapping; the
// others are the registry's alone.
const (
	KindRequest   Kind = "request"
	KindAnswer    Kind = "answer"
	KindCancel    Kind = "cancel"
	KindBind      Kind = "bind"
	KindMapping   Kind = "mapping"
	KindRevoke    Kind = "revoke"
	KindAuthority Kind = "authority"
	KindDecision  Kind = "decision"
	KindRefusal   Kind = "refusal"
	KindDevice    Kind = "device"
	KindNode      Kind = "node"
	KindTopUp     Kind = "topup"
	KindLimit     Kind = "limit"
	KindLimited   Kind = "limited"
	KindChallenge Kind = "challenge"
)

// checkBody reads a payload as the given kind and compares it with its own
// encoding. A kind that this program does not know is kept and passed on, so
// only its form is checked.
func checkBody(kind Kind, payload []byte) error {
	switch kind {
	case KindRequest:
		return checkAs[Request](payload)
	case KindAnswer:
		return checkAs[Answer](payload)
	case KindCancel:
		return checkAs[Cancel](payload)
	case KindBind:
		return checkAs[Bind](payload)
	case KindMapping:
		return checkAs[Mapping](payload)
	case KindRevoke:
		return checkAs[Revoke](payload)
	case KindAuthority:
		return checkAs[Authority](payload)
	case KindDecision:
		return checkAs[Decision](payload)
	case KindRefusal:
		return checkAs[Refusal](payload)
	case KindDevice:
		return checkAs[DeviceStatus](payload)
	case KindNode:
		return checkAs[NodeStatus](payload)
	case KindTopUp:
		return checkAs[TopUp](payload)
	case KindLimit:
		return checkAs[Limit](payload)
	case KindLimited:
		return checkAs[LimitStatus](payload)
	case KindChallenge:
		return checkAs[Challenge](payload)
	}
	var body any
	if err := decode(payload, &body); err != nil || !isEncodingOf(payload, body) {
		return fmt.Errorf("parse %s: body is not deterministic CBOR: %w", kind, ErrNotCanonical)
	}
	return nil
}

func checkAs[B Body](payload []byte) error {
	var b B
	if err := decode(payload, &b); err != nil {
		return fmt.Errorf("parse %s (%w): %w", b.Kind(), err, ErrNotCanonical)
	}
	if !isEncodingOf(payload, b) {
		return fmt.Errorf("parse %s: body is not deterministic CBOR: %w", b.Kind(), ErrNotCanonical)
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
