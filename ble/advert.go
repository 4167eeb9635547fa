package ble

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

const (
	// LegacyBytesMax is the capacity of a legacy advertisement, in bytes. Every
	// payload that this product sends is at most this long. Published: Bluetooth
	// Core 5.4, volume 6, part B, 2.3.1.
	LegacyBytesMax = 31
	// PayloadBytesMax is the longest payload that ParsePayload reads, in bytes: no
	// advertisement is longer, extended ones included, which are sent in pieces.
	// Published: Bluetooth Core 5.4, volume 6, part B, 2.3.4.
	PayloadBytesMax = 1650
	// SectionBytesMax is the longest data of one section, in bytes. Published: as
	// above, volume 3, part C, 11; the length of a structure is one byte, and type
	// and ID take three of the bytes that it counts.
	SectionBytesMax = 252
	// SectionsMax bounds the service and manufacturer sections of one advert.
	// Published: follows from PayloadBytesMax, because each takes four bytes or more.
	SectionsMax = PayloadBytesMax / (adHeaderBytes + sectionIDBytes)
)

// Address is a device address, most significant byte first. It is for display
// and recordings only: it changes with the code and identifies nobody.
type Address [6]byte

// String returns the address as in "5A:01:C2:33:44:55".
func (a Address) String() string {
	const digits = "0123456789ABCDEF"
	var out [17]byte
	for i, b := range a {
		out[3*i], out[3*i+1] = digits[b>>4], digits[b&15]
		if i < 5 {
			out[3*i+2] = ':'
		}
	}
	return string(out[:])
}

// ParseAddress reads the form that String writes, in upper or lower case. It
// fails on any other text; the error states what is wrong with it and matches no
// sentinel.
func ParseAddress(s string) (Address, error) {
	var a Address
	parts := strings.SplitN(s, ":", len(a)+1)
	if len(parts) != len(a) {
		return Address{}, fmt.Errorf("read address: want six pairs of hexadecimal digits joined by colons")
	}
	for i, p := range parts {
		b, err := hex.DecodeString(p)
		if err != nil || len(b) != 1 {
			return Address{}, fmt.Errorf("read address: pair %d is not two hexadecimal digits", i+1)
		}
		a[i] = b[0]
	}
	return a, nil
}

// Advert is one advertisement as a radio heard it. Its sections are valid only
// until the call that delivered it returns, because radios reuse the memory
// behind them.
type Advert struct {
	// At is when the advert was heard, by the radio's clock, with its monotonic
	// reading.
	At time.Time
	// Address is the sender's current address.
	Address Address
	// RSSI is the received strength in dBm. It is valid only with HasRSSI.
	RSSI pay.RSSI
	// HasRSSI reports whether the controller knew the strength.
	HasRSSI bool
	// Ear is which radio of the box heard it.
	Ear Ear
	// Sections is the data in the advert, in the advert's order.
	Sections []Section
}

// The strengths that a controller can report, in dBm. The value 127 stands for
// "not known". Published: Bluetooth Core 5.4, volume 4, part E, 7.7.65.2.
const (
	RSSIMin = -127
	RSSIMax = 20
)

// SetRSSI stores the strength that a controller reported, in dBm. With 127 ("not
// known") or any other value outside -127..20 the advert has no strength.
func (a *Advert) SetRSSI(dBm int) {
	a.RSSI, a.HasRSSI = 0, dBm >= RSSIMin && dBm <= RSSIMax
	if a.HasRSSI {
		a.RSSI = pay.RSSI(dBm)
	}
}

// SectionKind tells what kind of number a section's ID is. Its value is the type
// of the AD structure (Bluetooth Assigned Numbers, 2.3).
type SectionKind uint8

// The kinds of section.
const (
	ServiceData      SectionKind = 0x16 // ID is a 16-bit service UUID
	ManufacturerData SectionKind = 0xFF // ID is a company identifier
)

// Section is the data of one service or one manufacturer in an advert.
type Section struct {
	Kind SectionKind
	ID   uint16
	Data []byte // without the ID
}
