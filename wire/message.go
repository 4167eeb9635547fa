package wire

import (
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// ErrMalformed means that bytes are not a message in its one accepted form.
var ErrMalformed = errors.New("wire: malformed message")

// Type is the first byte of a frame's content.
type Type uint8

// The frame types. Unknown types below 128 are skipped; the others close the
// connection.
const (
	TypeHello    Type = 1
	TypeWelcome  Type = 2
	TypeEntries  Type = 3
	TypePush     Type = 4
	TypeAck      Type = 5
	TypeSeen     Type = 6
	TypePoke     Type = 7
	TypePing     Type = 8
	TypePong     Type = 9
	TypeBye      Type = 10
	TypeEnrol    Type = 11
	TypeEnrolled Type = 12
	TypeRecall   Type = 13
	TypeRecalled Type = 14
	TypeRenew    Type = 15
	TypeRenewed  Type = 16
	TypeUrgent   Type = 17
	TypeSettled  Type = 18
	TypeRival    Type = 19
	TypeEvidence Type = 20
	TypePace     Type = 21
	TypeLook     Type = 22
	TypeVehicles Type = 23

	// typeMustKnow is the first of the types that may not be skipped.
	typeMustKnow Type = 128
)

// Message is one of the message types of this package, as a value.
type Message interface {
	// Type returns the frame type of the message.
	Type() Type
	// Check returns an error when a field is out of its bounds. It runs before
	// encoding and again after decoding.
	Check() error
}

// parse reads a body as a message of type t. ok is false for a type that is
// unknown and may be skipped.
func parse(t Type, body []byte) (m Message, ok bool, err error) {
	switch t {
	case TypeHello:
		m, err = parseAs[Hello](body)
	case TypeWelcome:
		m, err = parseAs[Welcome](body)
	case TypeEntries:
		m, err = parseAs[Entries](body)
	case TypePush:
		m, err = parseAs[Push](body)
	case TypeAck:
		m, err = parseAs[Ack](body)
	case TypeSeen:
		m, err = parseAs[Seen](body)
	case TypePoke:
		m, err = parseAs[Poke](body)
	case TypePing:
		m, err = parsePing(body)
	case TypePong:
		m, err = parsePong(body)
	case TypeBye:
		m, err = parseAs[Bye](body)
	case TypeEnrol:
		m, err = parseAs[Enrol](body)
	case TypeEnrolled:
		m, err = parseAs[Enrolled](body)
	case TypeRecall:
		m, err = parseAs[Recall](body)
	case TypeRecalled:
		m, err = parseAs[Recalled](body)
	case TypeRenew:
		m, err = parseAs[Renew](body)
	case TypeRenewed:
		m, err = parseAs[Renewed](body)
	case TypeUrgent:
		m, err = parseAs[Urgent](body)
	case TypeSettled:
		m, err = parseAs[Settled](body)
	case TypeRival:
		m, err = parseAs[Rival](body)
	case TypeEvidence:
		m, err = parseAs[Evidence](body)
	case TypePace:
		m, err = parseAs[Pace](body)
	case TypeLook:
		m, err = parseAs[Look](body)
	case TypeVehicles:
		m, err = parseAs[Vehicles](body)
	default:
		if t < typeMustKnow {
			return nil, false, nil
		}
		return nil, false, fmt.Errorf("read frame: type %d is not known and may not be skipped: %w", t, ErrMalformed)
	}
	if err != nil {
		return nil, false, err
	}
	return m, true, nil
}

func parseAs[M Message](body []byte) (Message, error) {
	var m M
	if err := pay.DecodeGrown(body, &m); err != nil {
		return nil, fmt.Errorf("read %T (%w): %w", m, err, ErrMalformed)
	}
	if err := m.Check(); err != nil {
		return nil, fmt.Errorf("read %T (%w): %w", m, err, ErrMalformed)
	}
	return m, nil
}
