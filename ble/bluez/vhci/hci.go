package vhci

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/ble"
)

// The packet types of the transport that the kernel's driver uses: a type, then
// the packet (Bluetooth Core 5.4, volume 4, part A).
const (
	packetCommand = 0x01
	packetEvent   = 0x04
	packetVendor  = 0xff // the driver's own: make a controller
)

// The sizes of a packet. Published: Bluetooth Core 5.4, volume 4, part E, 5.4.
const (
	commandHeaderBytes = 4   // packet type, opcode, length
	paramsBytesMax     = 255 // of a command or an event
	packetBytesMax     = commandHeaderBytes + paramsBytesMax
)

const (
	eventCommandComplete = 0x0e
	eventMeta            = 0x3e

	metaReport         = 0x02
	metaExtendedReport = 0x0d
)

// status is a controller's answer (Bluetooth Core 5.4, volume 1, part F).
type status byte

const (
	statusOK             status = 0x00
	statusUnknownCommand status = 0x01
	statusInvalid        status = 0x12 // invalid parameters
)

// opcode is the number of a command.
type opcode uint16

// The supported commands.
const (
	opSetEventMask        opcode = 0x0c01
	opReset               opcode = 0x0c03
	opReadLocalName       opcode = 0x0c14
	opSetEventMask2       opcode = 0x0c63
	opWriteLEHost         opcode = 0x0c6d
	opReadVersion         opcode = 0x1001
	opReadCommands        opcode = 0x1002
	opReadFeatures        opcode = 0x1003
	opReadBufferSize      opcode = 0x1005
	opReadAddress         opcode = 0x1009
	opLESetEventMask      opcode = 0x2001
	opLEReadBufferSize    opcode = 0x2002
	opLEReadFeatures      opcode = 0x2003
	opLESetRandomAddress  opcode = 0x2005
	opLEAdvParams         opcode = 0x2006
	opLEReadAdvPower      opcode = 0x2007
	opLEAdvData           opcode = 0x2008
	opLEScanResponse      opcode = 0x2009
	opLEAdvEnable         opcode = 0x200a
	opLEScanParams        opcode = 0x200b
	opLEScanEnable        opcode = 0x200c
	opLEReadAcceptSize    opcode = 0x200f
	opLEClearAccept       opcode = 0x2010
	opLEReadStates        opcode = 0x201c
	opLESetAdvSetAddress  opcode = 0x2035
	opLEExtAdvParams      opcode = 0x2036
	opLEExtAdvData        opcode = 0x2037
	opLEExtScanResponse   opcode = 0x2038
	opLEExtAdvEnable      opcode = 0x2039
	opLEReadAdvDataMax    opcode = 0x203a
	opLEReadAdvSets       opcode = 0x203b
	opLERemoveAdvSet      opcode = 0x203c
	opLEClearAdvSets      opcode = 0x203d
	opLEExtScanParams     opcode = 0x2041
	opLEExtScanEnable     opcode = 0x2042
	opLEReadTransmitPower opcode = 0x204b
)

// command is one command of the host.
type command struct {
	op     opcode
	params []byte
}

var (
	errPacketCut  = errors.New("read packet: shorter than it says")
	errPacketLong = errors.New("read packet: longer than it says")
	errNoCommand  = errors.New("read packet: not a command")
	errReportLong = errors.New("append report: data does not fit the report")
)

// parseCommand reads one packet of the host. The command shares its memory. It
// returns errNoCommand for another type of packet, and errPacketCut or
// errPacketLong for a wrong length.
func parseCommand(packet []byte) (command, error) {
	if len(packet) > 0 && packet[0] != packetCommand {
		return command{}, errNoCommand
	}
	if len(packet) < commandHeaderBytes {
		return command{}, errPacketCut
	}
	c := command{op: opcode(binary.LittleEndian.Uint16(packet[1:])), params: packet[commandHeaderBytes:]}
	switch n := int(packet[3]); {
	case len(c.params) < n:
		return command{}, errPacketCut
	case len(c.params) > n:
		return command{}, errPacketLong
	}
	return c, nil
}

