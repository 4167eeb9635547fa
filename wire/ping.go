package wire

import (
	"bytes"
	"fmt"

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

// pingBody is the body of both. Pad is zero bytes that fill the frame.
type pingBody struct {
	Nonce uint64 `cbor:"1,keyasint"`
	Pad   []byte `cbor:"2,keyasint"`
}

const pingBodyBytes = PingFrameBytes - headerBytes

func padded(nonce uint64) []byte {
	var zeros [pingBodyBytes]byte
	bare := len(pay.Encode(pingBody{Nonce: nonce, Pad: []byte{}}))
	// The length of a pad of 24 to 255 bytes takes one byte more than that of
	// an empty one. The pad is within that range for every nonce.
	return pay.Encode(pingBody{Nonce: nonce, Pad: zeros[:pingBodyBytes-bare-1]})
}

func parsePing(body []byte) (Message, error) {
	nonce, err := unpad(body)
	return Ping{Nonce: nonce}, err
}

func parsePong(body []byte) (Message, error) {
	nonce, err := unpad(body)
	return Pong{Nonce: nonce}, err
}

func unpad(body []byte) (uint64, error) {
	var b pingBody
	if err := pay.Decode(body, &b); err != nil {
		return 0, fmt.Errorf("read ping (%w): %w", err, ErrMalformed)
	}
	if !bytes.Equal(body, padded(b.Nonce)) {
		return 0, fmt.Errorf("read ping: not padded to %d bytes: %w", PingFrameBytes, ErrMalformed)
	}
	return b.Nonce, nil
}
