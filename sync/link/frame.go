package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/paybeacon/paybeacon/pay"
)

// The types of frame.
const (
	typeProve   = 1
	typeAsk     = 2
	typeKept    = 3
	typeRelease = 4
	typeSign    = 5
	typeSucceed = 6
	typeAir     = 7
	typeLevel   = 8
	typeProof   = 16
	typeBind    = 17
	typeDone    = 18
	typeRefuse  = 19
	typeCode    = 20
	typeOnAir   = 21
	typeStates  = 22
)

// lengthBytes is the size of a frame's length. Chosen: as in the package comment.
const lengthBytes = 4

// errMalformed means that bytes are not a frame in the one accepted form.
var errMalformed = errors.New("link: malformed frame")

// message is the content of one frame. The implementations are values.
type message interface{ frameType() byte }

type (
	prove struct {
		Proof [32]byte `cbor:"1,keyasint"`
	}
	ask struct {
		Registry pay.NodeID     `cbor:"1,keyasint"`
		Resolver pay.BeaconKey  `cbor:"2,keyasint"`
		Type     pay.DeviceType `cbor:"3,keyasint"`
	}
	kept    struct{}
	release struct{}
	sign    struct {
		Purpose  pay.Purpose  `cbor:"1,keyasint"`
		Nonce    pay.Nonce    `cbor:"2,keyasint"`
		Subject  [32]byte     `cbor:"3,keyasint"`
		Merchant pay.Scope    `cbor:"4,keyasint,omitempty"`
		Amount   pay.Amount   `cbor:"5,keyasint"`
		Currency pay.Currency `cbor:"6,keyasint"`
	}
	succeed struct {
		Authority []byte `cbor:"1,keyasint"`
		Replaced  []byte `cbor:"2,keyasint"`
	}
	air   struct{}
	level struct {
		Level pay.Level `cbor:"1,keyasint"`
	}
	proof struct {
		Proof [32]byte `cbor:"1,keyasint"`
	}
	bind struct {
		Raw []byte `cbor:"1,keyasint"`
	}
	done   struct{}
	refuse struct {
		Reason reason `cbor:"1,keyasint"`
	}
	code struct {
		Code pay.AuthCode `cbor:"1,keyasint"`
	}
	onAir struct {
		Code  pay.Code   `cbor:"1,keyasint"`
		Stays pay.Millis `cbor:"2,keyasint"`
	}
	states struct {
		From pay.Millis `cbor:"1,keyasint"`
	}
)

// reason is why a device refuses a request.
type reason string

const (
	reasonBound     reason = "bound"     // to another wallet
	reasonPaired    reason = "paired"    // with this wallet already, and confirmed
	reasonPIN       reason = "pin"       // not bound to this wallet, and no valid PIN proven
	reasonMalformed reason = "malformed" // the device cannot read the request
	reasonFailed    reason = "failed"    // the device could not store its state
	reasonOften     reason = "often"     // too many requests for codes
	reasonSilent    reason = "silent"    // nothing is on the air
	reasonFixed     reason = "fixed"     // its power was set by who started it
)

func (prove) frameType() byte   { return typeProve }
func (ask) frameType() byte     { return typeAsk }
func (kept) frameType() byte    { return typeKept }
func (release) frameType() byte { return typeRelease }
func (proof) frameType() byte   { return typeProof }
func (bind) frameType() byte    { return typeBind }
func (done) frameType() byte    { return typeDone }
func (refuse) frameType() byte  { return typeRefuse }
func (sign) frameType() byte    { return typeSign }
func (succeed) frameType() byte { return typeSucceed }
func (code) frameType() byte    { return typeCode }
func (air) frameType() byte     { return typeAir }
func (onAir) frameType() byte   { return typeOnAir }
func (level) frameType() byte   { return typeLevel }
func (states) frameType() byte  { return typeStates }

// encode returns the frame of m. It panics if m is too large for a frame, which is
// a mistake in the program.
func encode(m message) []byte {
	body := pay.Encode(m)
	if len(body)+1 > pay.LinkFrameBytesMax {
		panic(fmt.Sprintf("link: internal error: %T of %d bytes exceeds a frame", m, len(body)))
	}
	b := make([]byte, 0, lengthBytes+1+len(body))
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)+1))
	b = append(b, m.frameType())
	return append(b, body...)
}

// readFrame reads one message. At the end of the stream it returns io.EOF between
// two frames and io.ErrUnexpectedEOF inside one; for bad content it returns an
// error that wraps errMalformed.
func readFrame(r io.Reader) (message, error) {
	var head [lengthBytes]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > pay.LinkFrameBytesMax {
		return nil, fmt.Errorf("frame of %d bytes, the limit is %d: %w", n, pay.LinkFrameBytesMax, errMalformed)
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(r, frame); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return parseBody(frame[0], frame[1:])
}

func parseBody(kind byte, body []byte) (message, error) {
	switch kind {
	case typeProve:
		return parseAs[prove](body)
	case typeAsk:
		return parseAs[ask](body)
	case typeKept:
		return parseAs[kept](body)
	case typeRelease:
		return parseAs[release](body)
	case typeSucceed:
		return parseAs[succeed](body)
	case typeProof:
		return parseAs[proof](body)
	case typeBind:
		return parseAs[bind](body)
	case typeDone:
		return parseAs[done](body)
	case typeRefuse:
		return parseAs[refuse](body)
	case typeSign:
		return parseAs[sign](body)
	case typeCode:
		return parseAs[code](body)
	case typeAir:
		return parseAs[air](body)
	case typeOnAir:
		return parseAs[onAir](body)
	case typeLevel:
		return parseAs[level](body)
	case typeStates:
		return parseAs[states](body)
	default:
		return nil, fmt.Errorf("frame of unknown type %d: %w", kind, errMalformed)
	}
}

func parseAs[M message](body []byte) (message, error) {
	var m M
	if err := pay.Decode(body, &m); err != nil {
		// The decoder's error is not wrapped, because its io.EOF would mean the end
		// of the stream.
		return nil, fmt.Errorf("frame of type %d (%s): %w", m.frameType(), err.Error(), errMalformed)
	}
	return m, nil
}