// appendComplete appends the event that answers a command: its status and the
// values that it returns.
func appendComplete(dst []byte, op opcode, s status, returned ...byte) []byte {
	dst = append(dst, packetEvent, eventCommandComplete, byte(4+len(returned)), 1, byte(op), byte(op>>8), byte(s))
	return append(dst, returned...)
}

// Kind is the kind of advertisement in a report.
type Kind byte

// The kinds of advertisement, numbered as in a legacy report.
const (
	Connectable    Kind = 0
	Scannable      Kind = 2
	NonConnectable Kind = 3
	ScanResponse   Kind = 4
)

// Report is one advertisement as one controller hears it.
type Report struct {
	Kind    Kind
	Address ble.Address
	// Random reports whether the address is random, not public.
	Random bool
	// Data is the advertising payload: 31 bytes at most in a legacy one.
	Data []byte
	// RSSI is the strength in dBm; 127 means that it is not known.
	RSSI int8
	// Extended reports whether it came in an extended packet, which controllers
	// without extended advertising do not hear.
	Extended bool
}

const (
	// extendedDataMax is how many bytes of data one extended report can carry.
	// Published: Bluetooth Core 5.4, volume 4, part E, 7.7.65.13.
	extendedDataMax = paramsBytesMax - 26

	powerUnknown = 0x7f
	phy1M        = 1
)

// extendedType is the event type of an extended report: bit 0 connectable, 1
// scannable, 3 scan response, 4 legacy.
func (r Report) extendedType() uint16 {
	if r.Extended {
		return 0
	}
	switch r.Kind {
	case Connectable:
		return 0x13
	case Scannable:
		return 0x12
	case ScanResponse:
		return 0x1a
	default:
		return 0x10
	}
}

// appendReport appends the event that reports r to the host, in the form for
// controllers with or without extended advertising. It returns errReportLong if
// the data do not fit that form.
func appendReport(dst []byte, r Report, extended bool) ([]byte, error) {
	limit := ble.LegacyBytesMax
	if extended && r.Extended {
		limit = extendedDataMax
	}
	if len(r.Data) > limit || (r.Extended && !extended) {
		return dst, fmt.Errorf("%w: %d bytes", errReportLong, len(r.Data))
	}
	random := byte(0)
	if r.Random {
		random = 1
	}
	if !extended {
		dst = append(dst, packetEvent, eventMeta, byte(12+len(r.Data)), metaReport, 1, byte(r.Kind), random)
		dst = appendAddress(dst, r.Address)
		dst = append(append(dst, byte(len(r.Data))), r.Data...)
		return append(dst, byte(r.RSSI)), nil
	}
	kind, secondary := r.extendedType(), byte(0)
	if r.Extended {
		secondary = phy1M
	}
	dst = append(dst, packetEvent, eventMeta, byte(26+len(r.Data)), metaExtendedReport, 1, byte(kind), byte(kind>>8), random)
	dst = appendAddress(dst, r.Address)
	dst = append(dst, phy1M, secondary, 0xff, powerUnknown, byte(r.RSSI), 0, 0) // no set id, no periodic interval
	dst = append(dst, make([]byte, 7)...)                                       // no direct address
	return append(append(dst, byte(len(r.Data))), r.Data...), nil
}

// appendAddress appends an address in the order of HCI, least significant byte
// first.
func appendAddress(dst []byte, a ble.Address) []byte {
	for i := range a {
		dst = append(dst, a[len(a)-1-i])
	}
	return dst
}

// addressAt reads an address in the order of HCI.
func addressAt(b []byte) ble.Address {
	var a ble.Address
	for i := range a {
		a[len(a)-1-i] = b[i]
	}
	return a
}
