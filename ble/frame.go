package ble

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// ServiceUUID is the 16-bit service under which devices broadcast their code.
// FEAA belongs to Google and is assigned to Eddystone. A product that ships
// needs a number of its own; it is defined only here.
const ServiceUUID uint16 = 0xFEAA

const (
	companyApple = 0x004C

	frameUID = 0x00
	frameTLM = 0x20
	frameEID = 0x30
	tlmPlain = 0x00

	// The lengths of the frames without service or company number, in bytes.
	// Published: the specifications of Eddystone, iBeacon and AltBeacon.
	eidBytes         = 10
	uidBytes         = 18
	uidReservedBytes = 20 // with the two reserved bytes, which may be left out
	tlmBytes         = 14
	iBeaconBytes     = 23
	altBeaconBytes   = 24

	// idAt is the offset of the identity in every frame that has one, in bytes.
	// Published: as above.
	idAt = 2
)

// FrameKind names a beacon format.
type FrameKind uint8

// The formats. Only an EID changes with time and can become a candidate.
const (
	EID       FrameKind = iota + 1 // Eddystone ephemeral identifier
	UID                            // Eddystone identifier
	TLM                            // Eddystone telemetry, no identity
	IBeacon                        // Apple
	AltBeacon                      // AltBeacon 1.0
)

// String returns the name in lower case.
func (k FrameKind) String() string {
	switch k {
	case EID:
		return "eid"
	case UID:
		return "uid"
	case TLM:
		return "tlm"
	case IBeacon:
		return "ibeacon"
	case AltBeacon:
		return "altbeacon"
	default:
		return "unknown"
	}
}

// Frame is one beacon frame. It owns its bytes.
type Frame struct {
	Kind FrameKind
	// Power is the strength at 1 m that the sender states, in dBm, not clamped.
	// It is zero in a TLM frame, which states none.
	Power pay.RSSI
	// Code is the rotating code of an EID frame, and zero in the others.
	Code pay.Code
	// Telemetry is the content of a TLM frame, and zero in the others.
	Telemetry Telemetry

	id  [20]byte
	idN uint8
}

// Telemetry is the content of a TLM frame.
type Telemetry struct {
	Millivolts  uint16 // of the battery; 0 means not known
	Temperature int16  // in 1/256 degree Celsius; -32768 means not known
	Adverts     uint32 // sent since the device started
	Uptime      uint32 // in tenths of a second
}

// ID returns the identity of a static frame: UUID, major and minor of an
// iBeacon (20 bytes), the id of an AltBeacon (20), namespace and instance of a
// UID (16). It is empty for EID and TLM.
func (f *Frame) ID() []byte { return f.id[:f.idN] }

// String returns the frame as one line for a person.
func (f Frame) String() string {
	switch f.Kind {
	case EID:
		return fmt.Sprintf("eid power=%d code=%v", f.Power, f.Code)
	case TLM:
		t := f.Telemetry
		return fmt.Sprintf("tlm battery=%dmV temperature=%d/256 adverts=%d uptime=%d", t.Millivolts, t.Temperature, t.Adverts, t.Uptime)
	default:
		return fmt.Sprintf("%v power=%d id=%x", f.Kind, f.Power, f.ID())
	}
}

var (
	// ErrNoFrame means that a section holds none of the known formats.
	ErrNoFrame = errors.New("parse frame: none of the known formats")
	// ErrFrameLength means that a section begins like a known format but has
	// another length.
	ErrFrameLength = errors.New("parse frame: wrong length for its format")
)

// ParseFrame reads the beacon frame in a section. It accepts the exact lengths
// of the published formats and nothing else: Eddystone EID, UID (with or
// without its two reserved bytes) and unencrypted TLM, iBeacon and AltBeacon. It
// returns ErrFrameLength if a section begins like one of them and has another
// length, and ErrNoFrame for all other sections.
func ParseFrame(s Section) (Frame, error) {
	switch {
	case s.Kind == ServiceData && s.ID == ServiceUUID && len(s.Data) > 0:
		return parseEddystone(s.Data)
	case s.Kind != ManufacturerData || len(s.Data) < idAt:
		return Frame{}, ErrNoFrame
	case s.ID == companyApple && s.Data[0] == 0x02 && s.Data[1] == 0x15:
		return parseStatic(IBeacon, s.Data, iBeaconBytes)
	case s.Data[0] == 0xBE && s.Data[1] == 0xAC:
		return parseStatic(AltBeacon, s.Data, altBeaconBytes)
	default:
		return Frame{}, ErrNoFrame
	}
}

func parseEddystone(d []byte) (Frame, error) {
	switch d[0] {
	case frameEID:
		if len(d) != eidBytes {
			return Frame{}, ErrFrameLength
		}
		return Frame{Kind: EID, Power: powerAtOneMetre(d[1]), Code: pay.Code(d[idAt:])}, nil
	case frameUID:
		if len(d) != uidBytes && len(d) != uidReservedBytes {
			return Frame{}, ErrFrameLength
		}
		f := Frame{Kind: UID, Power: powerAtOneMetre(d[1])}
		f.idN = uint8(copy(f.id[:], d[idAt:uidBytes]))
		return f, nil
	case frameTLM:
		if len(d) < 2 || d[1] != tlmPlain {
			return Frame{}, ErrNoFrame
		}
		if len(d) != tlmBytes {
			return Frame{}, ErrFrameLength
		}
		return Frame{Kind: TLM, Telemetry: Telemetry{
			Millivolts:  binary.BigEndian.Uint16(d[2:]),
			Temperature: int16(binary.BigEndian.Uint16(d[4:])),
			Adverts:     binary.BigEndian.Uint32(d[6:]),
			Uptime:      binary.BigEndian.Uint32(d[10:]),
		}}, nil
	default:
		return Frame{}, ErrNoFrame
	}
}

// parseStatic reads the manufacturer formats iBeacon and AltBeacon: two bytes of
// prefix, 20 of identity, the power at 1 m.
func parseStatic(kind FrameKind, d []byte, size int) (Frame, error) {
	if len(d) != size {
		return Frame{}, ErrFrameLength
	}
	f := Frame{Kind: kind, Power: pay.RSSI(int8(d[22]))}
	f.idN = uint8(copy(f.id[:], d[idAt:22]))
	return f, nil
}

// flagsBroadcast means LE general discoverable, no BR/EDR. Every Eddystone
// device sends it; another value would make our devices distinguishable.
const flagsBroadcast = 0x06

// AppendEID appends the payload with which a device broadcasts code: flags, the
// list of services and the EID frame, 21 bytes in all. The stated power at 1 m,
// in dBm, is clamped to PowerMin..PowerMax.
func AppendEID(b []byte, code pay.Code, power pay.RSSI) []byte {
	const low, high = byte(ServiceUUID & 0xFF), byte(ServiceUUID >> 8)
	power = min(max(power, PowerMin), PowerMax)
	b = append(b,
		2, adFlags, flagsBroadcast,
		3, adServices16, low, high,
		1+sectionIDBytes+eidBytes, byte(ServiceData), low, high, frameEID, powerAtZero(power))
	return append(b, code[:]...)
}
