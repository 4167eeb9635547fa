package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/paybeacon/paybeacon/pay"
)

// PingFrameBytes is the size of a Ping or Pong on the wire, header included. A
// registry that was restarted answers a QUIC packet that carries one with a
// stateless reset, which must be shorter than that packet. Published: RFC 9000
// section 10.3; quic-go resets nothing of 42 bytes or fewer.
const PingFrameBytes = 64

// Ping is answered by a Pong with the same Nonce.
type Ping struct{ Nonce uint64 }

// Pong answers Ping.
type Pong struct{ Nonce uint64 }

// Pace tells a node another interval between its Pings than Welcome did: the number
// of nodes has changed. A node that does not know it goes on as before.
type Pace struct {
	PingEvery pay.Millis `cbor:"1,keyasint"`
}

// Type returns TypePace.
func (Pace) Type() Type { return TypePace }

// Check returns an error when the interval is out of its bounds.
func (p Pace) Check() error { return checkPingEvery(p.PingEvery) }

func checkPingEvery(every pay.Millis) error {
	if every < pingEveryMin || every > pingEveryMax {
		return fmt.Errorf("ping interval of %v is outside %v..%v", every.Std(), pingEveryMin.Std(), pingEveryMax.Std())
	}
	return nil
}

// Type returns TypePing.
func (Ping) Type() Type { return TypePing }

// Type returns TypePong.
func (Pong) Type() Type { return TypePong }

// Check returns nil: every value is allowed.
func (Ping) Check() error { return nil }

// Check returns nil: every value is allowed.
func (Pong) Check() error { return nil }

// pingBodyBytes is the size of the body of both: { 1 nonce, 2 zero bytes }.
const pingBodyBytes = PingFrameBytes - headerBytes

// What a body is made of (RFC 8949 section 3). It is written and compared byte by
// byte, because an idle registry does little else.
const (
	cborMap2   = 0xa2 // a map of two
	cborBytes1 = 0x58 // a byte string; one byte tells its length
	cborUint1  = 0x18 // an unsigned integer of one byte follows; +1: of two, +2: four, +3: eight
)

// padded returns the body for a nonce.
func padded(nonce uint64) (body [pingBodyBytes]byte) {
	b := append(body[:0], cborMap2, 1)
	switch {
	case nonce < cborUint1:
		b = append(b, byte(nonce))
	case nonce <= math.MaxUint8:
		b = append(b, cborUint1, byte(nonce))
	case nonce <= math.MaxUint16:
		b = binary.BigEndian.AppendUint16(append(b, cborUint1+1), uint16(nonce))
	case nonce <= math.MaxUint32:
		b = binary.BigEndian.AppendUint32(append(b, cborUint1+2), uint32(nonce))
	default:
		b = binary.BigEndian.AppendUint64(append(b, cborUint1+3), nonce)
	}
	_ = append(b, 2, cborBytes1, byte(pingBodyBytes-len(b)-3)) // the rest is zero
	return body
}

func parsePing(body []byte) (Message, error) {
	nonce, err := unpad(body)
	return Ping{Nonce: nonce}, err
}

func parsePong(body []byte) (Message, error) {
	nonce, err := unpad(body)
	return Pong{Nonce: nonce}, err
}

func unpad(body []byte) (nonce uint64, err error) {
	if len(body) == pingBodyBytes {
		size := 0
		if head := body[2]; head < cborUint1 {
			nonce = uint64(head)
		} else {
			size = 1 << min(head-cborUint1, 3)
		}
		for _, b := range body[3 : 3+size] {
			nonce = nonce<<8 | uint64(b)
		}
		if want := padded(nonce); bytes.Equal(body, want[:]) {
			return nonce, nil
		}
	}
	return 0, fmt.Errorf("read ping: it is not a nonce padded to %d bytes: %w", PingFrameBytes, ErrMalformed)
}
