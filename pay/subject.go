package pay

import (
	"encoding/hex"
	"fmt"
)

// Subject is what a deadline or an effect concerns: one payment, device,
// mandate or whatever else has an id.
type Subject struct {
	Kind SubjectKind `cbor:"1,keyasint"`
	ID   [32]byte    `cbor:"2,keyasint"`
}

// SubjectKind is one letter that distinguishes subjects of different sorts.
type SubjectKind byte

// The kinds of subjects.
const (
	SubjectPayment SubjectKind = 'p'
	SubjectDevice  SubjectKind = 'd'
	SubjectPump    SubjectKind = 'f' // a pump of one station, by its number
)

// Subject returns the payment as a subject.
func (id PaymentID) Subject() Subject { return Subject{Kind: SubjectPayment, ID: id} }

// Subject returns the pump as a subject.
func (n PumpNumber) Subject() Subject {
	s := Subject{Kind: SubjectPump}
	s.ID[0], s.ID[1] = byte(n>>8), byte(n)
	return s
}

// Payment returns the payment that the subject is, and whether it is one.
func (s Subject) Payment() (id PaymentID, ok bool) {
	return PaymentID(s.ID), s.Kind == SubjectPayment
}

// Check returns nil when the kind is a lower-case letter. A kind that this
// program does not know is kept.
func (s Subject) Check() error {
	if s.Kind < 'a' || s.Kind > 'z' {
		return fmt.Errorf("subject kind %d is not a lower-case letter", s.Kind)
	}
	return nil
}

// IsZero reports whether no subject is named.
func (s Subject) IsZero() bool { return s == Subject{} }

// String returns the kind and the id, such as "p:" and 64 hexadecimal digits.
func (s Subject) String() string { return fmt.Sprintf("%c:%s", s.Kind, hex.EncodeToString(s.ID[:])) }

// Short returns the beginning of String, enough for a log line.
func (s Subject) Short() string { return s.String()[:12] }

// ParseSubject reads what String returns, and a payment's 64 hexadecimal digits
// alone as that payment. It returns an error for any other text.
func ParseSubject(text string) (Subject, error) {
	kind := SubjectPayment
	if len(text) > 2 && text[1] == ':' {
		kind, text = SubjectKind(text[0]), text[2:]
	}
	raw, err := parseHex32(text)
	if err != nil {
		return Subject{}, err
	}
	s := Subject{Kind: kind, ID: raw}
	return s, s.Check()
}
