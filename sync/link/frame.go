package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/paybeacon/paybeacon/pay"
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
	signFuel struct {
		Nonce    pay.Nonce     `cbor:"1,keyasint"`
		Subject  [32]byte      `cbor:"2,keyasint"`
		Merchant pay.Scope     `cbor:"3,keyasint"`
		Amount   pay.Amount    `cbor:"4,keyasint"`
		Currency pay.Currency  `cbor:"5,keyasint"`
		Site     pay.Name      `cbor:"6,keyasint"`
		Fuel     pay.FuelTerms `cbor:"7,keyasint"`
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

// reason is why a device refuses a request: one of refusals.
type reason string

// The types of frame: 1 to 15 from the wallet, 16 and above from the device.
func (prove) frameType() byte   { return 1 }
func (ask) frameType() byte     { return 2 }
func (kept) frameType() byte    { return 3 }
func (release) frameType() byte { return 4 }
func (sign) frameType() byte    { return 5 }
func (succeed) frameType() byte { return 6 }
func (air) frameType() byte     { return 7 }
func (level) frameType() byte   { return 8 }

func (signFuel) frameType() byte { return 9 }

func (proof) frameType() byte  { return 16 }
func (bind) frameType() byte   { return 17 }
func (done) frameType() byte   { return 18 }
func (refuse) frameType() byte { return 19 }
func (code) frameType() byte   { return 20 }
func (onAir) frameType() byte  { return 21 }
func (states) frameType() byte { return 22 }

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
	parse := map[byte]func([]byte) (message, error){
		prove{}.frameType():    parseAs[prove],
		ask{}.frameType():      parseAs[ask],
		kept{}.frameType():     parseAs[kept],
		release{}.frameType():  parseAs[release],
		sign{}.frameType():     parseAs[sign],
		signFuel{}.frameType(): parseAs[signFuel],
		succeed{}.frameType():  parseAs[succeed],
		air{}.frameType():      parseAs[air],
		level{}.frameType():    parseAs[level],
		proof{}.frameType():    parseAs[proof],
		bind{}.frameType():     parseAs[bind],
		done{}.frameType():     parseAs[done],
		refuse{}.frameType():   parseAs[refuse],
		code{}.frameType():     parseAs[code],
		onAir{}.frameType():    parseAs[onAir],
		states{}.frameType():   parseAs[states],
	}[kind]
	if parse == nil {
		return nil, fmt.Errorf("frame of unknown type %d: %w", kind, errMalformed)
	}
	return parse(body)
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
