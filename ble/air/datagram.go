package air

import (
	"errors"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

const (
	magic            = "pba1"
	headerBytes      = len(magic) + len(ble.Address{}) + 1
	datagramBytesMax = headerBytes + ble.LegacyBytesMax
)

var (
	errPayloadSize = errors.New("encode datagram: payload is empty or does not fit a legacy advertisement (31 bytes)")
	errDatagram    = errors.New("parse datagram: not an advert")
)

// appendDatagram appends one advert in the form of the package comment.
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
// memory with d. It refuses a payload that is not a row of AD structures.
func parseDatagram(a *ble.Advert, d []byte) error {
	if len(d) <= headerBytes || len(d) > datagramBytesMax || string(d[:len(magic)]) != magic {
		return errDatagram
	}
	sections, err := ble.ParsePayload(a.Sections[:0], d[headerBytes:])
	if err != nil {
		return errDatagram
	}
	a.Sections = sections
	a.Address = ble.Address(d[len(magic):])
	a.SetRSSI(int(int8(d[headerBytes-1])))
	return nil
}
