package air

import (
	"errors"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// The parts of a datagram, as in the package comment.
const (
	magic = "pba1"
	// headerBytes is the length of everything before the payload. Chosen: magic,
	// address and one byte of strength.
	headerBytes = len(magic) + len(ble.Address{}) + 1
	// datagramBytesMax is the length of the longest datagram. Published: as
	// ble.LegacyBytesMax.
	datagramBytesMax = headerBytes + ble.LegacyBytesMax
)

var (
	errPayloadSize = errors.New("encode datagram: payload is empty or does not fit a legacy advertisement (31 bytes)")
	errDatagram    = errors.New("parse datagram: not an advert")
)

// appendDatagram appends one advert in the form of the package comment. It
// returns errPayloadSize for an empty payload and one that is too long.
func appendDatagram(b []byte, from ble.Address, rssi pay.RSSI, payload []byte) ([]byte, error) {
	if len(payload) == 0 || len(payload) > ble.LegacyBytesMax {
		return b, errPayloadSize
	}
	b = append(b, magic...)
	b = append(b, from[:]...)
	b = append(b, byte(rssi))
	return append(b, payload...), nil
}

// parseDatagram reads a datagram into a, whose sections are reused and share
// memory with d. It returns errDatagram for everything that is not an advert,
// such as a payload that is damaged and of which no section can be read.
func parseDatagram(a *ble.Advert, d []byte) error {
	if len(d) <= headerBytes || len(d) > datagramBytesMax || string(d[:len(magic)]) != magic {
		return errDatagram
	}
	sections, err := ble.ParsePayload(a.Sections[:0], d[headerBytes:])
	a.Sections = sections
	if err != nil && len(sections) == 0 {
		return errDatagram
	}
	a.Address = ble.Address(d[len(magic):])
	a.SetRSSI(int(int8(d[headerBytes-1])))
	return nil
}
