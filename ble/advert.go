package ble

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

const (
	// LegacyBytesMax is what a legacy advertisement holds. Everything this
	// product sends fits into it.
	LegacyBytesMax = 31
	// PayloadBytesMax is the longest payload that is read: what one extended
	// advertising report carries.
	PayloadBytesMax = 255
	// SectionsMax bounds the service and manufacturer sections of one advert.
	SectionsMax = 16
)

// Address is a device address, most significant byte first. It is for display
// and recordings: it changes with the code and names nobody.
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

// ParseAddress reads the form that String writes, in either case.
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

// Advert is one advertisement as a radio heard it. Whoever receives one may
// use its sections only until the call that delivered it returns, because
// radios reuse the memory behind them.
type Advert struct {
	// At is when it was heard, by the radio's clock, with its monotonic
	// reading.
	At time.Time
	// Address is the sender's at this moment.
	Address Address
	// RSSI is the received strength. It means something only with HasRSSI.
	RSSI pay.RSSI
	// HasRSSI says that the controller knew the strength.
	HasRSSI bool
	// Sections is the data that the advert carried, in its order.
	Sections []Section
}

// Strengths outside this range do not exist on the air; 127 stands for "not
// known" (Bluetooth Core 5.4, volume 4, part E, 7.7.65.2).
const (
	rssiMin = -127
	rssiMax = 20
)

// SetRSSI notes the strength that a controller reported, in dBm. A value that
// means "not known" or that cannot be leaves the advert without one.
func (a *Advert) SetRSSI(dBm int) {
	a.RSSI, a.HasRSSI = 0, dBm >= rssiMin && dBm <= rssiMax
	if a.HasRSSI {
		a.RSSI = pay.RSSI(dBm)
	}
}

// SectionKind says what a section's ID means. Its value is the type of the AD
// structure (Bluetooth Assigned Numbers 2.3).
type SectionKind uint8

// The kinds of section.
const (
	ServiceData      SectionKind = 0x16 // ID is a 16-bit service UUID
	ManufacturerData SectionKind = 0xFF // ID is a company identifier
)

// Section is the data one service or one manufacturer put into an advert.
type Section struct {
	Kind SectionKind
	ID   uint16
	Data []byte // without the ID
}
