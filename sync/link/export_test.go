package link

import (
	"crypto/tls"
	"io"

	"github.com/paybeacon/paybeacon/pay"
)

// The parts of the protocol that a hostile peer in a test uses.

// TLSConfig is tlsConfig without a pin.
func TLSConfig(key pay.Key) (*tls.Config, error) { return tlsConfig(key, pay.NodeID{}) }

// Proven is peerAndExporter.
func Proven(conn *tls.Conn) (pay.PublicKey, []byte, error) { return peerAndExporter(conn) }

// ReadAny reads one frame and returns its type and the frame written again.
func ReadAny(r io.Reader) (byte, []byte, error) {
	m, err := readFrame(r)
	if err != nil {
		return 0, nil, err
	}
	return m.frameType(), encode(m), nil
}

// The frames by name.
func ProveFrame(p [32]byte) []byte                   { return encode(prove{p}) }
func ProofFrame(p [32]byte) []byte                   { return encode(proof{p}) }
func BindFrame(raw []byte) []byte                    { return encode(bind{raw}) }
func DoneFrame() []byte                              { return encode(done{}) }
func KeptFrame() []byte                              { return encode(kept{}) }
func ReleaseFrame() []byte                           { return encode(release{}) }
func RefuseFrame(r string) []byte                    { return encode(refuse{reason(r)}) }
func AirFrame() []byte                               { return encode(air{}) }
func OnAirFrame(c pay.Code, stays pay.Millis) []byte { return encode(onAir{c, stays}) }
func LevelFrame(l pay.Level) []byte                  { return encode(level{l}) }
func StatesFrame(from pay.Millis) []byte             { return encode(states{from}) }
func CodeFrame(c pay.AuthCode) []byte                { return encode(code{c}) }
func SignFrame(a pay.Authentication) []byte          { return encode(signRequest(a)) }
func AskFrame(registry pay.NodeID, resolver pay.BeaconKey, kind pay.DeviceType) []byte {
	return encode(ask{registry, resolver, kind})
}
