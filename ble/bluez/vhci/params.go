package vhci

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/paybeacon/paybeacon/ble"
)

// The parameters of the commands (Bluetooth Core 5.4, volume 4, part E, 7.8),
// with one parser for each. All lengths are exact, so a prefix is always refused.
// Every parser returns errParams for parameters that the command cannot have.

// slot is the unit of advertising intervals. Published: Bluetooth Core 5.4,
// volume 4, part E, 7.8.5.
const slot = 625 * time.Microsecond

// intervalMin is the shortest interval of an advertisement; it replaces shorter
// ones. Published: Bluetooth Core 5.4, volume 4, part E, 7.8.5.
const intervalMin = 20 * time.Millisecond

// errParams means that parameters are not those of the command.
var errParams = errors.New("read parameters: not as the command has them")

// advertising is how a set is sent.
type advertising struct {
	handle   byte
	interval time.Duration
	kind     Kind
	random   bool // from the random address
	extended bool
}

// legacyHandle is the handle of the one set of a controller without extended
// advertising. No extended set has it.
const legacyHandle = 0xff

func parseAdvParams(p []byte) (advertising, error) {
	if len(p) != 15 {
		return advertising{}, errParams
	}
	a := advertising{handle: legacyHandle, interval: atLeast(uint32(binary.LittleEndian.Uint16(p))), random: p[5]&1 == 1}
	switch p[4] {
	case 0:
		a.kind = Connectable
	case 2:
		a.kind = Scannable
	case 3:
		a.kind = NonConnectable
	default:
		return advertising{}, errParams // directed; connections are not modelled
	}
	return a, nil
}

// The bits of an extended set's properties.
const (
	propConnectable = 0x01
	propScannable   = 0x02
	propDirected    = 0x04
	propLegacy      = 0x10
)

func parseExtAdvParams(p []byte) (advertising, error) {
	if len(p) != 25 || p[0] == legacyHandle {
		return advertising{}, errParams
	}
	properties := binary.LittleEndian.Uint16(p[1:])
	a := advertising{
		handle:   p[0],
		interval: atLeast(uint32(p[3]) | uint32(p[4])<<8 | uint32(p[5])<<16),
		random:   p[10]&1 == 1,
		extended: properties&propLegacy == 0,
	}
	switch {
	case properties&propDirected != 0:
		return advertising{}, errParams
	case properties&propConnectable != 0:
		a.kind = Connectable
	case properties&propScannable != 0:
		a.kind = Scannable
	default:
		a.kind = NonConnectable
	}
	return a, nil
}

func atLeast(slots uint32) time.Duration { return max(time.Duration(slots)*slot, intervalMin) }

// parseAdvData reads the payload of the legacy set, which the host sends padded.
func parseAdvData(p []byte) ([]byte, error) {
	if len(p) != 1+ble.LegacyBytesMax || int(p[0]) > ble.LegacyBytesMax {
		return nil, errParams
	}
	return p[1 : 1+p[0]], nil
}

// dataPart is one piece of an extended set's payload.
type dataPart struct {
	handle byte
	first  bool // it replaces the earlier payload
	data   []byte
}

func parseExtAdvData(p []byte) (dataPart, error) {
	if len(p) < 4 || len(p) != 4+int(p[3]) || p[0] == legacyHandle {
		return dataPart{}, errParams
	}
	d := dataPart{handle: p[0], data: p[4:]}
	switch p[1] {
	case 1, 3: // first piece, or all of it
		d.first = true
	case 0, 2: // a later piece
	default:
		return dataPart{}, errParams
	}
	return d, nil
}

// enabling switches sets on or off; no handle means all of them.
type enabling struct {
	on      bool
	handles []byte
}

func parseAdvEnable(p []byte) (enabling, error) {
	if len(p) != 1 || p[0] > 1 {
		return enabling{}, errParams
	}
	return enabling{on: p[0] == 1, handles: []byte{legacyHandle}}, nil
}

func parseExtAdvEnable(p []byte) (enabling, error) {
	if len(p) < 2 || len(p) != 2+4*int(p[1]) || p[0] > 1 || (p[0] == 1 && p[1] == 0) {
		return enabling{}, errParams
	}
	e := enabling{on: p[0] == 1}
	for i := 2; i < len(p); i += 4 {
		if p[i] == legacyHandle {
			return enabling{}, errParams
		}
		e.handles = append(e.handles, p[i])
	}
	return e, nil
}

// scanning is how a controller scans.
type scanning struct {
	active bool    // it requests scan responses
	share  float64 // of the time, in which its window is open: 0..1
}

func parseScanParams(p []byte) (scanning, error) {
	if len(p) != 7 || p[0] > 1 {
		return scanning{}, errParams
	}
	return parseWindow(p[0], p[1:])
}

// parseExtScanParams reads the parameters for the first PHY in the list.
func parseExtScanParams(p []byte) (scanning, error) {
	const header, each = 3, 5
	if len(p) < header+each || (len(p)-header)%each != 0 || p[3] > 1 {
		return scanning{}, errParams
	}
	return parseWindow(p[3], p[4:])
}

func parseWindow(kind byte, p []byte) (scanning, error) {
	interval, window := binary.LittleEndian.Uint16(p), binary.LittleEndian.Uint16(p[2:])
	if interval == 0 || window == 0 || window > interval {
		return scanning{}, errParams
	}
	return scanning{active: kind == 1, share: float64(window) / float64(interval)}, nil
}

// scanEnabling switches scanning and its duplicate filter on or off.
type scanEnabling struct{ on, filter bool }

func parseScanEnable(p []byte) (scanEnabling, error) {
	if len(p) != 2 {
		return scanEnabling{}, errParams
	}
	return scanEnable(p)
}

func parseExtScanEnable(p []byte) (scanEnabling, error) {
	if len(p) != 6 {
		return scanEnabling{}, errParams
	}
	return scanEnable(p)
}

func scanEnable(p []byte) (scanEnabling, error) {
	if p[0] > 1 || p[1] > 2 {
		return scanEnabling{}, errParams
	}
	return scanEnabling{on: p[0] == 1, filter: p[1] != 0}, nil
}

// setAddress gives one extended set a random address.
type setAddress struct {
	handle  byte
	address ble.Address
}

func parseSetAddress(p []byte) (setAddress, error) {
	if len(p) != 7 || p[0] == legacyHandle {
		return setAddress{}, errParams
	}
	return setAddress{handle: p[0], address: addressAt(p[1:])}, nil
}
